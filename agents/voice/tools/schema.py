"""Whether a schema can be used for a tool, and whether a model's arguments fit it. Pure; the work is bounded.

JSON Schema 2020-12, without what could take forever or leave the machine: references go to the schema's own
definitions and are written out first, regular expressions and uniqueness are told to the model but not enforced.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import msgspec
from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match
from jsonschema.validators import extend
from referencing import Registry

MOST_SCHEMA_CHARACTERS: Final = 16_384
MOST_SCHEMA_PARTS: Final = 1_000
MOST_ARGUMENT_CHARACTERS: Final = 8_192
MOST_ARGUMENT_VALUES: Final = 300
MOST_WORK: Final = 4_000
"""Parts of the schema times values of the arguments; some 30 µs each, in the loop that all calls share."""

DEEPEST: Final = 24

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
"""What every model takes as a tool's name."""

_REFERENCE: Final = re.compile(r"#/(?:\$defs|definitions)/([^/]+)")


class SchemaProblem(ValueError):
    """The schema cannot be used; the message says why, to who wrote it."""


class ArgumentProblem(ValueError):
    """The arguments do not fit; the message says why, to the model."""


def _anything(*_: Any) -> Iterator[ValidationError]:
    return iter(())


_Validator: Final = extend(
    Draft202012Validator, {"pattern": _anything, "patternProperties": _anything, "uniqueItems": _anything}
)


@lru_cache(maxsize=512)
def read(text: str) -> dict[str, Any]:
    """A tool's schema, with its references written out. Raises `SchemaProblem`. Do not change what it returns.

    Takes up to 300 ms for a large one when it is first seen: read it in a thread before a call needs it.
    """
    if len(text) > MOST_SCHEMA_CHARACTERS:
        raise SchemaProblem(f"The schema is longer than {MOST_SCHEMA_CHARACTERS:,} characters.")
    try:
        raw = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise SchemaProblem(f"This is not JSON: {str(error).removeprefix('JSON is malformed: ')}.") from error
    if not isinstance(raw, dict) or raw.get("type") != "object":
        raise SchemaProblem('The schema must begin with "type": "object".')
    definitions = {**_table(raw, "definitions"), **_table(raw, "$defs")}
    whole = {key: value for key, value in raw.items() if key not in ("$defs", "definitions", "$schema", "$id")}
    expanded: dict[str, Any] = _Expansion(definitions).of(whole, 0)
    try:
        Draft202012Validator.check_schema(expanded)
    except SchemaError as error:
        place = "/".join(str(part) for part in error.absolute_path)
        raise SchemaProblem(f"{place or 'schema'}: {_first_line(error.message)}.") from error
    except RecursionError as error:
        raise SchemaProblem("The schema is nested too deeply.") from error
    return expanded


def arguments(schema: str, text: str) -> dict[str, Any]:
    """A model's arguments. Nothing at all counts as none. Raises `ArgumentProblem` and `SchemaProblem`.

    What would take more than `MOST_WORK` to check is left to the other side.
    """
    if len(text) > MOST_ARGUMENT_CHARACTERS:
        raise ArgumentProblem(f"they are longer than {MOST_ARGUMENT_CHARACTERS:,} characters")
    try:
        given = msgspec.json.decode(text) if text.strip() else {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise ArgumentProblem("they are not JSON") from error
    if not isinstance(given, dict):
        raise ArgumentProblem("they are not a JSON object")
    values = _size(given, 0)
    if values > MOST_ARGUMENT_VALUES:
        raise ArgumentProblem(f"they hold more than {MOST_ARGUMENT_VALUES} values")
    if values * _parts(schema) > MOST_WORK:
        return given
    wrong = best_match(_Validator(read(schema), registry=Registry()).iter_errors(given))
    if wrong is not None:
        place = ".".join(str(part) for part in wrong.absolute_path)
        raise ArgumentProblem(f"{place}: {_first_line(wrong.message)}" if place else _first_line(wrong.message))
    return given


@lru_cache(maxsize=512)
def _parts(text: str) -> int:
    expansion = _Expansion({})
    expansion.of(read(text), 0)
    return expansion.parts


def properties(schema: str) -> dict[str, dict[str, Any]]:
    """The arguments by name, each with its own schema. Raises `SchemaProblem`."""
    return {name: part if isinstance(part, dict) else {} for name, part in _table(read(schema), "properties").items()}


class _Expansion:
    def __init__(self, definitions: dict[str, Any]) -> None:
        self.definitions, self.parts = definitions, 0

    def of(self, part: Any, depth: int) -> Any:
        self.parts += 1
        if self.parts > MOST_SCHEMA_PARTS or depth > DEEPEST:
            raise SchemaProblem("The schema is too large, or refers to itself.")
        if isinstance(part, list):
            return [self.of(one, depth + 1) for one in part]
        if not isinstance(part, dict):
            return part
        for keyword in ("$dynamicRef", "$recursiveRef"):
            if keyword in part:
                raise SchemaProblem(f"{keyword} is not supported.")
        rest = {key: self.of(value, depth + 1) for key, value in part.items() if key not in ("$ref", "$id", "$anchor")}
        if not isinstance(part.get("$ref"), str):
            return rest if "$ref" not in part else {**rest, "$ref": self.of(part["$ref"], depth + 1)}
        match = _REFERENCE.fullmatch(part["$ref"])
        if match is None or match[1] not in self.definitions:
            raise SchemaProblem(f"{part['$ref'][:80]}: references may go to the schema's own $defs alone.")
        meant = self.of(self.definitions[match[1]], depth + 1)
        return {"allOf": [meant], **rest} if rest else meant


def _table(schema: dict[str, Any], key: str) -> dict[str, Any]:
    value = schema.get(key, {})
    return value if isinstance(value, dict) else {}


def _size(value: Any, depth: int) -> int:
    if depth > DEEPEST:
        raise ArgumentProblem("they are nested too deeply")
    if isinstance(value, dict):
        return 1 + sum(_size(one, depth + 1) for one in value.values())
    if isinstance(value, list):
        return 1 + sum(_size(one, depth + 1) for one in value)
    return 1


def _first_line(message: str) -> str:
    line = message.splitlines()[0] if message else "does not fit"
    return line if len(line) <= 200 else f"{line[:200]}…"
