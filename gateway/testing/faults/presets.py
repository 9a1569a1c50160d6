"""Faults with a name: each gives the rules that make it.

A script (``scripts.py``) may call any of them by name, so their arguments are plain data.
``**when`` narrows a fault as the fields of a :class:`Rule` do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, Literal, TypedDict, Unpack

from gateway.testing.faults import actions
from gateway.testing.faults.rules import Moment, Rule

__all__ = [
    "PRESETS", "bad_accept", "captcha", "close", "corrupt", "cut", "deaf", "drip", "duplicate",
    "flood", "forbid_sends", "fragments", "gap", "half_open", "kick", "late_answers", "not_ready",
    "oversize", "redeliver", "redirect", "refuse", "remove_session", "reorder", "reset", "silent",
    "slow_reader", "stall", "wrong_user", "zombie",
]  # fmt: skip

SEND: Final = "/r/MessageSend/sendByReceiverScope"
"""Path of a send."""


class When(TypedDict, total=False):
    """What narrows a fault; see :class:`Rule`."""

    account: str | None
    connection: int | None
    after: int
    times: int | None


# --- on the way in --------------------------------------------------------------------


def stall(
    at: Literal["accept", "upgrade", "register", "request"] = "register", **when: Unpack[When]
) -> list[Rule]:
    """Fall silent for ever in a phase: TCP or TLS, the upgrade, the registration, a request."""
    match at:
        case "accept" | "upgrade":
            return [Rule(on=at, do=actions.Stall(), **when)]
        case "register":
            return [Rule(on="request", lwp="/reg", do=actions.Stall(), **when)]
        case "request":
            return [Rule(on="request", lwp="/r/*", do=actions.Stall(), **when)]


def refuse(
    status: int,
    *,
    retry_after_s: int | None = None,
    account: str | None = None,
    times: int | None = None,
) -> list[Rule]:
    """Refuse the upgrade, e.g. with 401, 403, 429 or 503."""
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    return [
        Rule(
            on="upgrade",
            do=actions.Refuse(status=status, headers=headers),
            account=account,
            times=times,
        )
    ]


def redirect(location: str, *, account: str | None = None) -> list[Rule]:
    """Answer the upgrade with 302."""
    return [
        Rule(
            on="upgrade",
            do=actions.Refuse(status=302, headers={"Location": location}),
            account=account,
        )
    ]


def bad_accept(**when: Unpack[When]) -> list[Rule]:
    """Answer the upgrade with a key that is not the client's."""
    return [Rule(on="upgrade", do=actions.BadAccept(), **when)]


def captcha(account: str | None = None) -> list[Rule]:
    """Answer the registration as risk control does: a person must solve a captcha."""
    body = {
        "reason": "FAIL_SYS_USER_VALIDATE",
        "ret": ["FAIL_SYS_USER_VALIDATE", "RGV587_ERROR::SM::哎哟喂,被挤爆啦,请稍后重试"],
        "data": {"url": "https://h5api.m.goofish.com/punish?action=captcha"},
    }
    return [Rule(on="request", lwp="/reg", do=actions.Answer(code=401, body=body), account=account)]


def not_ready(account: str | None = None, times: int | None = 1) -> list[Rule]:
    """Answer requests right after the registration with a bare 400, as the platform may."""
    answer = actions.Answer(code=400)
    return [Rule(on="request", lwp="/r/*", do=answer, account=account, times=times)]


def wrong_user(user_id: str, *, account: str | None = None) -> list[Rule]:
    """Confirm the registration of another user."""
    headers = {"reg-uid": f"{user_id}@goofish"}
    return [Rule(on="reply", lwp="/reg", do=actions.Answer(headers=headers), account=account)]


# --- a link that lives and does not ---------------------------------------------------


def silent(account: str | None = None, connection: int | None = None) -> list[Rule]:
    """TCP lives, nothing is said any more: no answers, no pushes, no pongs."""
    moments: tuple[Moment, ...] = ("request", "ready", "push", "ping")
    return [
        Rule(on=on, do=actions.Lose(), account=account, connection=connection) for on in moments
    ]


def half_open(**when: Unpack[When]) -> list[Rule]:
    """From the next moment on nothing is read, answered or closed."""
    moments: tuple[Moment, ...] = ("request", "push", "ping")
    return [Rule(on=on, do=actions.Stall(), **when) for on in moments]


def deaf(account: str | None = None, connection: int | None = None) -> list[Rule]:
    """Heartbeats get no answer; everything else works."""
    return [Rule(on="request", lwp="/!", do=actions.Lose(), account=account, connection=connection)]


def zombie(account: str | None = None, connection: int | None = None) -> list[Rule]:
    """Heartbeats and requests are answered, no push comes any more."""
    return [Rule(on="push", do=actions.Lose(), account=account, connection=connection)]


def slow_reader(for_s: float = 1.0, **when: Unpack[When]) -> list[Rule]:
    """Read nothing for this long after each request; the request is answered."""
    return [Rule(on="request", do=actions.StopReading(for_s=for_s), **when)]


def late_answers(by_s: float = 1.0, *, lwp: str = "*", **when: Unpack[When]) -> list[Rule]:
    """Answer requests this much later, but carry them out at once."""
    return [Rule(on="reply", lwp=lwp, do=actions.Delay(by_s=by_s), **when)]


def drip(size_bytes: int = 1, every_s: float = 0.005, **when: Unpack[When]) -> list[Rule]:
    """Let the upgrade, answers and pushes leave byte by byte."""
    moments: tuple[Moment, ...] = ("upgrade", "reply", "ready", "push")
    slowly = actions.Drip(size_bytes=size_bytes, every_s=every_s)
    return [Rule(on=on, do=slowly, **when) for on in moments]


# --- a link that ends -----------------------------------------------------------------


def reset(on: Moment = "push", *, lwp: str | None = None, **when: Unpack[When]) -> list[Rule]:
    """RST at a moment."""
    return [Rule(on=on, lwp=lwp, do=actions.Reset(), **when)]


def close(
    code: int = 1000,
    *,
    reason: str = "",
    on: Literal["request", "reply", "ready", "push", "ping"] = "push",
    **when: Unpack[When],
) -> list[Rule]:
    """Close with a code, if wanted one that RFC 6455 forbids."""
    return [Rule(on=on, do=actions.Close(code=code, reason=reason), **when)]


def cut(part: float = 0.5, *, reset: bool = True, **when: Unpack[When]) -> list[Rule]:
    """Send a part of a push, then RST or EOF."""
    return [Rule(on="push", do=actions.Cut(part=part, reset=reset), **when)]


def kick(**when: Unpack[When]) -> list[Rule]:
    """Another login: ``/push/kickout`` in place of a push."""
    return [Rule(on="push", do=actions.Kick(), **when)]


def remove_session(**when: Unpack[When]) -> list[Rule]:
    """There are too many connections: ``/s/session/remove`` in place of a push."""
    return [Rule(on="push", do=actions.RemoveSession(), **when)]


# --- pushes that are not as they should be --------------------------------------------


def duplicate(copies: int = 1, *, new_mid: bool = False, **when: Unpack[When]) -> list[Rule]:
    """Push it ``copies`` times more at once."""
    return [Rule(on="push", do=actions.Duplicate(times=copies, new_mid=new_mid), **when)]


def redeliver(after_s: float = 0.1, *, new_mid: bool = False, **when: Unpack[When]) -> list[Rule]:
    """Push it again later, though it was acknowledged."""
    return [Rule(on="push", do=actions.Duplicate(new_mid=new_mid, after_s=after_s), **when)]


def reorder(at_most_s: float = 1.0, **when: Unpack[When]) -> list[Rule]:
    """Push it behind the next one."""
    return [Rule(on="push", do=actions.Swap(at_most_s=at_most_s), **when)]


def gap(*, told: bool = True, **when: Unpack[When]) -> list[Rule]:
    """Leave a push out; with ``told`` the "too long" signal stands in its place."""
    return [Rule(on="push", do=actions.TooLong() if told else actions.Lose(), **when)]


def corrupt(
    how: Literal["base64", "truncate", "garbage", "frame"] = "base64",
    *,
    entry: int = 0,
    **when: Unpack[When],
) -> list[Rule]:
    """Damage an entry of a push, or its frame."""
    return [Rule(on="push", do=actions.Corrupt(how=how, entry=entry), **when)]


def oversize(claimed_bytes: int = 1 << 40, **when: Unpack[When]) -> list[Rule]:
    """Push a header that claims too much."""
    return [Rule(on="push", do=actions.Oversize(claimed_bytes=claimed_bytes), **when)]


def fragments(size_bytes: int = 64, *, pings: bool = True, **when: Unpack[When]) -> list[Rule]:
    """Push in fragments, with pings between them."""
    return [Rule(on="push", do=actions.Fragment(size_bytes=size_bytes, pings=pings), **when)]


def flood(count: int = 1000, *, package: int = 32, **when: Unpack[When]) -> list[Rule]:
    """Push this many texts behind a push."""
    return [Rule(on="push", do=actions.Flood(count=count, package=package), **when)]


# --- sends ----------------------------------------------------------------------------


def forbid_sends(account: str | None = None, times: int | None = None) -> list[Rule]:
    """Refuse sends with 200 and ``CSI_FORBID``, as the platform does."""
    body = {"reason": "CSI_FORBID", "moreInfo": "CSI_FORBID||安全拦截"}
    return [
        Rule(
            on="request",
            lwp=SEND,
            do=actions.Answer(code=200, body=body),
            account=account,
            times=times,
        )
    ]


PRESETS: Final[Mapping[str, Callable[..., list[Rule]]]] = {
    preset.__name__: preset
    for preset in (
        stall, refuse, redirect, bad_accept, captcha, not_ready, wrong_user,
        silent, half_open, deaf, zombie, slow_reader, late_answers, drip,
        reset, close, cut, kick, remove_session,
        duplicate, redeliver, reorder, gap, corrupt, oversize, fragments, flood,
        forbid_sends,
    )
}  # fmt: skip
"""Every fault with a name."""
