"""The route that describes all routes: the OpenAPI file of this version."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any, Final

import msgspec

from gateway.commands import page_file
from gateway.web.context import Answer, Context
from gateway.web.request import Request

FILE: Final = "docs/openapi.json"
"""Drawn by a script; every installation has a copy."""


def show(_context: Context, _request: Request) -> Answer:
    """Return the description of this API: OpenAPI 3.1."""
    return Answer(body={}, unmasked=_read())  # it has names of secrets, and none of their values


@cache
def _read() -> Any:
    return msgspec.json.decode(Path(page_file(FILE)).read_bytes())
