"""The store of credentials: whole or not at all, its owner's alone, never over the unreadable."""

from __future__ import annotations

import errno
import itertools
import os
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.values import ErrorClass, Failure, Phase
from gateway.credentials import own_files
from gateway.credentials import store as module
from gateway.credentials.seeds import fingerprint, is_of
from gateway.credentials.store import FileStore, MemoryStore, Stored, StoreError

WHOLE = Stored(
    account="shop-a",
    lineage=3,
    version=17,
    user_id="2201",
    device_id="D-1",
    token="a%2Bb",
    obtained_at_ms=1_767_225_600_000,
    expires_at_ms=1_767_312_000_000,
    seed="salt$hash",
    calls_ms=(1, 2),
    silent_ms=5,
    cookies=[{"name": "cookie2", "value": "secret", "expires_ms": None, "secure": True}],
)


def test_what_is_written_is_read_and_nobody_else_can(tmp_path: Path) -> None:
    store = FileStore(tmp_path / "credentials")
    assert store.read("shop-a") is None
    store.write(WHOLE)
    assert store.read("shop-a") == WHOLE
    assert FileStore(tmp_path / "credentials").read("shop-a") == WHOLE
    if os.name == "posix":
        assert store.path("shop-a").stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o700
    assert [each.name for each in (tmp_path / "credentials").iterdir()] == ["shop-a.json"]


def test_memory_keeps_it_as_long_as_it_lives() -> None:
    store = MemoryStore()
    assert store.read("shop-a") is None
    store.write(WHOLE)
    assert store.read("shop-a") == WHOLE


@pytest.mark.parametrize(
    "account", ["../../etc/passwd", "店 1", "a/b", "a\\b", ".", "..", "con", "A%2F"]
)
def test_a_name_is_one_file_in_the_directory(tmp_path: Path, account: str) -> None:
    store = FileStore(tmp_path)
    stored = msgspec.structs.replace(WHOLE, account=account)
    store.write(stored)
    assert store.path(account).parent == tmp_path
    assert store.read(account) == stored
    assert len(list(tmp_path.iterdir())) == 1


def test_two_names_are_two_files(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    names = ["a.b", "a%2Eb", "a/b", "a%2Fb", "a b", "a+b"]
    assert len({store.path(name) for name in names}) == len(names)


def test_shown_it_has_no_secret() -> None:
    assert "secret" not in repr(WHOLE)
    assert "a%2Bb" not in str(WHOLE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "damaged"),
        (b'{"format": 1, "account": "shop-a", "tok', "damaged"),
        (b"\xff\xfe", "damaged"),
        (b"[" * 100_000, "damaged"),
        (b'{"format": 1, "account": "shop-a", "version": "seven"}', "damaged"),
        (b'{"format": 1, "account": "shop-a", "calls_ms": [1e400]}', "damaged"),
        (b'{"format": 2, "account": "shop-a"}', "damaged"),
        (b'{"format": 3, "account": "shop-a"}', "newer version"),
        (b'{"format": 1, "account": "shop-b"}', "another account"),
        (b" " * (module.LARGEST_BYTES + 1), "no file of the gateway's"),
    ],
)
def test_what_cannot_be_read_stays_until_a_person_gives_other(
    tmp_path: Path, text: bytes, said: str
) -> None:
    store = FileStore(tmp_path)
    path = store.path("shop-a")
    path.write_bytes(text)
    path.chmod(0o600)
    with pytest.raises(StoreError, match=said) as raised:
        store.read("shop-a")
    assert str(path) in str(raised.value)
    with pytest.raises(StoreError, match=said):
        store.write(WHOLE)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [text]
    store.replace(WHOLE)
    assert store.read("shop-a") == WHOLE
    (aside,) = [each for each in tmp_path.iterdir() if "unreadable" in each.name]
    assert aside.read_bytes() == text


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_file_others_may_read_is_not_used(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write(WHOLE)
    store.path("shop-a").chmod(0o644)
    with pytest.raises(StoreError, match="chmod 600"):
        store.read("shop-a")


@pytest.mark.row("B25", "unreadable: needs_human, the file is kept aside and never overwritten")
@pytest.mark.skipif(os.name != "posix", reason="owners are POSIX's")
def test_a_file_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    store.write(WHOLE)
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    with pytest.raises(StoreError, match="another user"):
        store.read("shop-a")


@pytest.mark.skipif(os.name != "posix", reason="links to files need rights elsewhere")
def test_a_link_is_not_followed(tmp_path: Path) -> None:
    store = FileStore(tmp_path)
    store.write(WHOLE)
    store.path("shop-b").symlink_to(store.path("shop-a"))
    with pytest.raises(StoreError):
        store.read("shop-b")


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_lax_directory_is_made_ours_alone(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir(mode=0o755)
    FileStore(tmp_path / "credentials").write(WHOLE)
    assert (tmp_path / "credentials").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("step", ["write", "replace", "sync_directory"])
def test_a_crash_at_any_step_leaves_the_old_or_the_new(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    store = FileStore(tmp_path)
    store.write(WHOLE)
    newer = msgspec.structs.replace(WHOLE, version=18)

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        places = {"write": own_files, "replace": Path, "sync_directory": module}
        patch.setattr(places[step], step, full)
        with pytest.raises(StoreError, match="No space left"):
            store.write(newer)
    read = store.read("shop-a")
    assert read == (newer if step == "sync_directory" else WHOLE)
    store.write(newer)
    assert store.read("shop-a") == newer
    assert len(list(tmp_path.iterdir())) == 1, "no draft is left"


class KilledError(BaseException):
    """The process is gone."""


def test_a_kill_at_any_step_leaves_the_old_or_the_new_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before and after each call of the system; what was not synchronized is half there."""
    newer = msgspec.structs.replace(WHOLE, version=18, token="n" * 500)
    seen = set()
    for step in range(100):
        directory = tmp_path / str(step)
        store = FileStore(directory)
        store.write(WHOLE)
        with monkeypatch.context() as patch:
            if survived(patch, step, lambda store=store: store.write(newer)):  # type: ignore[misc]  # mypy infers no lambda with a default
                break
        read = FileStore(directory).read("shop-a")
        assert read in (WHOLE, newer)
        seen.add(read == newer)
        FileStore(directory).write(newer)
        assert FileStore(directory).read("shop-a") == newer
    assert seen == {False, True}, "no step was before it counts, or none after"
    assert step >= 8


def survived(patch: pytest.MonkeyPatch, last: int, act: Callable[[], None]) -> bool:
    """Act, and die before or after one of the system's calls; return whether it ended before."""
    steps = itertools.count()

    def die() -> None:
        if next(steps) == last:
            raise KilledError

    def mortal(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def call(*given: Any, **more: Any) -> Any:
            if name == "fsync" and stat.S_ISREG(os.fstat(given[0]).st_mode):
                if next(steps) == last:
                    os.ftruncate(given[0], os.fstat(given[0]).st_size // 2)
                    raise KilledError
            else:
                die()
            found = real(*given, **more)
            die()
            return found

        patch.setattr(owner, name, call)

    for owner, names in ((os, ("open", "fsync")), (Path, ("replace", "rename", "unlink"))):
        for name in names:
            mortal(owner, name)
    try:
        act()
    except KilledError:
        return False
    return True


TEXTS = st.text(max_size=9)
STORED = st.builds(
    Stored,
    account=TEXTS,
    lineage=st.integers(0, 2**53),
    version=st.integers(0, 2**53),
    user_id=st.none() | TEXTS,
    device_id=st.none() | TEXTS,
    token=st.none() | TEXTS,
    obtained_at_ms=st.integers(0, 2**53),
    expires_at_ms=st.none() | st.integers(0, 2**53),
    seed=st.none() | TEXTS,
    stuck=st.none() | st.tuples(TEXTS, TEXTS, TEXTS),
    calls_ms=st.lists(st.integers(0, 2**53), max_size=5).map(tuple),
    silent_ms=st.integers(0, 2**53),
    cookies=st.lists(
        st.dictionaries(TEXTS, TEXTS | st.none() | st.booleans() | st.integers(0, 2**53)),
        max_size=3,
    ),
)


@settings(max_examples=50)
@given(STORED)
def test_whatever_is_written_is_read(stored: Stored) -> None:
    with tempfile.TemporaryDirectory() as directory:
        FileStore(Path(directory)).write(stored)
        assert FileStore(Path(directory)).read(stored.account) == stored


def test_what_cannot_be_read_stays_if_its_successor_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileStore(tmp_path)
    store.write(WHOLE)
    path = store.path("shop-a")
    path.write_bytes(b"{")

    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(own_files, "write", full)
    with pytest.raises(StoreError, match="No space left"):
        store.replace(WHOLE)
    assert [(each, each.read_bytes()) for each in tmp_path.iterdir()] == [(path, b"{")]


def test_a_failure_comes_back_as_it_was() -> None:
    failure = Failure(
        error_class=ErrorClass.NEEDS_HUMAN,
        reason="verification_asked",
        detail="Open the page.",
        phase=Phase.CREDENTIALS,
    )
    stuck = WHOLE.stuck_by(failure)
    assert stuck.failure == failure
    assert stuck.stuck_by(None).failure is None
    odd = msgspec.structs.replace(WHOLE, stuck=("of a newer version", "x", "y")).failure
    assert odd is not None
    assert odd.error_class is ErrorClass.NEEDS_HUMAN


SEEDS = st.dictionaries(st.sampled_from(["cookie", "token"]), st.none() | st.text(max_size=9))


@given(SEEDS, SEEDS)
def test_a_seed_is_known_again_and_no_other_is(
    one: dict[str, str | None], other: dict[str, str | None]
) -> None:
    kept = fingerprint(one)
    assert is_of(kept, one)
    assert is_of(kept, other) == (one == other)
    assert not is_of(None, one)
    assert fingerprint(one) != fingerprint(one), "salted"


def test_drafts_of_a_killed_process_go_with_the_next_write(tmp_path: Path) -> None:
    """They hold secrets; a file of another name is not ours to delete."""
    store = FileStore(tmp_path)
    store.write(WHOLE)
    drafts = [tmp_path / f".shop-{name}.json.0a1b2c3d" for name in "ab"]
    others = [tmp_path / "shop-a.json.unreadable-0a1b2c3d", tmp_path / ".notes.json.mine"]
    for each in drafts + others:
        each.write_text("secret", "utf-8")
    store.write(WHOLE)
    assert all(each.exists() for each in drafts), "this process is at work: they may be its own"
    FileStore(tmp_path).write(WHOLE)
    assert not any(each.exists() for each in drafts)
    assert all(each.exists() for each in others)


def test_the_longest_names_there_may_be_are_files_of_their_own(tmp_path: Path) -> None:
    """64 letters of which each takes twelve in a name of a file; two that begin alike are two."""
    store = FileStore(tmp_path)
    names = ["店" * 64, "店" * 63 + "铺", "𠮷" * 64, "a" * 64]
    for version, name in enumerate(names):
        store.write(msgspec.structs.replace(WHOLE, account=name, version=version))
        store.replace(msgspec.structs.replace(WHOLE, account=name, version=version))
    assert [store.read(name).version for name in names] == [0, 1, 2, 3]  # type: ignore[union-attr]
    assert store.path("a" * 64).name == f"{'a' * 64}.json", "short ones are as they were"
    assert max(len(each.name) for each in tmp_path.iterdir()) < 200


def test_a_directory_where_nothing_can_be_changed_is_a_store_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file system that is read-only by now does not take the draft back, either."""

    def read_only(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    store = FileStore(tmp_path)
    store.write(WHOLE)
    for name in ("replace", "unlink"):
        monkeypatch.setattr(Path, name, read_only)
    monkeypatch.setattr(own_files, "write", read_only)
    for keep in (store.write, store.replace):
        with pytest.raises(StoreError, match="cannot be stored"):
            keep(WHOLE)
