"""Every kind of credentials keeps what the kernel relies on, in health and in trouble."""

from __future__ import annotations

import itertools
import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from gateway.credentials.registry import SOURCES
from gateway.testing import FakePlatform, FakeWeb, WebBehaviour, web_rules
from gateway.testing.conformance import Check, credential_checks
from gateway.testing.faults import Reset, Stall

SECRET = "hunter2-hunter2"
WAIT_S = 20.0
NUMBERS = itertools.count(1)


class Given:
    """Whoever gives the credentials of one kind: other ones at will, or in trouble."""

    troubles: tuple[str, ...] = ("raises", "gives_junk")
    replaces = True

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.whole = {"user_id": "2201", "device_id": "made-up-device"}
        self.over = threading.Event()
        self.replace()

    def options(self) -> Mapping[str, Any]:
        """Return what stands under ``credentials``."""
        raise NotImplementedError

    def replace(self) -> None:
        self.whole["token"] = f"{SECRET}-{next(NUMBERS)}"

    @contextmanager
    def trouble(self, name: str) -> Iterator[None]:
        """Let it happen."""
        raise NotImplementedError

    def close(self) -> None:
        self.over.set()


class Static(Given):
    """Nobody; they stand in the settings."""

    troubles = ()

    def options(self) -> Mapping[str, Any]:
        return {"kind": "static", **self.whole, "cookie": f"unb=2201; cookie2={SECRET}"}


class File(Given):
    """A file."""

    troubles = ("raises", "gives_junk", *(["is_a_pipe"] if hasattr(os, "mkfifo") else []))

    @property
    def path(self) -> Path:
        return self.folder / "credentials.json"

    def options(self) -> Mapping[str, Any]:
        return {"kind": "file", "path": str(self.path)}

    def replace(self) -> None:
        super().replace()
        self.path.write_text(json.dumps(self.whole))

    @contextmanager
    def trouble(self, name: str) -> Iterator[None]:
        self.path.unlink()
        if name == "raises":
            self.path.mkdir()
            yield
            self.path.rmdir()
        elif name == "is_a_pipe":  # nobody writes into it: to read it would be to hang
            os.mkfifo(self.path)
            yield
            self.path.unlink()
        else:
            self.path.write_text(f'{{"token": ["{SECRET}-junk"]}}')
            yield
        self.replace()


class Environment(Given):
    """Variables."""

    names = {"token": "CONFORMANCE_TOKEN", "user_id": "CONFORMANCE_USER"}  # noqa: RUF012
    troubles = ("raises",)

    def options(self) -> Mapping[str, Any]:
        return {"kind": "env", "variables": self.names}

    def replace(self) -> None:
        super().replace()
        for key, name in self.names.items():
            os.environ[name] = self.whole[key]

    @contextmanager
    def trouble(self, name: str) -> Iterator[None]:
        assert name == "raises"
        del os.environ[self.names["token"]]
        yield
        self.replace()

    def close(self) -> None:
        for name in self.names.values():
            os.environ.pop(name, None)


class Function(Given):
    """A function of the host."""

    troubles = ("raises", "exits", "hangs", "gives_junk")
    now: Function | None = None
    sick: str | None = None

    def options(self) -> Mapping[str, Any]:
        Function.now = self
        return {"kind": "python", "call": f"{__name__}:give"}

    def give(self) -> object:
        match self.sick:
            case "raises":
                raise RuntimeError(SECRET)
            case "exits":
                raise SystemExit(SECRET)
            case "hangs":
                self.over.wait(WAIT_S)
            case "gives_junk":
                return {"token": SECRET, "tokn": SECRET}
            case _:
                pass
        return dict(self.whole)

    @contextmanager
    def trouble(self, name: str) -> Iterator[None]:
        self.sick = name
        yield
        self.over.set()
        self.sick = None


def give(account: str, why: str, refused_version: int) -> object:
    """Give what the one under test gives now."""
    del account, why, refused_version
    assert Function.now is not None
    return Function.now.give()


class Service(Function):
    """A service on loopback."""

    troubles = ("raises", "hangs", "gives_junk", "refuses")

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                if service.sick == "raises":
                    self.connection.close()
                    return
                body = json.dumps(service.give()).encode()
                self.send_response(401 if service.sick == "refuses" else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Keep quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        serve = {"poll_interval": 0.01}
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs=serve)
        self.thread.start()

    def options(self) -> Mapping[str, Any]:
        url = f"http://127.0.0.1:{self.server.server_port}/"
        return {"kind": "http", "url": url, "bearer": f"{SECRET}-bearer"}

    def close(self) -> None:
        super().close()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class Goofish(Given):
    """The platform's own HTTP side."""

    rules = {  # noqa: RUF012
        "raises": web_rules.nth(1, Reset()),
        "hangs": web_rules.nth(1, Stall()),
        "gives_junk": web_rules.html(),
        "asks_for_a_person": web_rules.risk_control(),
        "ends_the_login": web_rules.login_over(),
        "gives_another_s_cookie": web_rules.nth(1, web_rules.WrongUnb(user_id="2299")),
    }
    troubles = tuple(rules)
    replaces = False  # each renewal brings another

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.platform = FakePlatform(beat_limit_s=None)
        self.web = FakeWeb(self.platform, WebBehaviour(rotation="each"))
        self.web.start()
        self.seller = self.web.seller(self.platform.account("2201"))

    def options(self) -> Mapping[str, Any]:
        endpoints = dict.fromkeys(("mtop", "passport", "upload"), self.web.url)
        return {"kind": "goofish", "cookie": self.seller.sign_in(), "endpoints": endpoints}

    @contextmanager
    def trouble(self, name: str) -> Iterator[None]:
        self.web.inject(self.rules[name])
        yield
        self.web.heal()

    def close(self) -> None:
        self.web.stop()


KINDS: Mapping[str, type[Given]] = {
    "static": Static,
    "goofish": Goofish,
    "file": File,
    "env": Environment,
    "python": Function,
    "http": Service,
}


@pytest.fixture
def given(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Given]:
    made: Given = KINDS[request.param](tmp_path)
    yield made
    made.close()


def checks_of(kind: str, given: Given | None = None) -> list[Check]:
    """Return the checks of a kind; without somebody who gives it they can only be named."""
    names = KINDS[kind].troubles
    if given is None:
        return credential_checks({"kind": kind}, troubles=dict.fromkeys(names, nullcontext))
    return credential_checks(
        given.options() if SOURCES[kind] is None else given.options,
        platform="goofish",
        secrets=[SECRET],
        replace=given.replace if given.replaces else None,
        troubles={name: partial(given.trouble, name) for name in names},
    )


def test_no_kind_is_left_out() -> None:
    assert set(KINDS) == set(SOURCES)


@pytest.mark.parametrize(
    ("given", "check"),
    [
        pytest.param(kind, str(each), id=f"{kind}-{each}")
        for kind in KINDS
        for each in checks_of(kind)
    ],
    indirect=["given"],
)
def test_kind(request: pytest.FixtureRequest, given: Given, check: str) -> None:
    kind = request.node.callspec.id.partition("-")[0]
    next(each for each in checks_of(kind, given) if each.name == check)()
