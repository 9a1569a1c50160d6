"""Builds the OpenAPI description from the tables of routes and answers. Pure."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import msgspec

import gateway as package
from actors.state import ConnectionState
from actors.values import SendState
from gateway.arguments import ID_CHARS, PRINTABLE
from gateway.web import operations, records, routes
from gateway.web.answers import ANSWERS
from gateway.web.context import Route
from gateway.web.request import LONGEST_WAIT_S, MOST_ROWS
from gateway.web.schemas import Schema, Schemas, Text


def _words(states: type[ConnectionState | SendState]) -> Schema:
    return {"type": "string", "enum": [*(each.value for each in states), ""]}


_NAME: Final = re.compile(r"<(\w+)>")
_TEXT: Final[Schema] = {"type": "string", "minLength": 1}
_ID: Final[Schema] = {**_TEXT, "maxLength": ID_CHARS, "pattern": PRINTABLE}
_IDS: Final[Mapping[str, Schema]] = {
    "account": _ID,
    "event_id": _ID,
    "outbox_id": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
}
_PARAMETERS: Final[Mapping[str, Schema]] = {
    "account": {"type": "string"},
    "challenge": {"type": "string", "pattern": "^[0-9a-fA-F]{32,128}$"},
    "limit": {"type": "integer", "minimum": 1, "maximum": MOST_ROWS, "default": 100},
    "seen": {"type": "integer", "minimum": 0, "maximum": 999_999_999},
    "wait_s": {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_S, "default": 0},
}
_OF_ROUTES: Final[Mapping[tuple[Route, str], Schema]] = {
    (operations.accounts_list, "after"): {"type": "string"},
    (operations.accounts_list, "state"): _words(ConnectionState),
    (operations.events, "after"): {"type": "string", "pattern": r"^([^.]*\.[0-9]{1,18})?$"},
    (records.outbox_list, "state"): _words(SendState),
}
"""Of parameters that mean something else from route to route."""
_REQUIRED: Final = frozenset({"challenge"})
_PROBLEM: Final[Schema] = {
    "type": "object",
    "properties": {
        "error": {"type": "string", "description": "constant in snake_case"},
        "detail": {"type": "string", "description": "what is wrong, in a sentence"},
        "next_step": {"type": "string", "description": "what a person can do about it"},
    },
    "required": ["error", "detail", "next_step"],
}
_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "the same key again sends nothing more and returns the first call's send",
    "schema": {"type": "string", "pattern": f"^(?!.*, )[!-~]([ -~]{{0,{ID_CHARS - 2}}}[!-~])?$"},
}
_RULES: Final[Mapping[type, Schema]] = {
    operations.SendBody: {
        "oneOf": [
            {"required": [one], "properties": {one: {"type": "string"}, other: {"type": "null"}}}
            for one, other in (("text", "image_url"), ("image_url", "text"))
        ]
    },
    records.BackupBody: {
        "anyOf": [{"properties": {name: {"type": "null"}}} for name in ("keep", "name")]
    },
}
"""Of several keys together, which a struct cannot say."""


def document() -> dict[str, Any]:
    """Return the description, as JSON can say it."""
    schemas = Schemas()
    paths: dict[str, dict[str, Any]] = {}
    for (method, path), route in routes.TABLE.items():
        named = _NAME.sub(r"{\1}", path)
        paths.setdefault(named, {})[method.lower()] = _operation(method, path, route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Xianyu gateway",
            "version": package.__version__,
            "description": "Control of a running gateway.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{"token": []}],
        "paths": paths,
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": {
                **_bodies(),
                **dict(sorted(schemas.components.items())),
                "Problem": _PROBLEM,
            },
        },
    }


def _operation(method: str, path: str, route: Route, schemas: Schemas) -> dict[str, Any]:
    told = (inspect.getdoc(route) or "").partition("\n")[0].rstrip(".")
    operation: dict[str, Any] = {
        "operationId": _slug(method, path),
        "summary": told.replace("``", "`"),
        "responses": {
            **{
                str(status): {
                    "description": HTTPStatus(status).phrase,
                    "content": _content(shape, schemas),
                }
                for status, shape in ANSWERS[route].items()
            },
            "default": {
                "description": "refused",
                "content": {
                    "application/json": {"schema": {"$ref": "#/components/schemas/Problem"}}
                },
            },
        },
    }
    parameters = _parameters(path, route)
    if parameters:
        operation["parameters"] = parameters
    body = routes.BODIES.get(route)
    if body is not None:
        operation["requestBody"] = {
            "required": body in routes.REQUIRED_BODIES,
            "content": {"application/json": {"schema": _body(body)}},
        }
    if path in routes.OPEN:
        operation["security"] = []
    return operation


def _content(shape: Any, schemas: Schemas) -> dict[str, Any]:
    if isinstance(shape, Text):
        return {kind: {"schema": {"type": "string"}} for kind in shape.types}
    return {"application/json": {"schema": schemas.of(shape)}}


def _slug(method: str, path: str) -> str:
    words = re.findall(r"[a-z]+", path.removeprefix("/v1"))
    return "_".join([method.lower(), *words])


def _parameters(path: str, route: Route) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {"name": name, "in": "path", "required": True, "schema": _IDS[name]}
        for name in _NAME.findall(path)
    ]
    for name in routes.QUERY.get(route, ()):
        schema = _PARAMETERS.get(name) or _OF_ROUTES[route, name]
        required = name in _REQUIRED
        found.append({"name": name, "in": "query", "required": required, "schema": schema})
    return [*found, _KEY] if route is operations.send else found


def _bodies() -> dict[str, Any]:
    """Return the schemas of bodies, which their structs know best."""
    structs = [each for each in routes.BODIES.values() if issubclass(each, msgspec.Struct)]
    reference = "#/components/schemas/{name}"
    _, found = msgspec.json.schema_components(structs, ref_template=reference)
    for schema in found.values():  # Python 3.13 takes the indent off a docstring, others do not
        schema["description"] = inspect.cleandoc(schema["description"])
    for body, rules in _RULES.items():
        found[body.__name__] |= rules
    return found


def _body(shape: type) -> Schema:
    if issubclass(shape, msgspec.Struct):
        return {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {
        "type": "object",
        "description": "an entry of accounts, as a configuration has it",
        "properties": {"id": _ID, "platform": {"type": "string"}, "url": {"type": "string"}},
        "required": ["id"],
    }
