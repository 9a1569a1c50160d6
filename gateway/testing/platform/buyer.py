"""A customer of a shop: what people say and do on the platform."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from gateway.testing.platform.accounts import Account, Conversation
from gateway.testing.platform.host import Host
from gateway.testing.platform.orders import (
    STAGES,
    Order,
    OrderStage,
    card,
    card_update,
    red_reminder,
)
from gateway.testing.platform.shapes import (
    Entry,
    Message,
    Phone,
    image_content,
    marker,
    read_receipt,
    text_content,
    typing,
)

System = Literal["android", "ios", "web"]


class Seller(Protocol):
    """The shop a customer talks to: a :class:`Shop`."""

    host: Host
    account: Account

    @property
    def user_id(self) -> str:
        """Return the account's id on the platform."""

    def push(self, entries: Sequence[Entry], *, lwp: str = "/s/sync") -> bool:
        """Push entries to the shop; False: it has no session."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a customer said.

    Attributes:
        message_id: ``N.PNM``, as the event of a gateway has it.
        conversation_id: Without the domain.
        pushed: A connected session got it.
    """

    message_id: str
    conversation_id: str
    pushed: bool


class Buyer:
    """One customer of a shop."""

    def __init__(
        self, shop: Seller, user_id: str, *, nick: str, item_id: str, system: System
    ) -> None:
        self.shop = shop
        self.user_id = user_id
        self.nick = nick
        self.item_id = item_id
        self.system = system
        self._phone = None if system == "web" else Phone.of(user_id)

    def conversation(self, conversation_id: str | None = None) -> Conversation:
        """Return the conversation with the shop, or one of that id."""
        host, account = self.shop.host, self.shop.account
        with host.lock:
            model = host.engine.model
            return model.converse(
                account,
                conversation_id or model.ids.conversation(account.user_id, self.user_id),
                peer_id=self.user_id,
                item_id=self.item_id,
                now_ms=host.engine.unix_ms(),
            )

    def writes(self, text: str, *, conversation: str | None = None) -> Entry:
        """Put a text into the history and return its entry; nothing is pushed."""
        content = text_content(text, phone=self.system != "web")
        return self._keep(content, text, kind=1, conversation=conversation)

    def says(self, text: str, *, conversation: str | None = None) -> Sent:
        """Write a text and push it."""
        with self.shop.host.lock:
            return self._push(self.writes(text, conversation=conversation), conversation)

    def hears(self, text: str, *, conversation: str | None = None) -> Sent:
        """Let the shop's owner answer on a device of his own, and push that."""
        with self.shop.host.lock:
            owner = self.shop.user_id
            entry = self._keep(
                text_content(text), text, kind=1, conversation=conversation, sender=owner
            )
            return self._push(entry, conversation)

    def shows(
        self, url: str, *, width: int = 1080, height: int = 1920, conversation: str | None = None
    ) -> Sent:
        """Send a picture."""
        content = image_content(url, width=width, height=height)
        with self.shop.host.lock:
            entry = self._keep(content, "[图片]", kind=2, conversation=conversation)
            return self._push(entry, conversation)

    def orders(
        self, stage: OrderStage = "placed", *, order_id: str | None = None, update: bool = False
    ) -> Sent:
        """Let an order reach a stage: its card, then the red reminder.

        Args:
            stage: Of :data:`gateway.testing.platform.orders.STAGES`.
            order_id: Of an order that is there already; None: a new one.
            update: Put the change of an older card before it in the same package, as the
                platform does (``protocol.md`` 9.3).
        """
        host, account = self.shop.host, self.shop.account
        with host.lock:
            ids = host.engine.model.ids
            talk = self.conversation()
            order = Order(
                order_id=order_id or ids.order(),
                conversation_id=talk.id,
                item_id=self.item_id,
                buyer_id=self.user_id,
                seller_id=account.user_id,
                business_id=ids.business(),
            )
            at_ms = account.tick(host.engine.unix_ms())
            message = card(order, STAGES[stage], message_id=ids.message(), created_at_ms=at_ms)
            entries = [
                host.engine.model.keep(account, message),
                red_reminder(talk.id, STAGES[stage], at_ms),
            ]
            if update:
                older = card_update(
                    order, STAGES[stage], message_id=ids.message(), created_at_ms=at_ms
                )
                entries.insert(0, older)
            return Sent(
                message_id=message.message_id,
                conversation_id=talk.id,
                pushed=self.shop.push(entries),
            )

    def types(self, *, on: bool = True) -> None:
        """Start or stop typing; transient."""
        talk = self.conversation()
        self.shop.push([typing(talk.id, self.shop.user_id, on=on)], lwp="/s/para")

    def reads(self, *message_ids: str) -> None:
        """Tell that messages were read; none given: the shop's last one."""
        host, account = self.shop.host, self.shop.account
        with host.lock:
            talk = self.conversation()
            own = [one.message_id for one in account.own if one.conversation_id == talk.id]
            ids = list(message_ids) or own[-1:]
            if ids:
                talk.read.update(ids)
                self.shop.push([read_receipt(talk.id, ids, host.engine.unix_ms())])

    def marks(self, message_id: str) -> None:
        """Push the marker "something about this message"."""
        host = self.shop.host
        self.shop.push([marker(self.conversation().id, message_id, host.engine.unix_ms())])

    def _keep(
        self,
        content: str,
        summary: str,
        *,
        kind: int,
        conversation: str | None,
        sender: str | None = None,
    ) -> Entry:
        host, account = self.shop.host, self.shop.account
        with host.lock:
            model = host.engine.model
            talk = self.conversation(conversation)
            message = Message(
                message_id=model.ids.message(),
                conversation_id=talk.id,
                sender_id=sender or self.user_id,
                created_at_ms=account.tick(host.engine.unix_ms()),
                content=content,
                content_type=kind,
                summary=summary,
                nick=self.nick if sender is None else "",
                business_id=model.ids.business(),
                item_id=self.item_id,
                system=self.system,
                app_version="1.0" if self.system == "web" else "7.22.10",
                phone=self._phone,
            )
            return model.keep(account, message)

    def _push(self, entry: Entry, conversation: str | None) -> Sent:
        pushed = self.shop.push([entry])
        return Sent(
            message_id=entry.message_id or "",
            conversation_id=self.conversation(conversation).id,
            pushed=pushed,
        )
