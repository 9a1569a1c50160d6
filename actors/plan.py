"""Everything the kernel needs to know about one account before it begins."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from actors.policy.attempts import AttemptRules
from actors.ports import CredentialSource, Dialer, Identity, Platform
from actors.sections import (
    ConnectSettings,
    DeadlineSettings,
    FlowSettings,
    HeartbeatSettings,
    LimitSettings,
    ReconnectSettings,
    RecoverySettings,
    RenewalSettings,
    SendSettings,
)
from actors.values import AccountId


class AccountPlan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything the kernel needs to know about one account.

    Attributes:
        account: Its name.
        platform: Its codec.
        dialer: Opens its links.
        identity: Gives the credentials of the next attempt; called on a dial thread, may block.
        source: Renews the credentials; None: ``identity`` is all there is.
        renewal: When it does.
        fingerprint: Changes with the credentials of the settings; tells nothing of them.
        user_id: The platform's id of the account, as far as it is known without asking anybody.
        connect: ``deadline_s`` of it: from the permit to the confirmed registration.
        deadlines: Of the steps of a link.
        heartbeat: When it is asked for a sign of life.
        reconnect: How long it waits after a failure, and when it gives up.
        limits: What its peer may send.
        tries: When an event is given up.
        flow: How far it may be behind: frames and events in hand.
        send: How messages leave.
        recovery: How history is read again.
    """

    account: AccountId
    platform: Platform
    dialer: Dialer
    identity: Callable[[], Identity]
    source: CredentialSource | None = None
    renewal: RenewalSettings = RenewalSettings()
    fingerprint: str | None = None
    user_id: str | None = None
    connect: ConnectSettings = ConnectSettings()
    deadlines: DeadlineSettings = DeadlineSettings()
    heartbeat: HeartbeatSettings = HeartbeatSettings()
    reconnect: ReconnectSettings = ReconnectSettings()
    limits: LimitSettings = LimitSettings()
    tries: AttemptRules = AttemptRules()
    flow: FlowSettings = FlowSettings()
    send: SendSettings = SendSettings()
    recovery: RecoverySettings = RecoverySettings()
