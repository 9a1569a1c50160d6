"""What the credentials actor knows of one account."""

from __future__ import annotations

from actors.identity import CredentialsChanged, CredentialsSeen
from actors.messages import RequestGrant, Rotate
from actors.plan import AccountPlan
from actors.policy.budget import BUDGET_SPENT
from actors.policy.credentials import Credentials, Now, Standing
from actors.ports import CredentialSource, Mailbox
from actors.values import AccountId, Failure


class Entry:
    """One account that renews its credentials: who asks, which link stands, what comes next.

    Attributes:
        plan: Of the account.
        policy: Decides when to renew.
        connection: Of the account, once it asked.
        request: The attempt that waits for a grant.
        waits: That attempt was told that it has to wait.
        linked: Version of the grant a link stands with; None: there is no link.
        loaded: The store was read.
        queued: It waits for its turn to renew.
        urgent: It does so before those who renew ahead of time.
        follows: Number of the job of the source it had before, which ends first; None: none.
        job: Number of the worker's job; None: none runs.
        hung: Numbers of renewals that were given up and did not end yet.
        wanted: A person wants a renewal.
        wake_at: Monotonic seconds at which it is looked at again.
    """

    __slots__ = (
        "connection", "follows", "hung", "job", "linked", "loaded", "plan", "policy", "queued",
        "request", "urgent", "waits", "wake_at", "wanted",
    )  # fmt: skip

    def __init__(self, plan: AccountPlan) -> None:
        self.plan = plan
        self.policy = Credentials(plan.renewal)
        self.connection: Mailbox[Rotate] | None = None
        self.request: RequestGrant | None = None
        self.waits = False
        self.linked: int | None = None
        self.loaded = self.queued = self.urgent = self.wanted = False
        self.job: int | None = None
        self.follows: int | None = None
        self.hung: set[int] = set()
        self.wake_at: float | None = None

    @property
    def name(self) -> AccountId:
        """Return the account's name."""
        return self.plan.account

    @property
    def source(self) -> CredentialSource:
        """Return the source; an account without one never comes here."""
        source = self.plan.source
        assert source is not None
        return source

    def awaits(self, job: int) -> bool:
        """Return whether what a job read of the store is still wanted."""
        return self.job == job and not self.loaded

    def next_at(self, now: Now) -> float | None:
        """Return the monotonic seconds of the next renewal; None: nothing is waited for."""
        return self.policy.next_at(
            now, asked=self.request is not None, linked=self.linked is not None
        )

    def spent(self, at_s: float, now: Now) -> Failure | None:
        """Return why a wait without a failure lasts until then; None: it is a short one."""
        long = at_s - now.monotonic_s > self.plan.renewal.min_gap_s
        return BUDGET_SPENT if long else None

    def changed(self, what: str, failure: Failure | None = None) -> CredentialsChanged:
        """Return what observers are told."""
        grant = self.policy.grant
        return CredentialsChanged(
            account=self.name,
            what=what,
            version=0 if grant is None else grant.version,
            reason=None if failure is None else failure.reason,
            detail=None if failure is None else failure.detail,
        )

    def seen(self, now: Now) -> CredentialsSeen:
        """Return what a person is shown."""
        policy = self.policy
        standing, at_s = policy.standing(now), self.next_at(now)
        left_s, failure = policy.left_s(now), policy.stuck or policy.failure
        if failure is None and at_s is not None and standing is Standing.WAITING:
            failure = self.spent(at_s, now)
        return CredentialsSeen(
            state=standing.value,
            version=0 if policy.grant is None else policy.grant.version,
            good_until_s=None if left_s is None else now.monotonic_s + left_s,
            next_at_s=at_s,
            failure=failure,
        )
