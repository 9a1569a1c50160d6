"""Sign-in, sessions, one-time links and wrong tokens, by a clock of the test; no socket."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.web.attempts import BLOCK_S, MOST, MOST_ADDRESSES, WINDOW_S, Attempts, bucket
from gateway.web.callers import Caller, Need, Role
from gateway.web.guard import Guard
from gateway.web.head import Head
from gateway.web.links import LIFE_S as LINK_S
from gateway.web.links import MOST_OPEN, Links
from gateway.web.problems import Problem
from gateway.web.sessions import (
    FRESH_S,
    IDLE_S,
    LIFE_S,
    NAME,
    Sessions,
    delete_cookie,
    set_cookie,
)

TOKEN, VIEWER = "the-token-of-the-owner", "the-token-of-a-viewer"
HOME, OTHER = "192.168.1.5", "192.168.1.6"
HOST = "192.168.1.2:8760"
OURS = f"http://{HOST}"


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0

    def __call__(self) -> float:
        return self.now_s


def guard(clock: Clock, told: list[str] | None = None) -> Guard:
    """Make one that listens everywhere."""
    heard = [] if told is None else told
    return Guard(
        "0.0.0.0",
        TOKEN,
        ["Gw.example"],
        viewer_token=VIEWER,
        clock_s=clock,
        day_s=clock,
        refused=heard.append,
    )


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    """Return how a call is refused."""
    with pytest.raises(Problem) as caught:
        call()
    assert TOKEN not in f"{caught.value!r} {caught.value}"
    return caught.value.status, caught.value.error


def bearer(token: str, address: str = HOME) -> Head:
    return Head(authorization=f"Bearer {token}", address=address)


def with_cookie(value: str, method: str = "GET", **headers: str) -> Head:
    return Head(method=method, path="/v1/status", cookie=f"a=b; {NAME}={value}", **headers)


# --- wrong tokens ---------------------------------------------------------------------


def test_five_wrong_tokens_and_no_token_of_that_address_is_looked_at() -> None:
    clock, told = Clock(), list[str]()
    ours = guard(clock, told)
    for _ in range(MOST):
        assert refusal(lambda: ours.caller_of(bearer("wrong"))) == (401, "unauthorized")
    assert told == [HOME]
    for token in ("wrong", TOKEN):
        assert refusal(lambda token=token: ours.caller_of(bearer(token)))[0] == 429  # type: ignore[misc]
    assert refusal(lambda: ours.sign_in(TOKEN, HOME)) == (429, "too_many_attempts")
    assert refusal(lambda: ours.redeem(ours.make_link(Role.OWNER), HOME))[0] == 429
    assert told == [HOME], "once"

    assert ours.caller_of(bearer(TOKEN, OTHER)).role is Role.OWNER
    clock.now_s += BLOCK_S - 0.5
    with pytest.raises(Problem) as caught:
        ours.caller_of(bearer(TOKEN))
    assert caught.value.retry_s == 1
    clock.now_s += 0.5
    assert ours.caller_of(bearer(TOKEN)).who == "token"


def test_wrong_tokens_typed_ones_and_links_count_together() -> None:
    ours = guard(Clock())
    assert refusal(lambda: ours.caller_of(bearer("wrong")))[0] == 401
    assert refusal(lambda: ours.sign_in("wrong", HOME)) == (401, "unauthorized")
    assert refusal(lambda: ours.sign_in("wrong", HOME))[0] == 401
    assert refusal(lambda: ours.redeem("wrong", HOME)) == (401, "link_over")
    assert refusal(lambda: ours.redeem("", HOME))[0] == 401
    assert refusal(lambda: ours.redeem("wrong", HOME))[0] == 429


def test_who_gives_none_or_an_old_cookie_is_not_counted() -> None:
    """A page that is open while the token changes asks every few seconds."""
    ours = guard(Clock())
    for head in (Head(address=HOME), with_cookie("old.1.1.x", address=HOME)):
        for _ in range(MOST + 1):
            assert refusal(lambda head=head: ours.caller_of(head))[0] == 401  # type: ignore[misc]
    for _ in range(MOST + 1):
        assert refusal(lambda: ours.sign_in(" ", HOME))[0] == 401
    assert ours.caller_of(bearer(TOKEN)).role is Role.OWNER


def test_a_session_works_while_its_address_is_refused() -> None:
    ours = guard(Clock())
    _, cookie = ours.sign_in(TOKEN, HOME)
    for _ in range(MOST):
        refusal(lambda: ours.caller_of(bearer("wrong")))
    assert refusal(lambda: ours.caller_of(bearer(TOKEN)))[0] == 429
    assert ours.caller_of(with_cookie(cookie, address=HOME)).role is Role.OWNER


def test_a_wrong_token_now_and_then_refuses_nobody() -> None:
    clock = Clock()
    attempts = Attempts(clock)
    for _ in range(3 * MOST):
        assert not attempts.wrong(HOME)
        clock.now_s += WINDOW_S / (MOST - 1)
    assert not attempts.blocked_s(HOME)


def test_few_addresses_are_remembered_the_latest() -> None:
    attempts = Attempts(Clock())
    for number in range(MOST_ADDRESSES + 50):
        attempts.wrong(f"10.0.{number // 256}.{number % 256}")
        for _ in range(MOST - 1 if number == 0 else 0):
            attempts.wrong("10.0.0.0")
    assert len(attempts) == MOST_ADDRESSES
    assert not attempts.blocked_s("10.0.0.0"), "the oldest is forgotten"


@pytest.mark.parametrize(
    ("address", "counts_as"),
    [
        ("192.168.1.5", "192.168.1.5"),
        ("::ffff:192.168.1.5", "192.168.1.5"),
        ("2001:db8:1:2::3", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("localhost", "localhost"),
    ],
)
def test_who_has_a_network_has_one_bucket(address: str, counts_as: str) -> None:
    assert bucket(address) == counts_as


# --- sessions -------------------------------------------------------------------------


def test_a_session_is_of_the_role_of_its_token_and_tells_no_secret() -> None:
    ours = guard(Clock())
    for token, role in ((TOKEN, Role.OWNER), (f" {VIEWER}\n", Role.VIEWER)):
        caller, cookie = ours.sign_in(token, HOME)
        assert caller.role is role
        assert caller.who.startswith("session ")
        assert token.strip() not in cookie
        assert ours.caller_of(with_cookie(cookie)) == caller
    first, second = (ours.sign_in(TOKEN, HOME)[0] for _ in range(2))
    assert first.who != second.who


def test_the_token_of_metrics_begins_no_session_and_is_no_guess() -> None:
    ours = Guard("127.0.0.1", TOKEN, metrics_token="the-token-of-metrics")
    for _ in range(MOST + 1):
        assert refusal(lambda: ours.sign_in("the-token-of-metrics", HOME)) == (401, "unauthorized")
    assert ours.sign_in(TOKEN, HOME)[0].role is Role.OWNER


def test_a_session_ends_after_seven_days_that_nobody_used_it() -> None:
    clock = Clock()
    ours = guard(clock)
    _, cookie = ours.sign_in(TOKEN, HOME)
    clock.now_s += IDLE_S - 1
    assert ours.caller_of(with_cookie(cookie)).fresh is not None
    clock.now_s += 1
    assert refusal(lambda: ours.caller_of(with_cookie(cookie))) == (401, "unauthorized")


def test_a_used_session_gets_a_new_cookie_a_day_and_ends_after_thirty() -> None:
    clock = Clock()
    ours = guard(clock)
    caller, cookie = ours.sign_in(TOKEN, HOME)
    assert ours.caller_of(with_cookie(cookie)).fresh is None
    began_s, renewed = clock.now_s, 0
    while clock.now_s + FRESH_S + 1 < began_s + LIFE_S:
        clock.now_s += FRESH_S + 1
        seen = ours.caller_of(with_cookie(cookie))
        assert seen.who == caller.who
        assert seen.fresh is not None
        assert seen.fresh not in repr(seen)
        cookie, renewed = seen.fresh, renewed + 1
        assert ours.caller_of(with_cookie(cookie)).fresh is None
    assert renewed > 25
    clock.now_s = began_s + LIFE_S
    assert refusal(lambda: ours.caller_of(with_cookie(cookie)))[0] == 401


def test_a_session_dies_with_the_token_it_is_of_and_with_no_other() -> None:
    clock = Clock()
    _, owner = guard(clock).sign_in(TOKEN, HOME)
    _, viewer = guard(clock).sign_in(VIEWER, HOME)
    same = guard(clock)
    assert same.caller_of(with_cookie(owner)).role is Role.OWNER
    changed = Guard("0.0.0.0", "another-token-of-ours", viewer_token=VIEWER, day_s=clock)
    assert refusal(lambda: changed.caller_of(with_cookie(owner)))[0] == 401
    assert changed.caller_of(with_cookie(viewer)).role is Role.VIEWER
    without = Guard("0.0.0.0", TOKEN, day_s=clock)
    assert refusal(lambda: without.caller_of(with_cookie(viewer)))[0] == 401


def test_no_cookie_that_was_changed_is_taken() -> None:
    clock = Clock()
    ours = guard(clock)
    _, cookie = ours.sign_in(VIEWER, HOME)
    name, began, issued, mark = cookie.split(".")
    later = str(int(began) + 9)
    forged = [f"{name}.{later}.{issued}.{mark}", f"{name}.{began}.{later}.{mark}"]
    forged += [cookie[:-1], cookie + "A", "x" * 5000, "", ".", "...", "\udcff", f"{mark}.{mark}"]
    forged += [f"owner.{cookie}", cookie.replace(name, "0" * len(name))]
    for each in forged:
        assert refusal(lambda each=each: ours.caller_of(with_cookie(each)))[0] == 401  # type: ignore[misc]
    both = Head(cookie=f"{NAME}=of-another-gateway; {NAME}={cookie}")
    assert ours.caller_of(both).role is Role.VIEWER


def test_with_one_token_for_both_a_viewers_cookie_is_no_owners() -> None:
    sessions = Sessions({Role.OWNER: TOKEN, Role.VIEWER: TOKEN}, Clock())
    for role in Role:
        caller, cookie = sessions.issue(role)
        assert sessions.read([cookie]) == caller
        assert caller.role is role


def test_what_is_set_keeps_the_cookie_from_scripts_and_strangers() -> None:
    rules = {"HttpOnly", "SameSite=Strict", "Path=/"}
    for secure in (False, True):
        value, *told = set_cookie("v.1", secure=secure).split("; ")
        assert value == f"{NAME}=v.1"
        assert set(told) - {"Secure"} == rules | {f"Max-Age={IDLE_S}"}
        assert ("Secure" in told) is secure
        assert delete_cookie(secure=secure).startswith(f"{NAME}=; ")
        assert "Max-Age=0" in delete_cookie(secure=secure)


def test_without_a_token_everybody_is_the_owner_and_nobody_signs_in() -> None:
    ours = Guard("127.0.0.1", None)
    assert ours.caller_of(bearer("anything")) == Caller(Role.OWNER, "local")
    for call in (
        lambda: ours.sign_in("x", HOME),
        lambda: ours.redeem("x", HOME),
        lambda: ours.make_link(Role.OWNER),
    ):
        assert refusal(call) == (409, "no_token")


# --- where a request comes from -------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"origin": OURS}, None),
        ({"origin": OURS, "site": "same-origin"}, None),
        ({}, "no_origin"),
        ({"site": "same-origin"}, "no_origin"),
        ({"origin": "null"}, "foreign_origin"),
        ({"origin": "http://evil.example"}, "foreign_origin"),
        ({"origin": "http://192.168.1.2:9999"}, "foreign_origin"),
        ({"origin": OURS, "site": "same-site"}, "foreign_origin"),
        ({"origin": OURS, "site": "cross-site"}, "foreign_origin"),
        ({"origin": OURS, "site": "none"}, "foreign_origin"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/accounts/a/pause", "/accounts/a"])
def test_with_a_cookie_only_our_page_changes_something(
    path: str, headers: dict[str, str], told: str | None
) -> None:
    ours = guard(Clock())
    caller, cookie = ours.sign_in(TOKEN, HOME)
    head = Head(method="POST", path=path, host=HOST, cookie=f"{NAME}={cookie}", **headers)

    def ask() -> Caller:
        ours.admit_page(head)
        return ours.caller_of(head)

    if told is None:
        assert ask() == caller
    else:
        assert refusal(ask) == (403, told)


def test_a_program_needs_no_origin() -> None:
    ours = guard(Clock())
    head = Head(method="POST", path="/x", host=HOST, authorization=f"Bearer {TOKEN}")
    ours.admit_page(head)
    assert ours.caller_of(head).role is Role.OWNER


def test_without_a_token_a_page_is_changed_from_itself_only() -> None:
    ours = Guard("127.0.0.1", None)
    for path, told in (("/accounts/a", "no_origin"), ("/v1/accounts/a/pause", None)):
        head = Head(method="POST", path=path, host="127.0.0.1:8760")
        if told is None:
            ours.admit_page(head)
        else:
            assert refusal(lambda head=head: ours.admit_page(head)) == (403, told)  # type: ignore[misc]


@pytest.mark.parametrize(
    ("changed", "let_in"),
    [
        ({}, True),
        ({"site": "same-site"}, True),
        ({"path": "/v1/status"}, False),
        ({"path": "/metrics"}, False),
        ({"method": "POST"}, False),
        ({"mode": "no-cors"}, False),
        ({"mode": "cors"}, False),
        ({"dest": "iframe"}, False),
        ({"dest": "empty"}, False),
        ({"origin": "http://evil.example"}, False),
    ],
)
def test_a_link_in_a_chat_opens_a_page_and_nothing_else(
    changed: dict[str, str],
    let_in: bool,  # noqa: FBT001
) -> None:
    opened = {"path": "/sign-in", "site": "cross-site", "mode": "navigate", "dest": "document"}
    head = Head(host=HOST, **(opened | changed))
    if let_in:
        guard(Clock()).admit_page(head)
    else:
        assert refusal(lambda: guard(Clock()).admit_page(head)) == (403, "foreign_origin")


@pytest.mark.parametrize(
    ("headers", "secure"),
    [
        ({"host": "gw.example", "forwarded_proto": "https"}, True),
        ({"host": "GW.example:443", "forwarded_proto": "HTTPS, http"}, True),
        ({"host": "gw.example", "forwarded_proto": "http"}, False),
        ({"host": "gw.example", "forwarded_proto": "http, https"}, False),
        ({"host": "gw.example"}, False),
        ({"host": HOST, "forwarded_proto": "https"}, False),
        ({"host": HOST, "scheme": "https"}, True),
    ],
)
def test_tls_is_ours_or_that_of_a_proxy_we_know(headers: dict[str, str], secure: bool) -> None:  # noqa: FBT001
    assert guard(Clock()).is_secure(Head(**headers)) is secure


def test_behind_tls_a_page_without_it_is_foreign() -> None:
    head = {"method": "POST", "host": "gw.example", "forwarded_proto": "https"}
    ours = guard(Clock())
    ours.admit_page(Head(origin="https://gw.example", **head))
    plain = Head(origin="http://gw.example", **head)
    assert refusal(lambda: ours.admit_page(plain)) == (403, "foreign_origin")


# --- links and roles ------------------------------------------------------------------


def test_a_link_signs_in_once() -> None:
    ours = guard(Clock())
    for role in Role:
        code = ours.make_link(role)
        caller, cookie = ours.redeem(code, HOME)
        assert ours.caller_of(with_cookie(cookie)) == caller
        assert caller.role is role
        assert refusal(lambda code=code: ours.redeem(code, HOME)) == (401, "link_over")  # type: ignore[misc]


def test_a_link_ends_after_five_minutes() -> None:
    clock = Clock()
    ours = guard(clock)
    early, late = ours.make_link(Role.OWNER), ours.make_link(Role.OWNER)
    clock.now_s += LINK_S - 1
    ours.redeem(early, HOME)
    clock.now_s += 1
    assert refusal(lambda: ours.redeem(late, HOME)) == (401, "link_over")


def test_few_links_are_open_the_newest() -> None:
    links = Links(Clock())
    codes = [links.make(Role.OWNER) for _ in range(MOST_OPEN + 1)]
    assert len(set(codes)) == MOST_OPEN + 1
    assert links.redeem(codes[0]) is None
    assert {links.redeem(code) for code in codes[1:]} == {Role.OWNER}


def test_a_viewer_looks_and_reads_what_buyers_wrote_if_that_is_set() -> None:
    viewer, owner = Caller(Role.VIEWER, "v"), Caller(Role.OWNER, "o")
    for chats in (False, True):
        ours = Guard("127.0.0.1", TOKEN, viewer_token=VIEWER, viewer_chats=chats)
        assert [ours.may(viewer, need) for need in Need] == [True, chats, False]
        assert all(ours.may(owner, need) for need in Need)
        assert refusal(lambda ours=ours: ours.must(viewer, Need.ACT)) == (403, "not_allowed")  # type: ignore[misc]
