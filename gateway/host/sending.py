"""The sends of a gateway, as its host makes them: one part of the façade."""

from __future__ import annotations

import os

from actors.values import AccountId
from gateway.host.sender import Sender
from gateway.host.sends import Sends, SendTicket
from gateway.host.undisturbed import undisturbed


class Sending:
    """What a gateway sends.

    Attributes:
        sends: All sends by id, of this life and of earlier ones.
    """

    sends: Sends
    _sender: Sender

    @undisturbed
    def send(
        self,
        account: AccountId,
        conversation: str,
        text: str | None = None,
        *,
        to: str | None = None,
        image_url: str | None = None,
        width: int = 0,
        height: int = 0,
        expires_s: float | None = None,
        idempotency_key: str | None = None,
    ) -> SendTicket:
        """Accept a message for sending; returns once it is in the outbox.

        Args:
            account: The sending account.
            conversation: Id of the conversation.
            text: What to say, up to 65,536 bytes in UTF-8; None for an image.
            image_url: Where an uploaded image lies (http or https); None for a text.
            width: Of the image, in pixels; 0: not known.
            height: Of the image, in pixels; 0: not known.
            to: The other user's id; Goofish wants it.
            expires_s: Seconds after which it is not sent any more, a year at most; None: the
                setting.
            idempotency_key: Names this message: a call with the same key sends nothing more and
                returns the first one's ticket, until ``journal.retention_days`` after its end.

        Raises:
            UnknownAccountError: There is no such account.
            KeyReusedError: The key stands for another message.
            OverloadedError: The account's outbox is full; nothing was accepted.
            ShuttingDownError: The gateway is not running; nothing was accepted.
            ValueError: Neither a text nor an image, or both.
            TimeoutError: The journal did not answer in 10 s; whether it is in is unknown.
        """
        return self._sender.send(
            account,
            conversation,
            text,
            to=to,
            image_url=image_url,
            width=width,
            height=height,
            expires_s=expires_s,
            idempotency_key=idempotency_key,
        )

    def send_image(
        self,
        account: AccountId,
        conversation: str,
        path: str | os.PathLike[str],
        *,
        to: str | None = None,
        expires_s: float | None = None,
    ) -> SendTicket:
        """Upload a file with the account's cookies, then accept it for sending as :meth:`send`.

        Blocks for the upload, 60 s at most; nothing is in the outbox unless it succeeded. A
        second call makes a second message. The account's credentials are of ``kind: goofish``.

        Args:
            account: The sending account.
            conversation: Id of the conversation.
            path: A JPEG, PNG, GIF or WebP file of up to 5 MiB; its name tells nobody anything.
            to: The other user's id; Goofish wants it.
            expires_s: As for :meth:`send`, counted from the end of the upload.

        Raises:
            UploadError: The file cannot be sent, or was not uploaded; says what to do, and
                ``retryable`` whether the same call may succeed later.
            UnknownAccountError: There is no such account.
            OverloadedError: The account's outbox is full; nothing was accepted.
            ShuttingDownError: The gateway is not running; nothing was accepted.
            TypeError: An argument has another type.
            ValueError: An argument is out of bounds, or the path is an address.
            TimeoutError: The journal did not answer in 10 s; whether it is in is unknown.
        """
        return self._sender.send_image(account, conversation, path, to=to, expires_s=expires_s)

    def ticket(self, outbox_id: str) -> SendTicket:
        """Return a ticket for a send, perhaps of an earlier life; see :meth:`Sends.ticket`."""
        return self.sends.ticket(outbox_id)
