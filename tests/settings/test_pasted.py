"""Settings as people paste them: out of a browser, a chat, another program's file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from gateway.config import from_mapping
from gateway.errors import ConfigError

ROOT = Path(__file__).parents[2]
RIGHT: dict[str, str] = {
    "user_id": "2201",
    "device_id": "D-hunter2",
    "token": "oauth_k1:hunter2=",
    "cookie": 'cookie2=hunter2; unb=2201; tracknick="a"',
}


def settings(**credentials: str) -> dict[str, Any]:
    if "user_id" in credentials:
        credentials["cookie"] = ""  # it would be another user's, too
    account = {"id": "a", "url": "wss://h/", "credentials": {**RIGHT, **credentials}}
    return {"accounts": [account]}


def refused(values: dict[str, Any]) -> str:
    with pytest.raises(ConfigError) as caught:
        from_mapping(values)
    (told,) = str(caught.value).splitlines()
    assert "hunter2" not in told
    return told


def test_what_is_right_is_left_alone() -> None:
    """A token may hold a colon, a cookie a name that begins like the header's."""
    read = from_mapping(settings())
    assert read.accounts[0].credentials.cookie == RIGHT["cookie"]
    assert read.notes == ()


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("cookie", "Cookie: unb=2201; a=hunter2", "begins with 'Cookie:'"),
        ("cookie", "-H 'Cookie: unb=2201; a=hunter2'", "copy only the cookies: name=value"),
        ("cookie", "--header cookie:unb=2201; a=hunter2", "begins with"),
        ("cookie", "-b 'unb=2201; a=hunter2'", "begins with"),
        (
            "cookie",
            "curl 'https://h/' -H 'Cookie: unb=2201; a=hunter2'",
            "begins with 'curl '; copy",
        ),
        ("cookie", "set-cookie : unb=2201; a=hunter2", "begins with 'set-cookie :'"),
        ("cookie", "'unb=2201; a=hunter2'", "quotes around it"),
        ("cookie", "“unb=2201; a=hunter2”", "no header can carry"),
        ("cookie", "unb=9999; a=hunter2", "its unb is another user than user_id"),
        ("cookie", "***", "is a mask"),
        ("cookie", '[{"name":"unb","value":"hunter2"}]', "is JSON"),
        ("cookie", ' {"unb": "hunter2"}', "copy only the cookies: name=value; name=value"),
        ("cookie", "unb\thunter2\t.goofish.com\t/", "is a table with tabs"),
        (
            "cookie",
            "# Netscape HTTP Cookie File\n.goofish.com\tTRUE\t/\tFALSE\t0\tunb\thunter2\n",
            "is a table with tabs, as a cookies.txt has",
        ),
        ("cookie", "curl https://h/ -b unb=hunter2", "begins with 'curl '"),
        ("cookie", "curl 'https://h/' -H 'cookie: unb=hunter2'", "begins with 'curl '"),
        ("cookie", "curl 'https://h/' \\\n  -H 'cookie: unb=hunter2'", "begins with 'curl '"),
        ("cookie", 'fetch("https://h/", {"headers": {"cookie": "unb=hunter2"}})', "fetch("),
        ("token", '{"accessToken": "hunter2"}', "is JSON"),
        ("token", "accessToken: hunter2", "begins with 'accessToken:'"),
        ("token", 'token="hunter2"', "begins with 'token='"),
        ("token", "Bearer hunter2", "begins with 'Bearer '"),
        ("token", '"hunter2"', "quotes around it"),
        ("token", " hunter2", "blank"),
        ("device_id", "deviceId=hunter2", "begins with 'deviceId='"),
        ("user_id", "unb=2201", "begins with 'unb='"),
        ("user_id", "2201 ", "blank"),
    ],
)
def test_what_came_along_is_named(key: str, value: str, told: str) -> None:
    """The platform would refuse it hours later, in words that lead nowhere."""
    text = refused(settings(**{key: value}))
    assert f"accounts[0].credentials.{key}: " in text
    assert told in text


def test_a_cookie_of_nobody_is_noted() -> None:
    """Copied before the login; only the platform knows whether it will do."""
    (note,) = from_mapping(settings(cookie="cna=hunter2")).notes
    assert "credentials.cookie there is no unb in it" in note
    assert "hunter2" not in note


@pytest.mark.parametrize(
    ("token", "told"),
    [
        ("x", "has 1 characters"),
        ("x" * 15, "at least 16"),
        ("pass word " * 3, "blanks"),
        ("密" * 16, "header"),
    ],
)
def test_a_token_for_control_can_be_neither_guessed_nor_lost(token: str, told: str) -> None:
    text = refused({"http": {"listen": "127.0.0.1:1", "token": token}})
    assert "http.token: " in text
    assert told in text
    assert token not in text or len(token) == 1


@pytest.mark.skipif(os.name == "nt", reason="an environment of bytes")
@pytest.mark.parametrize("command", ["check", "run"])
def test_bytes_in_the_environment_that_are_no_text(command: str, tmp_path: Path) -> None:
    """A token in GBK, or a binary file put into a variable: named, and never shown."""
    file = tmp_path / "g.yaml"
    file.write_text(
        "accounts: [{id: a, platform: plain, url: 'ws://h', credentials: {token: '${T}'}}]"
    )
    environment = {**os.environb, b"T": b"hunter2\xd6\xd0"}
    done = subprocess.run(
        [sys.executable, "-m", "gateway", command, "-c", str(file)],
        capture_output=True,
        text=True,
        timeout=40,
        cwd=ROOT,
        env=environment,
        check=False,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "credentials.token: environment variable T holds bytes that are not UTF-8" in done.stderr
    assert "hunter2" not in done.stderr


def test_a_fallback_with_half_a_letter_is_no_text() -> None:
    values = {"data_dir": "${NONE:-\ud800}"}
    with pytest.raises(ConfigError, match="not UTF-8"):
        from_mapping(values, environment={})
