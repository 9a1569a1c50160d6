"""What a rule finds: the place and what is wrong. Also the one rule of all addresses. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from gateway.settings.addresses import AddressError

Finding: TypeAlias = tuple[str, str]


def of_address(parse: Callable[[str], object], address: str, path: str) -> Iterator[Finding]:
    """Yield what a parser of addresses refuses."""
    try:
        parse(address)
    except AddressError as error:
        yield path, error.in_file
    except UnicodeError:  # half of a letter; that is told of every text
        return
