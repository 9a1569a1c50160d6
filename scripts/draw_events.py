"""Draw docs/events.md and its Chinese twin: events, their subtypes, and reasons.

Usage: draw_events.py [--check]

Rows come from the code, meanings from ``event_words.py``, samples from the captures in
``tests/data/goofish``, read by the codec. With --check nothing is written; exit code 1 if a page
is not what they say.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from actors.policy import reasons  # noqa: E402  # found through the line above
from actors.values import SendOutcome, SendState  # noqa: E402
from gateway import events  # noqa: E402
from gateway.events import PlatformEvent, to_json  # noqa: E402
from gateway.platforms.goofish import send_reasons  # noqa: E402
from gateway.platforms.goofish.entries import read_entry  # noqa: E402
from gateway.platforms.goofish.fields import SESSION_TYPES  # noqa: E402
from gateway.platforms.goofish.frames import FrameReader  # noqa: E402
from gateway.platforms.goofish.history import read_models  # noqa: E402
from gateway.platforms.goofish.identity import Arrival  # noqa: E402
from gateway.platforms.goofish.order_words import ALONG, TABLE  # noqa: E402
from gateway.platforms.goofish.replies import judge_send  # noqa: E402
from gateway.platforms.goofish.subtypes import SUBTYPES, row_of  # noqa: E402
from scripts import drawing  # noqa: E402
from scripts import event_words as words  # noqa: E402

DOCS = ROOT / "docs"
CAPTURES = ROOT / "tests" / "data" / "goofish"
CLASSES: Final = tuple(
    each
    for each in vars(events).values()
    if isinstance(each, type) and issubclass(each, PlatformEvent) and each is not PlatformEvent
)
SHORT_CHARS: Final = 700
"""A sample is up to this long if there is one."""

_AT_MS: Final = 1_795_860_000_000
_ORIGINS: Final = ("real", "rebuilt", "syn")
_ENGLISH, _CHINESE = 0, 1


class Sample(NamedTuple):
    """An event of a capture."""

    name: str
    event: PlatformEvent

    @property
    def rank(self) -> tuple[bool, int, int]:
        """Return how good a sample it is; the least is best."""
        chars = len(to_json(self.event))
        return chars > SHORT_CHARS, _ORIGINS.index(self.name.split("_")[0]), chars


@functools.cache
def samples() -> tuple[Sample, ...]:
    """Decode all captures of pushes and history."""
    index = json.loads((CAPTURES / "index.json").read_text("utf-8"))["items"]
    return tuple(
        Sample(item["name"], event)
        for item in index
        for event in _decoded(item["form"], _text(item["file"]))
        if isinstance(event, PlatformEvent)
    )


def _text(file: str) -> str:
    return (CAPTURES / file).read_text("utf-8").removesuffix("\n")


def _decoded(form: str, told: str) -> Iterable[object]:
    user_id = json.loads((CAPTURES / "identity.json").read_text("utf-8"))["user_id"]
    arrival = Arrival(
        account="shop-a", user_id=user_id, received_at_ms=_AT_MS, lane_seq=1, stamp="1"
    )
    match form:
        case "data-entry":
            return [read_entry(told, arrival)]
        case "history-body":
            return read_models(told, arrival)
        case _:
            parts = json.loads(told)
            frames = [told] if form == "frame" else [json.dumps(each) for each in parts]
            reader, numbers = FrameReader("shop-a", user_id), itertools.count(1)
            return [
                event
                for frame in frames
                for event in reader.decode(frame, received_at_ms=_AT_MS, numbers=numbers).events
            ]


def rows() -> dict[str, list[str]]:
    """Return the subtypes of each class, by its name: what the codec names and captures show."""
    found: dict[str, list[str]] = {each.__name__: [] for each in CLASSES}
    shown = [(row_of(each.event.subtype or ""), type(each.event)) for each in samples()]
    for subtype, kinds in SUBTYPES.items():
        for kind in dict.fromkeys((*kinds, *(kind for row, kind in shown if row == subtype))):
            found[kind.__name__].append(subtype)
    return found


def _best(found: Iterable[Sample]) -> Iterator[str]:
    best = min(found, key=lambda each: each.rank, default=None)
    if best is not None:
        yield to_json(best.event).decode()


def _lines(lines: Iterable[str]) -> str:
    told = "\n".join(dict.fromkeys(lines))
    return f"\n```json\n{told}\n```\n" if told else ""


def _table(head: str, body: Iterable[Sequence[str]]) -> str:
    lines = [
        head,
        "|" + "---|" * (head.count("|") - 1),
        *(f"| {' | '.join(row)} |" for row in body),
    ]
    return "\n".join(lines) + "\n"


def _said(rows: Iterable[str], told: Mapping[str, tuple[str, str]], tongue: int) -> Iterator[str]:
    for row in rows:
        if row not in told:
            raise SystemExit(f"draw_events.py: say in event_words.py what {row!r} means")
        yield told[row][tongue]


def _code(values: Iterable[str]) -> list[str]:
    return [f"`{each.format('N')}`" for each in values]


def page(tongue: int) -> str:
    """Return the page in a language: 0 English, 1 Chinese."""
    parts = [words.HEADS[tongue], *_classes(tongue), *_orders(tongue), *_sends(tongue)]
    letters = ("## Reasons of dead letters", "## 死信的原因")[tongue]
    head = ("| `reason` | `status` | Meaning |", "| `reason` | `status` | 含义 |")[tongue]
    body = zip(
        _code(reasons.LETTERS),
        map(_joined, reasons.LETTERS.values()),
        _said(reasons.LETTERS, words.LETTERS, tongue),
        strict=True,
    )
    return "\n".join([*parts, f"{letters}\n\n{words.FAILED[tongue]}\n{_table(head, body)}"])


def _joined(values: Iterable[str]) -> str:
    return ", ".join(_code(values))


def _classes(tongue: int) -> Iterator[str]:
    said = dict(zip(rows(), _said(rows(), words.CLASSES, tongue), strict=True))
    head = (
        "| Class | `kind` | A notice | Meaning |",
        "| 类 | `kind` | 是通知 | 含义 |",
    )[tongue]
    yes = ("yes", "是")[tongue]
    body = (
        (f"`{each.__name__}`", f"`{each.kind}`", yes if each.notice else "", said[each.__name__])
        for each in CLASSES
    )
    yield f"{('## Classes', '## 类')[tongue]}\n\n{_table(head, body)}\n{words.NOTICES[tongue]}"
    subtypes = ("| `subtype` | Meaning |", "| `subtype` | 含义 |")[tongue]
    for name, own in rows().items():
        lines = (
            line
            for row in own
            for line in _best(
                each
                for each in samples()
                if type(each.event).__name__ == name and row_of(each.event.subtype or "") == row
            )
        )
        table = _table(subtypes, zip(_code(own), _said(own, words.SUBTYPES, tongue), strict=True))
        more = f"{words.MARKED[tongue]}\n" if name == "OrderStatusChanged" else ""
        yield f"### {name}\n\n{more}{table}{_lines(lines)}"


def _orders(tongue: int) -> Iterator[str]:
    head = (
        "| `order_status` | Meaning | For example, in the platform's words |",
        "| `order_status` | 含义 | 平台的说法，例如 |",
    )[tongue]
    examples = [next((text for _, text, told in TABLE if told == state), "") for state in ALONG]
    body = zip(_code(ALONG), _said(ALONG, words.ORDER_STATES, tongue), examples, strict=True)
    title = ("## States of an order", "## 订单状态")[tongue]
    lines = (
        line
        for state in ALONG
        for line in _best(each for each in samples() if each.event.order_status == state)
    )
    yield f"{title}\n\n{words.ORDER_WORDS[tongue]}\n{_table(head, body)}{_lines(lines)}"
    kinds = tuple(SESSION_TYPES.values())
    title = ("## Types of session", "## 会话类型")[tongue]
    head = ("| `session_type` | Meaning |", "| `session_type` | 含义 |")[tongue]
    lines = (
        line
        for kind in kinds
        for line in _best(
            each
            for each in samples()
            if each.event.session_type == kind and each.event.subtype == "text"
        )
    )
    pairs = zip(_code(kinds), _said(kinds, words.SESSIONS, tongue), strict=True)
    yield f"{title}\n\n{_table(head, pairs)}{_lines(lines)}"


def _sends(tongue: int) -> Iterator[str]:
    ends = {each.value for each in SendOutcome}
    states = [each.value for each in SendState]
    yes = ("yes", "是")[tongue]
    title = ("## States and outcomes of a send", "## 发送的状态和结果")[tongue]
    head = ("| `state` | An outcome | Meaning |", "| `state` | 是结果 | 含义 |")[tongue]
    told = ("" if each not in ends else yes for each in states)
    body = zip(_code(states), told, _said(states, words.STATES, tongue), strict=True)
    yield f"{title}\n\n{_table(head, body)}"
    own: dict[str, tuple[SendState | SendOutcome, ...]] = {**reasons.SENDS, **send_reasons.SENDS}
    title = ("## Reasons of a send", "## 发送的原因")[tongue]
    head = ("| `reason` | `state` | Meaning |", "| `reason` | `state` | 含义 |")[tongue]
    beside = (_joined(each.value for each in each_states) for each_states in own.values())
    body = zip(_code(own), beside, _said(own, words.SENDS, tongue), strict=True)
    yield f"{title}\n\n{words.OTHER_REASONS[tongue]}\n{_table(head, body)}{_lines(_answers())}"


def _answers() -> Iterator[str]:
    """Return what is said of the captured answers to sends."""
    reader = FrameReader("", None)
    for path in sorted(CAPTURES.glob("syn_resp_*.json")):
        if path.stem.startswith(("syn_resp_send_", "syn_resp_flow_")):
            reply = reader.decode(_text(path.name), received_at_ms=_AT_MS).reply
            assert reply is not None, path
            result = judge_send(reply)
            told = {"outcome": result.outcome.value, "message_id": result.message_id}
            yield json.dumps(told | {"reason": result.reason}, ensure_ascii=False)


def pages() -> dict[Path, str]:
    """Return both pages."""
    return {DOCS / "events.md": page(_ENGLISH), DOCS / "events.zh-CN.md": page(_CHINESE)}


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; return the exit code."""
    told = "Draw docs/events.md from code and captures."
    return drawing.main(arguments, pages, told=told, script="draw_events.py")


if __name__ == "__main__":
    sys.exit(main())
