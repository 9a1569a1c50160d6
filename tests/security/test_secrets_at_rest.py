"""No secret of the settings comes out of settings, errors, the command line, log or traceback."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from planting import PLANTED, planted_tree, planted_values

from gateway import AccountSettings, Gateway, Settings, logs
from gateway.cli import main
from gateway.config import effective, from_mapping, load
from gateway.errors import ConfigError
from gateway.known_secrets import MASK


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    logs.unconfigure_strangers()
    structlog.reset_defaults()


def planted() -> Settings:
    return from_mapping(planted_tree(), environment={})


def test_every_secret_is_planted() -> None:
    """The walk finds what the settings mark, so that a new key is covered by itself."""
    values = set(planted_values(planted_tree()))

    assert len(values) >= 13, values
    assert PLANTED in (planted().accounts[0].credentials.token or "")


def test_settings_and_their_effective_form_tell_none() -> None:
    settings = planted()
    account = settings.accounts[0]
    shown = [json.dumps(effective(settings)), *settings.notes]
    for value in (settings, settings.accounts, settings.sinks, account, account.credentials):
        shown += [repr(value), str(value), f"{value}"]

    assert all(MASK in each for each in shown)
    assert PLANTED not in "\n".join(shown)


@pytest.mark.parametrize("form", ["console", "json"])
def test_the_launcher_s_log_tells_none_in_whatever_form(form: Literal["console", "json"]) -> None:
    out = io.StringIO()
    settings = planted()
    logs.configure("debug", form, settings=settings, stream=out)
    account = settings.accounts[0]

    for secret in planted_values(planted_tree()):
        log = structlog.get_logger().bind(bound=secret)
        for say in (log.debug, log.info, log.warning, log.error):
            say(secret, detail=secret, nested=[{"a": (secret, secret.encode())}], key=repr(secret))
        logging.getLogger("urllib3").warning("%s", secret)
        try:
            dict[str, str]()[secret]
        except KeyError:
            log.exception("handler.failed", settings=settings, account=account)

    assert "handler.failed" in out.getvalue()
    assert PLANTED not in out.getvalue()


@pytest.mark.parametrize("as_json", [False, True])
def test_check_shows_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], *, as_json: bool
) -> None:
    tree = planted_tree() | {"sinks": []}
    file = written(tmp_path, tree)

    assert main(["check", "-c", str(file), *(["--json"] if as_json else [])]) == 0
    said = capsys.readouterr()
    assert "shop-a" in said.out
    assert f"chmod 600 {file}" in said.err
    assert PLANTED not in said.out + said.err


def broken(tree: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the tree once for each text in it, that one made wrong in three ways."""
    for key, value in tree.items() if isinstance(tree, Mapping) else enumerate(tree):
        where = f"{path}/{key}"
        wrongs: list[Any] = []
        if isinstance(value, str):
            wrongs = [[value], f"{value}\n", {value: value}, f"{value} \x00", f"ftp://{value}"]
        else:
            wrongs = [inner for _, inner in broken(value, where)]
        for wrong in wrongs:
            copy: Any = dict(tree) if isinstance(tree, Mapping) else list(tree)
            copy[key] = wrong
            yield where, copy


def test_no_refusal_repeats_one() -> None:
    """Each text in turn of the wrong type, with a line break, as a key, as another URL."""
    refused = 0
    for where, tree in broken(planted_tree()):
        try:
            settings = from_mapping(tree, environment={})
            told = [repr(settings), json.dumps(effective(settings)), *settings.notes]
        except ConfigError as error:
            refused += 1
            told = [str(error), repr(error), *traceback.format_exception(error)]
        assert PLANTED not in "\n".join(told).replace("ftp://", ""), where
    assert refused > 20


def test_no_variable_of_the_environment_is_repeated(tmp_path: Path) -> None:
    text = json.dumps({**planted_tree(), "log": {"level": "${SECRET}"}, "sinks": []})
    file = tmp_path / "gateway.yaml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(file, environment={"SECRET": PLANTED})

    assert "${SECRET}" in str(caught.value)
    assert PLANTED not in "".join(traceback.format_exception(caught.value))


LEGACY: dict[str, Any] = {
    "APP_CONFIG": {"api_version": PLANTED, "app_key": PLANTED},
    "COOKIES": {"value": f"unb=22; cookie2={PLANTED}; sgcookie={PLANTED}"},
    "TOKEN": f"{PLANTED}-token",
    "DEVICE_ID": f"{PLANTED}-device",
    "USER_ID": "22",
    "WEBSOCKET_URL": f"wss://h/?token={PLANTED}",
    "WEBSOCKET_HEADERS": {"Authorization": PLANTED, "Cookie": PLANTED, "Host": PLANTED},
    "LOG_CONFIG": {"level": PLANTED},
    "AUTO_REPLY": {"api_key": PLANTED},
}


@pytest.mark.parametrize("key", [None, *LEGACY])
def test_a_flat_file_tells_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], key: str | None
) -> None:
    """As it should be, and with each key of a wrong type."""
    file = written(tmp_path, LEGACY if key is None else {**LEGACY, key: [PLANTED, {"a": PLANTED}]})
    main(["check", "-c", str(file)])
    said = capsys.readouterr()
    assert said.out + said.err
    assert PLANTED not in said.out + said.err


def test_a_gateway_that_can_not_be_made_tells_none() -> None:
    """Made in Python, past every reader: wrong values of every kind."""
    account = AccountSettings(id="a", platform="plain", url=f"wss://h/?token={PLANTED}")
    wrongs: list[Any] = [
        Settings(accounts=(AccountSettings(id="a", url=f"http://u:{PLANTED}@h/{PLANTED}"),)),
        Settings(accounts=(AccountSettings(id="a", url=f"wss://h/?token={PLANTED}".encode()),)),  # type: ignore[arg-type]
        Settings(accounts=(account, account)),
        Settings(accounts=(PLANTED,)),  # type: ignore[arg-type]
        Settings(accounts=PLANTED),  # type: ignore[arg-type]
        Settings(http=PLANTED),  # type: ignore[arg-type]
        PLANTED,
        {"http": {"token": PLANTED}},
    ]
    for wrong in wrongs:
        with pytest.raises((ConfigError, TypeError)) as caught:
            Gateway(wrong)
        told = "".join(traceback.format_exception(caught.value))
        assert PLANTED not in told


def written(tmp_path: Path, tree: Mapping[str, Any]) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(tree))
    file.chmod(0o644)
    return file
