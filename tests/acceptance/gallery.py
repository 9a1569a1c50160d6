"""A market whose shops are signed in by their cookies, so that they can upload."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from market import Market

from gateway import SendTicket, UploadError
from gateway.testing import FakeWeb, WebBehaviour

SHOP = "2201"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x40\0\0\0\x20\x08\x02\0\0\0" + bytes(300)


class Gallery(Market):
    """A market whose shops are signed in by their cookies, and a picture."""

    def __init__(
        self, directory: Path, web: WebBehaviour | None, names: tuple[str, ...], **keys: Any
    ) -> None:
        super().__init__(directory / "data", *names, **keys)
        self.web = FakeWeb(self.fake, web)
        self.web.start()
        endpoints = dict.fromkeys(("mtop", "passport", "upload"), self.web.url)
        for account in self.config["accounts"]:
            cookie = self.web.seller(self.shops[account["id"]]).sign_in(long=False)
            renewal = {"min_gap_s": 0.0, "deadline_s": 20.0}
            own = {"kind": "goofish", "cookie": cookie, "endpoints": endpoints}
            account.update(renewal=renewal, credentials=own)
        self.gateway = self.make()
        self.file = directory / "picture.txt"  # a name tells nothing
        self.file.write_bytes(PNG)

    def send(self, account: str = SHOP, **more: Any) -> SendTicket:
        return self.gateway.send_image(account, "c1", self.file, to="77001", **more)

    def refused(self, reason: str, *, retryable: bool) -> str:
        """Send the picture in vain; nothing of it is left, and no secret is told."""
        before = self.source().stored()
        with pytest.raises(UploadError) as caught:
            self.send()
        assert (caught.value.reason, caught.value.retryable) == (reason, retryable), caught.value
        assert self.gateway.sends.list() == []
        assert self.shops[SHOP].sent == []
        after = self.source().stored()
        assert (after.token, after.version, after.stuck) == (before.token, before.version, None)
        self.keeps_secrets(str(caught.value))
        return str(caught.value)

    def keeps_secrets(self, told: str = "") -> None:
        said = told + repr(self.log.lines)
        for account in self.shops:
            stored = self.source(account).stored()
            for secret in (stored.token, *(each["value"] for each in stored.cookies)):
                assert secret == account or str(secret) not in said

    def source(self, account: str = SHOP) -> Any:
        return self.gateway._registry.plans[account].source

    def cookie(self, name: str) -> list[str]:
        return [each["value"] for each in self.source().stored().cookies if each["name"] == name]

    def shown(self, account: str = SHOP) -> list[tuple[int, dict[str, Any]]]:
        """Return the messages the platform has of an account: type, and picture."""
        found = []
        with self.fake.lock:
            for talk in self.shops[account].account.conversations.values():
                for message in talk.messages:
                    if message.sender_id == account:
                        content = msgspec.json.decode(message.content)
                        found.append((message.content_type, content["image"]["pics"][0]))
        return found


@contextmanager
def gallery(
    tmp_path: Path,
    web: WebBehaviour | None = None,
    *names: str,
    start: bool = True,
    **keys: Any,
) -> Iterator[Gallery]:
    with Gallery(tmp_path, web, names or (SHOP,), **keys) as made:
        try:
            if start:
                made.start()
            yield made
        finally:
            made.gateway.stop(5.0)
            made.web.stop()
