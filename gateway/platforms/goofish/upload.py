"""Upload of an image, which a message then names: request and answer. Pure.

The request goes to ``endpoints.upload``; its cookies belong to :data:`URL`. To repeat it does no
harm: it makes another address.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

import msgspec

from gateway.http_messages import HttpAnswer, HttpRequest
from gateway.platforms.goofish.cookies import Jar
from gateway.platforms.goofish.endpoints import UPLOAD, Endpoints, browser_headers, with_cookie
from gateway.platforms.goofish.fields import at, text
from gateway.platforms.goofish.verdicts import (
    LARGEST_BODY,
    Judged,
    Verdict,
    judge,
    read_json,
)

_PATH = "/api/upload.api"
_QUERY = "floderId=0&appkey=xy_chat&_input_charset=utf-8"
URL = f"{UPLOAD}{_PATH}"
"""The platform's own address, by which the cookies are kept."""

NAMES: Final = {
    "image/jpeg": "image.jpg",
    "image/png": "image.png",
    "image/gif": "image.gif",
    "image/webp": "image.webp",
}
"""Types of images, and what the file is called: its own name says too much."""

LARGEST_IMAGE = 5 * 1024 * 1024
"""Bytes of an image."""

_PIX = re.compile(r"(\d{1,5})x(\d{1,5})", re.ASCII | re.IGNORECASE).fullmatch
_URL = re.compile(r"https?://[!-.0-~][!-~]{0,2047}").fullmatch
_LOGIN_PAGE = re.compile(
    b"|".join((b"passport", b"login", *("登录".encode(coding) for coding in ("utf-8", "gbk")))),
    re.IGNORECASE,
).search


class Uploaded(msgspec.Struct, frozen=True, kw_only=True):
    """An upload's answer, judged.

    Attributes:
        judged: What it means; SUCCESS only with an address.
        url: Of the image.
        width: Pixels, if told.
        height: Pixels, if told.
    """

    judged: Judged
    url: str | None = None
    width: int | None = None
    height: int | None = None


def upload_request(
    image: bytes,
    media_type: str,
    *,
    jar: Jar,
    endpoints: Endpoints,
    now_ms: int,
    user_agent: str | None,
) -> HttpRequest:
    """Return the request that uploads an image.

    Args:
        image: The file.
        media_type: One of :data:`NAMES`.
        jar: Cookies of the account.
        endpoints: Where it goes.
        now_ms: Unix time.
        user_agent: None: the one the messages use.

    Raises:
        ValueError: The image is empty, too large, or of another type.
    """
    if media_type not in NAMES:
        raise ValueError(f"an image is one of {', '.join(NAMES)}; convert it")
    if not 0 < len(image) <= LARGEST_IMAGE:
        raise ValueError("an image has 1 byte to 5 MiB; make it smaller")
    # Of the content, so that the content cannot hold it.
    boundary = f"----{hashlib.blake2b(image, digest_size=16).hexdigest()}"
    head = (
        f"--{boundary}\r\n"
        f'Content-Disposition: form-data; name="file"; filename="{NAMES[media_type]}"\r\n'
        f"Content-Type: {media_type}\r\n\r\n"
    )
    headers = browser_headers(user_agent, accept="*/*") | {
        "content-type": f"multipart/form-data; boundary={boundary}"
    }
    return HttpRequest(
        method="POST",
        url=f"{endpoints.upload}{_PATH}?{_QUERY}",
        headers=with_cookie(headers, jar.header(URL, now_ms)),
        body=head.encode() + image + f"\r\n--{boundary}--\r\n".encode(),
    )


def judge_upload(answer: HttpAnswer) -> Uploaded:
    """Return what an upload's answer means; it reads any bytes and never raises."""
    judged = judge(answer, needs_token=False)
    if judged.verdict is Verdict.BROKEN and _is_login_page(answer):
        judged = _instead(judged, Verdict.LOGIN_OVER, "login_page")
    if answer.status != 200 or judged.code not in ("SUCCESS", "no_ret"):
        return Uploaded(judged=judged)
    # These two codes are those of a body that was read.
    body = read_json(answer)
    url = _address(at(body, "object", "url")) or _address(at(body, "data", "url"))
    if url is None:
        return Uploaded(judged=_instead(judged, Verdict.OTHER, "no_url"))
    pix = _PIX(text(at(body, "object", "pix")) or "")
    width, height = (int(pix[1]), int(pix[2])) if pix else (None, None)
    judged = _instead(judged, Verdict.SUCCESS, "SUCCESS")
    return Uploaded(judged=judged, url=url, width=width, height=height)


def _instead(judged: Judged, verdict: Verdict, code: str) -> Judged:
    return msgspec.structs.replace(judged, verdict=verdict, code=code)


def _is_login_page(answer: HttpAnswer) -> bool:
    body = answer.body[:LARGEST_BODY]
    is_page = answer.status == 200 and body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")
    return is_page and _LOGIN_PAGE(body) is not None


def _address(told: object) -> str | None:
    """Return an address that a message can name; one without a scheme is https."""
    url = text(told) or ""
    url = f"https:{url}" if url.startswith("//") else url
    return url if _URL(url) else None
