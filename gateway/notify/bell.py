"""The bell: looks at the alerts, decides by the rules, and rings. One thread.

What the rules say is told goes into a queue for each target, and from there to apprise. A target
that takes nothing raises the alert ``notify.failing``, which ends when it takes a message again.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import msgspec

from actors.policy.alerts import Key
from actors.ports import Clock
from actors.runtime.alert_registry import AlertRegistry
from gateway.notify.deliveries import Deliveries
from gateway.notify.message import Message, render
from gateway.notify.occasions import Bulletin, Item, Told
from gateway.notify.rules import Ringing, Rules, matches
from gateway.words import Language

FAILING: Final = "notify.failing"

RESULTS: Final = ("ok", "failed", "left_out")
"""What becomes of a try to deliver a message, and of a message that waited too long."""

KEPT: Final = "notify"
"""Name under which the journal keeps what was told."""

GATHER_S: Final = 0.2
"""Seconds between a change of the alerts and the look at them: many come together."""

LONGEST_S: Final = 60.0
"""Seconds until the bell looks again at the latest while it waits for something: clocks are set,
and machines sleep."""

_TOLD: Final = msgspec.json.Decoder(list[Told])


class Postman(Protocol):
    """Delivers messages; see :class:`gateway.notify.courier.Courier`."""

    @property
    def places(self) -> Sequence[str]:
        """Return the names of the targets."""

    def kind(self, place: str) -> str:
        """Return what may be said of one."""

    def send(self, place: str, message: Message) -> str | None:
        """Deliver, within a deadline; return why it did not go."""


class Letter:
    """A message on its way.

    Attributes:
        message: Which.
        keys: The occasions that it tells of.
        arrived: A target took it.
    """

    __slots__ = ("arrived", "keys", "message")

    def __init__(self, message: Message, keys: frozenset[Key]) -> None:
        self.message = message
        self.keys = keys
        self.arrived = False


class Bell:
    """Rings. Any thread may call it; its own does the work.

    Args:
        rules: When.
        postman: Where to.
        chosen: Which alerts a target gets, by its place; without an entry it gets all.
        alerts: What is on, and where the bell says that it fails.
        language: Of the messages.
        clock: Time.
        log: A structlog logger.
        mask: Masks secrets.
        keep: Has a later life know what was told; must not block.
        kept: What an earlier life had kept; None: nothing.
        link: Stands under each message.

    Attributes:
        counts: Messages by what became of them, each target by itself.
    """

    def __init__(
        self,
        rules: Rules,
        postman: Postman,
        *,
        chosen: Mapping[str, Sequence[str]],
        alerts: AlertRegistry,
        language: Language,
        clock: Clock,
        log: Any,
        mask: Callable[[str], str],
        keep: Callable[[str], None],
        kept: str | None = None,
        link: str | None = None,
    ) -> None:
        self._postman = postman
        self._chosen = chosen
        self._alerts = alerts
        self._language = language
        self._clock = clock
        self._log = log
        self._mask = mask
        self._keep = keep
        self._link = link
        self._ringing = Ringing(rules, _told(kept), clock.unix_ms())
        self._queues: dict[str, Deliveries[Letter]] = {
            place: Deliveries() for place in postman.places
        }
        self._reasons: dict[str, str] = {}
        self.counts = dict.fromkeys(RESULTS, 0)
        self._on_the_way: set[Letter] = set()
        self._saved = kept or "[]"
        self._changed = threading.Condition()
        self._hinted = self._stopping = False
        self._thread: threading.Thread | None = None

    # --- any thread -------------------------------------------------------------------

    def look(self, _change: object = None) -> None:
        """Have the alerts looked at soon; for the alert registry and for clocks that are moved."""
        with self._changed:
            self._hinted = True
            self._changed.notify_all()

    def start(self) -> None:
        """Start the thread."""
        thread = threading.Thread(target=self._run, name="gateway/bell", daemon=True)
        try:
            thread.start()
        except RuntimeError:
            self._log.error("notify.unavailable", detail="the machine gives no more threads")
            return
        self._thread = thread

    def end(self) -> None:
        """Begin to stop: what is to be told now is tried once."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def stop(self, timeout_s: float) -> None:
        """End; a delivery under way is waited for as long as that, then left."""
        self.end()
        if self._thread is not None:
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                self._log.warning("notify.left_behind", count=len(self._on_the_way))

    # --- its thread ---------------------------------------------------------------------

    def step(self) -> int | None:
        """Do all that is due; return our Unix time in ms when to come again, None: if hinted."""
        now_ms = self._clock.unix_ms()
        minute = _minute(now_ms)
        bulletin = self._ringing.look(self._alerts.on(), now_ms, minute)
        if bulletin is not None:
            self._write(bulletin, now_ms)
        for place, queue in self._queues.items():
            letter = queue.next(now_ms)
            if letter is not None:
                self._try(place, queue, letter)
        self._save()
        now_ms = self._clock.unix_ms()
        dues = [queue.due_ms(now_ms) for queue in self._queues.values()]
        dues.append(self._ringing.due_ms(now_ms, _minute(now_ms)))
        return min((due for due in dues if due is not None), default=None)

    def _run(self) -> None:
        while True:
            with self._changed:
                last, self._hinted = self._stopping, False
            due_ms = self.step()
            if last:
                return
            with self._changed:
                wait_s = None if due_ms is None else self._wait_s(due_ms)
                self._changed.wait_for(lambda: self._hinted or self._stopping, wait_s)
                if self._hinted:
                    self._changed.wait_for(lambda: self._stopping, GATHER_S)

    def _wait_s(self, due_ms: int) -> float:
        return min(LONGEST_S, max(0.0, (due_ms - self._clock.unix_ms()) / 1000))

    def _write(self, bulletin: Bulletin, now_ms: int) -> None:
        """Put a message into the queue of each target that is told of anything in it."""
        letters: dict[tuple[Item, ...], Letter] = {}
        for place, queue in self._queues.items():
            patterns = self._chosen.get(place)
            items = tuple(
                item for item in bulletin.items if patterns is None or matches(item.name, patterns)
            )
            if not items:
                continue
            if items not in letters:
                letters[items] = self._letter(items, bulletin.last, now_ms)
            pushed = queue.put(letters[items], now_ms)
            if pushed is not None:
                self._left_out(place, pushed)
        self._on_the_way.update(letters.values())
        self._log.info("notify.rung", matters=len(bulletin.items), messages=len(letters))

    def _letter(self, items: Sequence[Item], last: int | None, now_ms: int) -> Letter:
        message = render(
            items,
            language=self._language,
            now_ms=now_ms,
            moment=lambda at_ms: _moment(at_ms, now_ms),
            link=self._link,
            last=last,
        )
        masked = msgspec.structs.replace(
            message, title=self._mask(message.title), body=self._mask(message.body)
        )
        return Letter(masked, frozenset(item.key for item in items))

    def _try(self, place: str, queue: Deliveries[Letter], letter: Letter) -> None:
        why = self._postman.send(place, letter.message)
        now_ms = self._clock.unix_ms()
        failing = queue.failing
        if why is None:
            letter.arrived = True
            self._on_the_way.discard(letter)
            queue.went()
            self.counts["ok"] += 1
        else:
            self.counts["failed"] += 1
            self._reasons[place] = why
            self._log.warning("notify.delivery_failed", target=place, reason=why)
            given_up = queue.failed(now_ms)
            if given_up is not None:
                self._left_out(place, given_up)
        if failing or queue.failing:
            self._tell_failing()

    def _left_out(self, place: str, letter: Letter) -> None:
        self.counts["left_out"] += 1
        self._on_the_way.discard(letter)
        self._log.error("notify.left_out", target=place, count=self._queues[place].left_out)

    def _tell_failing(self) -> None:
        """Begin, change or end the alert; there is one for all targets."""
        failing = [place for place, queue in self._queues.items() if queue.failing]
        if not failing:
            self._alerts.end(FAILING)
            return
        told = "; ".join(
            f"{place} ({self._postman.kind(place)}): {self._reasons[place]}" for place in failing
        )
        waiting = sum(len(self._queues[place]) for place in failing)
        self._alerts.say(
            FAILING,
            detail=f"{told}; {waiting} messages wait",
            next_step="run the command notify test, and correct what it says; it is tried again "
            "every five minutes",
        )

    def _save(self) -> None:
        """Have a later life know what was told, and arrived somewhere or never will."""
        waiting = [letter.keys for letter in self._on_the_way if not letter.arrived]
        text = _encoded(self._ringing.told(frozenset[Key]().union(*waiting)))
        if text != self._saved:
            self._saved = text
            self._keep(text)


def _encoded(told: Collection[Told]) -> str:
    return msgspec.json.encode(told).decode()


def _told(kept: str | None) -> list[Told]:
    """Read what an earlier life kept; what another version wrote is nothing."""
    with contextlib.suppress(msgspec.DecodeError):
        return _TOLD.decode(kept or "[]")
    return []


def _minute(at_ms: int) -> float:
    """Return the minutes since the local midnight."""
    local = time.localtime(at_ms / 1000)
    return local.tm_hour * 60 + local.tm_min + local.tm_sec / 60


def _moment(at_ms: int, now_ms: int) -> str:
    """Return a Unix time as people read it here: with its date unless that is today."""
    at, now = time.localtime(at_ms / 1000), time.localtime(now_ms / 1000)
    return time.strftime("%H:%M" if at[:3] == now[:3] else "%Y-%m-%d %H:%M", at)
