"""Checks of requests: ids, headers, registration, heartbeat, sends; and what is refused."""

from __future__ import annotations

from typing import Final

from actors.ports import Identity
from actors.values import Content, Delivery, Frame, Request
from gateway.testing.conformance.checks import must, must_be, or_refusal
from gateway.testing.conformance.subject import MOMENT, Subject

TEXT: Final = Content(text="在吗？ <b>\"hi\" & 'you'</b> \U0001f600")
PICTURE: Final = Content(image_url="https://example.org/a.png", width=640, height=480)


def ids_are_made_of_what_is_given(it: Subject) -> None:
    """Ids come from the time and the draw alone: a codec has no clock and no dice."""
    session = it.session()
    for told, make in (("mid()", session.mid), ("uuid()", it.platform.uuid)):
        first = make(*MOMENT)
        must(must_be(first, str, told), f"{told} gives nothing")
        must(first == make(*MOMENT), f"{told} gives another id for the same arguments")
        must(
            len({make(MOMENT[0], 0.05), make(MOMENT[0], 0.95), make(MOMENT[0] + 1, 0.05)}) > 1,
            f"{told} gives the same id whatever it is given",
        )


def requests_have_their_shape(it: Subject) -> None:
    """Registration and heartbeat are requests, or declared to be absent by None."""
    session, mid = it.session(), it.mid()
    for name, value in session.upgrade_headers().items():
        for text in (name, value):
            must_be(text, str, f"upgrade_headers(): {name!r}")
            must("\n" not in text, f"upgrade_headers(): {name!r} has a line feed")
        must(name.lower() != "cookie", "upgrade_headers(): the cookie goes by itself")
    for told, request in (("register()", session.register(mid)), ("beat()", session.beat(mid))):
        if request is not None:
            shape(told, request)


def credentials_are_refused_in_words(it: Subject) -> None:
    """Missing credentials are a ValueError with words, and nobody shows a secret."""
    bare = Identity(account=it.who.account)
    or_refusal(lambda: it.platform.session(bare), "session() without credentials", ())
    shown = f"{it.session()!r} {it.session()!s}"
    for secret in it.secrets:
        must(secret not in shown, "a session shows its credentials in repr() or str()")


def sends_leave_or_are_refused_in_words(it: Subject) -> None:
    """A send is a request, a bare frame, or a ValueError with words; ``addressed`` is true."""
    said, other = send(it, TEXT, "a text"), send(it, Content(text="x"), "another text")
    must((said is None) is (other is None), "send() takes one text and refuses another")
    if said is not None:
        must(_payload(said) != _payload(other), "send() gives the same for two texts")
    send(it, PICTURE, "an image")
    send(it, Content(), "nothing")
    unnamed = send(it, TEXT, "a text to nobody", to=None)
    if it.platform.addressed:
        must(unnamed is None, "addressed is True, but send() takes a text to nobody")
    else:
        must(
            (unnamed is None) is (said is None),
            "addressed is False, but send() refuses a text to nobody",
        )


def send(
    it: Subject, content: Content, told: str, to: str | None = "3301"
) -> Request | Frame | None:
    """Return what a send gives, the same twice; None: it was refused in words."""
    session, mid = it.session(), it.mid()
    delivery = it.delivery(content, to=to)

    def sent() -> Request | Frame:
        made = session.send(mid, delivery)
        if isinstance(made, Request):
            shape(f"send({told})", made)
        else:
            must(isinstance(made, str | bytes), f"send({told}) gives no request and no frame")
        return made

    made = or_refusal(sent, f"send({told})", it.secrets)
    must(made == _again(it, delivery), f"send({told}) gives something else the second time")
    return made


def _again(it: Subject, delivery: Delivery) -> Request | Frame | None:
    try:
        return it.session().send(it.mid(), delivery)
    except ValueError:
        return None


def shape(told: str, request: object) -> None:
    """Refuse what is no request that can be answered."""
    found = must_be(request, Request, told)
    must(must_be(found.mid, str, f"{told}: mid"), f"{told}: the request has no mid")
    must(isinstance(found.payload, str | bytes), f"{told}: the payload is no frame")
    must(found.payload, f"{told}: the payload is empty")


def _payload(made: Request | Frame | None) -> Frame | None:
    return made.payload if isinstance(made, Request) else made
