"""Nobody's logging can hurt: what a host's logger raises costs the line and nothing else."""

from __future__ import annotations

import ast
import io
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import structlog

from gateway import ChatMessage, ConnectionState, Gateway, logs
from gateway.redaction import Redactor
from gateway.testing import Behaviour, FakePlatform

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    logs.unconfigure_strangers()
    structlog.reset_defaults()


class Raising:
    """A host's logger that raises, whatever it is asked."""

    def __init__(self) -> None:
        self.lines: list[object] = []

    def debug(self, event: str, **fields: object) -> NoReturn:
        self.lines.append(event)
        raise OSError(28, "No space left on device", fields)

    info = warning = error = debug


@pytest.mark.parametrize("error", [OSError, RecursionError, SystemExit, GeneratorExit])
def test_what_a_logger_raises_costs_the_line(error: type[BaseException]) -> None:
    class Host:
        def warning(self, event: str, **fields: object) -> NoReturn:
            raise error(event, fields)

    log = logs.logger_for(Host(), Redactor())
    log.warning("send.refused")
    log.info("gateway.started")  # it lacks that one altogether
    assert log.lost == 2


def test_a_persons_interrupt_goes_on_and_a_threads_does_not() -> None:
    class Host:
        def info(self, event: str) -> NoReturn:
            raise KeyboardInterrupt(event)

    log = logs.GuardedLog(Host(), Redactor())
    with pytest.raises(KeyboardInterrupt):
        log.info("gateway.started")
    thread = threading.Thread(target=log.info, args=("gateway.started",))
    thread.start()
    thread.join()
    assert log.lost == 2


def test_a_handler_that_logs_through_us_ends(caplog: pytest.LogCaptureFixture) -> None:
    """One that sends each error to a chat through this gateway makes lines of its own."""
    log = logs.get_logger()

    class Chatty(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            log.error("send.refused", of=record.getMessage())

    chatty = Chatty()
    logging.getLogger("gateway").addHandler(chatty)
    try:
        log.error("handler.failed")
        log.error("handler.failed")
    finally:
        logging.getLogger("gateway").removeHandler(chatty)
    assert caplog.messages == ["handler.failed", "handler.failed"]
    assert log.lost == 2


def answered(gateway: Gateway, fake: FakePlatform, said: str) -> None:
    """Say something to the shop and wait for the answer."""
    shop = fake.account("2201")
    gateway.on(ChatMessage)(lambda event: event.reply(f"re:{event.text}"))
    with gateway:
        account = gateway.accounts["shop-2201"]
        assert account.wait_for(ConnectionState.CONNECTED, 10.0)
        shop.buyer("3301").says(said)
        shop.wait_sent(1)
        shop.cut()
        shop.buyer("3301").says(f"{said} again")
        shop.wait_sent(2)
    assert [each.text for each in shop.sent] == [f"re:{said}", f"re:{said} again"]


@pytest.mark.parametrize("kind", ["logger", "handler", "processor", "SystemExit", "stream"])
def test_a_host_whose_logging_raises_loses_lines_only(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full disk below the host's log ended the reader of all accounts."""
    log: Any = None
    seen: list[object] = []

    def refuse(*args: object) -> NoReturn:
        seen.append(args)
        raise SystemExit(1) if kind == "SystemExit" else OSError(28, "No space left on device")

    if kind == "logger":
        log = Raising()
        seen = log.lines
    elif kind == "handler":
        handler = logging.Handler(logging.DEBUG)
        monkeypatch.setattr(handler, "emit", refuse)
        logger = logging.getLogger("gateway")
        monkeypatch.setattr(logger, "handlers", [handler])
        monkeypatch.setattr(logger, "level", logging.DEBUG)
        logging.getLogger().manager._clear_cache()  # type: ignore[attr-defined]
    elif kind == "stream":
        stream = io.StringIO()
        monkeypatch.setattr(stream, "write", refuse)
        structlog.configure(
            logger_factory=structlog.PrintLoggerFactory(stream),
            processors=[structlog.processors.JSONRenderer()],
        )
    else:
        structlog.configure(processors=[refuse])
    with FakePlatform(Behaviour(echo=False)) as fake:
        fake.account("2201")
        settings = fake.config_file(tmp_path)
        if log is None:
            gateway = Gateway.from_config(settings)
        else:
            from gateway.config import load

            gateway = Gateway(load(settings), log=log)
        answered(gateway, fake, "eins")
    assert seen
    assert gateway.log_lines_lost >= len(seen)


def test_nothing_inside_makes_a_logger_of_its_own() -> None:
    """Such a one is neither masked nor guarded, and speaks where the host did not ask it to."""
    makers = {"get_logger", "getLogger", "wrap_logger", "basicConfig", "stdlib", "lastResort"}
    for path in [*(ROOT / "actors").rglob("*.py"), *(ROOT / "gateway").rglob("*.py")]:
        inside = path.relative_to(ROOT).as_posix()
        own = ("gateway/logs.py", "gateway/log_file.py")  # the second has a handler, no logger
        if inside in own or inside.startswith("gateway/testing/"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names: list[str] = []
            line = getattr(node, "lineno", 0)
            if isinstance(node, ast.Import):
                names = [each.name.partition(".")[0] for each in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").partition(".")[0]]
            assert not {"logging", "structlog", "warnings"} & set(names), (inside, line)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                ours = isinstance(node.func.value, ast.Name) and node.func.value.id == "logs"
                assert ours or node.func.attr not in makers, (inside, line)


def test_a_refused_command_is_told_to_the_hosts_log_and_not_to_its_stdout(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What belongs to a program on stdout (JSON lines, say) is spoiled by one line of ours."""
    from actors.ports.commands import DropEvent
    from actors.runtime.clock import SystemClock
    from actors.runtime.journal.writer import JournalWriter
    from gateway.journal.memory.journal import MemoryJournal

    class Refusing(MemoryJournal):
        def commit(self, commands: Any) -> NoReturn:  # noqa: ARG002  # what it overrides
            raise ValueError("token=oauth_k1:secret")

    clock = SystemClock()
    log = logs.get_logger(Redactor(["oauth_k1:secret"]))
    writer = JournalWriter(Refusing(clock=clock), clock=clock, log=log)
    writer.submit(DropEvent(event_id="a/1"), lambda _: None)
    writer.fetch(lambda _: 1 / 0, lambda _: None)
    writer.stop(1.0)
    assert [line.partition(" ")[0] for line in caplog.messages] == [
        "journal.command_refused",
        "journal.read_failed",
    ]
    assert "secret" not in caplog.text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("form", ["console", "json"])
def test_a_process_without_stderr_runs(form: str, tmp_path: Path) -> None:
    """Services and pythonw have none; an exit without a word is the worst of all answers."""
    with FakePlatform() as fake:
        shop = fake.account("2201")
        file = fake.config_file(tmp_path)
        code = (
            "import sys\nsys.stderr = sys.stdout = sys.stdin = None\n"
            "import os, signal, threading\nfrom gateway import cli\n"
            "def end():\n"
            "    os.read(0, 1)\n    os.kill(os.getpid(), signal.SIGTERM)\n"
            "threading.Thread(target=end, daemon=True).start()\n"
            f"code = cli.main(['run', '-c', {str(file)!r}, *{['--json'] * (form == 'json')!r}])\n"
            "os._exit(code)\n"
        )
        process = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, cwd=ROOT, text=True
        )
        try:
            shop.wait_registered(30.0)
        finally:
            process.communicate("x", timeout=30.0)
        assert process.returncode == 0


def test_a_line_that_the_stream_cannot_encode_is_written_all_the_same() -> None:
    raw = io.BytesIO()
    logs.configure("info", "json", stream=io.TextIOWrapper(raw, encoding="gbk"))
    structlog.get_logger().info("send.refused", text="😀")
    assert raw.getvalue().count(b"\\U0001f600") == 1
