"""Sealed files: opened by their key, for their account, and by nothing else; none is ever lost."""

from __future__ import annotations

import base64
import os
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands import extra
from gateway.credentials import keys
from gateway.credentials.sealing import Sealed, SealedError, Sealer, id_of
from gateway.credentials.store import FileStore, Stored, StoreError, store_of
from gateway.errors import ConfigError
from gateway.settings import CredentialSettings, Settings

WHOLE = Stored(
    account="shop-a",
    version=17,
    user_id="2201",
    device_id="D-1",
    token="a%2Bb",
    cookies=[{"name": "cookie2", "value": "secret"}],
)
KEY, OTHER = bytes(range(32)), bytes(range(32, 64))
SECRETS = (b"secret", b"a%2Bb", b"D-1", b"2201", b"cookie2", b"shop-a")


def sealed(*given: bytes) -> Sealer:
    return Sealer(given, "the key file")


def the_file(folder: Path) -> bytes:
    (path,) = folder.iterdir()
    return path.read_bytes()


def test_a_sealed_file_shows_nothing_and_is_read_by_its_key(tmp_path: Path) -> None:
    store = FileStore(tmp_path, sealed(KEY))
    store.write(WHOLE)
    content = the_file(tmp_path)
    bare = b"".join(base64.b64decode(each) for each in envelope(content))
    assert not any(each in content or each in bare for each in SECRETS)
    assert FileStore(tmp_path, sealed(KEY)).read("shop-a") == WHOLE
    assert store.sealed_by("shop-a") == id_of(KEY)
    if os.name == "posix":
        assert store.path("shop-a").stat().st_mode & 0o777 == 0o600


def envelope(content: bytes) -> list[bytes]:
    found = msgspec.json.decode(content)
    assert sorted(found) == ["data", "format", "key", "nonce"]
    return [found["nonce"].encode(), found["data"].encode()]


def test_each_write_has_a_nonce_of_its_own(tmp_path: Path) -> None:
    store, seen = FileStore(tmp_path, sealed(KEY)), set()
    for _ in range(100):
        store.write(WHOLE)
        seen.add(tuple(envelope(the_file(tmp_path))))
    assert len({nonce for nonce, _ in seen}) == len({data for _, data in seen}) == 100


def test_what_was_plain_is_read_and_sealed_by_the_next_write(tmp_path: Path) -> None:
    FileStore(tmp_path).write(WHOLE)
    store = FileStore(tmp_path, sealed(KEY))
    assert store.read("shop-a") == WHOLE
    assert store.sealed_by("shop-a") is None
    store.write(WHOLE)
    assert store.sealed_by("shop-a") == id_of(KEY)
    assert b"secret" not in the_file(tmp_path)


def test_the_first_key_seals_and_all_open(tmp_path: Path) -> None:
    FileStore(tmp_path, sealed(OTHER)).write(WHOLE)
    store = FileStore(tmp_path, sealed(KEY, OTHER))
    assert store.read("shop-a") == WHOLE
    store.write(WHOLE)
    assert FileStore(tmp_path, sealed(KEY)).read("shop-a") == WHOLE


@pytest.mark.parametrize("given", [(), (OTHER,)], ids=["none", "another"])
def test_without_its_key_nothing_writes_over_it_but_a_person(
    tmp_path: Path, given: tuple[bytes, ...]
) -> None:
    FileStore(tmp_path, sealed(KEY)).write(WHOLE)
    content = the_file(tmp_path)
    store = FileStore(tmp_path, sealed(*given) if given else None)
    with pytest.raises(StoreError, match=f"sealed by key {id_of(KEY)}") as raised:
        store.read("shop-a")
    assert str(store.path("shop-a")) in str(raised.value)
    assert ("the key file" if given else "credentials.key_file") in str(raised.value)
    for _ in range(3):
        with pytest.raises(StoreError, match="sealed by key"):
            store.write(WHOLE)
    assert the_file(tmp_path) == content, "the key is put back, and it is read again"
    assert FileStore(tmp_path, sealed(KEY)).read("shop-a") == WHOLE
    store.replace(msgspec.structs.replace(WHOLE, version=18))
    (aside,) = tmp_path.glob("*.unreadable-*")
    assert aside.read_bytes() == content


def test_a_file_opens_for_its_account_only(tmp_path: Path) -> None:
    store = FileStore(tmp_path, sealed(KEY))
    store.write(WHOLE)
    store.path("shop-a").rename(store.path("shop-b"))
    with pytest.raises(StoreError, match="sealed for another account"):
        store.read("shop-b")


@given(place=st.integers(min_value=0, max_value=10_000), bit=st.integers(0, 7))
def test_a_bit_that_changed_opens_nothing(place: int, bit: int) -> None:
    sealer = sealed(KEY)
    whole = msgspec.json.decode(sealer.seal("shop-a", b"{}" * 99), type=Sealed)
    for name in ("nonce", "data"):
        spoiled = bytearray(getattr(whole, name))
        spoiled[place % len(spoiled)] ^= 1 << bit
        with pytest.raises(SealedError, match="is damaged"):
            sealer.opened("shop-a", msgspec.structs.replace(whole, **{name: bytes(spoiled)}))
    with pytest.raises(SealedError, match="is damaged"):
        sealer.opened("shop-a", msgspec.structs.replace(whole, format=3))
    with pytest.raises(SealedError, match="is damaged"):
        sealer.opened("shop-a", msgspec.structs.replace(whole, nonce=b""))
    assert sealer.opened("shop-a", whole) == b"{}" * 99


# --- the file of the keys ----------------------------------------------------------------


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> str:
    path = folder / "gateway.key"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


URL_SAFE = base64.urlsafe_b64encode(b"\xff" * 32)


@pytest.mark.parametrize(
    ("content", "ids"),
    [
        (base64.b64encode(KEY) + b"\n", [KEY]),
        (base64.b64encode(KEY).rstrip(b"="), [KEY]),
        (URL_SAFE, [b"\xff" * 32]),
        (KEY.hex().encode(), [KEY]),
        (KEY.hex().upper().encode() + b"\r\n", [KEY]),
        (KEY, [KEY]),
        (b"\n" * 32, [b"\n" * 32]),
        (
            b"# of 2026\n\n" + base64.b64encode(OTHER) + b"\n  # older\n " + KEY.hex().encode(),
            [OTHER, KEY],
        ),
    ],
    ids=["base64", "unpadded", "url-safe", "hex", "HEX", "raw", "raw breaks", "several"],
)
def test_a_key_is_read_in_each_form(tmp_path: Path, content: bytes, ids: list[bytes]) -> None:
    sealer = keys.sealer_of(key_file(tmp_path, content))
    assert list(sealer.ids) == [id_of(each) for each in ids]
    assert base64.b64encode(KEY).decode() not in repr(sealer)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "holds no key"),
        (b"# nothing\n", "holds no key"),
        (b"correct horse battery staple\n", "line 1 is no key"),
        (b"thirty-two characters of a phrase", "line 1 is no key"),
        (b"0123456789abcdef0123456789abcdef", "line 1 is no key"),
        (base64.b64encode(KEY) + b"\n" + base64.b64encode(KEY[:31]), "line 2 is no key"),
        (b"g" * 64, "line 1 is no key"),
        (b"\xff\xfe" * 32, "line 1 is no key"),
        (b"x" * 100_000, "larger than 64 KiB; name the file"),
    ],
)
def test_what_is_no_key_is_told_with_how_to_make_one(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = key_file(tmp_path, content)
    with pytest.raises(ConfigError, match=said) as raised:
        keys.sealer_of(path)
    told = str(raised.value)
    assert told.startswith(f"credentials.key_file: {path}")
    assert "openssl rand -base64 32" in told
    assert content.decode(errors="replace")[:40].strip() not in told or not content.strip()


def test_a_key_file_that_is_not_there_or_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"is not there; .*openssl rand -base64 32 > "):
        keys.sealer_of(str(tmp_path / "gone.key"))
    with pytest.raises(ConfigError, match=r"is a directory.*; name the file that holds the key"):
        keys.sealer_of(str(tmp_path))
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe", 0o600)
        with pytest.raises(ConfigError, match=r"a pipe.*; name the file that holds the key"):
            keys.sealer_of(str(tmp_path / "pipe"))


WHO = 1000


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
@pytest.mark.parametrize(
    ("owner", "mode", "said"),
    [
        (WHO, 0o600, None),
        (WHO, 0o400, None),
        (WHO, 0o640, "others may use"),
        (WHO, 0o604, "others may use"),
        (0, 0o400, None),
        (0, 0o440, None),
        (0, 0o460, "others may use"),
        (0, 0o444, "mount the secret with mode 0400"),
        (WHO + 1, 0o400, "belongs to another user"),
    ],
)
def test_a_key_is_ours_or_the_machine_s_and_nobody_else_s(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: int, mode: int, said: str | None
) -> None:
    """Systemd and Kubernetes hand out files of root's that the group, or an ACL, lets us read."""
    path = key_file(tmp_path, base64.b64encode(KEY), mode)
    real = os.fstat

    def status(handle: int) -> os.stat_result:
        fields = list(real(handle))
        fields[4] = owner
        return os.stat_result(fields)

    monkeypatch.setattr(os, "fstat", status)
    monkeypatch.setattr(os, "geteuid", lambda: WHO)
    if said is None:
        assert keys.sealer_of(path).ids == (id_of(KEY),)
    else:
        with pytest.raises(ConfigError, match=said):
            keys.sealer_of(path)


@pytest.mark.skipif(os.name != "posix", reason="links to files need rights elsewhere")
def test_a_key_file_may_be_a_link(tmp_path: Path) -> None:
    """Kubernetes mounts a secret as one."""
    (tmp_path / "link").symlink_to(key_file(tmp_path, base64.b64encode(KEY)))
    assert keys.sealer_of(str(tmp_path / "link")).ids == (id_of(KEY),)


# --- from settings -----------------------------------------------------------------------


def settings(folder: Path, key: str | None, durability: str = "full") -> Settings:
    return Settings(
        data_dir=str(folder / "data"),
        durability=durability,  # type: ignore[arg-type]  # one of them
        credentials=CredentialSettings(key_file=key),
    )


def test_settings_say_what_seals(tmp_path: Path) -> None:
    path = key_file(tmp_path, base64.b64encode(KEY))
    assert store_of(settings(tmp_path, path)).keys == (id_of(KEY),)
    assert store_of(settings(tmp_path, None)).keys == ()
    gone = settings(tmp_path, str(tmp_path / "gone"), "memory")
    assert store_of(gone).keys == (), "nothing is kept, so nothing is sealed"


def test_without_the_library_it_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = key_file(tmp_path, base64.b64encode(KEY))
    for name in ("cryptography.exceptions", "cryptography"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ConfigError, match=r"\[sealed\]") as raised:
        store_of(settings(tmp_path, path))
    assert extra("sealed") in str(raised.value)
    store = store_of(settings(tmp_path, None))
    store.write(WHOLE)
    assert store.read("shop-a") == WHOLE


def test_without_its_library_a_sealed_file_still_says_which_key_it_wants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    FileStore(tmp_path / "data" / "credentials", sealed(KEY)).write(WHOLE)
    for name in ("cryptography.exceptions", "cryptography"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(StoreError, match=f"sealed by key {id_of(KEY)}, and no key is set"):
        store_of(settings(tmp_path, None)).read("shop-a")
