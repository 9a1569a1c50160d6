"""Logging is polite when embedded, complete when launched, and never tells a secret."""

from __future__ import annotations

import io
import json
import logging
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import pytest
import structlog
from structlog.testing import capture_logs

from gateway import errors, logs
from gateway.config import effective, from_mapping
from gateway.errors import ConfigError
from gateway.redaction import Redactor
from gateway.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PLANTED = "hunter2"
"""In every secret below; must be in no output."""

TOKEN, PART = f"oauth_k1:{PLANTED}-token", f"{PLANTED}-cookie-part"


def settings() -> Settings:
    return from_mapping(
        {
            "http": {"listen": "127.0.0.1:1", "token": f"{PLANTED}-http-token"},
            "accounts": [
                {
                    "id": "shop-a",
                    "url": f"wss://h/?access_token={PLANTED}-url",
                    "headers": {"Authorization": f"Bearer {PLANTED}-header"},
                    "proxy": f"socks5://{PLANTED}-user:{PLANTED}%20proxy@p:1",
                    "credentials": {
                        "user_id": "2201414",
                        "token": TOKEN,
                        "cookie": f"unb=2201414; cookie2={PART}; _m_h5_tk={PLANTED}tk_17000",
                    },
                }
            ],
            "sinks": [
                {"kind": "webhook", "url": f"https://u:{PLANTED}-sink@h/",
                 "headers": {"X-Token": f"{PLANTED}-sink-token"}}
            ],
        },
        environment={},
    )  # fmt: skip


ALL_SECRETS = [
    f"{PLANTED}-http-token", f"{PLANTED}-url", f"{PLANTED}-header", f"{PLANTED} proxy",
    f"{PLANTED}%20proxy", TOKEN, PART, f"{PLANTED}tk_17000", f"{PLANTED}tk", f"{PLANTED}-sink",
    f"{PLANTED}-sink-token",
]  # fmt: skip


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    logs.unconfigure_strangers()
    structlog.reset_defaults()


def refuse(why: str) -> None:
    raise ValueError(why)


def forward(record: logging.LogRecord) -> None:
    """Give our own handler a record, and pytest's, which is strict about formats, none."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logs._Forward):
            handler.handle(record)


def say_everything(log: Any) -> None:
    """Put every secret everywhere, at every level."""
    for secret in ALL_SECRETS:
        for say in (log.debug, log.info, log.warning, log.error):
            say(
                f"frame.rejected {secret}",
                account="shop-a",
                detail=f"<{secret}>",
                raw=secret.encode(),
            )
            say(
                "frame.rejected", nested={"a": [secret, {"b": (secret,)}]}, error=ValueError(secret)
            )
        try:
            refuse(secret)
        except ValueError:
            log.exception("handler.failed", account="shop-a")


@pytest.mark.parametrize("form", ["console", "json"])
@pytest.mark.parametrize("level", ["debug", "info"])
def test_no_secret_comes_out_of_the_launcher_s_log(
    level: Literal["debug", "info"], form: Literal["console", "json"]
) -> None:
    out = io.StringIO()
    logs.configure(level, form, settings=settings(), stream=out)

    say_everything(structlog.get_logger())
    say_everything(logs.get_logger(logs.redactor_of(settings())).bind(actor="decoder"))
    for secret in ALL_SECRETS:
        logging.getLogger("pykka").error("died of %s", secret)
        forward(logging.LogRecord("websocket", 30, "", 0, "bad format %d", (secret,), None))
    error = OSError(f"bad {TOKEN}")
    logging.getLogger("pykka").error("Unhandled exception in X", exc_info=error)

    told = out.getvalue()
    assert "shop-a" in told
    assert "Unhandled exception in X" in told
    assert PLANTED not in told


def test_json_lines_are_objects_with_level_time_and_event() -> None:
    out = io.StringIO()
    logs.configure("info", "json", stream=out)

    log = structlog.get_logger()
    log.debug("connection.upgraded")
    log.info("connection.state_changed", account="闲鱼", before="a\nb")
    log.warning("frame.rejected", thing=object)

    first, second = map(json.loads, out.getvalue().splitlines())
    assert (first["event"], first["level"]) == ("connection.state_changed", "info")
    assert (first["account"], first["before"]) == ("闲鱼", "a\nb")
    assert first["timestamp"].endswith("Z")
    assert second["thing"] == repr(object)
    assert "闲鱼" in out.getvalue()


def test_a_peer_can_not_forge_a_line_on_the_console() -> None:
    out = io.StringIO()
    logs.configure("info", "console", stream=out)

    structlog.get_logger().info("frame.rejected", detail="x\n2026-01-01 [info] gateway.stopped")

    assert len(out.getvalue().splitlines()) == 1


def test_configuring_again_replaces_what_was_there() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.configure("info", "json", stream=first)
    logs.configure("info", "json", stream=second)

    logging.getLogger("pykka").warning("hello")

    assert first.getvalue() == ""
    (line,) = second.getvalue().splitlines()
    assert json.loads(line)["library"] == "pykka"


def test_a_closed_stream_costs_the_line_and_nothing_else() -> None:
    """An actor that logs must not die of a closed terminal."""
    out = io.StringIO()
    logs.configure("info", "console", stream=out)
    out.close()

    structlog.get_logger().error("gateway.threads_survived")


def test_lines_of_many_threads_stay_whole() -> None:
    out = io.StringIO()
    logs.configure("info", "json", stream=out)
    log = structlog.get_logger()

    def say(number: int) -> None:
        for _ in range(50):
            log.info("connection.state_changed", number=number, padding="x" * 200)

    threads = [threading.Thread(target=say, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert len([json.loads(line) for line in out.getvalue().splitlines()]) == 200


def test_an_embedding_program_that_set_up_nothing_sees_nothing(
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Structlog prints to stdout unless told otherwise; a library must not."""
    code = (
        "from gateway import logs\n"
        "log = logs.get_logger(account='a')\n"
        "for say in (log.debug, log.info, log.warning, log.error): say('frame.rejected', n=1)\n"
        "import structlog; assert not structlog.is_configured()\n"
        "import logging; assert not logging.getLogger().handlers\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

    assert capfd.readouterr() == ("", "")


def test_a_program_with_standard_logging_gets_our_lines_masked(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, logger="gateway")
    log = logs.get_logger(logs.redactor_of(settings()), account="shop-a")

    log.debug("connection.upgraded")
    log.bind(actor="decoder").warning("frame.rejected", percent="100%", name="x")
    say_everything(log)

    assert caplog.messages[0] == (
        "frame.rejected account='shop-a' actor='decoder' percent='100%' name='x'"
    )
    assert "Traceback" in caplog.text
    assert PLANTED not in caplog.text


def test_a_program_with_its_own_structlog_keeps_its_processors() -> None:
    with capture_logs() as seen:
        structlog.configure(**structlog.get_config())
        log = logs.get_logger(logs.redactor_of(settings()), account="shop-a")
        log.warning("send.refused", reason=f"because of {TOKEN}")

    assert seen == [
        {
            "account": "shop-a",
            "event": "send.refused",
            "reason": "because of ***",
            "log_level": "warning",
        }
    ]


def test_an_account_that_comes_later_is_masked_from_then_on() -> None:
    redactor = Redactor()
    assert TOKEN in redactor.text(TOKEN)

    logs.teach(redactor, settings().accounts[0])

    for secret in (TOKEN, PART, f"{PLANTED}-header"):
        assert redactor.text(f"x {secret}") == "x ***"
    assert redactor.text("user 2201414 of shop-a") == "user 2201414 of shop-a"


def test_the_filter_masks_other_libraries_for_hosts(
    caplog: pytest.LogCaptureFixture, request: pytest.FixtureRequest
) -> None:
    redactor = logs.redactor_of(settings())
    mask = logs.RedactingFilter(redactor)
    caplog.handler.addFilter(mask)
    request.addfinalizer(lambda: caplog.handler.removeFilter(mask))  # pytest keeps its handler
    log = logging.getLogger("websocket.child")

    log.warning("sent %s", TOKEN)
    log.warning("bad format %d", TOKEN)
    try:
        refuse(TOKEN)
    except ValueError:
        log.exception("failed")

    assert "sent ***" in caplog.text
    assert "Traceback" in caplog.text
    assert PLANTED not in caplog.text


def test_no_secret_comes_out_of_settings_or_errors() -> None:
    """Everything these modules can say, with secrets in every place a person may put them."""
    told = [repr(settings()), str(settings()), json.dumps(effective(settings()))]
    places: list[dict[str, Any]] = [
        {"accounts": [{"id": "a", "url": f"http://u:{PLANTED}@h/{PLANTED}"}]},
        {"accounts": [{"id": "a", "url": "ws://h", "proxy": f"ftp://u:{PLANTED}@h"}]},
        {"accounts": [{"id": "a", "url": "ws://h", "credentials": PLANTED}]},
        {"accounts": [{"id": "a", "url": "ws://h", "credentials": {"token": [PLANTED]}}]},
        {"accounts": [{"id": "a", "url": "ws://h", "credentials": {"tokn": PLANTED}}]},
        {"accounts": [{"id": "a", "url": "ws://h", "credentials": {"cookie": f"{PLANTED}\n"}}]},
        {"accounts": [{"id": "a", "url": "ws://h", "headers": {"Cookie": PLANTED}}]},
        {"accounts": [{"id": "a", "url": "ws://h", "headers": {"X": f"{PLANTED}\n"}}]},
        {"accounts": [{"id": "a", "url": "ws://h", "heartbeat": {"interval_s": "${SECRET}"}}]},
        {"accounts": [PLANTED], "sinks": [PLANTED], "http": PLANTED, "log": PLANTED},
        {"http": {"token": [PLANTED]}},
    ]
    for place in places:
        with pytest.raises(ConfigError) as caught:
            from_mapping(place, environment={"SECRET": PLANTED})
        told += [str(caught.value), repr(caught.value), *caught.value.problems]

    assert PLANTED not in "\n".join(told)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            errors.UnknownAccountError("shop", ["shop-a"]),
            "no account 'shop'; did you mean 'shop-a'",
        ),
        (errors.UnknownAccountError("x"), "no account 'x'"),
        (errors.UnknownAccountError("x", []), "no account 'x'; there are none"),
        (errors.UnknownAccountError("x", ["shop-a"]), "no account 'x'; there is 'shop-a'"),
        (errors.UnknownAccountError("nix", {"b", "a"}), "no account 'nix'; there are 'a', 'b'"),
        (
            errors.UnknownAccountError("x", [f"shop-{n}" for n in range(7)]),
            "no account 'x'; there are 'shop-0', 'shop-1', 'shop-2', 'shop-3', 'shop-4' and 2 more",
        ),
        (errors.AccountExistsError("a"), "account 'a' exists; remove it first"),
        (errors.OverloadedError("outbox of a", 9), "outbox of a is full (9); nothing was accepted"),
        (
            errors.ShuttingDownError(),
            "the gateway is stopping or has stopped; nothing was accepted; make a new Gateway",
        ),
        (errors.SinkError("jsonl", "no room"), "sink jsonl: no room"),
        (
            errors.UploadError("file_missing", "there is no file 'x'; give another"),
            "the image was not uploaded, and nothing is sent: there is no file 'x'; give another",
        ),
    ],
)
def test_errors_say_what_and_what_next(error: errors.GatewayError, told: str) -> None:
    assert str(error).startswith(told)
    assert error.retryable is isinstance(error, errors.OverloadedError | errors.SinkError)


def test_an_event_that_is_settled_says_how_to_write_later() -> None:
    assert "use send()" in str(errors.EventSettledError("a/1"))


def test_every_event_the_code_logs_is_documented_with_its_shape() -> None:
    """People grep for these names; a name nobody can look up is half a message."""
    rows, chinese = (
        re.findall(r"^\| `([^`]+)` \| (\w+) \|", (ROOT / page).read_text("utf-8"), re.MULTILINE)
        for page in ("docs/logs.md", "docs/logs.zh-CN.md")
    )
    documented = dict(rows)
    call = re.compile(
        r"(?:log\.(?:debug|info|warning|error|exception)\(|alerts\.say\(|Alert\(\s*name=)"
        r"\s*\"([a-z_.]+)\""
    )
    files = [*(ROOT / "actors").rglob("*.py"), *(ROOT / "gateway").rglob("*.py")]
    code = "\n".join(path.read_text("utf-8") for path in files)
    logged = set(call.findall(code))

    assert logged - set(documented) == set()
    assert chinese == rows
    assert "log.exception(" not in code, "see gateway.logs.get_logger"
    assert list(documented) == sorted(documented)
    for name, level in rows:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*\.[a-z]+(_[a-z]+)*", name), name
        assert level in {"debug", "info", "warning", "error"}, name
