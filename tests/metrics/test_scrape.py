"""A real gateway is scraped: what it did is what the metrics say, and they cost no event a lock."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final

import prometheus_client
import pytest
from market import WAIT_S, Market
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse
from promtool import promtool

from actors.state import Cause, ConnectionState
from actors.system import System
from actors.values import SendOutcome
from gateway import ChatMessage, ConfigError, web
from gateway.metrics.families import PREFIX
from gateway.web.asked import OTHER

TOKEN: Final = "the-token-that-opens-all"
METRICS_TOKEN: Final = "the-token-of-prometheus"
LISTEN: Final = {"listen": "127.0.0.1:0"}

Sample = tuple[str, frozenset[tuple[str, str]]]


class Scraper:
    """Asks one server for metrics."""

    def __init__(self, url: str) -> None:
        self._host = url.removeprefix("http://")

    def ask(
        self, path: str, *, token: str | None = None, accept: str = "text/plain"
    ) -> tuple[int, str, str]:
        """Return status, type and text."""
        headers = {"Accept": accept}
        if token is not None:
            headers["Authorization"] = f"Bearer {token}"
        connection = HTTPConnection(self._host, timeout=WAIT_S)
        try:
            connection.request("GET", path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.getheader("Content-Type", ""), answer.read().decode()
        finally:
            connection.close()

    def text(self, path: str = "/metrics") -> str:
        """Return an answer that must be fine."""
        status, _, text = self.ask(path)
        assert status == 200, text
        return text

    def value(self, name: str, path: str = "/metrics", **labels: str) -> float | None:
        """Return one sample; None: it is not there."""
        return samples(self.text(path)).get((PREFIX + name, frozenset(labels.items())))

    def until(self, name: str, wanted: float, **labels: str) -> None:
        """Wait until a sample has a value: what is told is counted a moment later."""
        deadline = threading.Event()
        for _ in range(int(WAIT_S / 0.02)):
            if self.value(name, **labels) == wanted:
                return
            deadline.wait(0.02)
        raise AssertionError(f"{name} {labels} is {self.value(name, **labels)}, not {wanted}")


def samples(text: str) -> dict[Sample, float]:
    """Read the text format, each sample once."""
    found: dict[Sample, float] = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        name, _, value = line.rpartition(" ")
        bare, _, labels = name.partition("{")
        pairs = frozenset(re.findall(r'(\w+)="([^"]*)"', labels))
        assert (bare, pairs) not in found, line
        found[bare, pairs] = float(value)
    return found


@contextmanager
def scraped(market: Market) -> Iterator[Scraper]:
    """Serve a market's gateway."""
    with web.serving(market.gateway, log=market.log) as served:
        assert served is not None
        yield Scraper(served.url)


def test_what_a_gateway_did_is_counted(tmp_path: Path) -> None:
    """One of everything that is usual."""
    with Market(tmp_path, "2201", "2202", http=LISTEN) as market:

        @market.gateway.on(ChatMessage)
        def handle(event: ChatMessage) -> None:
            market.ledger(event)
            if event.text == "again" and len(market.ledger.texts()) < 22:
                raise ValueError("once more")

        market.start()
        with scraped(market) as scraper:
            buyer = market.shops["2201"].buyer("77001")
            for number in range(20):
                buyer.says(f"{number}")
            market.ledger.wait(20)
            buyer.says("again")
            market.ledger.wait(22)
            sent = market.gateway.send("2201", "c", "hello", to="77001").result(WAIT_S)
            assert sent.outcome is SendOutcome.ACCEPTED

            scraper.until("events_settled_total", 21, outcome="done")
            scraper.until("events_pending", 0)
            text = scraper.text()
            assert "# TYPE xianyu_gateway_handler_seconds histogram" in text
            found = samples(text)

            def of(name: str, **labels: str) -> float:
                return found[PREFIX + name, frozenset(labels.items())]

            assert of("ready") == 1
            assert of("accounts", state="connected") == 2
            assert of("events_received_total") == 21
            assert of("events_duplicate_total") == 0
            assert of("event_wait_seconds_count") == 21, "a second attempt did not wait"
            assert of("handler_seconds_count") == 22
            assert of("handler_seconds_bucket", le="+Inf") == 22
            assert of("sends_ended_total", outcome="accepted") == 1
            assert of("send_seconds_count") == 1
            assert of("sends_waiting") == of("sends_to_review") == 0
            assert of("dials_total", result="ok") == 2
            assert of("dial_phase_seconds_count", phase="upgrade") == 2
            assert of("recoveries_total", result="complete") == 2
            assert of("frames_read_total") >= 25
            assert of("read_bytes_total") > of("frames_read_total")
            assert of("written_bytes_total") > 0
            assert of("journal_commits_total") == of("journal_commit_seconds_count") > 0
            assert of("journal_rows_total") >= 43
            assert of("journal_bytes") > 0 < of("journal_free_bytes")
            assert of("account_up", account="2201") == 1
            assert of("account_events_received_total", account="2201") == 21
            assert of("account_events_settled_total", account="2201") == 21
            assert of("account_connects_total", account="2202") == 1
            assert found["process_cpu_seconds_total", frozenset()] > 0
            assert of("http_requests_total", route="GET /metrics", code="2xx") >= 1


def test_what_goes_wrong_is_counted(tmp_path: Path) -> None:
    """Refused events, lost links, alerts and what waits for a person."""
    with Market(tmp_path, "2201", http=LISTEN) as market:

        @market.gateway.on(ChatMessage)
        def handle(event: ChatMessage) -> None:
            raise ValueError(event.event_id)

        market.start()
        with scraped(market) as scraper:
            market.shops["2201"].buyer("77001").says("hi")
            scraper.until("events_dead_lettered_total", 1, status="dead")
            scraper.until("dead_letters", 1, status="dead")
            scraper.until("account_dead_letters", 1, account="2201")
            scraper.until("alerts", 1, alert="letters.waiting")
            market.shops["2201"].drop()
            lost = market.states.wait("2201", lambda each: each.cause is Cause.LINK_LOST)
            assert lost.old is ConnectionState.CONNECTED
            market.states.wait("2201", lambda each: each.generation > lost.generation)
            scraper.until("links_lost_total", 1, cause="link_lost")
            scraper.until("account_connects_total", 2, account="2201")
            (letter,) = market.gateway.dead_letters.list()
            market.gateway.dead_letters.drop(letter.event_id)
            scraper.until("dead_letters", 0, status="dead")
            assert scraper.value("events_dead_lettered_total", status="dead") == 1, "it never falls"
            assert scraper.ask("/nowhere")[0] == 404
            assert scraper.value("http_requests_total", route=OTHER, code="4xx") == 1


def test_what_a_person_ends_is_counted_once(tmp_path: Path) -> None:
    """A send is queued while its account is paused; cancelled, it leaves no outbox to count it."""
    with Market(tmp_path, "2201", http=LISTEN) as market:
        market.start()
        with scraped(market) as scraper:
            market.gateway.accounts.pause("2201")
            market.states.wait("2201", lambda each: each.new is ConnectionState.DISCONNECTED)
            scraper.until("links_lost_total", 1, cause="pause")
            ticket = market.gateway.send("2201", "c", "hello", to="77001")
            scraper.until("sends_waiting", 1)
            market.gateway.sends.cancel(ticket.outbox_id)
            scraper.until("sends_ended_total", 1, outcome="cancelled")
            scraper.until("sends_waiting", 0)


def test_counters_outlive_an_account_and_the_stop(tmp_path: Path) -> None:
    """Else Prometheus would take it for a restart, and invent a burst when it grows again."""
    with Market(tmp_path, "2201", "2202") as market:
        market.listen()
        market.start()
        market.shops["2201"].buyer("77001").says("hi")
        market.ledger.wait(1)
        collector = market.gateway.collector
        registry = prometheus_client.CollectorRegistry()
        registry.register(collector)

        def read(name: str, **labels: str) -> float | None:
            return registry.get_sample_value(PREFIX + name, labels)

        assert read("events_received_total") == 1
        written = read("written_bytes_total")
        assert written is not None
        market.gateway.accounts.remove("2201")
        market.states.wait("2201", lambda each: each.new is ConnectionState.CLOSED)
        assert read("events_received_total") == 1
        assert read("account_up", account="2201") is None
        assert read("account_up", account="2202") == 1
        market.gateway.stop(WAIT_S)
        assert read("events_received_total") == 1
        assert (read("written_bytes_total") or 0) >= written
        assert read("ready") == 0


def test_a_gateway_that_never_started_shows_zeros(tmp_path: Path) -> None:
    with Market(tmp_path, "2201") as market:
        registry = prometheus_client.CollectorRegistry()
        registry.register(market.gateway.collector)
        assert registry.get_sample_value(f"{PREFIX}events_received_total") == 0
        assert registry.get_sample_value(f"{PREFIX}event_wait_seconds_count") == 0
        assert registry.get_sample_value(f"{PREFIX}dials_total", {"result": "ok"}) == 0
        assert registry.get_sample_value(f"{PREFIX}ready") == 0


def test_the_global_registry_is_left_alone(tmp_path: Path) -> None:
    with Market(tmp_path, "2201", http=LISTEN) as market:
        market.start()
        with scraped(market) as scraper:
            assert PREFIX in scraper.text()
        text = prometheus_client.generate_latest(prometheus_client.REGISTRY).decode()
        assert PREFIX not in text


@pytest.mark.timeout(420)  # promtool may have to be fetched
def test_promtool_takes_a_real_scrape(tmp_path: Path) -> None:
    with Market(tmp_path, "2201", http=LISTEN) as market:
        market.start()
        with scraped(market) as scraper:
            for path in ("/metrics", "/metrics/accounts"):
                told = promtool("check", "metrics", cwd=tmp_path, stdin=scraper.text(path).encode())
                assert told == ""


def test_openmetrics_for_who_takes_it(tmp_path: Path) -> None:
    with Market(tmp_path, "2201", http=LISTEN) as market:
        market.start()
        with scraped(market) as scraper:
            accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
            status, kind, text = scraper.ask("/metrics", accept=accept)
            assert status == 200
            assert kind.startswith("application/openmetrics-text")
            names = {family.name for family in parse(text)}  # type: ignore[no-untyped-call]
            assert f"{PREFIX}events_received" in names
            _, kind, _ = scraper.ask("/metrics", accept="application/json")
            assert kind == "text/plain; version=0.0.4; charset=utf-8"


def test_the_token_of_metrics_opens_nothing_else(tmp_path: Path) -> None:
    http = {**LISTEN, "token": TOKEN, "metrics_token": METRICS_TOKEN}
    with Market(tmp_path, "2201", http=http) as market:
        market.start()
        with scraped(market) as scraper:
            for path in ("/metrics", "/metrics/accounts"):
                assert scraper.ask(path, token=METRICS_TOKEN)[0] == 200
                assert scraper.ask(path, token=TOKEN)[0] == 200
                assert scraper.ask(path)[0] == 401
                assert scraper.ask(path, token=METRICS_TOKEN[:-1])[0] == 401
            for path in ("/v1/status", "/v1/accounts", "/metrics/", "/v1/accounts/metrics"):
                assert scraper.ask(path, token=METRICS_TOKEN)[0] == 401, path


@pytest.mark.parametrize(
    ("wish", "at_metrics", "apart"),
    [("auto", 1.0, 200), ("always", 1.0, 200), ("never", None, 404)],
)
def test_names_of_accounts_where_they_are_wanted(
    tmp_path: Path, wish: str, at_metrics: float | None, apart: int
) -> None:
    with Market(tmp_path, "2201", http=LISTEN, metrics={"per_account": wish}) as market:
        market.start()
        with scraped(market) as scraper:
            assert scraper.value("account_up", account="2201") == at_metrics
            status, _, text = scraper.ask("/metrics/accounts")
            assert status == apart
            assert ("metrics.per_account is never" in text) is (wish == "never")


class Held:
    """A lock that is held by somebody else, wherever a part of the kernel keeps it."""

    def __init__(self, system: System) -> None:
        services = system.services
        self.locks: list[Any] = [
            services.handlers._lock,
            services.writer._list.wake,
            services.poller._lock,
            services.sends._changed,
            services.writer._journal._counts._lock,  # type: ignore[attr-defined]
        ]


def test_a_scrape_takes_no_lock_that_an_event_needs(tmp_path: Path) -> None:
    """All of them are held while it is scraped; a scrape that took one would wait for ever."""
    with Market(tmp_path, "2201", http=LISTEN) as market:
        market.listen()
        market.start()
        market.shops["2201"].buyer("77001").says("hi")
        market.ledger.wait(1)
        system = market.gateway._system
        assert system is not None
        with scraped(market) as scraper:
            scraper.text()
            locks = Held(system).locks
            for lock in locks:
                lock.acquire()
            try:
                assert scraper.value("events_received_total") == 1
                assert scraper.value("account_up", "/metrics/accounts", account="2201") == 1
            finally:
                for lock in reversed(locks):
                    lock.release()


def test_scrapes_beside_one_another_agree(tmp_path: Path) -> None:
    """Counters only grow, whoever asks, while events come and accounts go."""
    with Market(tmp_path, "2201", "2202", http=LISTEN) as market:
        market.listen()
        market.start()
        fell: list[str] = []

        def scrape(scraper: Scraper, done: Callable[[], bool]) -> None:
            before: dict[Sample, float] = {}
            while not done():
                now = samples(scraper.text())
                for key, value in before.items():
                    gone = key[0].endswith("_total") and now.get(key, value) < value
                    fell.extend([key[0]] if gone and "account_" not in key[0] else [])
                before = now

        with scraped(market) as scraper:
            over = threading.Event()
            threads = [
                threading.Thread(target=scrape, args=(scraper, over.is_set)) for _ in range(2)
            ]
            for thread in threads:
                thread.start()
            for number in range(100):
                market.shops["2201"].buyer("77001").says(f"{number}")
            market.ledger.wait(100)
            market.shops["2202"].drop()
            market.states.wait("2202", lambda each: each.generation > 1)
            over.set()
            for thread in threads:
                thread.join(WAIT_S)
                assert not thread.is_alive()
        assert fell == []


def test_without_prometheus_client_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with Market(tmp_path, "2201") as market, pytest.raises(ConfigError, match="metrics need prom"):
        _ = market.gateway.collector
