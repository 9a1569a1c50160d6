"""What an image file tells by its first bytes, and which path is one."""

from __future__ import annotations

import os
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.images import Image, local_path, read_image
from gateway.platforms.goofish.upload import NAMES

PNG = b"\x89PNG\r\n\x1a\n" + b"\0\0\0\rIHDR" + b"\0\0\x04\x38\0\0\x05\xa0" + b"\x08\x02\0\0\0"
GIF = b"GIF89a" + b"\x38\x04\xa0\x05" + b"\xf7\0\0"
JPEG = (
    b"\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0"
    b"\xff\xff\xff\xc4\0\x04ab"  # a filling byte, and tables, which are no frame
    b"\xff\xc2\0\x11\x08\x05\xa0\x04\x38\x03"
)
_RIFF = b"RIFF\x24\0\0\0WEBP"
LOSSY = _RIFF + b"VP8 \x18\0\0\0\x30\x01\0\x9d\x01\x2a" + b"\x38\x44\xa0\x05"
LOSSLESS = _RIFF + b"VP8L\x18\0\0\0\x2f" + (1079 | 1439 << 14).to_bytes(4, "little")
EXTENDED = _RIFF + b"VP8X\x0a\0\0\0\x10\0\0\0" + b"\x37\x04\0\x9f\x05\0"
WHOLE = {
    "png": (PNG, "image/png"),
    "gif": (GIF, "image/gif"),
    "gif87": (b"GIF87a" + GIF[6:], "image/gif"),
    "jpeg": (JPEG, "image/jpeg"),
    "webp lossy": (LOSSY, "image/webp"),
    "webp lossless": (LOSSLESS, "image/webp"),
    "webp extended": (EXTENDED, "image/webp"),
}


@pytest.mark.parametrize("name", WHOLE)
def test_type_and_size_of_an_image(name: str) -> None:
    data, media_type = WHOLE[name]
    assert read_image(data + b"\0" * 20) == Image(media_type, 1080, 1440)
    assert media_type in NAMES


@pytest.mark.parametrize("name", WHOLE)
def test_an_image_that_ends_early_has_no_size(name: str) -> None:
    data, media_type = WHOLE[name]
    for length in range(len(data)):
        found = read_image(data[:length])
        assert found is None or found.media_type == media_type
        assert found is None or (found.width, found.height) in {(0, 0), (1080, 1440)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"%PDF-1.7",
        b"BM\x36\0",
        b"<svg xmlns=",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x1cftypheic",
        b"x" * 40,
    ],
)
def test_what_is_no_image_of_the_four(data: bytes) -> None:
    assert read_image(data) is None


@pytest.mark.parametrize(
    "data",
    [
        b"\xff\xd8\xff\xda" + b"\0" * 30,  # the picture itself begins
        b"\xff\xd8\xff\xd9" + b"\0" * 30,
        b"\xff\xd8\xff\xe0\0\x02\0\0\0\0",  # no marker follows
        b"\xff\xd8" + b"\xff" * 100_000,
        b"\xff\xd8" + b"\xff\xe0\0\0" * 5_000,
        b"\xff\xd8" + b"\xff\xd0" * 5_000,
        PNG.replace(b"IHDR", b"CgBI"),
        LOSSY.replace(b"\x9d\x01\x2a", b"\0\0\0"),
        LOSSLESS.replace(b"\x2f", b"\0"),
        _RIFF + b"ABCD" + b"\0" * 30,
    ],
)
def test_an_image_of_no_known_size(data: bytes) -> None:
    found = read_image(data)
    assert found is not None
    assert (found.width, found.height) == (0, 0)


HEADS = st.sampled_from([b"", *(data[:end] for data, _ in WHOLE.values() for end in (3, 12, 22))])


@given(HEADS, st.binary(max_size=200))
@example(b"\xff\xd8\xff", b"\xc0\0\x11\x08" + b"\xff" * 4)
def test_any_bytes_are_read(head: bytes, rest: bytes) -> None:
    found = read_image(head + rest)
    if found is not None:
        assert found.media_type in NAMES
        assert 0 <= found.width < 1 << 32
        assert 0 <= found.height < 1 << 32


# --- paths ----------------------------------------------------------------------------


class Told(os.PathLike[Any]):
    """A path that says of itself what a test wants."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __fspath__(self) -> Any:
        if isinstance(self._value, Exception):
            raise self._value
        return self._value


def test_paths_of_any_system_are_taken_as_they_are() -> None:
    for path in (r"C:\图片\a b.png", r"\\server\share\x.png", "x.png", "图/片.png", "./-x"):
        assert local_path("path", path, remedy="") == path
    assert local_path("path", Path("a") / "b", remedy="") == f"a{os.sep}b"
    assert local_path("path", PureWindowsPath("C:/a/b.png"), remedy="") == r"C:\a\b.png"


@pytest.mark.parametrize("wrong", [None, 3, b"x.png", ["x"], Told(b"x"), Told(KeyError("x"))])
def test_what_is_no_path_is_named(wrong: object) -> None:
    with pytest.raises(TypeError, match=r"^path must be str or Path, not "):
        local_path("path", wrong, remedy="")


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("", "path must not be empty"),
        ("a\0b", "path has a NUL character"),
        ("HTTPS://img/x.png", "path is an address, not a file; do that"),
        ("http://img/x.png", "path is an address"),
    ],
)
def test_paths_that_no_file_can_have(path: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        local_path("path", path, remedy="do that")
