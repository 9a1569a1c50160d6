"""Renders pages with Jinja2.

Every value passes the redactor, loses what moves or hides text, and is escaped. A template that
names what is not there fails.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from gateway.commands import command
from gateway.escaping import clean
from gateway.web.pages import addresses, charts, reasons
from gateway.web.pages.assets import Assets
from gateway.web.pages.words import WORDS
from gateway.words import WORDS as SHARED
from gateway.words import Language, labels, of_alert

TEMPLATES: Final = Path(__file__).with_name("templates")

_CODE: Final = re.compile(r"`([^`\n]+)`")
_UNITS: Final = (("days", 86_400), ("hours", 3_600), ("minutes", 60), ("seconds", 1))


class Renderer:
    """Turns a template and its data into HTML. Any thread.

    Args:
        redact: Masks secrets in a text.
        assets: Addresses of what templates refer to.

    Raises:
        ImportError: Jinja2 is not installed.
    """

    def __init__(self, redact: Callable[[str], str], assets: Assets) -> None:
        # The extra may be missing, and every module imports without it.
        import jinja2  # noqa: PLC0415
        import markupsafe  # noqa: PLC0415

        self._markup = markupsafe.Markup
        self._redact = redact
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            finalize=self._shown,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._environment.globals.update(
            asset=lambda name: self._markup(assets.url(name)),
            account_url=lambda *parts: self._markup(addresses.account(*parts)),
            chat_url=lambda *parts: self._markup(addresses.chat(*parts)),
            letter_url=lambda *parts: self._markup(addresses.letter(*parts)),
            send_url=lambda *parts: self._markup(addresses.send(*parts)),
            segment=lambda name: self._markup(addresses.segment(name)),
            bars=charts.bars,
            command=command,
        )
        self._environment.filters.update(
            shortened=self._shortened,
            own=self._markup,
            own_text=markupsafe.escape,
        )

    def page(
        self, template: str, data: Mapping[str, Any], *, language: Language, now_ms: int
    ) -> str:
        """Return a page.

        Args:
            template: Its file.
            data: What it shows.
            language: Of its words.
            now_ms: Our Unix time.

        Raises:
            ValueError: A name of the data is that of a function.
        """
        tongue = Tongue(language, now_ms, self._markup, self._shown)
        words = {
            "t": tongue.text,
            "lang": language,
            "now_ms": now_ms,
            "moment": tongue.moment,
            "ago": tongue.ago,
            "lasted": tongue.lasted,
            "took": tongue.took,
            "advice": tongue.advice,
            "alert": tongue.alert,
            "why": tongue.why,
            "day": tongue.day,
            "said": tongue.said,
            "label": tongue.label,
        }
        hidden = sorted(data.keys() & words.keys())
        if hidden:
            raise ValueError(f"{template} would not see these of its data: {hidden}")
        return self._environment.get_template(template).render(data, **words)

    def _shortened(self, text: str, most: int) -> str:
        """Return the begin of a text; masked before it is cut, so that no secret is cut."""
        if len(text) <= most:
            return text
        return f"{self._redact(text[: 2 * most])[:most]}…"

    def _shown(self, value: Any) -> Any:
        if not isinstance(value, str) or hasattr(value, "__html__"):
            return value
        return "\n".join(map(clean, self._redact(value).split("\n")))


class Tongue:
    """Says things in one language.

    Args:
        language: Which.
        now_ms: Our Unix time, for what is said of a time.
        markup: Marks a text as HTML.
        shown: Returns a text as it may be shown, not yet escaped.
    """

    def __init__(
        self,
        language: Language,
        now_ms: int,
        markup: Callable[[str], str],
        shown: Callable[[str], str],
    ) -> None:
        self._language = language
        self._now_ms = now_ms
        self._markup = markup
        self._shown = shown

    def text(self, key: str, **values: Any) -> str:
        """Return words, those of one where ``count`` is 1; fails on a key that is not there."""
        words = WORDS[self._language]
        one = words.get(f"one_{key}") if values.get("count") == 1 else None
        return (words[key] if one is None else one).format(**values)

    def moment(self, at_ms: int) -> str:
        """Return a time as an element that the script shows in the zone of the visitor."""
        at = datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="seconds")
        local = time.localtime(at_ms / 1000)
        today = time.localtime(self._now_ms / 1000)[:3] == local[:3]
        shown = time.strftime("%H:%M" if today else "%m-%d %H:%M", local)
        return self._markup(f'<time datetime="{at}">{shown}</time>')

    def ago(self, at_ms: int) -> str:
        """Return how long ago something was."""
        return self.text("ago", lasted=self.lasted((self._now_ms - at_ms) / 1000))

    def lasted(self, seconds: float) -> str:
        """Return a time span, in its largest unit."""
        whole = max(0, round(seconds))
        for unit, length in _UNITS:
            if whole >= length or length == 1:
                return self.text(unit, count=whole // length)
        raise AssertionError("a second is the last unit")

    def took(self, seconds: float) -> str:
        """Return how long something took, in milliseconds below a second."""
        if seconds >= 1:
            return self.lasted(seconds)
        return self.text("milliseconds", count=round(seconds * 1000))

    def advice(self, key: str) -> tuple[str, str]:
        """Return what an account's standing means, and what to do."""
        means, step = SHARED[self._language].advice[key]
        return self._coded(means), self._coded(step)

    def alert(self, name: str, why: str) -> tuple[str, str]:
        """Return what an alert means and what to do; its name where nobody wrote that down."""
        means, step = of_alert(name, why, self._language) or (name, "")
        return self._coded(means), self._coded(step)

    def why(self, reason: str | None) -> str:
        """Return a reason of a send or of a dead letter as a sentence; another stays a code."""
        key, rest = reasons.known(reason)
        said = self.text(f"reason.{key}") if key else rest
        return f"{said} ({rest})" if key and rest else said

    def day(self, at_ms: int) -> str:
        """Return the day of a time, in our zone."""
        local = time.localtime(at_ms / 1000)
        today = time.localtime(self._now_ms / 1000)
        if local[:3] == today[:3]:
            return self.text("today")
        return time.strftime("%Y-%m-%d", local)

    def label(self, english: str) -> str:
        """Return the name of a finding."""
        return english if self._language == "en" else labels.CHINESE.get(english, english)

    def said(self, english: str) -> str:
        """Return a sentence, commands in it as code; what has no translation stays English."""
        text = english
        if self._language != "en":
            from gateway.words.chinese import CATALOGUE  # noqa: PLC0415  # costs some memory

            text = CATALOGUE.text(english)
        return self._coded(text)

    def _coded(self, text: str) -> str:
        escaped = html.escape(self._shown(text))
        return self._markup(_CODE.sub(r"<code>\1</code>", escaped))
