"""Who may ask: pure."""

from __future__ import annotations

import pytest

from gateway.settings.addresses import is_loopback
from gateway.web.callers import Need, Role
from gateway.web.guard import Guard
from gateway.web.head import Head
from gateway.web.origins import host_name
from gateway.web.problems import Problem


def refusal(
    guard: Guard, host: str | None, origin: str | None = None, site: str | None = None
) -> int:
    """Return the status a page's request is refused with; 0 if it is let in."""
    try:
        guard.admit_page(Head(path="/v1/status", host=host, origin=origin, site=site))
    except Problem as problem:
        return problem.status
    return 0


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8760", 0),
        ("127.0.0.1", 0),
        ("localhost:9999", 0),
        ("LOCALHOST", 0),
        ("[::1]:8760", 0),
        ("127.8.8.8", 0),
        ("gate.example", 0),
        ("evil.example:8760", 403),
        ("localhost.evil.example", 403),
        ("192.168.1.5:8760", 403),
        ("127.0.0.1:notaport", 403),
        ("user@localhost", 403),
        ("localhost/path", 403),
        ("[::1", 403),
        (":8760", 403),
        ("", 400),
        (None, 400),
    ],
)
def test_only_our_own_names_are_a_host(host: str | None, status: int) -> None:
    """A name that somebody re-bound to 127.0.0.1 is not ours."""
    assert refusal(Guard("127.0.0.1", None, ["Gate.example"]), host) == status


def test_beyond_loopback_any_address_is_a_host_and_no_foreign_name() -> None:
    guard = Guard("0.0.0.0", "x")
    assert refusal(guard, "192.168.1.5:8760") == 0
    assert refusal(guard, "[2001:db8::1]") == 0
    assert refusal(guard, "evil.example") == 403


@pytest.mark.parametrize(
    ("origin", "site", "status"),
    [
        (None, None, 0),
        ("http://127.0.0.1:8760", "same-origin", 0),
        (None, "none", 0),
        ("http://127.0.0.1:9999", None, 403),
        ("https://evil.example", None, 403),
        ("null", None, 403),
        ("", None, 403),
        (None, "cross-site", 403),
        (None, "same-site", 403),
    ],
)
def test_foreign_pages_are_refused(origin: str | None, site: str | None, status: int) -> None:
    assert refusal(Guard("127.0.0.1", None), "127.0.0.1:8760", origin, site) == status


@pytest.mark.parametrize(
    ("header", "right"),
    [
        ("Bearer s3cret-token", True),
        ("bearer s3cret-token ", True),
        ("Bearer s3cret-toke", False),
        ("Bearer s3cret-tokens", False),
        ("Basic s3cret-token", False),
        ("s3cret-token", False),
        ("Bearer", False),
        ("Bearer \udcff", False),
        ("", False),
        (None, False),
    ],
)
def test_the_token_must_be_right(header: str | None, right: bool) -> None:  # noqa: FBT001
    guard, head = Guard("127.0.0.1", "s3cret-token"), Head(authorization=header)
    if right:
        caller = guard.caller_of(head)
        assert (caller.role, caller.who) == (Role.OWNER, "token")
    else:
        with pytest.raises(Problem) as caught:
            guard.caller_of(head)
        assert caught.value.status == 401
        assert "s3cret" not in str(caught.value)
    caller = Guard("127.0.0.1", None).caller_of(head)
    assert (caller.role, caller.who) == (Role.OWNER, "local")


def test_the_token_of_metrics_is_for_metrics() -> None:
    guard = Guard("127.0.0.1", "s3cret-token", metrics_token="m3trics-token")
    caller = guard.caller_of(Head(authorization="Bearer m3trics-token"), metrics=True)
    assert not guard.may(caller, Need.ACT)
    guard.caller_of(Head(authorization="Bearer s3cret-token"), metrics=True)
    for header, metrics in (("Bearer m3trics-token", False), (None, True), ("Bearer x", True)):
        with pytest.raises(Problem) as caught:
            guard.caller_of(Head(authorization=header), metrics=metrics)
        assert caught.value.status == 401


def test_names_and_addresses_are_told_apart() -> None:
    assert host_name("a:1") == "a"
    assert host_name("[::1]:1") == "::1"
    assert host_name("a:99999") is None
    assert is_loopback("[::1]")
    assert is_loopback("Localhost")
    assert not is_loopback("0.0.0.0")
    assert not is_loopback("example.com")
