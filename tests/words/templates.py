"""The English templates of sources, by their syntax trees: what people may read of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

_WORD = re.compile(r"[A-Za-z]{2,}")
_SQL = re.compile(r"(?:SELECT|INSERT|DELETE|UPDATE|PRAGMA|ATTACH|CREATE|flags) ")
_PLACE = re.compile(r"\{\}")
_PREFIX = re.compile(r"^(?:\{\}: ?)+")
_NOT_READ = frozenset(
    (
        *("command", "page", "extra", "install", "runnable", "compile", "execute", "getattr"),
        *("find_spec", "import_module", "TypeVar", "removesuffix", "removeprefix", "startswith"),
        *("info", "warning", "error", "debug", "exception", "add_parser", "encode", "decode"),
        *("open", "read_text", "write_text", "strftime", "NewType", "_typed", "fmt"),
    )
)
"""Functions whose arguments nobody reads."""


def of_file(path: Path, *, words: bool = False) -> set[str]:
    """Return the templates of a source: clauses without the mark at their end, ``{}`` a place.

    Args:
        path: Of the source.
        words: Also what is no more than a word.
    """
    tree = ast.parse(path.read_text("utf-8"))
    found: set[str] = set()
    for text in _texts(tree):
        for piece in re.split(r"; ?|\n|\. (?=[A-Z{])", text):
            told = _PREFIX.sub("", piece.strip(" ")).rstrip(" .") or piece
            if _is_prose(told) or (words and _WORD.search(told)):
                found.add(told)
    return found


def _is_prose(text: str) -> bool:
    bare = _PLACE.sub("", text)
    return " " in bare.strip() and _WORD.search(bare) is not None and not _SQL.match(text)


def _texts(node: ast.AST) -> Iterator[str]:
    """Yield each text below a node; what a text is made of comes by itself, too."""
    if isinstance(node, ast.Call) and _name(node.func) in _NOT_READ:
        return
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        return  # a docstring
    if isinstance(node, ast.AnnAssign):
        if node.value is not None:
            yield from _texts(node.value)
        return
    if isinstance(node, ast.Assert | ast.arguments):
        return
    if isinstance(node, ast.FunctionDef):
        if node.name not in {"__repr__", "__post_init__"}:
            for statement in node.body:
                yield from _texts(statement)
        return
    whole = _template(node) if isinstance(node, ast.expr) else None
    if whole is not None:
        yield whole
        yield from _inside(node)
        return
    for child in ast.iter_child_nodes(node):
        yield from _texts(child)


def _inside(node: ast.AST) -> Iterator[str]:
    """Yield the texts within the places of a text."""
    match node:
        case ast.JoinedStr():
            for part in node.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _texts(part.value)
        case ast.BinOp():
            for side in (node.left, node.right):
                if _template(side) is None:
                    yield from _texts(side)
                else:
                    yield from _inside(side)
        case _:
            pass


def _template(node: ast.expr) -> str | None:
    """Return a text with ``{}`` for what is put into it; None: it is no text."""
    match node:
        case ast.Constant(value=str() as text):
            return text.replace("{", "{{").replace("}", "}}") if "{}" in text else text
        case ast.JoinedStr():
            return "".join(
                part.value if isinstance(part, ast.Constant) else "{}"  # type: ignore[misc]
                for part in node.values
            )
        case ast.BinOp(op=ast.Add()):
            left, right = _template(node.left), _template(node.right)
            if left is None and right is None:
                return None
            return f"{'{}' if left is None else left}{'{}' if right is None else right}"
        case _:
            return None


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ""
