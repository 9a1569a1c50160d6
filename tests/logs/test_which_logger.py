"""Which loggers a host may hand in: the two kinds there are, and nothing that would lose lines."""

from __future__ import annotations

import io
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from gateway import Gateway, WebSocketClient, logs
from gateway.config import from_mapping, load
from gateway.redaction import Redactor
from gateway.testing import FakePlatform

URL = "ws://127.0.0.1:9/"


@pytest.fixture
def standard() -> Iterator[tuple[logging.Logger, io.StringIO]]:
    """Yield a logger as programs have one, and what it wrote."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s %(message)s"))
    logger = logging.getLogger("shop")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    yield logger, stream
    logger.removeHandler(handler)
    logger.propagate = True
    logger.setLevel(logging.NOTSET)


def test_a_gateway_speaks_to_a_logger_of_the_standard_library(
    standard: tuple[logging.Logger, io.StringIO], tmp_path: Path
) -> None:
    """The commonest guess was taken, and lost every line with a field: nearly all of them."""
    logger, stream = standard
    with FakePlatform() as fake:
        shop = fake.account("2201")
        settings = load(fake.config_file(tmp_path))
        with Gateway(settings, log=logger) as gateway:
            shop.wait_registered()
        assert gateway.log_lines_lost == 0
    assert "INFO shop gateway.started accounts=1" in stream.getvalue().splitlines()


@pytest.mark.parametrize("kind", ["logger", "adapter"])
def test_lines_are_text_and_masked(standard: tuple[logging.Logger, io.StringIO], kind: str) -> None:
    logger, stream = standard
    given: Any = logger if kind == "logger" else logging.LoggerAdapter(logger, {"shop": "a"})
    log = logs.logger_for(given, Redactor(["hunter2-secret"]))

    log.debug("below.the_level", n=1)
    log.info("message.sent", text="100% hunter2-secret", n=3)
    log.bind(account="a").warning("link.lost")
    try:
        int("hunter2-secret")
    except ValueError:
        log.exception("handler.raised")

    assert log.lost == 0
    lines = stream.getvalue().splitlines()
    assert lines[:3] == [
        "INFO shop message.sent text='100% ***' n=3",
        "WARNING shop link.lost account='a'",
        "ERROR shop handler.raised",
    ]
    assert lines[3] == "Traceback (most recent call last):"
    assert lines[-1] == "ValueError: invalid literal for int() with base 10: '***'"


def test_a_handler_that_raises_costs_the_line(
    standard: tuple[logging.Logger, io.StringIO],
) -> None:
    logger, _ = standard

    class Broken(logging.Handler):
        def emit(self, _: logging.LogRecord) -> None:
            raise SystemExit(3)

    broken = Broken()
    logger.addHandler(broken)
    log = logs.logger_for(logger, Redactor())
    log.info("gateway.started")
    logger.removeHandler(broken)
    assert log.lost == 1


class Own:
    """What takes an event and its fields as structlog does."""

    def debug(self, event: str, **fields: object) -> None: ...

    info = warning = error = debug


@pytest.mark.parametrize(
    "right", [None, structlog.get_logger(), structlog.get_logger().bind(a=1), Own()]
)
def test_what_is_taken(right: object) -> None:
    logs.logger_for(right, Redactor())
    WebSocketClient(URL, log=right)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (5, "not int"),
        ("x", "not str"),
        (print, "not builtin_function_or_method"),
        (logging, "not logging"),
        (logging.Logger, "not Logger"),
        (Own, "not Own"),
        (object(), "not object"),
    ],
)
def test_what_is_no_logger_is_refused(wrong: Any, told: str, tmp_path: Path) -> None:
    """Each line of it was lost, and only a counter said so."""
    settings = from_mapping({"data_dir": str(tmp_path), "accounts": []})
    doors: list[Callable[[], object]] = [
        lambda: Gateway(settings, log=wrong),
        lambda: WebSocketClient(URL, log=wrong),
    ]
    for door in doors:
        with pytest.raises(TypeError, match=f"^log must be a logger, .* {told}; write log=struct"):
            door()
