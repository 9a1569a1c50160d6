"""What becomes of a child that a handler, a listener or a sink forks."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest

from gateway import ChatMessage, ForkedError
from gateway.testing import FakePlatform, HandlerBench

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")

_FORK = """
import os, sys, warnings
warnings.simplefilter("ignore")
from gateway import ChatMessage, Gateway
parent, where, how = os.getpid(), sys.argv[2], sys.argv[3]
def said(word):
    os.write(1, f"{word} {'parent' if os.getpid() == parent else 'child'}\\n".encode())
def fork():
    if os.getpid() == parent and not children:
        children.append(os.fork())
        if children[0] == 0:
            said("forked")
            if how == "raise":
                raise ValueError("only in the child")
            if how == "exit":
                sys.exit(3)
children = []
def sink(event):
    fork()
    said("sink " + event.text)
def seen(event):
    if where == "tap":
        fork()
        said("tap " + event.text)
sys.modules["mine"] = sys.modules["__main__"]
gw = Gateway.from_config(sys.argv[1])
gw.tap(seen)
@gw.on_state
def changed(change):
    if where == "listener":
        fork()
        said("changed")
def first(event):
    if where == "alone":
        event.reply("re: " + event.text)
    if where in ("handler", "alone"):
        fork()
    said("first " + event.text)
gw.on(ChatMessage)(first)
if where != "alone":
    @gw.on(ChatMessage)
    def second(event):
        said("second " + event.text)
        event.reply("re: " + event.text)
with gw:
    sys.stdin.readline()
    gw.stop()
    print("code", os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))
"""


@pytest.mark.parametrize("where", ["handler", "alone", "sink", "tap", "listener"])
@pytest.mark.parametrize(
    ("how", "code", "told"),
    [
        ("return", 70, "forked and returned in the child"),
        ("raise", 70, "forked and raised ValueError at <string>:"),
        ("exit", 3, None),
    ],
)
def test_a_child_that_comes_back_from_strangers_code_ends(
    tmp_path: Path, where: str, how: str, code: int, told: str | None
) -> None:
    """It went on with the thread's work: handlers ran in the child, too, and sinks wrote."""
    with FakePlatform() as fake:
        shop = fake.account("2201")
        buyer = shop.buyer("3301")
        sinks = [{"kind": "python", "call": "mine:sink"}] if where == "sink" else []
        file = fake.config_file(tmp_path, durability="full", sinks=sinks)
        with subprocess.Popen(
            [sys.executable, "-c", _FORK, str(file), where, how],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        ) as process:
            shop.wait_registered(30.0)
            for text in ("one", "two"):
                buyer.says(text)
            shop.wait_sent(2, 30.0)
            out, err = process.communicate("\n", timeout=30)
        assert process.returncode == 0, err
        last = {"sink": "sink one", "tap": "tap one", "listener": "changed"}.get(where, "first one")
        once = ["forked child", f"{last} child"] if how == "return" else ["forked child"]
        lines = out.splitlines()
        assert [line for line in lines if line.endswith("child")] == once
        assert {"first one parent", "first two parent", f"code {code}"} <= set(lines)
        if told is None:
            assert err == ""
        else:
            assert told in err
            assert "end it with os._exit()" in err
            assert "only in the child" not in err
        assert sorted(str(sent.text) for sent in shop.wait_sent(2)) == ["re: one", "re: two"]
        fake.check()


def _answer(event: ChatMessage, way: str) -> None:
    """Answer in a child; its exit code says whether that was refused."""
    try:
        event.reply("lost") if way == "reply" else event.note("key", "lost")
    except ForkedError as error:
        os._exit(0 if error.pid == os.getppid() else 2)
    os._exit(1)


@pytest.mark.parametrize("way", ["reply", "note"])
def test_an_answer_in_a_child_is_refused(way: str) -> None:
    """It was taken without a word, and lost: the event is the parent's to settle."""
    bench, codes = HandlerBench(), list[Any]()

    @bench.on(ChatMessage)
    def answer(event: ChatMessage) -> None:
        child = multiprocessing.get_context("fork").Process(target=_answer, args=(event, way))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # newer interpreters warn of a fork beside threads
            child.start()
        child.join()
        codes.append(child.exitcode)
        event.reply("of the parent")

    assert bench.chat("hello").reply == "of the parent"
    assert codes == [0]


def test_a_child_answers_its_own_events() -> None:
    """Whoever forks workers, each with a bench or a gateway of its own, loses nothing by it."""
    bench, codes = HandlerBench(), list[int]()

    def own() -> None:
        theirs = HandlerBench()
        theirs.on(ChatMessage)(lambda event: event.reply("mine"))
        os._exit(0 if theirs.chat("x").texts == ["mine"] else 1)

    @bench.on(ChatMessage)
    def answer(_: ChatMessage) -> None:
        child = multiprocessing.get_context("fork").Process(target=own)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child.start()
        child.join()
        codes.append(child.exitcode or 0)

    bench.chat("hello")
    assert codes == [0]
