"""No text of settings holds half a letter, no name and no path a character that nobody sees.

Who let one in learnt of it from messages that were acknowledged and never handled.
"""

from __future__ import annotations

import dataclasses
import os
import re
from pathlib import Path
from typing import Any

import pytest
from commands import call

from gateway import Gateway
from gateway.config import from_mapping, validate
from gateway.errors import ConfigError
from gateway.settings import (
    AccountSettings,
    Credentials,
    CredentialSettings,
    EndpointSettings,
    HttpSettings,
    LogSettings,
    NotifySettings,
    Record,
    Settings,
    SinkSettings,
    TlsSettings,
)
from gateway.settings.notify import AlsoSettings, HeartbeatUrlSettings, QuietSettings
from gateway.settings.record import key_in_file

HALF = os.fsdecode(b"caf\xe9")
PLAIN = AccountSettings(id="a", platform="plain", url="ws://h/")


def account(**keys: Any) -> Settings:
    return Settings(accounts=(dataclasses.replace(PLAIN, **keys),))


def notify(**keys: Any) -> Settings:
    return Settings(notify=NotifySettings(**keys))


def everywhere(bad: str) -> dict[str, Settings]:
    """Return settings with a text in each key that takes one, by the key that must be named."""
    credentials = ("user_id", "device_id", "token", "cookie")
    hidden = f"hunter2-{bad}"
    kinds: dict[str, dict[str, Any]] = {
        "path": {"kind": "file", "path": hidden},
        "variables.token": {"kind": "env", "variables": {"token": hidden}},
        "call": {"kind": "python", "call": f"module{bad}:f"},
        "url": {"kind": "http", "url": f"https://h/{bad}"},
        "bearer": {"kind": "http", "url": "https://h/", "bearer": hidden},
    }
    for name in ("mtop", "passport", "upload"):
        endpoints = EndpointSettings(**{name: f"https://h{bad}"})
        kinds[f"endpoints.{name}"] = {"kind": "goofish", "endpoints": endpoints}
    return (
        {
            "data_dir": Settings(data_dir=bad),
            "http.listen": Settings(http=HttpSettings(listen=f"127.0.0.1{bad}:1")),
            "http.token": Settings(http=HttpSettings(token=f"hunter2-hunter2-{bad}")),
            "http.metrics_token": Settings(http=HttpSettings(metrics_token=f"hunter2-{bad}")),
            "http.viewer_token": Settings(http=HttpSettings(viewer_token=f"hunter2-{bad}")),
            "http.hosts[0]": Settings(http=HttpSettings(hosts=(bad,))),
            "sinks[0].kind": Settings(sinks=(SinkSettings(kind=bad),)),
            "log.file": Settings(log=LogSettings(file=bad)),
            "credentials.key_file": Settings(credentials=CredentialSettings(key_file=bad)),
            "sinks[0].path": Settings(sinks=(SinkSettings(kind="jsonl", options={"path": bad}),)),
            "notify.to[0]": notify(to=(f"json://hunter2-{bad}",)),
            "notify.also[0].to[0]": notify(
                also=(AlsoSettings(alerts=("journal.*",), to=(f"json://hunter2-{bad}",)),)
            ),
            "notify.also[0].alerts[0]": notify(
                also=(AlsoSettings(alerts=(bad,), to=("json://h",)),)
            ),
            "notify.at_once[0]": notify(at_once=(bad,)),
            "notify.quiet.from": notify(quiet=QuietSettings(from_=bad, to="08:00")),
            "notify.quiet.to": notify(quiet=QuietSettings(from_="08:00", to=bad)),
            "notify.quiet.but[0]": notify(quiet=QuietSettings(but=(bad,))),
            "notify.link": notify(link=f"https://h/{bad}"),
            "notify.heartbeat.url": notify(
                heartbeat=HeartbeatUrlSettings(url=f"https://h/hunter2-{bad}")
            ),
            "accounts[0].id": account(id=bad),
            "accounts[0].platform": account(platform=bad),
            "accounts[0].url": account(url=f"ws://h/{bad}"),
            "accounts[0].proxy": account(proxy=f"http://hunter2{bad}:x@h:1"),
            "accounts[1].proxy": Settings(
                accounts=(
                    PLAIN,
                    dataclasses.replace(PLAIN, id="b", proxy=f"socks5://hunter2{bad}:x@h:1"),
                )
            ),
            "accounts[0].user_agent": account(user_agent=bad),
            "accounts[0].headers.X-A": account(headers={"X-A": bad}),
            "accounts[0].tls.ca_file": account(tls=TlsSettings(ca_file=bad)),
            "accounts[0].tls.server_name": account(tls=TlsSettings(server_name=bad)),
        }
        | {
            f"accounts[0].credentials.{key}": account(
                credentials=Credentials(**{key: f"hunter2-{bad}"})  # type: ignore[arg-type]  # a text
            )
            for key in credentials
        }
        | {
            f"accounts[0].credentials.{key}": account(
                platform="goofish", credentials=Credentials(**given)
            )
            for key, given in kinds.items()
        }
    )


def texts_of(cls: type[Record], path: str = "") -> set[str]:
    """Return the names of all keys of a record that take any text."""
    found: set[str] = set()
    for name, hint in cls.__annotations__.items():
        where = f"{path}{key_in_file(name)}"
        if "str" in hint or "Secret" in hint:
            found.add(where)
        elif isinstance(getattr(cls(**_least(cls)), name), Record):
            found |= texts_of(type(getattr(cls(**_least(cls)), name)), f"{where}.")
    return found


def _least(cls: type[Record]) -> dict[str, Any]:
    return {"id": "a", "url": "ws://h/"} if cls is AccountSettings else {}


def test_the_keys_below_are_all_there_are() -> None:
    """A key that is added takes no half letters either."""
    named = {re.sub(r"\[\d\]", "", key) for key in everywhere("x")}
    wanted = {f"accounts.{key}" for key in texts_of(AccountSettings)} | texts_of(Settings)
    assert wanted - {"notes", "accounts.headers", "accounts.credentials.variables"} <= named


@pytest.mark.parametrize("key", sorted(everywhere("x")))
def test_half_a_letter_is_refused_where_the_settings_are_given(key: str) -> None:
    """Bytes in GBK that the system handed on: no journal, wire or JSON has a form for them."""
    wrong = everywhere(HALF)[key]
    (told,) = validate(wrong)
    assert told.startswith(f"settings: {key}: ")
    assert "hunter2" not in told
    told.encode()  # whoever prints it must not fail
    with pytest.raises(ConfigError):
        Gateway(wrong)


def test_so_it_is_for_an_account_that_is_added(tmp_path: Path) -> None:
    with Gateway(Settings(data_dir=str(tmp_path), durability="memory")) as gateway:
        for key, wrong in everywhere(HALF).items():
            if wrong.accounts:
                with pytest.raises(ConfigError, match=key.partition(".")[2]):
                    gateway.accounts.add(wrong.accounts[-1])
        assert not gateway.accounts


def test_and_in_names_and_in_what_a_sink_takes() -> None:
    """They end in lines of text, too."""
    for wrong in (
        {HALF: 1},
        {"sinks": [{"kind": "python", "call": "a:b", HALF: 1}]},
        {"sinks": [{"kind": "python", "call": HALF}]},
        {"sinks": [{"kind": "python", "more": {"deep": [HALF]}}]},
        {"accounts": [{"id": "a", "platform": "plain", "url": "ws://h/", "headers": {HALF: "b"}}]},
    ):
        with pytest.raises(ConfigError) as caught:
            from_mapping(wrong)
        str(caught.value).encode()


@pytest.mark.parametrize("bad", ["a\0b", "a\x1bb", "a\x85b", "a\nb"], ids=ascii)
@pytest.mark.parametrize("key", sorted(everywhere("x")))
def test_control_characters_are_refused_where_a_person_reads_on(key: str, bad: str) -> None:
    """``check`` passed them, and ``run`` ended with a traceback, or never connected."""
    problems = validate(everywhere(bad)[key])
    assert any(told.startswith(f"settings: {key}: ") for told in problems), problems
    assert not any("hunter2" in told or bad in told for told in problems)


def test_a_user_agent_is_refused_as_any_header_is() -> None:
    for wrong in (account(user_agent="a\nb"), account(headers={"X-A": "a\nb"})):
        (told,) = validate(wrong)
        assert told.endswith(": holds a line break; write it on one line")


def test_a_header_may_have_a_tab_and_an_option_of_a_sink_anything() -> None:
    assert validate(account(headers={"X-A": "a\tb"})) == ()
    sink = SinkSettings(kind="python", options={"call": "os:getcwd", "end": "\r\n\0"})
    assert validate(Settings(sinks=(sink,))) == ()


@pytest.mark.parametrize(
    "bad",
    ["a\u202eb", "a\u200bb", "\ufeffa", "a\u2028b", "a\u3000b", "a\xa0b", "a\x85b"],
    ids=ascii,
)
def test_an_id_hides_nothing_and_turns_no_line(bad: str) -> None:
    """It is printed as it is in every line of the log."""
    (told,) = validate(account(id=bad))
    assert told.startswith("settings: accounts[0].id: ")
    assert bad not in told


def test_an_id_may_be_a_name_in_any_script() -> None:
    for right in ("店铺-1", "möbel", "магазин", "a.b_c@d", "🏪"):
        assert validate(account(id=right)) == ()


@pytest.mark.parametrize("key", ["user_id", "device_id", "token"])
def test_a_credential_hides_nothing(key: str) -> None:
    """Chat programs put such characters into what is copied out of them."""
    wrong = Credentials(**{key: "hunter2\u200b"})  # type: ignore[arg-type]  # a text
    (told,) = validate(account(credentials=wrong))
    assert f"credentials.{key}: holds a character that nobody sees (U+200B)" in told
    assert "hunter2" not in told


@pytest.mark.parametrize("command", ["check", "run"])
@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('data_dir: "a\\0b"', "data_dir"),
        ('sinks: [{kind: jsonl, path: "a\\0b"}]', "sinks[0].path"),
        (
            'accounts: [{id: a, platform: plain, url: "ws://h", tls: {ca_file: "a\\0b"}}]',
            "accounts[0].tls.ca_file",
        ),
        (
            'accounts: [{id: a, platform: plain, url: "ws://h", user_agent: "a\\nb"}]',
            "accounts[0].user_agent",
        ),
    ],
)
def test_check_and_run_refuse_it_with_the_line(
    command: str, text: str, key: str, tmp_path: Path
) -> None:
    file = tmp_path / "g.yaml"
    file.write_text(text)
    code, out, err = call(command, "-c", str(file))
    assert (code, out) == (2, "")
    assert f"{file}:1: {key}: " in err
