"""One account that signs in: what the settings say of it, and what its source is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from actors.sections import RenewalSettings
from actors.values import AccountId, Failure
from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish.endpoints import Endpoints


class Performer(Protocol):
    """Performs one HTTP request; see :class:`gateway.transport.https.HttpsClient`."""

    def perform(
        self,
        request: HttpRequest,
        *,
        deadline_s: float,
        on_head: Callable[[HttpAnswer], None] | None = None,
    ) -> HttpAnswer | Failure:
        """Return the answer, whatever its status, within the deadline; never raise for a peer.

        ``on_head`` is told status and headers before the body is read.
        """


class Clocks(msgspec.Struct, frozen=True):
    """What a source knows of time.

    Attributes:
        unix_ms: Wall Unix milliseconds.
        monotonic: Seconds.
    """

    unix_ms: Callable[[], int]
    monotonic: Callable[[], float]


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings say of one account. Its ``repr`` shows the name only.

    Attributes:
        name: Our name of it.
        cookie: The seed; None: the account waits for a person to sign in.
        user_id: ``unb`` of the cookie must be equal; None: whatever the cookie says.
        device_id: None: derived from the user id.
        user_agent: None: the one the messages use.
        upgrade_cookie: Send the cookies to the WebSocket host, too.
        endpoints: Where the platform's HTTP services are.
        renewal: ``request_s`` of it bounds one request.
        egress: Names the way its calls leave by; no secret.
    """

    name: AccountId
    cookie: str | None = None
    user_id: str | None = None
    device_id: str | None = None
    user_agent: str | None = None
    upgrade_cookie: bool = False
    endpoints: Endpoints = Endpoints()
    renewal: RenewalSettings = RenewalSettings()
    egress: str = ""

    def __repr__(self) -> str:
        """Show the name only."""
        return f"Account({self.name!r})"

    __str__ = __repr__

    @property
    def seed(self) -> Mapping[str, str | None]:
        """Return what makes a new login when it changes."""
        return {"cookie": self.cookie, "user_id": self.user_id, "device_id": self.device_id}
