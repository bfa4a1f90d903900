"""What `{{name}}` stands for: the facts of a call and the tenant's own words, put into texts once and never again.

Pure. A value is plain text: what it holds is not looked at again, so neither a caller nor a backend can add variables.
Unknown names become nothing, and are told.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from urllib.parse import quote

from agents.voice.blueprint import Blueprint, HttpTool, McpServer, Tongue

FACTS: Final = ("caller_number", "called_number", "call_id", "agent_name", "today", "now")
"""Known of every call. `today` is `2026-11-21`, `now` is `Saturday 21 November 2026, 19:05`, where the tenant is."""

LANGUAGE: Final = "language"
"""The variable that says in which of the agent's languages a call begins."""
MOST_VARIABLES: Final = 60
MOST_CHARACTERS: Final = 500

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_HOST: Final = re.compile(r"[^:/?#]*://[^/?#]*")
_PLACE: Final = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]{0,59})\s*\}\}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]+")
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June", "July"),
    *("August", "September", "October", "November", "December"),
)


@dataclass(frozen=True, slots=True)
class Filled:
    """A text, and the names in it that stand for nothing."""

    text: str
    unknown: tuple[str, ...] = ()


def plain(value: object) -> str:
    """A value as it may stand in a text: one line, without control characters, bounded."""
    text = "yes" if value is True else "no" if value is False else str(value)
    return _CONTROL.sub(" ", text).strip()[:MOST_CHARACTERS]


def names_in(text: str) -> tuple[str, ...]:
    """Which variables a text names, each once; also `secret.NAME`."""
    return tuple(dict.fromkeys(_PLACE.findall(text)))


def fill(text: str, values: Mapping[str, str], encode: Callable[[str], str] = plain) -> Filled:
    """Every `{{name}}` replaced, once."""
    unknown: dict[str, None] = {}

    def value(place: re.Match[str]) -> str:
        if place[1] not in values:
            unknown[place[1]] = None
            return ""
        return encode(values[place[1]])

    return Filled(_PLACE.sub(value, text), tuple(unknown))


def facts(
    *, call_id: str, agent_name: str, now: datetime, caller_number: str = "", called_number: str = ""
) -> dict[str, str]:
    """Those of a call. `now` is aware, in the tenant's time zone."""
    return {
        "caller_number": plain(caller_number),
        "called_number": plain(called_number),
        "call_id": plain(call_id),
        "agent_name": plain(agent_name),
        "today": now.date().isoformat(),
        "now": f"{_DAYS[now.weekday()]} {now.day} {_MONTHS[now.month - 1]} {now.year}, {now:%H:%M}",
    }


def with_facts(blueprint: Blueprint, known: Mapping[str, str]) -> Blueprint:
    """Adds the call's facts before the tenant's own variables; a fact cannot be overridden."""
    own = [(name, value) for name, value in blueprint.variables if name not in known]
    return replace(blueprint, call_id=known.get("call_id", blueprint.call_id), variables=(*known.items(), *own))


def with_given(blueprint: Blueprint, given: Mapping[str, str]) -> Blueprint:
    """Adds what this one call was given; it goes before the agent's own variables of the same names."""
    own = [(name, value) for name, value in blueprint.variables if name not in given]
    return replace(blueprint, variables=(*given.items(), *own), given=tuple(given))


def with_reply(blueprint: Blueprint, reply: object) -> Blueprint:
    """Takes over the top-level strings, numbers and truths of a look-up's JSON. Facts of the call stay as they are."""
    if not isinstance(reply, Mapping):
        return blueprint
    values = dict(blueprint.variables)
    for name, value in reply.items():
        if isinstance(value, str | int | float) and NAME.fullmatch(str(name)) and name not in FACTS:
            values[str(name)] = plain(value)
    return replace(blueprint, variables=tuple(values.items())[:MOST_VARIABLES])


def in_every_call(text: str, blueprint: Blueprint) -> str | None:
    """A text with its variables put in, where no call differs; None where one may: by its facts, or by a look-up."""
    others = [name for name in names_in(text) if name != "agent_name"]
    if any(name in FACTS or name in blueprint.given for name in others) or (others and blueprint.lookup is not None):
        return None
    return fill(text, {**dict(blueprint.variables), "agent_name": plain(blueprint.agent)}).text


def filled_in(blueprint: Blueprint) -> tuple[Blueprint, tuple[str, ...]]:
    """Greetings, instructions and tools with their variables put in, and the names that stood for nothing.

    Where the variable `language` names a further language of the agent, the call begins in it, with its first words.
    """
    values = dict(blueprint.variables)
    unknown: dict[str, None] = {}

    def words(text: str, encode: Callable[[str], str] = plain) -> str:
        done = fill(text, values, encode)
        unknown.update(dict.fromkeys(done.unknown))
        return done.text

    def headers(rows: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        return tuple((name, words(value)) for name, value in rows)

    def address(url: str) -> str:
        host, rest = split_host(url)
        return host + words(rest, in_url)

    def tool(one: HttpTool) -> HttpTool:
        return replace(one, url=address(one.url), headers=headers(one.headers))

    def server(one: McpServer) -> McpServer:
        return replace(one, url=address(one.url), headers=headers(one.headers))

    tongue = _begins_in(blueprint, values.get(LANGUAGE, ""))
    greetings = [blueprint.greeting, *(one.greeting for one in blueprint.tongues)]
    consent = tongue.consent if tongue and blueprint.consent else ""
    made = replace(
        blueprint,
        greeting=words(tongue.greeting if tongue and tongue.greeting else blueprint.greeting),
        consent=consent or blueprint.consent,
        begins_in=tongue.language if tongue else "",
        personal=tuple(words(text) for text in greetings if in_every_call(text, blueprint) is None),
        instructions=words(blueprint.instructions),
        tongues=tuple(
            replace(one, greeting=words(one.greeting), instructions=words(one.instructions))
            for one in blueprint.tongues
        ),
        tools=tuple(tool(one) for one in blueprint.tools),
        mcp=tuple(server(one) for one in blueprint.mcp),
        lookup=tool(blueprint.lookup) if blueprint.lookup else None,
    )
    return made, tuple(unknown)


def _begins_in(blueprint: Blueprint, wanted: str) -> Tongue | None:
    """The further language that is wanted, by its code or the first part of it."""
    own = blueprint.language.split("-", 1)[0].casefold()
    names = (wanted.casefold(), wanted.split("-", 1)[0].casefold())
    if not wanted or own in names:
        return None
    return next((one for one in blueprint.tongues if one.language.casefold() in names), None)


def split_host(url: str) -> tuple[str, str]:
    """Scheme and host, which take no variables, and the rest: whom a secret goes to is for the tenant to say."""
    match = _HOST.match(url)
    return (match[0], url[match.end() :]) if match else (url, "")


def in_url(value: str) -> str:
    """A value as part of an address."""
    return quote(plain(value), safe="")
