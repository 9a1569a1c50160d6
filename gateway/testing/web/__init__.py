"""The fake platform's web side: token calls, sign-in and upload over HTTP, beside the WebSocket."""

from __future__ import annotations

from gateway.testing.web.mtop import FakeMtop, Upload
from gateway.testing.web.passport import FakePassport
from gateway.testing.web.records import Grant, WebCall
from gateway.testing.web.rules import WebBehaviour, WebRule
from gateway.testing.web.scans import Scan
from gateway.testing.web.seller import Seller
from gateway.testing.web.web import FakeWeb

__all__ = [
    "FakeMtop",
    "FakePassport",
    "FakeWeb",
    "Grant",
    "Scan",
    "Seller",
    "Upload",
    "WebBehaviour",
    "WebCall",
    "WebRule",
]
