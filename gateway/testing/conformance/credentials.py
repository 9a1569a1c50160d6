"""Checks of a credential source: an identity for each attempt, and no secret shown."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from typing import Final

from actors.ports import Identity
from gateway.platforms import registry
from gateway.testing.conformance.checks import Check, must, must_be, raising_nothing

_WAIT_S: Final = 20.0


def credential_checks(
    source: Callable[[], Identity],
    *,
    account: str,
    platform: str | None = None,
    secrets: Collection[str] = (),
) -> list[Check]:
    """Return the checks of a credential source.

    Args:
        source: Called before each attempt, on a dial thread; may block.
        account: Whose credentials it gives.
        platform: Name of the platform that must take them; None: any may.
        secrets: What must not be shown.
    """

    def gives_an_identity() -> None:
        for _ in range(3):
            with raising_nothing("the source"):
                identity = must_be(source(), Identity, "what the source returns")
            must(
                identity.account == account,
                f"the identity is of account {identity.account!r}, not {account!r}",
            )

    def gives_it_on_any_thread() -> None:
        found: list[object] = []
        thread = threading.Thread(target=lambda: found.append(source()))
        thread.start()
        thread.join(_WAIT_S)
        must(not thread.is_alive(), "the source does not return")
        must(found and isinstance(found[0], Identity), "the source raised on another thread")

    def keeps_device_and_user() -> None:
        first, second = source(), source()
        must(first.device_id == second.device_id, "device_id differs between two attempts")
        must(first.user_id == second.user_id, "user_id differs between two attempts")

    def shows_no_secret() -> None:
        identity = source()
        shown = f"{identity!r} {identity!s} {source!r} {source!s}"
        kept = [*secrets, *(each for each in (identity.token, identity.cookie) if each)]
        for secret in kept:
            must(secret not in shown, "repr() or str() of the source or its identity shows one")

    def is_taken_by_the_platform() -> None:
        if platform is not None:
            with raising_nothing(f"session() of {platform}"):
                registry.get(platform).session(source())

    return [
        Check("it_gives_an_identity", gives_an_identity),
        Check("it_gives_it_on_any_thread", gives_it_on_any_thread),
        Check("it_keeps_device_and_user", keeps_device_and_user),
        Check("it_shows_no_secret", shows_no_secret),
        Check("its_platform_takes_them", is_taken_by_the_platform),
    ]
