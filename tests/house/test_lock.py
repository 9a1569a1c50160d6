"""The lock: each library of setup.cfg by version and hash; an extra takes no more than it needs."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest

from scripts import environment, lock

ROOT = Path(__file__).parents[2]
PARTS = """\
a-lib==1 ; sys_platform == 'win32' \\
    --hash=sha256:00
    # via xianyu-gateway (setup.py)
a-lib==2 ; sys_platform != 'win32' \\
    --hash=sha256:01
    # via xianyu-gateway (setup.py)
below==1 \\
    --hash=sha256:02
    # via
    #   a-lib
    #   other
other==1 \\
    --hash=sha256:03
    # via xianyu-gateway (setup.py)
under-below==1 \\
    --hash=sha256:04
    # via below
"""
SETUP = """\
[options]
install_requires =
    A_Lib>=1
[options.extras_require]
more =
    other[fast]>=1
all =
    xianyu-gateway[more]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "setup.cfg").write_text(SETUP, "utf-8")
    (tmp_path / "constraints.txt").write_text(PARTS, "utf-8")
    return tmp_path


def pinned(text: str | None) -> list[str]:
    assert text is not None
    return re.findall(r"^([\w-]+==\d+)", text, re.MULTILINE)


def test_an_extra_takes_what_it_needs_and_what_that_needs(root: Path) -> None:
    base = ["a-lib==1", "a-lib==2", "below==1", "under-below==1"]
    assert pinned(lock.locked("", root)) == base
    assert pinned(lock.locked("all", root)) == [*base[:3], "other==1", base[3]]
    assert lock.locked("all", root) == PARTS
    assert lock.locked("all,more", root) == PARTS


def test_what_the_lock_has_not_is_named(root: Path) -> None:
    with (root / "setup.cfg").open("a", encoding="utf-8") as file:
        file.write("new =\n    newest-lib\n")
    with pytest.raises(LookupError, match=r"no newest-lib; run scripts/lock\.py"):
        lock.locked("new", root)
    with pytest.raises(environment.SetUpError, match="newest-lib"):
        environment._locked("new", root)
    with pytest.raises(LookupError, match="no extra nope; there are more, all, new"):
        lock.locked("nope", root)
    (root / "constraints.txt").unlink()
    assert lock.locked("", root) is None


def test_it_has_all_that_setup_names(capsys: pytest.CaptureFixture[str]) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    extras = list(parser["options.extras_require"])
    assert {"http", "dev"} <= set(extras)
    for extra in ["", *extras]:
        assert lock.main(["--of", extra]) == 0, extra
        text = capsys.readouterr().out
        for entry in re.split(r"(?m)^(?=[a-z])", text)[1:]:
            assert "--hash=sha256:" in entry, entry
    assert lock.main(["--of", "nope"]) == 2
