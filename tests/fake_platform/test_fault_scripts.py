"""Scripts as data: every named fault, every error, and what the newer faults do."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from gateway.testing import FakePlatform, Rule, Shop, faults

if TYPE_CHECKING:
    from tests.fake_platform.conftest import Dial

NEEDED: dict[str, dict[str, Any]] = {
    "refuse": {"status": 503},
    "redirect": {"location": "http://127.0.0.1:9/"},
    "wrong_user": {"user_id": "999"},
}


def test_a_script_takes_rules_and_names() -> None:
    rules = faults.script(
        [
            {"on": "push", "do": "Reset", "after": 1},
            {"on": "push", "do": {"type": "Duplicate", "times": 2}, "account": "1"},
            {"on": "ready", "do": faults.Lose()},
            Rule(on="accept", do=faults.Drop()),
            {"fault": "refuse", "status": 429, "retry_after_s": 7, "times": 2},
            "zombie",
        ]
    )
    assert rules == [
        Rule(on="push", do=faults.Reset(), after=1),
        Rule(on="push", do=faults.Duplicate(times=2), account="1"),
        Rule(on="ready", do=faults.Lose()),
        Rule(on="accept", do=faults.Drop()),
        *faults.refuse(429, retry_after_s=7, times=2),
        *faults.zombie(),
    ]
    assert faults.script("deaf") == faults.script({"faults": ["deaf"]}) == faults.deaf()


@pytest.mark.parametrize("name", sorted(faults.PRESETS))
def test_every_named_fault_can_be_scripted(name: str) -> None:
    rules = faults.script({"fault": name, **NEEDED.get(name, {})})
    assert rules == faults.PRESETS[name](**NEEDED.get(name, {}))
    assert rules


@pytest.mark.parametrize("at", ["accept", "upgrade", "register", "request"])
def test_a_stall_at_each_phase(at: Any) -> None:
    (rule,) = faults.stall(at)
    assert isinstance(rule.do, faults.Stall)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"fault": "zomby"}, "script[0].fault: there is no 'zomby'; did you mean 'zombie'?"),
        ({"fault": "xq"}, "script[0].fault: there is no 'xq'"),
        ({"fault": "deaf", "acount": "1"}, ("script[0]: there is no key 'acount'; did you mean "
         "'account'?")),
        ({"fault": "refuse"}, "script[0]: refuse needs 'status'"),
        ({"fault": "refuse", "status": "x"}, "script[0].status: Expected `int`, got `str`"),
        ({"fault": "stall", "at": "regster"}, "script[0].at: Invalid enum value 'regster'"),
        ({"fault": "reset", "on": "accept", "account": "1"}, ("script[0]: on 'accept' the account "
         "is not known yet; use connection=")),
        ({"on": "psuh", "do": "Reset"}, ("script[0].on: there is no moment 'psuh'; did you mean "
         "'push'?")),
        ({"on": "push", "do": "Duplicat"}, ("script[0].do.type: there is no action 'Duplicat'; "
         "did you mean 'Duplicate'?")),
        ({"on": "push", "do": {"type": "Duplicate", "time": 2}}, ("script[0].do: there is no key "
         "'time'; did you mean 'times'?")),
        ({"on": "push", "do": {"type": "Duplicate", "times": "2"}}, ("script[0]: Expected `int`, "
         "got `str` - at `do.times`")),
        ({"on": "push", "do": {"times": 2}}, ("script[0].do: an action is its name, or {type: its "
         "name, …}")),
        ({"on": "push", "do": "Refuse"}, ("script[0]: Object missing required field `status` - at "
         "`do`")),
        ({"on": "push", "do": {"type": "Refuse", "status": 401}}, ("script[0]: Refuse cannot "
         "happen on 'push'")),
        ({"do": "Reset", "tims": 1}, "script[0]: a rule needs 'on'"),
        (7, "script[0]: int is no rule: write {on: …, do: …} or {fault: …}"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_the_nearest_right_name(entry: object, told: str) -> None:
    with pytest.raises(faults.ScriptError) as wrong:
        faults.script([entry])
    assert any(problem.startswith(told) for problem in wrong.value.problems), wrong.value


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(faults.ScriptError) as wrong:
        faults.script([{"fault": "zomby"}, "deaf", {"on": "psuh", "do": "Lost"}])
    assert [line.split(":")[0] for line in wrong.value.problems] == [
        "script[0].fault",
        "script[2].on",
        "script[2].do.type",
    ]


def test_a_script_is_read_from_yaml(tmp_path: Path) -> None:
    path = tmp_path / "storm.yaml"
    path.write_text(
        "faults:\n"
        "  - {on: upgrade, do: {type: Refuse, status: 503}, times: 2}  # 'on' is true to YAML\n"
        "  - fault: late_answers\n"
        "    by_s: 1\n",
        encoding="utf-8",
    )
    assert faults.read(path) == [*faults.refuse(503, times=2), *faults.late_answers(1.0)]
    path.write_text("", encoding="utf-8")
    assert faults.read(path) == []
    path.write_text("- {on: [", encoding="utf-8")
    with pytest.raises(faults.ScriptError, match=r"storm\.yaml: no YAML"):
        faults.read(path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8)
    | st.sampled_from([*faults.PRESETS, "on", "do", "push", "Reset", "type", "fault"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["on", "do", "type", "fault", "times", "at", "after", "x"]), inner,
        max_size=4,
    ),
    max_leaves=8,
)  # fmt: skip


@given(JSON)
def test_any_data_is_a_script_or_a_script_error(data: object) -> None:
    try:
        rules = faults.script(data)
    except faults.ScriptError:
        return
    assert all(isinstance(rule, Rule) for rule in rules)


# --- what they do ---------------------------------------------------------------------


def test_pushes_and_answers_drip_and_stay_whole(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(faults.drip(size_bytes=16, every_s=0.001))
    began = time.monotonic()
    shop.buyer("3301").says("drop by drop")
    shop.buyer("3301").says("and behind it")
    client.push()
    client.push()
    assert client.call("/!")["code"] == 200
    assert time.monotonic() - began > 0.05
    shop.wait_acked(2)
    fake.check(all_acked=True)


def test_what_follows_a_dripping_frame_waits_behind_it(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="push", do=faults.Drip(size_bytes=16, every_s=0.001), times=1))
    shop.buyer("3301").says("drop by drop")
    shop.buyer("3301").says("not in the middle of it")
    for _ in range(2):
        client.push()
    shop.wait_acked(2)


def test_a_half_open_link_says_nothing_and_never_ends(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(faults.half_open())
    client.request("/!")
    with pytest.raises(TimeoutError):
        client.recv(0.05)
    fake.heal()
    assert not client.ws.ping().wait(0.05)  # healing a rule does not raise the dead
    fake.cut_all()  # or the client waits for a closing handshake


def test_a_gap_is_told_in_place_of_the_push(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(faults.gap(times=1))
    shop.buyer("3301").says("left out")
    assert client.push()["body"]["syncExtraType"]["type"] == 1
    shop.buyer("3301").says("after it")
    assert client.push()["body"]["syncPushPackage"]["startSeq"] == 2
    shop.wait_acked(1)
    assert len(shop.unacked) == 1


@pytest.mark.parametrize("new_mid", [False, True])
def test_an_acknowledged_push_comes_again(
    new_mid: bool,  # noqa: FBT001  # a parameter of the test
    fake: FakePlatform,
    shop: Shop,
    dial: Dial,
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(faults.redeliver(0.05, new_mid=new_mid))
    shop.buyer("3301").says("once more")
    first = client.push()
    shop.wait_acked(1)
    again = client.push()
    assert again["body"]["syncPushPackage"] == first["body"]["syncPushPackage"]
    assert (again["headers"]["mid"] == first["headers"]["mid"]) is not new_mid
    client.call("/!")
    fake.check(all_acked=True)
    assert shop.acked == 1


def test_a_flood_follows_a_push_and_floods_no_further(
    fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(faults.flood(100, package=10))
    shop.buyer("3301").says("x")
    counts = [len(client.push()["body"]["syncPushPackage"]["data"]) for _ in range(11)]
    assert counts == [1] + [10] * 10
    shop.wait_acked(101)
    fake.check(all_acked=True)


@pytest.mark.parametrize(
    "name", ["bad_accept", "close", "cut", "kick", "remove_session", "reset", "oversize"]
)
def test_named_ends_end_the_link(name: str, fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    fake.inject(faults.script(name))
    with pytest.raises((ConnectionClosed, InvalidHandshake)):  # noqa: PT012  # which call it is depends
        client = dial(shop.url, "t-1")
        client.ws.protocol.max_message_size = 1 << 20
        shop.buyer("3301").says("x")
        for _ in range(3):
            client.recv()


@pytest.mark.parametrize("name", ["duplicate", "reorder", "corrupt", "fragments", "slow_reader"])
def test_named_disorder_leaves_the_link(
    name: str, fake: FakePlatform, shop: Shop, dial: Dial
) -> None:
    client = dial(shop.url, "t-1")
    arguments = {"reorder": {"at_most_s": 0.02}, "slow_reader": {"for_s": 0.02}}.get(name, {})
    fake.inject(faults.script({"fault": name, **arguments}))
    shop.push([shop.buyer("3301").writes("x")])
    client.push()
    shop.wait_acked(1)
    assert client.call("/r/SyncStatus/getState", [{}])["code"] == 200


def test_an_answer_can_repeat_later(fake: FakePlatform, shop: Shop, dial: Dial) -> None:
    client = dial(shop.url, "t-1")
    fake.inject(Rule(on="reply", lwp="/!", do=faults.Duplicate(after_s=0.02)))
    mid = client.request("/!")
    assert [client.recv()["headers"]["mid"] for _ in range(2)] == [mid, mid]
