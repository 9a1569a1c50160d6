"""Draw docs/architecture.svg, and the tables of messages in docs/architecture.md and its twin.

Usage: draw_architecture.py [--check]

The picture is drawn from the floors in setup.cfg (import-linter) and the modules on disk. The
tables are drawn from the unions named ``…Inbox`` in ``actors``: what an actor may be told. With
--check nothing is written; exit code 1 if a file is not what the house says.
"""

from __future__ import annotations

import ast
import configparser
import importlib.util
import inspect
import pkgutil
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from types import ModuleType, UnionType
from typing import Any, Final, NamedTuple, Union, get_args, get_origin

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import drawing  # noqa: E402  # found through the line above
from scripts.environment import launch  # noqa: E402

DOCS: Final = ROOT / "docs"
COMMAND: Final = "python3 scripts/draw_architecture.py"
PICTURE: Final = DOCS / "architecture.svg"
PAGES: Final = (DOCS / "architecture.md", DOCS / "architecture.zh-CN.md")
BEGIN: Final = "<!-- messages: drawn by scripts/draw_architecture.py, do not edit -->"
END: Final = "<!-- /messages -->"


NO_FLOOR: Final = "on no floor of their own"


# --- the house as it stands -----------------------------------------------------------


class Floor(NamedTuple):
    """Rooms of one height.

    Attributes:
        rooms: Names of modules and packages.
        note: What they may import of each other.
    """

    rooms: tuple[str, ...]
    note: str


class House(NamedTuple):
    """One container of floors.

    Attributes:
        name: Dotted name of the package.
        floors: The highest first.
    """

    name: str
    floors: tuple[Floor, ...]


def is_room(package: str, name: str) -> bool:
    """Return True if a package has a module or package of that name."""
    inside = ROOT.joinpath(*package.split("."), name)
    return inside.with_suffix(".py").exists() or (inside / "__init__.py").exists()


def rooms_of(package: str) -> set[str]:
    """Return the names of all modules and packages of a package."""
    here = ROOT.joinpath(*package.split("."))
    found = {path.stem for path in here.glob("*.py")} - {"__init__", "__main__"}
    return found | {path.parent.name for path in here.glob("*/__init__.py")}


def houses(config: str) -> list[House]:
    """Return the containers that setup.cfg gives floors, who imports the others first.

    Args:
        config: Text of setup.cfg.
    """
    parser = configparser.ConfigParser()
    parser.read_string(config)
    found = []
    for section in parser.sections():
        if not section.startswith("importlinter:") or parser[section].get("type") != "layers":
            continue
        layers = parser[section]["layers"].split("\n")
        for container in parser[section].get("containers", "").split():
            floors = [_floor(container, layer) for layer in layers]
            placed = {room for floor in floors for room in floor.rooms}
            left = tuple(sorted(rooms_of(container) - placed))
            floors.append(Floor(left, NO_FLOOR))
            found.append(House(container, tuple(floor for floor in floors if floor.rooms)))
    # A host imports gateway, gateway imports actors; a wing stands below the house it is part of.
    return sorted(found, key=lambda house: (house.name.split(".")[0] == "actors", house.name))


def _floor(container: str, layer: str) -> Floor:
    names = [name for name in re.split(r"[|:\s()]+", layer) if name]
    rooms = tuple(name for name in names if is_room(container, name))
    if len(rooms) < 2:
        return Floor(rooms, "")
    return Floor(rooms, "may import each other" if ":" in layer else "do not import each other")


def first_sentence(text: str | None) -> str:
    """Return the first sentence of a docstring, as Markdown on one line."""
    paragraph = " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())
    sentence = re.split(r"(?<=[.?!]) (?=[A-Z`:])", paragraph)[0]
    sentence = re.sub(r":\w+:`~?(?:[\w.]+\.)?(\w+)`", r"`\1`", sentence)
    return sentence.replace("``", "`").replace("|", "\\|")


def about(package: str, room: str) -> str:
    """Return what a module says of itself."""
    inside = ROOT.joinpath(*package.split("."), room)
    path = inside / "__init__.py" if inside.is_dir() else inside.with_suffix(".py")
    return first_sentence(ast.get_docstring(ast.parse(path.read_text("utf-8"))))


# --- the picture ----------------------------------------------------------------------

WIDTH: Final = 980
LEFT: Final = 46
PAD: Final = 10
BOX_HEIGHT: Final = 26
GAP: Final = 8
CHAR_WIDTH: Final = 7.6
NOTE_WIDTH: Final = 170

STYLE: Final = """\
text { font: 12.5px ui-monospace, Menlo, Consolas, monospace; fill: #1f2328 }
.house { font: bold 15px system-ui, sans-serif }
.note { font: italic 11px system-ui, sans-serif; fill: #59636e }
.package { font-weight: bold }
.page { fill: #ffffff }
.floor { fill: #f0f3f6; stroke: #d1d9e0 }
.loose { fill: none; stroke: #818b98; stroke-dasharray: 4 3 }
.room { fill: #ffffff; stroke: #818b98 }
.down { stroke: #0969da; stroke-width: 2; fill: none }
.head { fill: #0969da }
@media (prefers-color-scheme: dark) {
  text { fill: #f0f6fc }
  .note { fill: #9198a1 }
  .page { fill: #0d1117 }
  .floor { fill: #151b23; stroke: #3d444d }
  .loose { stroke: #656c76 }
  .room { fill: #212830; stroke: #656c76 }
  .down { stroke: #4493f8 }
  .head { fill: #4493f8 }
}
"""


def picture(drawn: Sequence[House]) -> str:
    """Return the SVG: a band for each floor, an arrow down each house."""
    parts: list[str] = []
    y = 16
    for house in drawn:
        y += 20
        parts.append(_text(LEFT, y, house.name, "house"))
        y += 12
        top = lowest = y
        for floor in house.floors:
            bottom = _draw_floor(parts, house.name, floor, y)
            lowest = lowest if floor.note == NO_FLOOR else bottom
            y = bottom + GAP
        parts += [
            f'<path class="down" d="M28 {top} V{lowest - 8}"/>',
            f'<path class="head" d="M22 {lowest - 9} h12 l-6 9 z"/>',
        ]
        y += GAP
    y += 14
    parts.append(
        _text(
            LEFT, y, "A room may import what stands below it. actors never imports gateway.", "note"
        )
    )
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{y + 16}" '
        f'viewBox="0 0 {WIDTH} {y + 16}" role="img" aria-labelledby="title">\n'
        '<title id="title">The ladder of rooms: who may import whom</title>\n'
        f"<style>\n{STYLE}</style>\n"
        f'<rect class="page" width="{WIDTH}" height="{y + 16}"/>\n{body}\n</svg>\n'
    )


def _draw_floor(parts: list[str], package: str, floor: Floor, top: int) -> int:
    """Draw a band with its rooms; give where it ends."""
    boxes: list[str] = []
    left, right = LEFT + PAD, WIDTH - PAD - NOTE_WIDTH
    x, y = float(left), top + PAD
    for room in floor.rooms:
        is_package = ROOT.joinpath(*package.split("."), room).is_dir()
        label = f"{room}/" if is_package else room
        width = CHAR_WIDTH * len(label) + 20
        if x > left and x + width > right:
            x, y = left, y + BOX_HEIGHT + GAP
        said = escape(f"{package}.{room}: {about(package, room)}", quote=False)
        boxes.append(
            f'<g><title>{said}</title><rect class="room" x="{x:g}" y="{y}" width="{width:g}" '
            f'height="{BOX_HEIGHT}" rx="5"/>'
            + _text(x + 10, y + 17, label, "package" if is_package else "")
            + "</g>"
        )
        x += width + GAP
    bottom = y + BOX_HEIGHT + PAD
    look = "loose" if floor.note == NO_FLOOR else "floor"
    parts.append(
        f'<rect class="{look}" x="{LEFT}" y="{top}" width="{WIDTH - LEFT - PAD}" '
        f'height="{bottom - top}" rx="7"/>'
    )
    parts += boxes
    if len(floor.rooms) == 1 and not floor.note:
        said = about(package, floor.rooms[0]).replace("`", "")
        parts.append(_text(x + GAP, top + PAD + 17, said, "note"))
    elif floor.note:
        parts.append(_text(right + 14, top + PAD + 17, floor.note, "note"))
    return bottom


def _text(x: float, y: float, text: str, look: str) -> str:
    kind = f' class="{look}"' if look else ""
    return f'<text x="{x:g}" y="{y:g}"{kind}>{escape(text)}</text>'


# --- the messages ---------------------------------------------------------------------


class Told(NamedTuple):
    """One message.

    Attributes:
        name: Of its class.
        receivers: Whose inboxes take it.
        says: First sentence of its docstring.
    """

    name: str
    receivers: tuple[str, ...]
    says: str


def kernel_modules() -> Iterator[ModuleType]:
    """Import every module of the kernel, in order of their names."""
    import actors  # noqa: PLC0415  # found through the path set above

    for found in sorted(
        pkgutil.walk_packages(actors.__path__, "actors."), key=lambda one: one.name
    ):
        yield importlib.import_module(found.name)


def message_classes(modules: Sequence[ModuleType]) -> dict[str, type]:
    """Return every message of the kernel by its name, in the order of the modules."""
    base: Any = next(found for each in modules if (found := vars(each).get("Message")))
    bases = {"Message", "Control"}
    return {
        name: value
        for module in modules
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, base)
        and value.__module__ == module.__name__
        and name not in bases
    }


def inboxes(modules: Sequence[ModuleType], classes: Mapping[str, type]) -> dict[str, list[str]]:
    """Return the messages of each receiver, from the unions named ``…Inbox``.

    Raises:
        ValueError: One of them has a member that is no message.
    """
    found: dict[str, list[str]] = {}
    for module in modules:
        for name, value in vars(module).items():
            if not name.endswith("Inbox") or name == "Inbox":
                continue
            # What a union in quotes names may be imported for types only.
            union = eval(value, dict(classes)) if isinstance(value, str) else value  # noqa: S307
            members = get_args(union) if get_origin(union) in (Union, UnionType) else (union,)
            names = [getattr(each, "__forward_arg__", None) or each.__name__ for each in members]
            strange = [each for each in names if each not in classes]
            if strange:
                raise ValueError(f"{module.__name__}.{name} has what is no message: {strange}")
            found[_spoken(name.removesuffix("Inbox"))] = names
    return found


def _spoken(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def messages() -> list[Told]:
    """Return every message, by its first receiver; those that no actor takes come last."""
    modules = list(kernel_modules())
    classes = message_classes(modules)
    heard = inboxes(modules, classes)
    receivers: dict[str, list[str]] = {}
    for receiver, names in sorted(heard.items()):
        for name in names:
            receivers.setdefault(name, []).append(receiver)
    nobody = [name for name in classes if name not in receivers]
    return [
        Told(name, tuple(receivers.get(name, ())), first_sentence(classes[name].__doc__))
        for name in [*receivers, *nobody]
    ]


def english_table(told: Sequence[Told]) -> str:
    """Return a row for each message."""
    lines = [
        f"| `{each.name}` | {', '.join(each.receivers) or '–'} | {each.says} |" for each in told
    ]
    return "\n".join(["| Message | Received by | What it says |", "|---|---|---|", *lines])


def chinese_table(told: Sequence[Told]) -> str:
    """Return a row for each receiver."""
    rows: dict[str, list[str]] = {}
    for each in told:
        for receiver in each.receivers or ("–",):
            rows.setdefault(receiver, []).append(f"`{each.name}`")
    lines = [f"| {receiver} | {'、'.join(names)} |" for receiver, names in rows.items()]
    return "\n".join(["| 收件者 | 消息 |", "|---|---|", *lines])


def with_table(page: str, table: str) -> str:
    """Return a page with the table between its marks.

    Raises:
        ValueError: The marks are not there, or not once.
    """
    parts = re.split(f"({re.escape(BEGIN)}|{re.escape(END)})", page)
    if parts[1::2] != [BEGIN, END]:
        raise ValueError(f"the page must have the marks {BEGIN} and {END} once, in this order")
    parts[2] = f"\n{table}\n"
    return "".join(parts)


def drawn() -> dict[Path, str]:
    """Return every file as it should be."""
    told = messages()
    tables = (english_table(told), chinese_table(told))
    found = {PICTURE: picture(houses((ROOT / "setup.cfg").read_text("utf-8")))}
    for page, table in zip(PAGES, tables, strict=True):
        found[page] = with_table(page.read_text("utf-8"), table)
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or compare; return the exit code."""
    told = "Draw the picture and tables of the architecture."
    return drawing.main(arguments, drawn, told=told, script="draw_architecture.py")


if __name__ == "__main__":
    # The kernel imports what is installed: without it, begin again in the checkout's .venv.
    installed = importlib.util.find_spec("msgspec") is not None
    sys.exit(main() if installed else launch("scripts.draw_architecture", Path(__file__).name))
