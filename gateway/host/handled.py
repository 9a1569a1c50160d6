"""What is known of an event between two attempts to handle it."""

from __future__ import annotations

from actors.values import Content, Note
from gateway.delivering import Delivering
from gateway.host.subscriptions import Subscription
from gateway.sinks.runner import Entry, SinkRunner


class Handled:
    """What is known of an event between its attempts, in one life of the process.

    Attributes:
        ended: Handlers that have had it: done, or given up.
        at: The one that has it now.
        hung: One of them was given up.
        replies: Of those that are done, in order.
        notes: The same.
        entries: Sinks that were given it.
    """

    __slots__ = ("at", "ended", "entries", "hung", "notes", "replies")

    def __init__(self) -> None:
        self.ended: set[Subscription] = set()
        self.at: Subscription | None = None
        self.hung = False
        self.replies: list[Content] = []
        self.notes: list[Note] = []
        self.entries: list[tuple[SinkRunner, Entry]] = []

    def add(self, subscription: Subscription, call: Delivering) -> None:
        """Note that a handler is done."""
        self.ended.add(subscription)
        self.replies += call.replies
        self.notes += call.notes or ()

    def after(self, hung: Subscription) -> Handled:
        """Return a copy for the tries after one that was given up: its thread has the other."""
        following = Handled()
        following.ended = {*self.ended, hung}
        following.hung = True
        following.replies, following.notes = list(self.replies), list(self.notes)
        following.entries = list(self.entries)
        return following
