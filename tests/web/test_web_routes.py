"""Every route over a real socket, in front of a gateway that has everything."""

from __future__ import annotations

import contextlib
import re
import threading
from pathlib import Path
from typing import Any
from urllib.parse import quote

import control_api
import pytest
from control_api import Serve
from stand_in import COOKIE, TOKEN, StandIn

from gateway.events import ChatMessage
from gateway.logs import get_logger
from gateway.web.context import MOST_WAITING, Context
from gateway.web.problems import Problem
from gateway.web.routes import TABLE

serve_api = control_api.serve_api

ROOT = Path(__file__).parents[2]
ODD = "b/c店"
ODD_PATH = quote(ODD, safe="")


def refused(api: Any, method: str, path: str, body: object = None, **how: Any) -> tuple[int, str]:
    """Return status and error of an answer that must be a refusal, whole and without a secret."""
    status, answer, _ = api.ask(method, path, body, **how)
    assert set(answer) == {"error", "detail", "next_step"}, answer
    assert all(isinstance(text, str) and text for text in answer.values())
    assert TOKEN not in str(answer)
    assert "AbCdEf0123456789" not in str(answer)
    return status, answer["error"]


def test_accounts_are_told_and_moved(tmp_path: Path, serve_api: Serve) -> None:
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    rows = api.get("/v1/accounts")["accounts"]
    assert [row["id"] for row in rows] == ["a", ODD]
    assert rows[0]["last_error"]["reason"] == "refused"
    assert api.get("/v1/accounts?state=failed")["accounts"][0]["id"] == "a"
    page = api.get("/v1/accounts?limit=1")
    assert page["next"] == "a"
    assert api.get(f"/v1/accounts?after={page['next']}")["accounts"][0]["id"] == ODD
    assert api.get(f"/v1/accounts/{ODD_PATH}")["id"] == ODD
    for verb, told in (("pause", "paused"), ("resume", "resumed"), ("reset", "reset")):
        assert api.post(f"/v1/accounts/{ODD_PATH}/{verb}")["done"] == told
    assert gateway.verbs == [(verb, ODD) for verb in ("pause", "resume", "reset")]
    assert refused(api, "POST", "/v1/accounts/none/pause") == (404, "unknown_account")
    assert refused(api, "POST", "/v1/accounts/a/remove")[0] in (404, 405)


def test_status_names_who_is_in_trouble(tmp_path: Path, serve_api: Serve) -> None:
    told = serve_api(StandIn(tmp_path)).get("/v1/status")
    assert told["accounts"] == 2
    assert told["states"]["failed"] == 1
    assert told["states"]["connected"] == 0
    assert [row["id"] for row in told["troubled_accounts"]] == ["a"]


def test_health_needs_no_token_and_readiness_follows_the_gateway(
    tmp_path: Path, serve_api: Serve
) -> None:
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    api.token = None
    assert api.get("/healthz") == {"status": "ok"}
    assert api.get("/livez") == {"status": "ok"}
    assert api.get("/readyz") == {"status": "ready"}
    gateway.storing = False
    assert refused(api, "GET", "/readyz") == (503, "not_storing")
    gateway.hung = "the poller has not turned for 12 s"
    for probe in ("/livez", "/healthz"):
        assert refused(api, "GET", probe) == (503, "hung")
    gateway.running = False
    assert refused(api, "GET", "/readyz") == (503, "not_ready")
    assert refused(api, "GET", "/v1/status") == (401, "unauthorized")


def test_dead_letters_are_listed_shown_replayed_and_dropped(
    tmp_path: Path, serve_api: Serve
) -> None:
    """Ids may hold slashes, blanks and percent signs."""
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    ids = [row["event_id"] for row in api.get("/v1/dead-letters")["dead_letters"]]
    assert ids == ["a:1", "a:x/y.PNM", "a:%20 说"]
    assert len(api.get("/v1/dead-letters?limit=2&account=a")["dead_letters"]) == 2
    assert not api.get(f"/v1/dead-letters?account={quote('b/c店')}")["dead_letters"]
    for name in ids:
        path = f"/v1/dead-letters/{quote(name, safe='')}"
        assert api.get(path)["event_id"] == name
        assert api.post(f"{path}/replay")["done"] == "replayed"
        assert refused(api, "POST", f"{path}/replay") == (404, "unknown_dead_letter")
        assert refused(api, "POST", f"{path}/drop") == (404, "unknown_dead_letter")
        assert refused(api, "GET", path) == (404, "unknown_dead_letter")
    assert gateway.shelf.replayed == ids


def test_sends_are_listed_shown_and_taken_back(tmp_path: Path, serve_api: Serve) -> None:
    api = serve_api(StandIn(tmp_path))
    assert [row["outbox_id"] for row in api.get("/v1/outbox")["sends"]] == ["o1", "o2", "o3"]
    assert [row["outbox_id"] for row in api.get("/v1/outbox?state=accepted")["sends"]] == ["o2"]
    assert api.get("/v1/outbox/o2")["attempts"] == 1
    assert api.post("/v1/outbox/o1/cancel")["done"] == "cancelled"
    assert refused(api, "POST", "/v1/outbox/o2/cancel") == (409, "too_late")
    assert refused(api, "POST", "/v1/outbox/o9/cancel") == (404, "unknown_send")
    assert refused(api, "GET", "/v1/outbox/o9") == (404, "unknown_send")


def test_an_unknown_send_is_ended_by_a_person(tmp_path: Path, serve_api: Serve) -> None:
    api = serve_api(StandIn(tmp_path))
    accepted = {"outcome": "accepted", "message_id": "m7"}
    told = api.post("/v1/outbox/o3/resolve", accepted)
    assert (told["done"], told["send"]["state"]) == ("resolved", "accepted")
    assert refused(api, "POST", "/v1/outbox/o3/resolve", accepted) == (409, "too_late")
    assert refused(api, "POST", "/v1/outbox/o9/resolve", accepted) == (404, "unknown_send")
    for body in ({}, {"outcome": "expired"}, {"outcome": "refused", "message_id": ""}):
        assert refused(api, "POST", "/v1/outbox/o3/resolve", body) == (400, "bad_request")


def test_the_journal_is_checked_copied_and_pruned(tmp_path: Path, serve_api: Serve) -> None:
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    assert api.get("/v1/journal/check")["ok"] is True
    assert api.post("/v1/journal/prune")["done"] == "pruned"
    assert gateway.journal.pruned == 1
    told = api.post("/v1/journal/backup", {"name": "b.sqlite3"})
    assert Path(told["path"]) == tmp_path / "backups" / "b.sqlite3"
    assert (tmp_path / "backups" / "b.sqlite3").read_bytes() == b"copy"
    assert refused(api, "POST", "/v1/journal/backup", {"name": "b.sqlite3"}) == (409, "exists")
    for name in ("../b", "/etc/b", ".hidden", "a/b"):
        assert refused(api, "POST", "/v1/journal/backup", {"name": name})[0] == 400
    assert Path(api.post("/v1/journal/backup")["path"]).exists()


def test_a_send_waits_for_its_outcome_or_says_that_there_is_none(
    tmp_path: Path, serve_api: Serve
) -> None:
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    body = {"account": "a", "conversation": "c", "text": "hi", "wait_s": 5}
    told = api.post("/v1/send", body)
    assert (told["outcome"], told["message_id"], told["confirmed"]) == ("accepted", "m1", True)
    gateway.result = None
    status, told, _ = api.ask("POST", "/v1/send", body | {"wait_s": 0})
    assert (status, told) == (202, {"outbox_id": "o1", "outcome": None})
    status, told, _ = api.ask("POST", "/v1/send", body | {"wait_s": 0.05})
    assert (status, told["outcome"]) == (202, None)


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b"\xff",
        b'{"account": "a"}',
        b'{"account": "a", "conversation": "c"}',
        b'{"account": "a", "conversation": "", "text": "x"}',
        b'{"account": "a", "conversation": "c", "text": "x", "image_url": "u"}',
        b'{"account": "a", "conversation": "c", "text": "x", "wait_s": 61}',
        b'{"account": "a", "conversation": "c", "text": "x", "wait_s": -1}',
        b'{"account": "a", "conversation": "c", "text": "x", "wat": 1}',
        b'{"account": 1, "conversation": "c", "text": "x"}',
    ],
)
def test_a_wrong_body_is_a_bad_request(tmp_path: Path, serve_api: Serve, body: bytes) -> None:
    gateway = StandIn(tmp_path)
    assert refused(serve_api(gateway), "POST", "/v1/send", raw=body) == (400, "bad_request")
    assert not gateway.tickets


def test_refusals_of_a_send_have_a_status_each(tmp_path: Path, serve_api: Serve) -> None:
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    body = {"account": "a", "conversation": "c", "text": "hi"}
    assert refused(api, "POST", "/v1/send", body | {"account": "x"}) == (404, "unknown_account")
    gateway.full = True
    assert refused(api, "POST", "/v1/send", body) == (429, "overloaded")
    assert api.ask("POST", "/v1/send", body)[2]["retry-after"] == "1"
    gateway.full, gateway.broken = False, True
    assert refused(api, "POST", "/v1/send", body) == (500, "internal")


def test_events_are_watched_over_the_wire(tmp_path: Path, serve_api: Serve) -> None:
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    start = api.get("/v1/events")
    assert gateway.listener is not None
    gateway.listener(ChatMessage(account="a", text=f"我的 {COOKIE}"))
    page = api.get(f"/v1/events?after={start['next']}&wait_s=5")
    assert [event["kind"] for event in page["events"]] == ["chat_message"]
    assert "AbCdEf0123456789" not in str(page)
    assert not api.get(f"/v1/events?after={page['next']}&wait_s=0.05")["events"]
    assert refused(api, "GET", "/v1/events?after=x") == (400, "bad_request")
    assert refused(api, "GET", "/v1/events?wait_s=nan") == (400, "bad_request")
    assert refused(api, "GET", "/v1/events?limit=0") == (400, "bad_request")
    assert refused(api, "GET", "/v1/events?limit=%FF") == (400, "bad_request")


def test_those_who_wait_never_take_the_last_thread(tmp_path: Path, serve_api: Serve) -> None:
    """One more than may wait is told so at once, and health still answers."""
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    start = api.get("/v1/events")["next"]
    answers: list[int] = []
    path = f"/v1/events?after={start}&wait_s=30"

    def watch() -> None:
        answers.append(api.ask("GET", path)[0])

    watchers = [threading.Thread(target=watch) for _ in range(MOST_WAITING + 3)]
    for each in watchers:
        each.start()
    for each in watchers:
        each.join(0.0)
    deadline = threading.Event()
    while len(answers) < 3 and not deadline.wait(0.01):
        pass
    assert answers == [503] * 3
    assert api.get("/healthz") == {"status": "ok"}
    assert gateway.listener is not None
    gateway.listener(ChatMessage(account="a", text="end"))
    for each in watchers:
        each.join(10.0)
    assert sorted(answers) == [200] * MOST_WAITING + [503] * 3


def test_too_many_who_wait_are_told_what_to_end(tmp_path: Path) -> None:
    """Words for a person at a command, who has no wait_s."""
    context = Context(StandIn(tmp_path), get_logger())
    with contextlib.ExitStack() as places:
        for _ in range(MOST_WAITING):
            places.enter_context(context.waiting(1.0))
        with pytest.raises(Problem) as caught, context.waiting(1.0):
            pass
    assert caught.value.next_step.startswith("end one (`tail`, `send --wait`) or try again")


def test_unknown_paths_and_methods(tmp_path: Path, serve_api: Serve) -> None:
    api = serve_api(StandIn(tmp_path))
    assert refused(api, "GET", "/") == (404, "unknown_path")
    assert refused(api, "GET", "/v1/status/") == (404, "unknown_path")
    for path in ("/v1/accounts//pause", "/v1/accounts/a/pausex", "/v1/outbox/o1/send"):
        assert refused(api, "POST", path) == (404, "unknown_path"), path
    assert refused(api, "DELETE", "/v1/outbox/o1/send") == (404, "unknown_path")
    assert refused(api, "DELETE", "/v1/accounts/a/pausex") == (404, "unknown_account")
    assert refused(api, "POST", "/v1/accounts/a") == (405, "method_not_allowed")
    assert refused(api, "POST", "/v1/status") == (405, "method_not_allowed")
    assert refused(api, "PUT", "/v1/accounts/a") == (405, "method_not_allowed")
    assert refused(api, "GET", "/v1/send") == (405, "method_not_allowed")


@pytest.mark.peer(19)
def test_no_secret_is_in_any_answer(tmp_path: Path, serve_api: Serve) -> None:
    """The stand-in puts one into an error, a dead letter and an exception."""
    gateway = StandIn(tmp_path)
    api = serve_api(gateway)
    for method, path in TABLE:
        if method == "GET":
            name = "o1" if "outbox" in path else "a:1" if "dead" in path else "a"
            answer = api.ask(method, re.sub("<.*>", name, path))
            assert "AbCdEf0123456789" not in str(answer), path
            assert TOKEN not in str(answer), path


def test_the_pages_show_every_route() -> None:
    """`docs/control.md` and its translation are compared with the table."""
    for page in ("control.md", "control.zh-CN.md"):
        text = (ROOT / "docs" / page).read_text(encoding="utf-8")
        shown = re.findall(r"^\| `(GET|POST|PUT|DELETE) (/\S+)` \|", text, re.MULTILINE)
        assert sorted(shown) == sorted(TABLE), page


def test_a_series_of_backups_keeps_the_newest(tmp_path: Path, serve_api: Serve) -> None:
    api = serve_api(StandIn(tmp_path))
    folder = tmp_path / "backups"
    folder.mkdir()
    for day in (1, 2):
        (folder / f"series-2026010{day}-000000.sqlite3").write_text("older")
    by_hand = Path(api.post("/v1/journal/backup")["path"])
    (folder / "mine.sqlite3").write_text("by hand")
    told = api.post("/v1/journal/backup", {"keep": 2})
    assert told["report"]["series"] is True
    assert told["deleted"] == [str(folder / "series-20260101-000000.sqlite3")]
    assert sorted(each.name for each in folder.iterdir()) == [
        by_hand.name,
        "mine.sqlite3",
        "series-20260102-000000.sqlite3",
        Path(told["path"]).name,
    ]
    for keep in (0, -1, 1001, 1.5, "2", True):
        assert refused(api, "POST", "/v1/journal/backup", {"keep": keep})[0] == 400
    both = {"keep": 2, "name": "b.sqlite3"}
    assert refused(api, "POST", "/v1/journal/backup", both) == (400, "bad_request")
