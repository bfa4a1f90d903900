"""The tools that every agent has: end the call, put through, ask for keys, change the language.

Pure: what a model may ask for, and whether what it asks for is allowed. A tenant's tool of the same name gives way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import ToolCall, ToolSpec

NAMES: Final = frozenset({"end_call", "transfer", "collect_digits", "switch_language"})
MOST_DIGITS: Final = 32
FIRST_S: Final = 10.0
"""No call is ended by its model before."""
ABOUT: Final = "Who the caller is and what they want, in one or two short sentences. A colleague will hear it."
TOO_SOON: Final = "Not yet: the caller has not had the time to say what they want. Go on with the conversation."
CONTINUED: Final = "Not done: the caller went on speaking. The conversation continues."


class WrongArguments(ValueError):
    """The message is for the model."""


@dataclass(frozen=True, slots=True)
class EndCall:
    """Hang up after the farewell was heard."""

    reason: str = ""
    farewell: str = ""


@dataclass(frozen=True, slots=True)
class Transfer:
    """Put through to a target of the blueprint."""

    target: str


@dataclass(frozen=True, slots=True)
class CollectDigits:
    """Ask for keys: `count` of them, or until `finish`. `secret`: neither the transcript nor the model sees them."""

    count: int | None
    finish: str
    prompt: str
    secret: bool


@dataclass(frozen=True, slots=True)
class SwitchLanguage:
    """Go on in another language."""

    language: str


Command = EndCall | Transfer | CollectDigits | SwitchLanguage


def languages(blueprint: Blueprint) -> tuple[str, ...]:
    """All that the agent may speak, its first one first."""
    return tuple(dict.fromkeys([blueprint.language, *(tongue.language for tongue in blueprint.tongues)]))


def specs(blueprint: Blueprint) -> tuple[ToolSpec, ...]:
    """What this agent may do; the same bytes for every call of a version."""
    made = [
        _spec(
            "end_call",
            "Hang up, once the caller has said goodbye or clearly needs nothing more. The farewell is spoken first.",
            {"reason": {"type": "string"}, "farewell": {"type": "string", "description": "One short sentence."}},
        ),
        _spec(
            "collect_digits",
            "Ask for a number on the telephone's keypad, and wait for it. The caller may also speak the number.",
            {
                "prompt": {"type": "string", "description": "What to ask, in one sentence."},
                "count": {"type": "integer", "minimum": 1, "maximum": MOST_DIGITS},
                "finish": {"type": "string", "enum": ["#", "*"], "description": "The key that ends the number."},
                "secret": {"type": "boolean", "description": "True for a PIN or a card number: you get a name for it."},
            },
        ),
    ]
    if blueprint.targets:
        properties: dict[str, object] = {"target": {"type": "string", "enum": [one.name for one in blueprint.targets]}}
        if any(target.warm for target in blueprint.targets):
            properties["about"] = {"type": "string", "description": ABOUT}
        made.append(
            _spec(
                "transfer",
                "Put the caller through to a person. Say so in one sentence before.",
                properties,
                ("target",),
            )
        )
    if blueprint.tongues:
        made.append(
            _spec(
                "switch_language",
                "Go on in another language, when the caller speaks it or asks for it. Then answer in that language.",
                {"language": {"type": "string", "enum": list(languages(blueprint))}},
                ("language",),
            )
        )
    return tuple(made)


def command(call: ToolCall, blueprint: Blueprint) -> Command:
    """What a call of one of `NAMES` asks for. Raises `WrongArguments`."""
    given = _read(call.arguments)
    match call.name:
        case "end_call":
            return EndCall(_text(given, "reason", 60), _text(given, "farewell", 300))
        case "transfer":
            wanted = _text(given, "target", 80)
            for target in blueprint.targets:
                if target.name.casefold() != wanted.casefold():
                    continue
                if target.name in blueprint.closed:
                    raise WrongArguments(f"Not done: nobody is there at this hour ({target.name}). Tell the caller.")
                return Transfer(target.name)
            known = ", ".join(target.name for target in blueprint.targets)
            raise WrongArguments(f"There is no target called {wanted!r}. Targets are: {known or 'none'}.")
        case "collect_digits":
            return _digits(given)
        case "switch_language" if blueprint.tongues:
            wanted = _text(given, "language", 35).casefold()
            for language in languages(blueprint):
                if wanted in (language.casefold(), language.split("-", 1)[0].casefold()):
                    return SwitchLanguage(language)
            raise WrongArguments(f"The languages are: {', '.join(languages(blueprint))}.")
        case _:
            raise WrongArguments(f"There is no tool called {call.name[:64]}.")


def _digits(given: Mapping[str, Any]) -> CollectDigits:
    count = given.get("count")
    if count is not None and (not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= MOST_DIGITS):
        raise WrongArguments(f"count must be a whole number from 1 to {MOST_DIGITS}.")
    finish = given.get("finish", "#")
    if finish not in ("#", "*"):
        raise WrongArguments("finish must be # or *.")
    return CollectDigits(count, finish, _text(given, "prompt", 300), given.get("secret") is True)


def _read(arguments: str) -> Mapping[str, Any]:
    try:
        given = msgspec.json.decode(arguments) if arguments.strip() else {}
    except (msgspec.DecodeError, RecursionError):
        raise WrongArguments("The arguments are not JSON. Correct them and call again.") from None
    if not isinstance(given, dict):
        raise WrongArguments("The arguments are not a JSON object. Correct them and call again.")
    return given


def _text(given: Mapping[str, Any], name: str, most: int) -> str:
    value = given.get(name, "")
    if not isinstance(value, str):
        raise WrongArguments(f"{name} must be a text.")
    return " ".join(value.split())[:most]


def _spec(name: str, description: str, properties: dict[str, object], required: tuple[str, ...] = ()) -> ToolSpec:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return ToolSpec(name, description, msgspec.json.encode(schema).decode())
