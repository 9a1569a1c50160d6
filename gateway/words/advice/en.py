"""What an account's standing means, in English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ITSELF: Final = "Nothing: it is tried again by itself."
_SIGN_IN: Final = "Sign in again, or paste a new cookie."

ADVICE: Final[Mapping[str, tuple[str, str]]] = {
    "connected": ("It is online: messages arrive and answers leave.", ""),
    "connecting": ("It is connecting.", "Nothing: it takes some seconds."),
    "closed": ("It was closed with the gateway.", "Start the gateway."),
    "disconnected": ("It is not started.", "Start the gateway."),
    "paused": ("A person paused it: nothing arrives and nothing leaves.", "Resume it."),
    "disabled": ("It is switched off in the configuration.", "Resume it, or set `enabled: true`."),
    "failed.no_login": ("It was never signed in here.", "Sign in, or paste a cookie."),
    "reconnecting.no_login": ("It was never signed in here.", "Sign in, or paste a cookie."),
    "disconnected.journal_down": (
        "The journal cannot store, so the link was closed before a message is lost.",
        "Mend the disk; the account connects again by itself.",
    ),
    "disconnected.lease_lost": (
        "Another process serves this account.",
        "End that process if it should not.",
    ),
    "reconnecting": ("The link is being replaced.", _ITSELF),
    "reconnecting.grant_awaited": (
        "It waits for a new token of the platform.",
        "Nothing yet. If the last error does not go away, sign in again.",
    ),
    "reconnecting.circuit_open": (
        "The platform cannot be reached; one account tries for all.",
        "Look at the machine's network; all of them connect once it works.",
    ),
    "reconnecting.max_age": ("The link is renewed as planned.", "Nothing: it takes some seconds."),
    "reconnecting.reset": ("It was reset and connects anew.", "Nothing: it takes some seconds."),
    "reconnecting.heartbeat_dead": (
        "The platform gave no sign of life, so the link was left.",
        _ITSELF,
    ),
    "reconnecting.zombie": (
        "The link was alive, but the platform pushed nothing over it.",
        _ITSELF,
    ),
    "reconnecting.backpressure": (
        "The handlers were too slow for what arrived, so the link was left.",
        "Look why they are slow: `handler.slow` and `handler.abandoned` in the log.",
    ),
    "reconnecting.child_crashed": (
        "A part of the account crashed and was restarted.",
        "Report it with `actor.died` of the log; the account connects by itself.",
    ),
    "reconnecting.unexpected_close": ("The platform ended the link.", _ITSELF),
    "reconnecting.network": (
        "The network failed on the way to the platform.",
        "Nothing yet. If it lasts, look at the network and the proxy of this machine.",
    ),
    "reconnecting.protocol": (
        "The platform sent what this version does not understand.",
        "Nothing yet. If it lasts, look for a newer version of the gateway.",
    ),
    "reconnecting.other": ("The link failed for a reason of its own.", _ITSELF),
    "reconnecting.server_restart": ("The platform restarts its server.", _ITSELF),
    "reconnecting.server_overload": ("The platform is overloaded and asks to wait.", _ITSELF),
    "reconnecting.auth": (
        "The platform refused the login; it is renewed and tried again.",
        "Nothing yet. If it lasts, sign in again.",
    ),
    "reconnecting.kicked": (
        "Another login took the session; it is taken back once.",
        "Sign out where this account is in use, e.g. in another program.",
    ),
    "reconnecting.needs_human": ("The platform asks for a person.", _SIGN_IN),
    "reconnecting.tls_trust": (
        "The server's certificate is not trusted, so no link is opened.",
        "Look at the clock of this machine, at tls.ca_file, and for a proxy on the way.",
    ),
    "reconnecting.config": (
        "A setting of the account does not fit the platform.",
        "Correct what the last error names, then reset the account.",
    ),
    "failed": (
        "It gave up and stays offline.",
        "Mend what the last error names, then reset the account.",
    ),
    "failed.auth": ("The platform refuses the login, a renewed one, too.", _SIGN_IN),
    "failed.needs_human": (
        "The platform asks for a person: a check of the face, or of a code.",
        _SIGN_IN,
    ),
    "failed.kicked": (
        "Another login keeps taking the session.",
        "Sign out where this account is in use, then reset it here.",
    ),
    "failed.session_removed": (
        "The platform removed the session.",
        "Sign in again, then reset the account.",
    ),
    "failed.config": (
        "A setting of the account is wrong.",
        "Correct what the last error names, reload the configuration, then reset the account.",
    ),
    "failed.tls_trust": (
        "The server's certificate is not trusted.",
        "Look at the clock, at tls.ca_file and for a proxy on the way, then reset the account.",
    ),
    "failed.protocol": (
        "The platform sends what this version does not understand.",
        "Look for a newer version of the gateway, then reset the account.",
    ),
    "failed.network": (
        "The platform could not be reached.",
        "Look at the network and the proxy of this machine, then reset the account.",
    ),
    "failed.unexpected_close": (
        "The platform keeps ending the link.",
        "Look whether the account is in use elsewhere, then reset it.",
    ),
    "failed.server_restart": (
        "The platform kept restarting its server.",
        "Reset the account.",
    ),
    "failed.server_overload": (
        "The platform stayed overloaded.",
        "Wait some minutes, then reset the account.",
    ),
    "failed.other": (
        "The link keeps failing for a reason of its own.",
        "Mend what the last error names, then reset the account.",
    ),
    "failed.max_attempts": (
        "All attempts that the settings allow were made.",
        "Mend what the last error names, then reset the account.",
    ),
    "failed.crash_loop": (
        "A part of the account keeps crashing.",
        "Report it with `actor.died` of the log, then reset the account.",
    ),
}
