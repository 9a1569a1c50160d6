"""The map: drawn parts are as the house is, and what the rest names is there."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

from scripts import draw_architecture as draw
from scripts.draw_architecture import Told

ROOT = Path(__file__).parents[2]
PAGES = [path.name for path in draw.PAGES]
MOST_LINES = 200


def page(name: str) -> str:
    return (draw.DOCS / name).read_text("utf-8")


def by_hand(name: str) -> str:
    """Return a page without its drawn table."""
    return re.sub(
        f"{re.escape(draw.BEGIN)}.*{re.escape(draw.END)}", "", page(name), flags=re.DOTALL
    )


@pytest.fixture(scope="module")
def drawn() -> dict[Path, str]:
    return draw.drawn()


@pytest.mark.parametrize("path", [draw.PICTURE, *draw.PAGES], ids=lambda path: path.name)
def test_what_is_drawn_is_what_there_is(path: Path, drawn: dict[Path, str]) -> None:
    assert path.read_text("utf-8") == drawn[path], f"run {draw.COMMAND}"


@pytest.mark.parametrize("name", PAGES)
def test_what_the_map_names_is_there(name: str) -> None:
    """A map of last year's house costs a newcomer the evening."""
    text = by_hand(name)
    files = re.findall(r"`((?:actors|gateway|scripts|tests|docs|config)/[\w./-]+\.\w+)`", text)
    assert len(files) > 60
    assert [path for path in files if not (ROOT / path).exists()] == []
    sources = [path.read_text("utf-8") for path in (ROOT / "actors").rglob("*.py")]
    for room in ("gateway", "gateway/host"):
        sources += [path.read_text("utf-8") for path in (ROOT / room).glob("*.py")]
    classes = set(re.findall(r"^class (\w+)", "\n".join(sources), re.MULTILINE))
    named = set(re.findall(r"`([A-Z][a-z]+(?:[A-Z][a-z]+)*)`", text))
    assert len(named) > 35
    assert named - classes == set()


@pytest.mark.parametrize("name", PAGES)
def test_a_map_is_short(name: str) -> None:
    assert len(page(name).splitlines()) <= MOST_LINES


def test_the_two_maps_name_the_same_things_in_the_same_order() -> None:
    english, chinese = (re.findall(r"`(\w+/[\w./-]+|[A-Z]\w+)`", by_hand(name)) for name in PAGES)
    assert english == chinese


@pytest.mark.parametrize("name", PAGES)
def test_each_guarantee_has_its_place(name: str) -> None:
    promised = re.findall(r"^### (G\d+) ", page("guarantees.md"), re.MULTILINE)
    assert re.findall(r"\| \[?(G\d+)\b", page(name)) == promised


def test_every_room_is_in_the_picture() -> None:
    root = ET.fromstring(draw.PICTURE.read_text("utf-8"))
    titles = [title.text or "" for title in root.iter("{http://www.w3.org/2000/svg}title")]
    rooms = {title.partition(":")[0] for title in titles[1:]}
    for house in ("actors", "gateway"):
        assert {f"{house}.{room}" for room in draw.rooms_of(house)} <= rooms
    assert "prefers-color-scheme: dark" in draw.PICTURE.read_text("utf-8")


def test_floors_follow_the_contracts() -> None:
    """Rooms that are not on disk are no rooms; those without a floor are shown as such."""
    config = (
        "[importlinter:contract:x]\ntype = layers\ncontainers =\n    actors\n"
        "layers =\n    (system) | (attic)\n    state : values\n"
    )
    (house,) = draw.houses(config)
    assert house.name == "actors"
    assert [floor.rooms for floor in house.floors[:2]] == [("system",), ("state", "values")]
    assert house.floors[1].note == "may import each other"
    assert "runtime" in house.floors[2].rooms


def test_a_message_belongs_to_the_inboxes_that_list_it() -> None:
    """A union, one in quotes, and a single message: each is what an actor may be told."""
    classes = {name: type(name, (), {}) for name in ("Open", "Shut", "Beat")}
    module = ModuleType("imagined")
    vars(module).update(
        ConnectionInbox=classes["Open"] | classes["Shut"],
        DeadLettersInbox="Beat | Open",
        GateInbox=classes["Beat"],
        Inbox=classes["Shut"],
    )
    assert draw.inboxes([module], classes) == {
        "connection": ["Open", "Shut"],
        "dead letters": ["Beat", "Open"],
        "gate": ["Beat"],
    }


def test_an_inbox_with_a_stranger_is_refused() -> None:
    """Left out it would take its receiver off the map without a word."""
    module = ModuleType("imagined")
    vars(module)["GateInbox"] = int | str
    with pytest.raises(ValueError, match="no message"):
        draw.inboxes([module], {"Open": object})


def test_tables_say_who_receives_what() -> None:
    told = [Told("Open", ("connection",), "Start."), Told("Down", ("heartbeat", "outbox"), "Over.")]
    assert draw.english_table(told).splitlines()[2:] == [
        "| `Open` | connection | Start. |",
        "| `Down` | heartbeat, outbox | Over. |",
    ]
    assert draw.chinese_table(told).splitlines()[2:] == [
        "| connection | `Open` |",
        "| heartbeat | `Down` |",
        "| outbox | `Down` |",
    ]


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="marks"):
        draw.with_table("nothing", "table")


def test_sentences_are_plain() -> None:
    assert draw.first_sentence("Give :class:`~a.b.C` or ``d``. More.") == "Give `C` or `d`."
    assert draw.first_sentence(None) == ""
