"""What is fuzzed: one call per target that takes bytes and raises only if something is wrong."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from actors.ports import Identity, PeerClosed, WireBroken
from actors.values import Reply
from gateway.config import document, effective, from_mapping, legacy, validate
from gateway.errors import ConfigError
from gateway.events import to_json
from gateway.host import assembly
from gateway.logs import redactor_of
from gateway.platforms.goofish import Goofish, decode_any, decode_entry, decode_history
from gateway.transport.frames import FrameWire

ROOT = Path(__file__).resolve().parents[2]
CORPUS = ROOT / "tests" / "data" / "fuzz"

_NOW_MS = 1_700_000_000_000
_WHO = Identity(account="a", user_id="2201", device_id="d", token="t")  # noqa: S106  # made up
_LIMITS = ((1 << 20, 4 << 20, 1024), (126, 300, 4))


@dataclass(frozen=True, slots=True)
class Target:
    """Something that must take any bytes.

    Attributes:
        name: Of the target and of its folder of inputs.
        call: Takes an input; an exception is a finding.
        modules: Prefixes of the modules whose edges count.
        words: Tokens that mutations put in.
        seeds: Inputs to begin with where there is no corpus yet.
    """

    name: str
    call: Callable[[bytes], None]
    modules: tuple[str, ...]
    words: Sequence[bytes]
    seeds: Callable[[], Sequence[bytes]]


# --- frames: role, limits and cuts from the first two bytes, then what the socket gives ----


def _frames(data: bytes) -> None:
    role, cut, stream = data[:1], data[1:2], data[2:]
    server = bool(role and role[0] & 1)
    frame, message, fragments = _LIMITS[bool(role and role[0] & 2)]

    def wire() -> FrameWire:
        return FrameWire(
            server=server,
            max_frame_bytes=frame,
            max_message_bytes=message,
            max_fragments=fragments,
        )

    whole = wire()
    items = whole.feed(stream)
    pieces, size = wire(), (cut[0] % 23 + 1 if cut else 1)
    apart = [
        item for at in range(0, len(stream), size) for item in pieces.feed(stream[at : at + size])
    ]
    _same(_calm(items), _calm(apart), "the same bytes in pieces say something else")
    ends = [at for at, item in enumerate(items) if isinstance(item, (PeerClosed, WireBroken))]
    _same(ends, [len(items) - 1] if ends else [], "something follows the end")
    if ends:
        _same(whole.feed(b"\x81\x02hi"), [], "it reads on after the end")
    for item in items:
        if isinstance(item, (str, bytes)) and len(item) > message:
            raise AssertionError(f"a message of {len(item)} passed the limit {message}")
    texts = [item for item in items if isinstance(item, (str, bytes))]
    peer = FrameWire(server=not server, max_frame_bytes=1 << 20)
    echo = FrameWire(server=server).encode(texts)
    _same(peer.feed(echo), texts, "what was read cannot be written and read again")


def _calm(items: Sequence[object]) -> list[object]:
    """Forget which of two faults of one frame was seen first: pieces show less of it."""
    return [type(item) if isinstance(item, WireBroken) else item for item in items]


# --- goofish: the first byte says what the rest is ---------------------------------------


def _goofish(data: bytes) -> None:
    kind, rest = (data[0] % 4 if data else 0), data[1:]
    match kind:
        case 0:
            _frame_text(rest)
        case 1:
            _entry(base64.b64encode(rest).decode())
        case 2:
            _replies(rest)
        case _:
            for line in decode_any(rest.decode("utf-8", "replace")):
                json.dumps(line)


def _frame_text(data: bytes) -> None:
    platform = Goofish()
    session = platform.session(_WHO)
    frame: str | bytes = data
    with contextlib.suppress(UnicodeDecodeError):
        frame = data.decode()
    decoded = platform.decode(frame)
    told = session.decode(frame, received_at_ms=_NOW_MS)
    _same(len(decoded.events), len(told.events), "session and platform count differently")
    for event in told.events:
        _event(to_json(event))
    if told.ack is not None:
        json.loads(told.ack)
    if told.reply is not None:
        _reply(told.reply)


def _entry(data: str) -> None:
    _event(to_json(decode_entry(data)))
    body = {
        "syncPushPackage": {"data": [{"data": data, "objectType": 40000}] * 2, "endSeq": 2},
    }
    frame = {"lwp": "/s/para", "headers": {"mid": "1 0", "sid": "s"}, "body": body}
    _frame_text(json.dumps(frame).encode())


def _replies(data: bytes) -> None:
    code, body = (data[0] * 4 if data else 200), data[1:]
    head, _, tail = body.partition(b"\x00")
    for headers in (b"{}", tail):
        _reply(Reply(mid="1 0", code=code, headers=headers, body=head))
        _reply(Reply(mid="1 0", code=200, headers=headers, body=head))


def _reply(reply: Reply) -> None:
    session = Goofish().session(_WHO)
    session.register("1 0")
    failure = session.registered(reply)
    if failure is not None and len(failure.detail) > 1000:
        raise AssertionError(f"a detail of {len(failure.detail)} characters")
    result = session.sent(reply)
    if result.reason is not None and len(result.reason) > 1000:
        raise AssertionError(f"a reason of {len(result.reason)} characters")
    state = session.history.state(reply)
    if state is not None:
        session.history.ack_diff("2 0", state)
    session.history.conversations(reply)
    page = session.history.messages(reply, received_at_ms=_NOW_MS)
    for event in page.events if page is not None else ():
        _event(to_json(event))
    try:
        body = reply.body.decode()
    except UnicodeDecodeError:
        return
    decode_history(body)


def _event(line: bytes) -> None:
    if b"\n" in line or json.loads(line)["kind"] == "":
        raise AssertionError("an event is no single line of JSON with a kind")


# --- config ------------------------------------------------------------------------------


def _config(data: bytes) -> None:
    try:
        text = data.decode("utf-8-sig")
        read = document.parse(text, source="fuzz")
        values = read.value
        if legacy.is_legacy(values):
            values, _ = legacy.translate(values)
        if not isinstance(values, dict):
            return
        settings = from_mapping(values, environment={"A": "x", "N": "1"})
    except (ConfigError, UnicodeDecodeError) as error:
        str(error)
        return
    _same(validate(settings), (), "what the loader accepts is refused when made in Python")
    json.dumps(effective(settings))
    redactor_of(settings).text(repr(settings))
    for account in settings.accounts:
        try:
            assembly.plan(account, settings)
        except ValueError as error:
            _known(account.platform in {"goofish", "plain"}, account.tls.ca_file, error)


def _known(platform: object, ca_file: str | None, error: ValueError) -> None:
    """Let pass what only the place can tell: an unknown platform, a file that is not there."""
    if platform and ca_file is None:
        raise error


def _same(got: object, wanted: object, told: str) -> None:
    if got != wanted:
        raise AssertionError(f"{told}: {got!r:.150} / {wanted!r:.150}")


# --- seeds -------------------------------------------------------------------------------


def _frame_seeds() -> list[bytes]:
    seeds = []
    for role in (0, 1):
        wire = FrameWire(
            server=not role, mask_source=lambda size: b"\x01\x02\x03\x04" * (size // 4)
        )
        sent = wire.encode(["hi", "", "é" * 70, b"\x00" * 300]) + wire.ping(b"p") + wire.pong(b"")
        sent += wire.close(1000, "bye")
        seeds += [bytes((role | limits, 5)) + sent for limits in (0, 2)]
    pieces = b"\x01\x03abc\x00\x02de\x89\x01p\x80\x01f"
    return [*seeds, b"\x00\x03" + pieces, b"\x02\x01" + pieces, b"\x00\x01\x81\xfe\xff"]


def _goofish_seeds() -> list[bytes]:
    folder = ROOT / "tests" / "data" / "goofish"
    seeds = []
    for file in sorted(folder.iterdir()):
        data = file.read_bytes()
        if len(data) > 1 << 13 or file.name == "index.json":
            continue
        if file.suffix == ".b64":
            seeds.append(b"\x03" + data)
            with contextlib.suppress(ValueError):  # some captures are damaged on purpose
                seeds.append(b"\x01" + base64.b64decode(data + b"==="))
        else:
            seeds += [b"\x00" + data, b"\x02\x32" + data, b"\x03" + data]
    return seeds


def _config_seeds() -> list[bytes]:
    return [file.read_bytes() for file in sorted((ROOT / "config").glob("*.y*ml"))]


TARGETS = {
    target.name: target
    for target in (
        Target(
            name="frames",
            call=_frames,
            modules=("gateway.transport.frames", "gateway.transport.rfc6455"),
            words=(b"\x81\x7e", b"\x82\x7f", b"\x88\x02\x03\xe8", b"\x89\x7d", b"\xc3\xa9"),
            seeds=_frame_seeds,
        ),
        Target(
            name="goofish",
            call=_goofish,
            modules=("gateway.platforms.goofish", "gateway.events"),
            words=(
                b'"lwp":"/s/sync"', b'"headers":', b'"body":', b'"syncPushPackage":', b'"code":401',
                b'"data":', b'"mid":"1 0"', b'"reason":', b'"hasMore":true',
                b'"userMessageModels":',
                b"\x81\xa1", b"\xdc\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc7\x0c\xff", b"\xc1",
                b"/push/kickout", b"/s/vulcan", b"\\ud800", b"1e400", b'"extension":"{}"',
            ),
            seeds=_goofish_seeds,
        ),
        Target(
            name="config",
            call=_config,
            modules=("gateway.config", "gateway.settings", "gateway.redaction"),
            words=(
                b"accounts:", b"\n  - ", b"credentials:", b"{", b"[", b"&a ", b"*a", b"<<: *a",
                b"${A}", b"${N}", b"${", b": ", b"null", b"'", b'"', b"url: wss://h/", b"proxy: ",
                b"http://u:p@h:1", b"defaults:", b"COOKIES:", b"WEBSOCKET_URL:", b"\t", b"0x1f",
                b"2026-01-01", b".inf", b".nan", b"!!binary a", b"!!timestamp ", b"? ", b"---\n",
            ),
            seeds=_config_seeds,
        ),
    )
}  # fmt: skip
