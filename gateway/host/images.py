"""Images that lie on this machine: read, uploaded with their account's cookies, and then sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from actors.plan import AccountPlan
from actors.values import AccountId, Content
from gateway import images, regular_files
from gateway.errors import UnknownAccountError, UploadError
from gateway.events import PIXELS
from gateway.host.registry import Registry

if TYPE_CHECKING:
    from gateway.credentials.goofish import GoofishSource

UPLOAD_S: Final = 60.0
"""Seconds for an upload, from the file to the answer."""

HANDLER_SHARE: Final = 0.75
"""Of a handler's own deadline: an upload that takes longer fails before its thread is given up."""

_NAME_CHARS: Final = 200


class Images:
    """Makes what is sent of a file: an address, once the platform has the image. Any thread.

    Args:
        registry: The accounts.
        handler_s: Seconds a handler may take.
        mask: Masks secrets: an error may repeat what a server said.
    """

    def __init__(
        self, registry: Registry, *, handler_s: float, mask: Callable[[str], str] = str
    ) -> None:
        self._registry = registry
        self._handler_s = handler_s
        self._mask = mask
        self._person_asked: dict[AccountId, tuple[int, int]] = {}

    def upload(self, account: AccountId, path: str, *, in_handler: bool = False) -> Content:
        """Upload a file, and return what names it. Blocks.

        On a bench it is looked at and not uploaded; the address of the file names it.

        Raises:
            UploadError: It was not uploaded; says what to do.
            UnknownAccountError: There is no such account.
            OverloadedError: The outbox is full; nothing was uploaded.
            ShuttingDownError: The gateway is not running.
        """
        limit_s = min(UPLOAD_S, HANDLER_SHARE * self._handler_s) if in_handler else UPLOAD_S
        until_s = time.monotonic() + limit_s
        system, plans = self._registry.running(), self._registry.plans
        plan = plans.get(account)
        if plan is None:
            raise UnknownAccountError(account, list(plans))
        system.services.sends.refuse_full(account, plan.send.limit)
        source = self._source(plan)
        data, image = _read(path)
        if not self._registry.begun:  # a bench stands in for the gateway
            return _as_it_lies(path, image)
        if not source.loaded.wait(until_s - time.monotonic()):
            raise UploadError(
                "not_begun",
                f"the credentials of account {account} were not read yet; try again",
                retryable=True,
            )
        try:
            return self._uploaded(source, data, image, until_s)
        except UploadError as error:
            told = self._mask(error.detail)
            raise UploadError(error.reason, told, retryable=error.retryable) from None

    def _uploaded(
        self, source: GoofishSource, data: bytes, image: images.Image, until_s: float
    ) -> Content:
        from gateway.credentials import uploading  # noqa: PLC0415  # it costs a platform

        stored, account = source.stored(), source.account.name
        login = None if stored is None else (stored.lineage, stored.version)
        if login is not None and self._person_asked.get(account) == login:
            raise uploading.person_asked(account)
        left_s = max(0.001, until_s - time.monotonic())
        try:
            uploaded = uploading.upload(source, data, image, deadline_s=left_s)
        except UploadError as error:
            if error.reason == uploading.PERSON_ASKED and login is not None:
                self._person_asked[account] = login
            raise
        told = uploaded.width or 0, uploaded.height or 0
        width, height = _size(told, (image.width, image.height))
        return Content(image_url=uploaded.url, width=width, height=height)

    def _source(self, plan: AccountPlan) -> GoofishSource:
        """Return what has the account's cookies.

        Raises:
            UploadError: Nothing has.
        """
        from gateway.credentials.goofish import GoofishSource  # noqa: PLC0415  # it costs a platform

        source, account = plan.source, plan.account
        if isinstance(source, GoofishSource):
            return source
        kind = self._registry.settings_of(account).credentials.kind
        raise UploadError(
            "no_cookies_here",
            f"account {account} has credentials of kind {kind}, and only kind: goofish keeps the "
            "cookies an upload needs; upload the image elsewhere and give its address: "
            "reply_image(url, width, height), or send(image_url=…, width=…, height=…)",
        )


def _size(*told: tuple[int, int]) -> tuple[int, int]:
    """Return the first size an image can have; zeros: it is not known."""
    fits = (each for each in told if min(each) > 0 and max(each) <= PIXELS)
    return next(fits, (0, 0))


def _as_it_lies(path: str, image: images.Image) -> Content:
    """Return what names a file that is not uploaded."""
    width, height = _size((image.width, image.height))
    return Content(image_url=Path(path).absolute().as_uri(), width=width, height=height)


def _read(path: str) -> tuple[bytes, images.Image]:
    """Return an image file, and what it is.

    Raises:
        UploadError: There is none, or none that can be sent.
    """
    named = f"'{path[-_NAME_CHARS:]}'" if path.isprintable() else f"{path[-_NAME_CHARS:]!r}"
    try:
        _, data = regular_files.read(path, most_bytes=images.LARGEST_BYTES)
    except regular_files.NotRegularError:
        raise UploadError(
            "not_a_file", f"{named} is a pipe or a device, not a file; copy it to one"
        ) from None
    except FileNotFoundError:
        raise UploadError(
            "file_missing", f"there is no file {named} on this machine; give the path of an image"
        ) from None
    except (OSError, ValueError) as error:  # ValueError: no path can be that
        # Windows says of a directory that it may not be opened.
        windows = isinstance(error, PermissionError) and Path(path).is_dir()
        if windows or isinstance(error, IsADirectoryError):
            raise UploadError(
                "is_a_directory", f"{named} is a directory; give one file in it"
            ) from None
        why = getattr(error, "strerror", None) or "no path can be that"
        raise UploadError(
            "file_unreadable", f"{named} cannot be read ({why}); give a file that can be"
        ) from None
    if not data:
        raise UploadError("file_empty", f"{named} is empty; give a file with an image in it")
    if len(data) > images.LARGEST_BYTES:
        raise UploadError(
            "file_too_large", f"{named} has more than 5 MiB, which is the most; make it smaller"
        )
    image = images.read_image(data)
    if image is None:
        raise UploadError(
            "not_an_image",
            f"{named} begins like no JPEG, PNG, GIF or WebP image; convert it to one of them",
        )
    return data, image
