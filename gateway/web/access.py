"""The route of one-time links. Its answer alone shows the code."""

from __future__ import annotations

from typing import Literal

import msgspec

from gateway.web.callers import Role
from gateway.web.context import Answer, Context
from gateway.web.links import LIFE_S
from gateway.web.request import Request


class LinkBody(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``POST /v1/sign-in-links`` takes.

    Attributes:
        role: Of whoever opens the link.
    """

    role: Literal["owner", "viewer"] = "owner"


def make_link(context: Context, request: Request) -> Answer:
    """Make a link that signs in whoever opens it first; 409 where no token is set."""
    role = Role(request.json(LinkBody).role)
    code = context.guard.make_link(role)
    context.log.info("control.performed", verb="make sign-in link", role=role.value)
    return Answer(
        status=201,
        body={"role": role.value, "expires_s": LIFE_S},
        unmasked={"code": code, "path": f"/sign-in?code={code}"},
    )
