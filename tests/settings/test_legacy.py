"""The flat file of older clients becomes today's settings, and says what changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import load, load_legacy
from gateway.errors import ConfigError
from gateway.settings import AccountSettings

ROOT = Path(__file__).resolve().parents[2]
COOKIE = "t=abc; unb=2201414; cookie2=hunter2cookie"


def load_text(tmp_path: Path, text: str) -> tuple[object, ...]:
    file = tmp_path / "global_config.yml"
    file.write_text(text, encoding="utf-8")
    file.chmod(0o600)
    settings = load(file, environment={})
    return (settings.accounts[0], [note.removeprefix(f"{file}: ") for note in settings.notes])


def test_the_example_is_recognised_and_taken_over() -> None:
    file = ROOT / "config" / "legacy_example.yml"
    environment = {"XIANYU_COOKIE": COOKIE, "XIANYU_TOKEN": "hunter2token", "XIANYU_DEVICE_ID": "D"}

    settings = load(file, environment=environment)

    (account,) = settings.accounts
    credentials = account.credentials
    assert (account.platform, account.url) == ("goofish", "wss://wss-goofish.dingtalk.com/")
    assert (credentials.user_id, credentials.device_id) == ("2201414", "D")
    assert (credentials.token, credentials.cookie) == ("hunter2token", COOKIE)
    assert (account.heartbeat.interval_s, account.heartbeat.reply_timeout_s) == (15.0, 5.0)
    assert account.handlers.expire_s == 300.0
    assert account.enabled
    assert account.user_agent is not None
    assert account.user_agent.startswith("Mozilla/5.0")
    assert set(account.headers) == {
        "Accept-Encoding", "Accept-Language", "Cache-Control", "Origin", "Pragma"
    }  # fmt: skip
    assert load_legacy(file, environment=environment) == settings
    assert "hunter2" not in str(settings.notes)
    for key in ("TOKEN_REFRESH_INTERVAL", "TOKEN_RETRY_INTERVAL", "APP_CONFIG"):
        assert sum(f"{key} is not needed any more" in note for note in settings.notes) == 1


def test_without_a_token_one_is_asked_for_with_the_cookie(tmp_path: Path) -> None:
    """The old client asked for a token itself; its file has none."""
    account, notes = load_text(tmp_path, f"COOKIES: {{value: '{COOKIE}'}}")
    assert isinstance(account, AccountSettings)
    assert account.enabled
    assert (account.credentials.kind, account.credentials.cookie) == ("goofish", COOKIE)
    assert account.credentials.user_id == "2201414"
    assert isinstance(notes, list)
    assert any(note.startswith("no token: it is asked for with the cookie") for note in notes)
    for text in ("COOKIES: {value: ''}\nTOKEN: abc", "COOKIES: {value: ''}"):
        account, notes = load_text(tmp_path, text)
        assert isinstance(account, AccountSettings)
        assert not account.enabled
        assert isinstance(notes, list)
        assert any(note.startswith("no user id: COOKIES.value has no unb=") for note in notes)


def test_keys_of_its_other_parts_are_explained_and_typing_errors_found(tmp_path: Path) -> None:
    text = (
        "HEARTBEAT_INTERVALL: 15\nHEARTBEAT_TIMEOUT: 5\nAUTO_REPLY: {}\nWHATEVER: 1\n"
        "WEBSOCKET_URL: wss://h/\n"
        "WEBSOCKET_HEADERS: {Host: other, Cookie: hunter2, Sec-WebSocket-Key: x}\n"
    )

    account, notes = load_text(tmp_path, text)

    assert "HEARTBEAT_INTERVALL is not known; did you mean 'HEARTBEAT_INTERVAL'?" in notes  # type: ignore[operator]
    assert "WHATEVER is not known" in notes  # type: ignore[operator]
    assert any(note.startswith("AUTO_REPLY is not read: ") for note in notes)  # type: ignore[attr-defined]
    assert any("the Host of WEBSOCKET_HEADERS is not read" in note for note in notes)  # type: ignore[attr-defined]
    assert any("the Cookie of WEBSOCKET_HEADERS is not read" in note for note in notes)  # type: ignore[attr-defined]
    assert getattr(account, "headers", None) == {}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("HEARTBEAT_INTERVAL: fast", "accounts[0].heartbeat.interval_s: expected a number"),
        ("MESSAGE_EXPIRE_TIME: soon", "accounts[0].handlers.expire_s: expected a number"),
        ("WEBSOCKET_HEADERS: [a]", "accounts[0].headers: expected a mapping"),
        ("WEBSOCKET_URL: http://h", "accounts[0].url: expected wss://host/"),
    ],
)
def test_wrong_values_are_refused_like_any_other(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(tmp_path, text)

    assert told in str(caught.value)


def test_a_file_of_today_is_not_taken_for_an_old_one(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("data_dir: x")

    with pytest.raises(ConfigError, match="it is not a flat file"):
        load_legacy(file)
