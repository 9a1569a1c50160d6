"""A client of the web side that shares no code with it, nor with the product."""

from __future__ import annotations

import hashlib
import http.client
import json
import time
from typing import Any
from urllib.parse import urlencode, urlsplit

Json = dict[str, Any]
TOKEN = "mtop.taobao.idlemessage.pc.login.token"
USER = "mtop.taobao.idlemessage.pc.loginuser.get"
INDEX = "mtop.gaia.nodejs.gaia.idle.data.gw.v2.index.get"


def device_of(user_id: str) -> str:
    return f"7C0E41B2-93AD-4F58-8E16-0B5D72C9A3F4-{user_id}"


class Answer:
    """What came back."""

    def __init__(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Json:
        return dict(json.loads(self.body))

    @property
    def ret(self) -> list[str]:
        return [code.partition("::")[0] for code in self.json["ret"]]

    @property
    def cookies(self) -> list[str]:
        return [value for name, value in self.headers if name.lower() == "set-cookie"]


class Browser:
    """Keeps cookies by name and scope, signs, and says what it is told."""

    def __init__(self, url: str, cookie: str = "") -> None:
        self.url = url
        self.jar: dict[tuple[str, str], str] = {}
        for pair in filter(None, cookie.split("; ")):
            name, _, value = pair.partition("=")
            self.jar[name, "/"] = value

    def take(self, lines: list[str]) -> None:
        for line in lines:
            pair, *attributes = line.split("; ")
            name, _, value = pair.partition("=")
            path = next((one[5:] for one in attributes if one.startswith("Path=")), "/")
            key = (name, "partition" if "Partitioned" in attributes else path)
            self.jar.pop(key, None)
            if "Max-Age=0" not in attributes:
                self.jar[key] = value

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for (name, _), value in self.jar.items())

    def value(self, name: str) -> str:
        return next((value for (each, _), value in self.jar.items() if each == name), "")

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=5)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, {"Cookie": self.cookie} | named)
            got = connection.getresponse()
            answer = Answer(got.status, got.getheaders(), got.read())
        finally:
            connection.close()
        self.take(answer.cookies)
        return answer

    def post(self, path: str, fields: Json) -> Answer:
        return self.ask(
            "POST",
            path,
            urlencode(fields).encode(),
            content_type="application/x-www-form-urlencoded",
        )

    def call(
        self,
        api: str,
        data: Json | None = None,
        *,
        t_ms: int | None = None,
        query: Json | None = None,
    ) -> Answer:
        """Make one signed call."""
        text = json.dumps(data or {}, separators=(",", ":"))
        t = f"{time.time_ns() // 1_000_000 if t_ms is None else t_ms}"
        signed = f"{self.value('_m_h5_tk').partition('_')[0]}&{t}&34839810&{text}"
        fields = {
            "jsv": "2.7.2",
            "appKey": "34839810",
            "t": t,
            "sign": hashlib.md5(signed.encode()).hexdigest(),
            "v": "1.0",
            "type": "originaljson",
            "accountSite": "xianyu",
            "dataType": "json",
            "timeout": "20000",
            "api": api,
            "sessionOption": "AutoLoginOnly",
        } | (query or {})
        return self.post(f"/h5/{api}/1.0/?{urlencode(fields)}", {"data": text})

    def twice(self, api: str, data: Json | None = None) -> Answer:
        """Make a call as it is made without ``_m_h5_tk``: it brings one, then again."""
        self.call(api, data)
        return self.call(api, data)

    def token(self, user_id: str, *, device_id: str | None = None) -> Answer:
        """Ask for a token once."""
        key = "444e9908a51d1cb236a27862abc769c9"
        return self.call(TOKEN, {"appKey": key, "deviceId": device_id or device_of(user_id)})
