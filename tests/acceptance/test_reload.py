"""Changed credentials in the settings reach a running gateway; all other links stay."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from commands import call, free_port
from market import WAIT_S, Log
from shopkeeper import Make, Shopkeeper

from actors.messages import StateChanged
from actors.state import Cause, ConnectionState
from gateway import ConfigError, CredentialsRefusedError, Gateway, ShuttingDownError
from gateway.config import from_mapping
from gateway.testing import FakePlatform, WebBehaviour, web_rules

ROOT = Path(__file__).parents[2]
SHOP = "shop-a"
S = ConnectionState


def with_neighbour(keeper: Shopkeeper) -> Shopkeeper:
    """Give the gateway a second account, of kind static."""
    neighbour = keeper.fake.account("2202")
    account = {"id": "shop-b", "url": keeper.fake.url, "credentials": neighbour.credentials}
    keeper.config["accounts"].append(account)
    keeper.made()
    return keeper


def reloaded(keeper: Shopkeeper) -> tuple[list[str], list[str]]:
    done = keeper.gateway.accounts.reload(from_mapping(keeper.config))
    return list(done.replaced), list(done.left)


def causes_of(gateway: Gateway, account: str) -> list[tuple[ConnectionState, Cause]]:
    """Return a list that each change of an account is added to."""
    seen: list[tuple[ConnectionState, Cause]] = []

    @gateway.on_state
    def _(change: StateChanged) -> None:
        if change.account == account:
            seen.append((change.new, change.cause))

    return seen


def test_a_new_cookie_replaces_the_link_in_order(shopkeepers: Make) -> None:
    """The old link stays until the platform gave a token for the new login."""
    keeper = with_neighbour(shopkeepers(min_gap_s=0.0))
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    assert keeper.gateway.accounts["shop-b"].wait_for(S.CONNECTED, WAIT_S)
    assert reloaded(keeper) == ([], [])
    changes = causes_of(keeper.gateway, SHOP)
    keeper.config["accounts"][0]["credentials"]["cookie"] = keeper.seller.sign_in()
    assert reloaded(keeper) == ([SHOP], [])
    keeper.shop.wait_registered(sessions=2)
    keeper.wait(S.CONNECTED)
    shown = keeper.gateway.accounts[SHOP].credentials
    assert (shown.lineage, shown.version, shown.state) == (2, 2, "ready")
    assert changes[0] == (S.RECONNECTING, Cause.MAX_AGE)
    assert len(keeper.fake.account("2202").sessions) == 1
    keeper.says("hello")
    keeper.ledger.wait(1)
    keeper.web.check()


def test_a_login_that_is_over_costs_no_link(shopkeepers: Make) -> None:
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    cookie = keeper.seller.sign_in()
    keeper.web.inject(web_rules.risk_control())
    keeper.config["accounts"][0]["credentials"]["cookie"] = cookie
    assert reloaded(keeper) == ([SHOP], [])
    keeper.heard("needs_human")
    assert keeper.gateway.accounts[SHOP].state is S.CONNECTED
    assert [each.name for each in keeper.gateway.alerts] == ["credentials.needs_human"]
    assert len(keeper.shop.sessions) == 1


def test_a_failed_account_tries_again(shopkeepers: Make) -> None:
    keeper = shopkeepers(WebBehaviour(login_over=True, long_login=False), min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(S.FAILED)
    keeper.config["accounts"][0]["credentials"]["cookie"] = keeper.seller.sign_in()
    assert reloaded(keeper) == ([SHOP], [])
    keeper.wait(S.CONNECTED)
    assert not keeper.gateway.alerts


def test_another_kind_is_taken_over_both_ways(shopkeepers: Make) -> None:
    keeper = shopkeepers(min_gap_s=0.0)
    goofish = keeper.config["accounts"][0]["credentials"]
    keeper.config["accounts"][0]["credentials"] = keeper.shop.credentials
    keeper.made().start()
    keeper.wait(S.CONNECTED)
    assert keeper.gateway.accounts[SHOP].credentials.kind == "static"
    keeper.config["accounts"][0]["credentials"] = goofish
    assert reloaded(keeper) == ([SHOP], [])
    keeper.shop.wait_registered(sessions=2)
    keeper.wait(S.CONNECTED)
    assert keeper.gateway.accounts[SHOP].credentials.version == 1
    keeper.config["accounts"][0]["credentials"] = keeper.shop.credentials
    assert reloaded(keeper) == ([SHOP], [])
    keeper.shop.wait_registered(sessions=3)
    keeper.wait(S.CONNECTED)
    assert keeper.gateway.accounts[SHOP].credentials.kind == "static"


def test_a_reload_while_it_is_connecting_begins_again(shopkeepers: Make) -> None:
    """The renewal under way is of the old login: what it brings is dropped."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.web.inject(web_rules.WebRule(do=web_rules.Held(), times=1))
    keeper.gateway.start()
    keeper.web.wait_held()
    keeper.config["accounts"][0]["credentials"]["cookie"] = keeper.seller.sign_in()
    assert reloaded(keeper) == ([SHOP], [])
    keeper.web.release()
    keeper.wait(S.CONNECTED)
    shown = keeper.gateway.accounts[SHOP].credentials
    assert (shown.lineage, shown.state) == (2, "ready")
    assert len(keeper.shop.sessions) == 1
    keeper.web.check()  # calls went one at a time


@pytest.mark.parametrize(
    ("cookie", "told"),
    [
        ("unb=2202; cookie2=x", "of user …2202"),
        ("unb=2201", "lacks cookie2"),
        ("junk", "no name=value"),
    ],
)
def test_what_the_platform_could_never_take_is_refused(
    shopkeepers: Make, cookie: str, told: str
) -> None:
    """Two files mixed up must not answer one shop's customers with the other's voice."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    before = keeper.gateway.accounts[SHOP].credentials
    keeper.config["accounts"][0]["credentials"]["cookie"] = cookie
    done = keeper.gateway.accounts.reload(from_mapping(keeper.config))
    assert (list(done.replaced), list(done.refused)) == ([], [SHOP])
    assert told in done.refused[SHOP]
    assert keeper.gateway.accounts[SHOP].credentials.version == before.version
    assert len(keeper.shop.sessions) == 1
    keeper.gateway.stop(10.0)
    keeper.made().start()
    keeper.wait(S.FAILED)
    failure = keeper.gateway.accounts[SHOP].last_error
    assert failure is not None
    assert told in failure.detail, "a restart does not switch it either"
    assert len(keeper.shop.sessions) == 1


def test_a_cookie_that_is_taken_out_and_put_back_is_no_new_one(shopkeepers: Make) -> None:
    keeper = shopkeepers(WebBehaviour(rotation="each"), min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    credentials = keeper.config["accounts"][0]["credentials"]
    cookie, calls = credentials.pop("cookie"), keeper.calls()
    reloaded(keeper)
    credentials["cookie"] = cookie
    reloaded(keeper)
    keeper.wait(S.CONNECTED)
    assert keeper.gateway.accounts[SHOP].credentials.lineage == 1
    assert keeper.calls() == calls
    keeper.web.check()


def test_a_paste_during_a_reload_outlives_the_next_start(shopkeepers: Make) -> None:
    """What a person gives is newer than the settings, whichever were read when it began."""
    keeper = shopkeepers(min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    pasted = keeper.seller.sign_in()
    keeper.web.inject(web_rules.WebRule(do=web_rules.Held(), times=1))

    def give() -> None:
        view = keeper.gateway.accounts[SHOP]
        try:
            view.set_credentials(pasted)
        except CredentialsRefusedError as error:
            # The reload asks with the same cookies meanwhile, and may be given the next sign.
            if error.reason != "sign_refused":
                raise
            view.set_credentials(pasted)

    paste = threading.Thread(target=give)
    paste.start()
    keeper.web.wait_held()
    keeper.config["accounts"][0]["renewal"] = {"min_gap_s": 0.0, "per_hour": 100}
    keeper.config["accounts"][0]["credentials"]["cookie"] = f"{pasted}; extra=1"
    reloaded(keeper)
    keeper.web.release()
    paste.join(WAIT_S)
    keeper.wait(S.CONNECTED)
    lineage = keeper.gateway.accounts[SHOP].credentials.lineage
    keeper.gateway.stop(10.0)
    keeper.made().start()
    keeper.wait(S.CONNECTED)
    assert keeper.gateway.accounts[SHOP].credentials.lineage == lineage


def test_what_could_not_be_stored_is_not_lost(
    shopkeepers: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest cookies live in memory: another source of the account goes on with them."""
    keeper = shopkeepers(WebBehaviour(rotation="each"), min_gap_s=0.0)
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    real = Path.replace

    def full(self: Path, target: Path) -> Path:
        if target.parent.name == "credentials":
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", full)
    assert keeper.gateway.credentials.renew(SHOP, WAIT_S)
    keeper.shop.wait_registered(sessions=2)
    keeper.log.wait("credentials.unsaved")
    keeper.config["accounts"][0]["renewal"] = {"min_gap_s": 0.0, "per_hour": 5}
    assert reloaded(keeper) == ([SHOP], [])
    keeper.shop.wait_registered(sessions=3)
    assert keeper.gateway.accounts[SHOP].credentials.version == 2
    monkeypatch.undo()
    assert keeper.gateway.credentials.renew(SHOP, WAIT_S)
    keeper.shop.wait_registered(sessions=4)
    assert not keeper.gateway.alerts
    keeper.web.check()  # no cookie was sent that is older than one that was given out


def test_before_the_start_the_newest_are_used(shopkeepers: Make) -> None:
    keeper = shopkeepers()
    keeper.config["accounts"][0]["credentials"]["cookie"] = keeper.seller.sign_in()
    assert reloaded(keeper) == ([SHOP], [])
    keeper.gateway.start()
    keeper.wait(S.CONNECTED)
    keeper.gateway.stop(10.0)
    with pytest.raises(ShuttingDownError):
        reloaded(keeper)


def test_what_cannot_be_used_changes_nothing(shopkeepers: Make, tmp_path: Path) -> None:
    keeper = shopkeepers()
    given: Any = {"accounts": []}
    with pytest.raises(TypeError, match=r"accounts\.reload takes Settings, not dict"):
        keeper.gateway.accounts.reload(given)
    with pytest.raises(ConfigError, match=r"came from no file; call accounts\.reload"):
        keeper.gateway.accounts.reload()
    file = tmp_path / "gateway.yaml"
    file.write_text(json.dumps(keeper.config), "utf-8")
    gateway = Gateway.from_config(file)
    assert not gateway.accounts.reload().replaced
    file.write_text("accounts: 7\n", "utf-8")
    with pytest.raises(ConfigError, match="accounts"):
        gateway.accounts.reload()


def test_old_secrets_are_forgotten_and_new_ones_hidden(shopkeepers: Make) -> None:
    keeper = shopkeepers()
    account = keeper.config["accounts"][0]
    tokens = [f"token-number-{n}-{'x' * 20}" for n in range(4)]
    for token in tokens:
        account["credentials"] = {**keeper.shop.credentials, "token": token}
        reloaded(keeper)
    shown = [keeper.gateway.redact(each) for each in tokens]
    assert shown[0] == tokens[0], "or the redactor of a year of reloads only grows"
    assert not {*shown[2:]} & {*tokens}


# --- the command and the signal --------------------------------------------------------


class Running:
    """``run`` as a process of its own, with one account of kind static."""

    def __init__(self, fake: FakePlatform, directory: Path, **streams: Any) -> None:
        self.fake, self.shop = fake, fake.account("2201")
        http = {"listen": f"127.0.0.1:{free_port()}"}
        self.file = fake.config_file(directory, http=http, durability="normal")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "gateway", "run", "-c", str(self.file), "--json"],
            stdout=subprocess.DEVNULL,
            cwd=ROOT,
            **({"stderr": subprocess.PIPE} | streams),
        )
        self.log = Log()
        self._reader = threading.Thread(target=self._read)
        if self.process.stderr is not None:
            self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            fields = json.loads(line)
            self.log.info(fields.pop("event"), **fields)

    def edit(self, token: str) -> None:
        """Write another token into the file; the platform takes it."""
        self.shop.token = token
        whole = json.loads(self.file.read_text("utf-8"))
        whole["accounts"][0]["credentials"]["token"] = token
        self.file.write_text(json.dumps(whole), "utf-8")

    def end(self, *, by: int | None = signal.SIGTERM) -> None:
        if by is not None and self.process.poll() is None:
            self.process.send_signal(by)
        try:
            self.process.wait(30.0)
        finally:
            self.process.kill()
            if self.process.stderr is not None:
                self._reader.join(10.0)
                self.process.stderr.close()


@contextmanager
def running(directory: Path, **streams: Any) -> Iterator[Running]:
    with FakePlatform() as fake:
        run = Running(fake, directory, **streams)
        try:
            run.shop.wait_registered(30.0)
            yield run
        finally:
            run.end()


@pytest.mark.skipif(os.name == "nt", reason="no SIGHUP on Windows")
def test_sighup_and_the_command_reload(tmp_path: Path) -> None:
    with running(tmp_path) as run:
        first, second = "one" * 8, "two" * 8
        run.edit(first)
        run.process.send_signal(signal.SIGHUP)
        run.shop.wait_registered(30.0, sessions=2)
        assert run.log.wait("gateway.reloaded")[0]["replaced"] == 1
        run.edit(second)
        code, out, err = call("reload", "-c", str(run.file))
        assert (code, out) == (0, "new credentials: shop-2201\n"), err
        run.shop.wait_registered(30.0, sessions=3)
        code, out, _ = call("reload", "-c", str(run.file), "--json")
        assert (code, json.loads(out)) == (0, {"replaced": [], "left": [], "refused": {}})

        whole = json.loads(run.file.read_text("utf-8"))
        run.file.write_text(json.dumps(whole | {"durability": "full"}), "utf-8")
        code, out, _ = call("reload", "-c", str(run.file))
        assert "left until a restart: durability" in out
        address = f"http://{whole['http']['listen']}"
        run.file.write_text(json.dumps(whole | {"durability": "fast"}), "utf-8")
        code, _, err = call("reload", "--url", address)
        assert code == 1
        assert "durability" in err
        run.process.send_signal(signal.SIGHUP)
        assert "durability" in run.log.wait("gateway.reload_failed")[0]["detail"]
        assert run.process.poll() is None
        assert len(run.shop.sessions) == 3
    assert run.process.returncode == 0
    assert not any(secret in json.dumps(run.log.lines) for secret in (first, second))


@pytest.mark.skipif(os.name == "nt", reason="no SIGHUP on Windows")
def test_a_terminal_that_is_closed_ends_it_in_order(tmp_path: Path) -> None:
    """Without this a gateway that was started by hand would outlive its window."""
    ours, theirs = pty.openpty()
    try:
        with running(tmp_path, stderr=theirs, stdin=theirs, start_new_session=True) as run:
            os.close(theirs)
            drain_until_quiet(ours)
            os.close(ours)
            ours = -1
            run.process.send_signal(signal.SIGHUP)  # as the kernel tells a controlling process
            run.end(by=None)
            run.shop.wait_gone(30.0)
        assert run.process.returncode == 0
    finally:
        if ours >= 0:
            os.close(ours)


def drain_until_quiet(descriptor: int) -> None:
    while select.select([descriptor], [], [], 0.2)[0]:
        os.read(descriptor, 65_536)


def test_there_is_nothing_to_reload_in_a_stopped_gateway(tmp_path: Path) -> None:
    with FakePlatform() as fake:
        fake.account("2201")
        file = fake.config_file(tmp_path, durability="normal")
    code, _, err = call("reload", "-c", str(file))
    assert code == 1
    assert "no gateway" in err
