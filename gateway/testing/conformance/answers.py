"""Checks of answers: to sends and registrations, of own messages, of history."""

from __future__ import annotations

from actors.ports import Session
from actors.values import (
    Content,
    Failure,
    Frame,
    Position,
    Reply,
    Request,
    SendOutcome,
    SendResult,
)
from gateway.testing.conformance import events, folder
from gateway.testing.conformance.checks import constant, must, must_be, raising_nothing, safe
from gateway.testing.conformance.folder import Recorded
from gateway.testing.conformance.requests import TEXT, send, shape
from gateway.testing.conformance.subject import DAMAGES, Subject


def a_send_is_answered(it: Subject) -> None:
    """A send goes out, its recorded answer comes back under its id, and is judged."""
    request = send(it, TEXT, "a text")
    if not isinstance(request, Request):
        return  # nothing leaves, or nobody answers it
    found = [each for each in it.folder.frames if each.expected.sent is not None]
    must(
        any(each.expected.sent == SendOutcome.ACCEPTED.value for each in found),
        f"{it.folder.path}: record the answer to a send, and let {folder.EXPECTED} say "
        '"sent": "accepted"',
    )
    for each in found:
        session = it.session()
        result = session.sent(_answer(it, session, each, request))
        must_be(result, SendResult, f"{each.name}: what sent() returns")
        must(
            result.outcome.value == each.expected.sent,
            f"{each.name}: sent() says {result.outcome.value}, not {each.expected.sent}",
        )
        if result.outcome is SendOutcome.REFUSED:
            must(result.reason, f"{each.name}: the platform refused, and sent() has no reason")


def a_registration_is_answered(it: Subject) -> None:
    """A registration goes out, and its recorded answer is judged."""
    session = it.session()
    request = session.register(it.mid())
    if request is None:
        return
    found = [each for each in it.folder.frames if each.expected.registered is not None]
    must(
        any(each.expected.registered for each in found),
        f"{it.folder.path}: record the answer to a registration, and let "
        f'{folder.EXPECTED} say "registered": true',
    )
    for each in found:
        failure = session.registered(_answer(it, session, each, request))
        must(
            (failure is None) is each.expected.registered,
            f"{each.name}: registered() says {failure!r}",
        )


def any_answer_is_judged(it: Subject) -> None:
    """No answer makes a codec raise, and what it says of one is fit for a log."""
    session, dice = it.session(), it.dice("answers")
    session.register(it.mid())
    read = [it.recorded(session, each) for each in it.folder.frames]
    known = [each.reply for each in read if each.reply is not None]
    known += [Reply(mid="1", code=200, body=body) for body in (b"", b"{}", b"[]", b"\xff")]
    for reply in known:
        for _ in range(DAMAGES):
            body = folder.damaged(reply.body, dice.choice(known).body, dice)
            code = dice.choice([reply.code, reply.code, 200, 0, 400, 401, 503])
            raw = body.encode() if isinstance(body, str) else body
            _judge(it, session, Reply(mid=reply.mid, code=code, body=raw))


def own_messages_are_known_again(it: Subject) -> None:
    """A message is never taken for a send that says something else."""
    session = it.session()
    strange = it.delivery(Content(text="nobody ever said this"))
    for each in it.folder.frames:
        for event in it.recorded(session, each).events:
            with raising_nothing(f"{each.name}: echoed()"):
                found = session.echoed(event, strange)
            must(found is None, f"{each.name}: echoed() takes another message for a send")


def history_is_asked_for(it: Subject) -> None:
    """A platform with history has all the requests, and reads recorded answers to them."""
    history, mid = it.session().history, it.mid()
    if history is None:
        return
    shape("get_state()", history.get_state(mid))
    for cursor in (None, 1_795_469_246_000):
        shape("list_conversations()", history.list_conversations(mid, cursor))
        shape("list_messages()", history.list_messages(mid, "50000000001", cursor, 20))
    session = it.session()
    for each in it.folder.frames:
        reply, wanted = it.recorded(session, each).reply, each.expected
        if reply is None:
            continue
        if wanted.state is not None:
            told = history.state(reply) is not None
            must(told is wanted.state, f"{each.name}: state() tells a state: {told}")
        if wanted.conversations is not None:
            listed = history.conversations(reply)
            size = None if listed is None else len(listed.conversations)
            must(size == wanted.conversations, f"{each.name}: {size} conversations")
        if wanted.messages is not None:
            page = history.messages(reply, received_at_ms=events.ARRIVED_MS)
            size = None if page is None else len(page.events)
            must(size == wanted.messages, f"{each.name}: {size} messages")


def _answer(it: Subject, session: Session, each: Recorded, request: Request) -> Reply:
    """Return a recorded answer as if it had come for this request."""
    recorded = must_be(it.recorded(session, each).reply, Reply, f"{each.name}: reply")
    frame: Frame
    if isinstance(each.frame, str):
        frame = each.frame.replace(recorded.mid, request.mid)
    else:
        frame = each.frame.replace(recorded.mid.encode(), request.mid.encode())
    told = f"{each.name}, as the answer to {request.mid!r}"
    reply = must_be(it.read(session, frame, told).reply, Reply, f"{told}: reply")
    must(reply.mid == request.mid, f"{told}: the reply has the mid {reply.mid!r}")
    return reply


def _judge(it: Subject, session: Session, reply: Reply) -> None:
    told = f"{it.again} {reply.code} {reply.body[:300]!r}"
    with raising_nothing(told):
        failure = session.registered(reply)
        told_ms = session.told_ms(reply)
        result = must_be(session.sent(reply), SendResult, f"{told}: what sent() returns")
    must(told_ms is None or type(told_ms) is int, f"{told}: told_ms() gives {told_ms!r}")
    if failure is not None:
        must_be(failure, Failure, f"{told}: what registered() returns")
        constant(f"{told}: the failure's reason", failure.reason)
        safe(f"{told}: the failure's detail", failure.detail, it.secrets)
    safe(f"{told}: the reason of sent()", result.reason or "", it.secrets)
    history = session.history
    if history is not None:
        with raising_nothing(told):
            state = history.state(reply)
            history.conversations(reply)
            page = history.messages(reply, received_at_ms=events.ARRIVED_MS)
            if state is not None:
                must_be(history.position(state), Position, f"{told}: position()")
                shape("ack_diff()", history.ack_diff(it.mid(), state))
        for event in () if page is None else page.events:
            account = it.who.account
            events.sound(event, told, account=account, lane_seq=None, recovered=True)
