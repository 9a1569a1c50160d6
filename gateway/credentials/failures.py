"""Failures of credentials; none of their texts holds a secret."""

from __future__ import annotations

import shlex

from actors.policy.failures import of_credentials
from actors.values import AccountId, ErrorClass, Failure
from gateway.commands import command
from gateway.errors import CredentialsRefusedError

failure = of_credentials


def needs_human(reason: str, detail: str) -> Failure:
    """Return a failure that only a person ends."""
    return failure(reason, detail, ErrorClass.NEEDS_HUMAN)


def to_sign_in(account: AccountId) -> str:
    """Return the command that signs an account in by a code."""
    return _of_account(command("accounts sign-in ACCOUNT --qr -c FILE"), account)


def to_paste(account: AccountId) -> str:
    """Return the command that takes a new cookie."""
    return _of_account(command("accounts credentials set ACCOUNT -c FILE"), account)


def _of_account(told: str, account: AccountId) -> str:
    """Return a command with the name of an account; one that looks like an option comes last."""
    if account.startswith("-"):
        told = told.replace(" ACCOUNT", "").removesuffix("`") + " -- ACCOUNT`"
    return told.replace("ACCOUNT", shlex.quote(account))


def not_renewed_here(account: AccountId, kind: str) -> CredentialsRefusedError:
    """Return the refusal of a verb for credentials that somebody else keeps."""
    told = "they stand in the settings: change them there and reload"
    if kind != "static":
        told = f"they are given by {kind}: change them there"
    return CredentialsRefusedError(
        "not_renewed_here",
        f"the credentials of account {account} are of kind {kind}; {told}, or set kind: goofish",
    )
