"""No import circle: then each module can be imported alone, and in any order."""

from __future__ import annotations

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("actors", "gateway")


def modules(root: Path, *packages: str) -> dict[str, Path]:
    """Return the files of all modules by their dotted names."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for package in packages
        for path in (root / package).rglob("*.py")
        if path.name != "__main__.py"
    }


def executed(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when the module does: none of functions, none for checkers."""
    for node in body:
        match node:
            case ast.Import() | ast.ImportFrom():
                yield node
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                continue
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from executed(node.orelse)
            case _:
                blocks = [getattr(node, name, ()) for name in ("body", "orelse", "finalbody")]
                blocks += [handler.body for handler in getattr(node, "handlers", ())]
                for block in blocks:
                    yield from executed(list(block))


def ancestors(name: str) -> set[str]:
    """Return the packages a module is in."""
    parts = name.split(".")
    return {".".join(parts[:end]) for end in range(1, len(parts))}


def needed(name: str, path: Path, known: dict[str, Path]) -> set[str]:
    """Return the modules that run before this one goes on.

    Also the packages of those, but not its own: they run before it does.
    """
    named: set[str] = set()
    for node in executed(ast.parse(path.read_text("utf-8")).body):
        if isinstance(node, ast.Import):
            named |= {each.name for each in node.names}
            continue
        assert node.module, f"{path}: a relative import"
        inner = {f"{node.module}.{each.name}" for each in node.names}
        named |= (inner & known.keys()) | ({node.module} if inner - known.keys() else set())
    around = {each for target in named for each in ancestors(target)} - ancestors(name)
    return ((named | around) & known.keys()) - {name}


def circle(root: Path, *packages: str) -> list[str]:
    """Return the modules of a circle; none: there is none."""
    known = modules(root, *packages)
    graph = {name: needed(name, path, known) for name, path in known.items()}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_needs_itself() -> None:
    assert circle(ROOT, *PACKAGES) == []


@pytest.mark.parametrize(
    "files",
    [
        {"p/__init__.py": "", "p/a.py": "from p.b import B", "p/b.py": "from p.a import A"},
        {"p/__init__.py": "from p.a import A", "p/a.py": "from p import B"},
        {"p/__init__.py": "", "p/a.py": "from p.b import B", "p/b.py": "class B:\n import p.a"},
        {
            "p/__init__.py": "",
            "p/a.py": "try:\n from p import b\nexcept E: pass",
            "p/b.py": "import p.a",
        },
        {"p/__init__.py": "", "q/__init__.py": "import p.a", "q/b.py": "", "p/a.py": "import q.b"},
    ],
)
def test_a_circle_is_found(tmp_path: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    assert circle(tmp_path, "p", "q")


def test_what_runs_later_or_never_is_no_circle(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "p" / "__init__.py").write_text("from p.a import f", "utf-8")
    later = "def f():\n import p.b\nif TYPE_CHECKING:\n from p.b import B\n"
    (tmp_path / "p" / "a.py").write_text(later, "utf-8")
    (tmp_path / "p" / "b.py").write_text("from p.a import f", "utf-8")
    assert circle(tmp_path, "p") == []


def test_every_module_can_be_imported() -> None:
    names = sorted(modules(ROOT, *PACKAGES))
    code = f"import importlib\nfor name in {names!r}: importlib.import_module(name)\nprint('ok')"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=55,
        cwd=ROOT,
        check=False,
    )
    assert done.stdout.strip() == "ok", done.stderr
