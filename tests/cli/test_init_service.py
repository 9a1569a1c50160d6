"""``init --unit`` and ``--compose``: the shipped files with the paths that were asked for."""

from __future__ import annotations

import configparser
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from commands import call, free_port

from gateway.cli import init_files, init_plan, init_service
from gateway.cli.init_service import Runner
from gateway.config import from_mapping
from gateway.errors import ConfigError
from gateway.web.problems import Problem

pytestmark = pytest.mark.skipif(os.name != "posix", reason="neither is for Windows")

ROOT = Path(__file__).parents[2]
BY = Runner(user="shop", ids="1000:1000", program=["/opt/x/bin/xianyu-gateway"], python_path=None)


def answers(folder: Path, service: init_plan.Service, **keys: Any) -> init_plan.Answers:
    given = init_plan.Answers(
        folder=folder,
        account="shop-a",
        platform="goofish",
        url=init_plan.GOOFISH_URL,
        listen="127.0.0.1:9001",
        data_dir=folder / "data",
        service=service,
    )
    return replace(given, **keys)


def unit(text: str) -> configparser.SectionProxy:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment, method-assign]  # as its documentation says
    read.read_string(text)
    return read["Service"]


def test_a_unit_runs_as_the_owner_of_the_files_and_may_write_data_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    text = init_service.text_of(answers(Path("/srv/gw"), "unit"), BY)
    found = unit(text)
    assert found["ExecStart"] == "/opt/x/bin/xianyu-gateway run -c /srv/gw/gateway.yaml"
    assert (found["User"], found["ReadWritePaths"]) == ("shop", "/srv/gw/data")
    assert (found["WorkingDirectory"], found["EnvironmentFile"]) == (
        "/srv/gw",
        "-/srv/gw/secrets.env",
    )
    assert "DynamicUser" not in found
    assert "StateDirectory" not in found
    shipped = unit((ROOT / "deploy/systemd/xianyu-gateway.service").read_text("utf-8"))
    ours = {"ExecStart", "EnvironmentFile", "WorkingDirectory"}
    rest = set(shipped) - ours - {"DynamicUser", "StateDirectory", "StateDirectoryMode"}
    assert {key: found[key] for key in rest} == {key: shipped[key] for key in rest}
    assert "/opt/xianyu-gateway" not in text
    assert "/etc/xianyu-gateway" not in text


@pytest.mark.parametrize(
    ("folder", "program", "home", "tmp"),
    [
        ("/srv/gw", "/opt/x/bin/xianyu-gateway", "yes", "yes"),
        ("/home/shop/gw", "/opt/x/bin/xianyu-gateway", "read-only", "yes"),
        ("/homes/gw", "/home/shop/bin/xianyu-gateway", "read-only", "yes"),
        ("/var/tmp/gw", "/opt/x/bin/xianyu-gateway", "yes", None),
    ],
)
def test_a_unit_sees_what_it_needs(
    folder: str, program: str, home: str, tmp: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """``ProtectHome=yes`` would hide a home, and ``PrivateTmp=yes`` everybody's ``/tmp``."""
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    by = replace(BY, program=[program])
    found = unit(init_service.text_of(answers(Path(folder), "unit"), by))
    assert (found["ProtectHome"], found.get("PrivateTmp")) == (home, tmp)


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze here")
def test_systemd_reads_odd_paths_as_they_are(tmp_path: Path) -> None:
    folder = tmp_path / 'a b%n"c\\d$HOME店'
    folder.mkdir()
    by = Runner(
        user="root",
        ids="0:0",
        program=["/bin/true", "-m", "gateway"],
        python_path=str(folder),
    )
    file = tmp_path / "xianyu-gateway.service"
    file.write_text(init_service.text_of(answers(folder, "unit"), by), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(file)],
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("service", ["unit", "compose"])
def test_a_path_that_no_such_file_can_say_is_refused(service: init_plan.Service) -> None:
    with pytest.raises(ConfigError, match="line breaks"):
        init_service.text_of(answers(Path("/srv/a\nUser=root"), service), BY)


def test_a_container_has_the_paths_of_the_container() -> None:
    given = answers(Path("/srv/gw"), "compose")
    settings = yaml.safe_load(init_files.text_of(given))
    assert settings["data_dir"] == "/data/gateway"
    assert settings["http"] == {
        "listen": "0.0.0.0:8760",
        "token": "${file:/run/secrets/http.token}",
        "hosts": ["gateway"],
    }
    settings["http"]["token"] = "t" * 32
    from_mapping(settings)
    told = yaml.safe_load(init_service.text_of(given, BY))
    gateway = told["services"]["gateway"]
    assert gateway["user"] == "1000:1000"
    assert gateway["ports"] == ["127.0.0.1:9001:8760"]
    assert "./gateway.yaml:/config/gateway.yaml:ro" in gateway["volumes"]
    assert told["secrets"]["http.token"] == {"file": "./http.token"}
    for each in (*told["services"]["prometheus"]["volumes"], gateway["build"]["context"]):
        source = each.partition(":")[0]
        assert source.startswith(str(ROOT)) or source == "figures"
    shipped = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text("utf-8"))
    ours = {"user", "ports", "volumes", "build"}
    rest = {key: value for key, value in shipped["services"]["gateway"].items() if key not in ours}
    assert rest == {key: gateway[key] for key in rest}


def test_an_installed_wheel_has_nothing_to_build_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = tmp_path / "_pages"
    shutil.copytree(ROOT / "deploy", pages / "deploy")
    monkeypatch.setattr(init_service, "shipped", lambda path: str(pages / path))
    told = yaml.safe_load(init_service.text_of(answers(Path("/srv/gw"), "compose"), BY))
    assert "build" not in told["services"]["gateway"]


@pytest.mark.parametrize("service", ["unit", "compose"])
def test_all_files_or_none_are_written_and_nothing_is_written_over(
    service: init_plan.Service, tmp_path: Path
) -> None:
    folder, name = tmp_path / "gw", init_plan.NAMES[service]
    listen = f"127.0.0.1:{free_port()}"
    options = ("init", "--yes", "--json", f"--{service}", "--dir", str(folder), "--listen", listen)
    folder.mkdir()
    (folder / name).write_text("mine")
    code, out, err = call(*options)
    assert (code, out) == (1, "")
    assert f"{name} is there already, and nothing was written" in err
    assert [each.name for each in folder.iterdir()] == [name]
    (folder / name).unlink()

    code, out, err = call(*options)
    assert code == 0, err
    told = json.loads(out)
    assert told["service"] == str(folder / name)
    assert any(str(folder / name) in each for each in told["next"]["service"])
    assert {"gateway.yaml", "http.token", name} <= {each.name for each in folder.iterdir()}
    assert (folder / "http.token").read_text().strip() not in (folder / name).read_text()
    if service == "unit":
        assert (folder / "var" / "gateway").stat().st_mode & 0o777 == 0o700
    else:
        assert not (folder / "var").exists()
    with pytest.raises(Problem, match="is there already"):
        init_files.write(answers(folder, service))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--unit", "--compose"), "not allowed with"),
        (("--compose", "--data-dir", "d"), "--data-dir: with --compose"),
        (("--compose", "--cookie-file", "c"), "--cookie-file: with --compose"),
    ],
)
def test_what_does_not_go_together_is_refused(
    options: tuple[str, ...], told: str, tmp_path: Path
) -> None:
    code, out, err = call("init", "--yes", "--dir", str(tmp_path / "gw"), *options)
    assert (code, out) == (2, "")
    assert told in err
    assert not (tmp_path / "gw").exists()
