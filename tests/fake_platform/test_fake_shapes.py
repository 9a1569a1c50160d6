"""Our shapes against the captures: the same bytes from the same values."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgpack  # type: ignore[import-untyped]  # it has no stubs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.testing import shapes
from gateway.testing.platform.orders import STAGES, Order, Stage, card, card_update, red_reminder
from gateway.testing.platform.packing import pack
from gateway.testing.platform.shapes import Entry, Message, Phone, text_content

FIXTURES = Path(__file__).parents[1] / "data" / "goofish"


def capture(name: str) -> str:
    return (FIXTURES / name).read_text(encoding="utf-8").strip()


def decoded(entry: Entry | str) -> Any:
    data = entry if isinstance(entry, str) else entry.data
    return msgpack.unpackb(base64.b64decode(data), strict_map_key=False)


def entries(name: str) -> list[str]:
    frame = json.loads(capture(name))
    return [entry["data"] for entry in frame["body"]["syncPushPackage"]["data"]]


INTACT = [
    capture("real_android_text.b64"),
    capture("real_read_receipt_single.b64"),
    capture("real_red_reminder_waiting_payment.b64"),
    capture("real_trade_card_waiting_payment.b64"),
    capture("rebuilt_android_image.b64"),
    capture("rebuilt_web_text_12_keys.b64"),
    *entries("real_frame_sync_two_entries.json"),
]


@pytest.mark.parametrize("data", INTACT)
def test_packing_a_decoded_capture_gives_its_bytes(data: str) -> None:
    assert pack(decoded(data)) == base64.b64decode(data)


plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 63), (1 << 64) - 1)
    | st.floats(allow_nan=False)
    | st.text(max_size=400),
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(max_size=40), inner),
)


@given(plain)
def test_packing_agrees_with_the_reference_in_old_style(value: Any) -> None:
    assert pack(value) == msgpack.packb(value, use_bin_type=False)


@pytest.mark.parametrize("size", [15, 16, 31, 32, 255, 256, 65535, 65536])
def test_packing_at_each_edge_of_a_length(size: int) -> None:
    for value in ("x" * size, list(range(size)), dict.fromkeys(range(size), 1)):
        assert pack(value) == msgpack.packb(value, use_bin_type=False)


def test_packing_refuses_what_it_can_not_write() -> None:
    with pytest.raises(OverflowError, match="64 bits"):
        pack(1 << 64)
    with pytest.raises(OverflowError, match="64 bits"):
        pack(-(1 << 63) - 1)
    with pytest.raises(TypeError, match="set"):
        pack({1, 2})  # type: ignore[arg-type]


# --- messages -------------------------------------------------------------------------


def message_of(fields: Mapping[int, Any]) -> Message:
    """Read a captured chat message into our values; the rest is for the shapes to make."""
    one, extension = fields[1], fields[1][10]
    url = parse_qs(urlsplit(extension["reminderUrl"]).query)
    phone = None
    if "umid" in extension:
        phone = Phone(
            client_ip=extension["clientIp"],
            port=extension["port"],
            umid=extension["umid"],
            umid_token=extension["umidToken"],
            utdid=extension["utdid"],
        )
    return Message(
        message_id=one[3],
        conversation_id=one[2].removesuffix("@goofish"),
        sender_id=one[1][1].removesuffix("@goofish"),
        created_at_ms=one[5],
        content=one[6][3][5],
        content_type=one[6][3][4],
        summary=one[6][3][2],
        nick=extension["reminderTitle"],
        business_id=json.loads(extension["bizTag"])["messageId"],
        item_id=url["itemId"][0],
        system=extension["_platform"],
        app_version=extension.get("_appVersion", ""),
        phone=phone,
        masked_nick=url.get("peerUserNick", [""])[0],
        needs_push=fields[3]["needPush"] == "true",
    )


@pytest.mark.parametrize(
    "data",
    [
        capture("real_android_text.b64"),
        entries("real_frame_sync_two_entries.json")[1],
        capture("rebuilt_web_text_12_keys.b64"),
    ],
)
def test_a_text_from_the_same_values_is_the_captured_text_to_the_byte(data: str) -> None:
    assert shapes.entry_of(message_of(decoded(data))).data == data


def test_an_image_has_the_fields_of_the_rebuilt_one() -> None:
    """Its key order is the rebuilder's, so fields are compared, not bytes."""
    theirs = decoded(capture("rebuilt_android_image.b64"))
    assert decoded(shapes.entry_of(message_of(theirs))) == theirs
    content = shapes.image_content("https://img.jpg", width=1080, height=1920)
    assert content == theirs[1][6][3][5]


def test_text_content_is_the_captured_json() -> None:
    captured = decoded(capture("real_android_text.b64"))[1][6][3][5]
    assert text_content("111") == captured
    web = decoded(capture("rebuilt_web_text_12_keys.b64"))[1][6][3][5]
    assert text_content("你好", phone=False) == web


def test_a_trade_card_from_the_same_values_is_the_captured_card_to_the_byte() -> None:
    data = capture("real_trade_card_waiting_payment.b64")
    order = Order(
        order_id="2515526108468365742",
        conversation_id="49476692455",
        item_id="901032490956",
        buyer_id="3391398693",
        seller_id="2205384017473",
        business_id="00b0cdd65823dbb81623bc31e7d9d6a7",
        masked_nick="测***x",
    )
    ours = card(
        order,
        STAGES["placed"],
        message_id="3487163381330.PNM",
        created_at_ms=1742458817389,
    )
    assert shapes.entry_of(ours).data == data


def test_history_has_every_field_of_the_captured_history() -> None:
    def keys(value: object, path: str = "") -> set[str]:
        if not isinstance(value, dict) or path.endswith(".extension"):
            return {path}
        return set().union(*(keys(item, f"{path}.{name}") for name, item in value.items()))

    models = json.loads(capture("real_history_10_newest.json"))["userMessageModels"]
    message = message_of(decoded(entries("real_frame_sync_two_entries.json")[1]))
    ours = shapes.history_model(message, read=True)
    assert keys(ours) == keys(models[0])
    extension = ours["message"]["extension"]  # type: ignore[index]
    assert set(extension) == set(models[0]["message"]["extension"])
    assert models[0]["readStatus"] == ours["readStatus"]


# --- other entries --------------------------------------------------------------------


def test_receipts_reminders_and_typing_are_the_captured_bytes() -> None:
    single = shapes.read_receipt("58936843124", ["3527940215708.PNM"], 1751435776794)
    assert single.data == capture("real_read_receipt_single.b64")
    assert single.object_type == 40103
    reminder = red_reminder("49476692455", STAGES["placed"], 1742467315320)
    assert reminder.data == capture("real_red_reminder_waiting_payment.b64")
    frame = json.loads(capture("syn_frame_para_typing.json"))
    ours = shapes.typing("52114916274", "2277212221035", on=True)
    assert json.loads(ours.wire()) == frame["body"]["syncPushPackage"]["data"][0]


def test_several_receipts_and_a_marker() -> None:
    several = shapes.read_receipt("5", ["1.PNM", "2.PNM"], 7)
    assert decoded(several) == {1: ["1.PNM", "2.PNM"], 2: 2, 3: "5@goofish", 4: 1, 5: 7}
    assert several.object_type == 40102
    marked = shapes.marker("5", "1.PNM", 7)
    assert decoded(marked) == {1: "5@goofish", 2: 1, 3: "1.PNM", 4: 7}


@pytest.mark.parametrize("stage", STAGES.values())
def test_every_stage_makes_a_card_and_its_update(stage: Stage) -> None:
    order = Order(
        order_id="2509653483690876607",
        conversation_id="52114916274",
        item_id="990394988229",
        buyer_id="2220374065332",
        seller_id="2277212221035",
        business_id="a" * 32,
    )
    made = card(order, stage, message_id="1.PNM", created_at_ms=7)
    main = json.loads(made.content)["dxCard"]["item"]["main"]
    assert "2509653483690876607" in main["exContent"]["button"]["targetUrl"]
    update = card_update(order, stage, message_id="1.PNM", created_at_ms=7)
    assert update.object_type == 40105
    theirs = decoded(capture("syn_card_update_40105.b64"))
    assert set(decoded(update)) == set(theirs)
    assert set(theirs[4]) - set(decoded(update)[4]) == {"csReception"}


def test_session_arouse_has_the_synthetic_capture_s_fields() -> None:
    theirs = json.loads(base64.b64decode(capture("syn_arouse.b64")))
    ours = shapes.arouse(
        "52114916274", account_id="2277212221035", peer_id="3", item_id="9", created_at_ms=7
    )
    mine = json.loads(base64.b64decode(ours.data))
    assert set(mine) == set(theirs)
    assert set(mine["operation"]["sessionInfo"]) == set(theirs["operation"]["sessionInfo"])
    extensions = set(theirs["operation"]["sessionInfo"]["extensions"])
    assert set(mine["operation"]["sessionInfo"]["extensions"]) == extensions


def test_data_that_is_json_text_is_quoted_in_the_entry() -> None:
    entry = Entry(data='{"1":"a\\n"}', object_type=1)
    assert json.loads(entry.wire())["data"] == '{"1":"a\\n"}'
