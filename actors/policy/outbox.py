"""What becomes of the sends of one account: the state machine of ``contract.md`` 2.3.

QUEUED → SENDING → ACCEPTED | REFUSED | UNKNOWN; UNKNOWN → ACCEPTED (found), QUEUED again
(proven absent twice) or UNKNOWN for good, ``needs_review``; EXPIRED and CANCELLED only from
QUEUED. It decides; writing, asking and noting are the caller's. It knows no clock: ``now``
is monotonic seconds, ``now_ms`` is Unix time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator

from actors.policy.platform_time import NOTHING_TOLD
from actors.policy.reasons import ABSENT, LINK_LOST, NO_ANSWER, UNCONFIRMED, UNWRITTEN
from actors.policy.sends import (
    BLAME,
    DOUBT_MS,
    EXPIRED,
    EXPIRED_ABSENT,
    HUNG_UP,
    LATE_S,
    PAGES,
    REVIEW,
    SLACK_MS,
    ClaimedIds,
    Doubted,
    Ended,
    Look,
    PageRead,
    Requeued,
    Send,
    Step,
)
from actors.sections import SendSettings
from actors.values import Delivery, SendOutcome, SendResult, SendState


class _Looking:
    __slots__ = ("due", "intact", "pages", "send")

    def __init__(self, send: Send, due: float) -> None:
        self.send = send
        self.due = due
        self.pages = 0
        self.intact = True


class Outbox:
    """All open sends of one account, by lane.

    Args:
        limits: Its times.

    Attributes:
        platform: What is known of the platform's clock; the caller keeps it up to date.
    """

    def __init__(self, limits: SendSettings) -> None:
        self._limits = limits
        self.platform = NOTHING_TOLD
        self._lanes: dict[str, deque[Send]] = {}
        self._sends: dict[str, Send] = {}
        self._mids: dict[str, tuple[Send, float]] = {}
        self._claims = ClaimedIds()
        self._reviewed: dict[str, Delivery] = {}
        self._looking: _Looking | None = None
        self._linked = False
        self._history = False

    # --- coming in --------------------------------------------------------------------

    def find(self, outbox_id: str) -> Send | None:
        """Return an open send."""
        return self._sends.get(outbox_id)

    def ids(self) -> list[str]:
        """Return the ids of all open sends."""
        return list(self._sends)

    @property
    def looked_for(self) -> Delivery | None:
        """Return the send whose page of history is awaited."""
        return None if self._looking is None else self._looking.send.delivery

    @property
    def to_review(self) -> int:
        """Return how many sends wait for a person."""
        return len(self._reviewed)

    @property
    def idle(self) -> bool:
        """Return whether it holds nothing, not even the key of a late answer."""
        return not (self._sends or self._mids or self._reviewed or self._claims)

    def accept(self, delivery: Delivery, *, until: float) -> bool:
        """Take a send in, at the end of its lane; False: it is known.

        Args:
            delivery: What it is.
            until: Monotonic seconds after which no attempt of it begins.
        """
        if delivery.outbox_id in self._sends:
            return False
        self._add(Send(delivery, until))
        return True

    def restore(
        self, delivery: Delivery, *, until: float, first_ms: int | None, review: bool
    ) -> bool:
        """Take a send in that an earlier life has tried; False: it is known, or done with.

        Args:
            delivery: What it is.
            until: Monotonic seconds after which no attempt of it begins.
            first_ms: When it was first tried, in the platform's Unix time; None: not known.
            review: It needs review.
        """
        if delivery.outbox_id in self._sends:
            return False
        if review:
            self._reviewed[delivery.outbox_id] = delivery
            if not self._limits.strict_lane:
                return False
        send = Send(delivery, until)
        send.state, send.tried, send.review = SendState.UNKNOWN, True, review
        send.since_ms = send.first_ms = first_ms
        self._add(send)
        return True

    def claim(self, message_ids: Iterable[str]) -> None:
        """Know these server ids as those of our own sends."""
        self._claims.add(message_ids)

    def is_ours(self, message_id: str) -> bool:
        """Return whether a server id is known to be that of a send of ours."""
        return message_id in self._claims

    def drop(self, outbox_id: str) -> bool:
        """Forget a send that somebody else has ended; False: it is not here."""
        self._reviewed.pop(outbox_id, None)
        send = self._sends.get(outbox_id)
        if send is None:
            return False
        self._remove(send)
        self._forget_mids(send)
        return True

    def _add(self, send: Send) -> None:
        self._sends[send.delivery.outbox_id] = send
        self._lanes.setdefault(send.delivery.conversation_id, deque()).append(send)

    # --- the link ---------------------------------------------------------------------

    def link_up(self, now: float, *, history: bool) -> list[Step]:
        """A link is there; what is UNKNOWN can be looked for.

        Args:
            now: Monotonic seconds.
            history: The platform can be asked what was said.
        """
        self._linked, self._history = True, history
        self._looking = None
        steps: list[Step] = []
        for send in self._heads():
            if send.state is SendState.UNKNOWN and not send.review:
                self._look_from(send, now)
                if not history:
                    steps += self._review(send)
        return steps

    def link_down(self, blame: int = 0) -> list[Step]:
        """The link is gone: what was written may have arrived or not (O5).

        Args:
            blame: How much that speaks against what was just written. Of several nobody knows
                which; each of them is tried alone from then on.
        """
        self._linked = False
        self._looking = None
        under_way = [send for send in self._heads() if _under_way(send) and send.written]
        for send in under_way:
            if not send.blame or len(under_way) == 1:
                send.blame += blame
        steps: list[Step] = []
        for send in self._heads():
            if send.state is SendState.SENDING:
                if not send.written:
                    steps += self._requeue(send, UNWRITTEN)
                    continue
                steps += self._doubt(send, LINK_LOST, None)
        return steps

    # --- an attempt -------------------------------------------------------------------

    def ready(self, now: float) -> Iterator[Delivery]:
        """Return the sends that may be tried now: heads of idle lanes that have not expired."""
        if not self._linked:
            return
        ready = [
            send for send in self._heads() if send.state is SendState.QUEUED and send.until > now
        ]
        blamed = [send for send in ready if send.blame]
        if blamed or any(send.blame for send in self._heads() if _under_way(send)):
            ready = [] if any(map(_under_way, self._heads())) else blamed[:1]
        for send in ready:
            yield send.delivery

    def begin(self, outbox_id: str, *, mid: str, generation: int) -> None:
        """Note that an attempt begins; it is not written before that is stored (O2)."""
        send = self._sends[outbox_id]
        send.state, send.mid, send.generation = SendState.SENDING, mid, generation
        send.written, send.due, send.echo, send.key = False, None, None, None

    def stored(self, outbox_id: str, mid: str) -> Delivery | None:
        """The attempt is stored; gives what is to be written now, if it is still wanted."""
        send = self._sends.get(outbox_id)
        if send is None or send.state is not SendState.SENDING or send.mid != mid:
            return None
        return None if send.written or not self._linked else send.delivery

    def handed(self, outbox_id: str, *, key: str | None, now: float) -> None:
        """Note that the bytes are the connection's; ``key``: the answer comes under it."""
        send = self._sends[outbox_id]
        send.written, send.key, send.due = True, key, now + self._limits.reply_s
        if not send.tried:
            send.tried, send.first_at, send.since_ms = True, now, self.platform.told_ms
        if key is not None:
            self._forget(now)
            self._mids[key] = (send, now + LATE_S)

    def transmitted(self, outbox_id: str, *, generation: int, written: bool) -> list[Step]:
        """The socket took the bytes, or it would not."""
        send = self._sends.get(outbox_id)
        if send is None or send.state is not SendState.SENDING or send.generation != generation:
            return []
        if not written:
            return self._requeue(send, UNWRITTEN)
        if send.key is not None:
            return []
        return self._end(send, SendResult(outcome=SendOutcome.UNKNOWN, reason=UNCONFIRMED))

    def answered(self, key: str, result: SendResult, now: float) -> list[Step]:
        """The platform answered an attempt, perhaps late (O3, O4)."""
        send, _ = self._mids.pop(key, (None, 0.0))
        if send is None:
            return []
        current = key == send.key
        if result.outcome is SendOutcome.ACCEPTED:
            return self._end(send, result)
        if not current or send.state is SendState.QUEUED:
            return []  # an older attempt's refusal says nothing about the younger one
        if result.outcome is SendOutcome.UNKNOWN:
            if send.state is SendState.SENDING:
                return self._doubt(send, result.reason or NO_ANSWER, now)
            return []
        return self._end(send, result)

    def refuse(self, outbox_id: str, reason: str) -> list[Step]:
        """It cannot be put into a frame: not a byte left."""
        send = self._sends[outbox_id]
        return self._end(send, SendResult(outcome=SendOutcome.REFUSED, reason=reason))

    # --- doubt ------------------------------------------------------------------------

    def unresolved(self, lane: str | None) -> Send | None:
        """Return the send of a lane that was tried and has no outcome."""
        queue = self._lanes.get(lane or "")
        return queue[0] if queue and queue[0].tried else None

    def seen(self, send: Send, message_id: str, at_ms: int) -> list[Step]:
        """An own message that looks like this send came in the stream (O3).

        While the answer may still come, that one is believed first.
        """
        if message_id in self._claims or not self._is_copy(send, at_ms) or self._rivals(send):
            return []
        if send.state is SendState.SENDING and send.written:
            send.echo = message_id
            return []
        return self._found(send, message_id)

    def look(self, now: float) -> Look | None:
        """Return the next page of history to ask for, one at a time; None: nothing to ask."""
        if not (self._linked and self._history) or self._looking is not None:
            return None
        for send in self._heads():
            if (
                send.state is SendState.UNKNOWN
                and not send.review
                and send.due is not None
                and send.due <= now
            ):
                self._looking = _Looking(send, now + self._limits.reply_s)
                return Look(delivery=send.delivery, cursor=None)
        return None

    def page(self, read: PageRead | None, now: float) -> tuple[list[Step], Look | None]:
        """Take a page that was asked for; None: it was refused.

        Returns:
            What follows, and the next page to ask for if this one did not tell.
        """
        looking = self._looking
        if looking is None:
            return [], None
        send, since_ms = looking.send, looking.send.since_ms
        if read is None:
            return self._looked(send, now, absent=False), None
        unclaimed = [match for match in read.matches if match[0] not in self._claims]
        rivals = self._rivals(send)
        for message_id, at_ms in unclaimed:
            if self._is_copy(send, at_ms) and not rivals:
                return self._found(send, message_id), None
        looking.intact &= read.intact and not any(
            since_ms is None or at_ms >= since_ms - DOUBT_MS for _, at_ms in unclaimed
        )
        looking.pages += 1
        all_read = read.next_cursor is None or (
            since_ms is not None
            and read.oldest_ms is not None
            and read.oldest_ms < since_ms - DOUBT_MS
        )
        if all_read or looking.pages >= PAGES:
            return self._looked(send, now, absent=looking.intact and all_read), None
        looking.due = now + self._limits.reply_s
        return [], Look(delivery=send.delivery, cursor=read.next_cursor)

    def _is_copy(self, send: Send, at_ms: int) -> bool:
        """Return True if an equal message must be this send: the platform made it no sooner."""
        first_ms = send.first_ms
        if send.first_at is not None:
            first_ms = self.platform.latest_ms(send.first_at)
        return first_ms is not None and at_ms >= first_ms - SLACK_MS

    def _rivals(self, send: Send) -> bool:
        """Return True if an UNKNOWN send has the same text as this message.

        Its copy in the history cannot be attributed to either then.
        """
        lane, content = send.delivery.conversation_id, send.delivery.content
        return any(
            other.content == content and other.conversation_id == lane
            for other in self._reviewed.values()
            if other is not send.delivery
        )

    def _looked(self, send: Send, now: float, *, absent: bool) -> list[Step]:
        """End a look that did not find it."""
        self._looking = None
        send.absences = send.absences + 1 if absent else 0
        if send.absences >= 2 and send.blame >= BLAME:  # a third time would cut the link again
            return self._end(send, HUNG_UP)
        if send.absences >= 2:  # O6: twice
            return self._requeue(send, ABSENT)
        send.due = now + self._limits.recheck_s
        return []

    def _found(self, send: Send, message_id: str) -> list[Step]:
        return self._end(send, SendResult(outcome=SendOutcome.ACCEPTED, message_id=message_id))

    def _doubt(self, send: Send, reason: str, now: float | None) -> list[Step]:
        """It may have arrived or not; ``now`` None: nobody can be asked yet."""
        if send.echo is not None:
            return self._found(send, send.echo)
        send.state, send.due, send.absences = SendState.UNKNOWN, None, 0
        if not self._history:
            return self._review(send)
        if now is not None:
            self._look_from(send, now)
        return [Doubted(send.delivery, reason)]

    def _look_from(self, send: Send, now: float) -> None:
        send.due = now
        if send.review_at is None:
            send.review_at = now + self._limits.review_s

    def _review(self, send: Send) -> list[Step]:
        """Nobody but a person can tell; in strict lanes it stays at the head."""
        steps = self._end(send, REVIEW, keep=self._limits.strict_lane)
        self._reviewed[send.delivery.outbox_id] = send.delivery
        send.review, send.due = True, None
        return steps

    # --- time -------------------------------------------------------------------------

    def expire(self, now: float) -> list[Step]:
        """Do what is due: answers that did not come, hope that ends, sends that are too old."""
        steps: list[Step] = []
        looking = self._looking
        if looking is not None and looking.due <= now:
            steps += self._looked(looking.send, now, absent=False)
        for send in self._heads():
            if send.state is SendState.SENDING and _past(send.due, now):
                steps += self._doubt(send, NO_ANSWER, now)
            elif send.state is SendState.UNKNOWN and not send.review and _past(send.review_at, now):
                steps += self._review(send)
        for queue in list(self._lanes.values()):
            for send in list(queue):
                if send.state is SendState.QUEUED and send.until <= now:
                    steps += self._end(send, EXPIRED_ABSENT if send.tried else EXPIRED)
        self._forget(now)
        return steps

    def wait_s(self, now: float) -> float | None:
        """Return the seconds until :meth:`expire` or :meth:`look` has something to do."""
        times = [] if self._looking is None else [self._looking.due]
        for queue in self._lanes.values():
            head = queue[0]
            if head.state is SendState.QUEUED:
                times.append(head.until)
            else:
                times += self._times(head)
        if not self._sends:
            times += [until for _, until in list(self._mids.values())[:1]]
            times += self._claims.times(now)
        return None if not times else max(0.0, min(times) - now)

    def _times(self, head: Send) -> Iterator[float]:
        if head.review:
            return
        if head.review_at is not None:
            yield head.review_at
        may_look = self._linked and self._looking is None
        if head.due is not None and (may_look or head.state is SendState.SENDING):
            yield head.due

    def tried(self) -> Iterator[Send]:
        """Return the sends that were tried and have no outcome."""
        return (send for send in self._heads() if send.state is not SendState.QUEUED)

    # --- ends -------------------------------------------------------------------------

    def _end(self, send: Send, result: SendResult, *, keep: bool = False) -> list[Step]:
        if result.message_id is not None:
            self.claim((result.message_id,))
        if not keep:
            self._remove(send)
        if result is not REVIEW:
            self._forget_mids(send)
            self._reviewed.pop(send.delivery.outbox_id, None)
        return [Ended(send.delivery, result)]

    def _requeue(self, send: Send, why: str) -> list[Step]:
        """Let it wait at the head of its lane, under the same uuid."""
        mid = send.mid
        send.state, send.due, send.review_at = SendState.QUEUED, None, None
        if why == UNWRITTEN:
            self._forget_mids(send, send.key)
        return [Requeued(send.delivery, mid, why)]

    def _remove(self, send: Send) -> None:
        """Take it out; the lane goes behind the others."""
        if self._sends.pop(send.delivery.outbox_id, None) is None:
            return
        if self._looking is not None and self._looking.send is send:
            self._looking = None
        queue = self._lanes.pop(send.delivery.conversation_id)
        queue.remove(send)
        if queue:
            self._lanes[send.delivery.conversation_id] = queue

    def _heads(self) -> list[Send]:
        return [queue[0] for queue in self._lanes.values()]

    def _forget(self, now: float) -> None:
        while self._mids:
            key, (_, until) = next(iter(self._mids.items()))
            if until > now:
                break
            del self._mids[key]
        if not any(self.tried()):
            self._claims.age(now)

    def _forget_mids(self, send: Send, only: str | None = None) -> None:
        for key in [key for key, (owner, _) in self._mids.items() if owner is send]:
            if only in (None, key):
                del self._mids[key]


def _under_way(send: Send) -> bool:
    return send.state is SendState.SENDING


def _past(at: float | None, now: float) -> bool:
    return at is not None and at <= now
