"""What can be wrong with a tool, in words for who wrote it: the same for a form's field and for a problem of a draft.

Each check gives a sentence without its full stop, or nothing. No network: what a name means is judged at each request.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from django.conf import settings

from agents.voice.tools import schema
from agents.voice.tools.base import BUILT_IN
from agents.voice.tools.guard import Gate, Refused
from agents.voice.tools.request import HEADER_NAME, OURS, placeholders
from agents.voice.variables import FACTS, NAME, names_in, split_host

SECRET: Final = "secret."  # noqa: S105
TELLING: Final = frozenset(("authorization", "cookie", "x-api-key", "api-key", "x-auth-token"))
"""Headers whose value is a secret whatever it is called."""


def name(text: str) -> str:
    """Of a tool or a server, as a model calls it."""
    if not text.strip():
        return "Give it a name"
    if not schema.NAME.fullmatch(text):
        return "Begin with a letter; then only letters, digits, - and _, no spaces"
    if text in BUILT_IN:
        return f"“{text}” is what every agent has already: choose another name"
    return ""


def variable(text: str) -> str:
    """The name of a tenant's own variable."""
    if not NAME.fullmatch(text):
        return "Begin with a letter; then only letters, digits and _, at most 40"
    if text in FACTS:
        return f"“{text}” is a fact of every call: choose another name"
    return ""


def address(url: str) -> str:
    """Public, https, and with a host that nothing can change."""
    if not url.strip():
        return "Write the address"
    host, _ = split_host(url)
    if "{" in host or "}" in host:
        return "The host cannot hold a variable or an argument: it decides who gets your headers"
    if any(character.isspace() for character in url):
        return "An address has no spaces"
    try:
        Gate(settings.REACHABLE_HOSTS).check(url)
    except Refused as refusal:
        return f"It must be a public https address: {refusal.reason}"
    if any(variable.startswith(SECRET) for variable in names_in(url)):
        return "A secret may stand in headers alone: addresses end up in logs"
    return ""


def arguments(url: str, schema_text: str) -> str:
    """Whether what the address names is in the schema."""
    try:
        known = schema.properties(schema_text)
    except schema.SchemaProblem:
        return ""
    missing = [argument for argument in placeholders(url) if argument not in known]
    return f"{{{missing[0]}}} is not an argument: add it to the arguments below" if missing else ""


def arguments_schema(text: str) -> str:
    """The JSON Schema of the arguments."""
    try:
        schema.read(text)
    except schema.SchemaProblem as problem:
        return str(problem).removesuffix(".")
    return ""


def header(key: str, value: str) -> str:
    """One header."""
    if not HEADER_NAME.fullmatch(key):
        return f"“{key[:40]}” is no name of a header"
    if key.lower() in OURS:
        return f"The header {key} is set by Switchboard"
    if not value.strip():
        return f"The header {key} has no value"
    return ""


def exposed(key: str, value: str) -> bool:
    """Whether a header holds a password for every reader of the agent to see."""
    return key.lower() in TELLING and not any(found.startswith(SECRET) for found in names_in(value))


def unknown(text: str, variables: Collection[str]) -> list[str]:
    """Names in a text that stand for nothing, without secrets."""
    return [found for found in names_in(text) if not found.startswith(SECRET) and found not in {*FACTS, *variables}]


def secrets_in(text: str) -> list[str]:
    """Names of the secrets in a text."""
    return [found.removeprefix(SECRET) for found in names_in(text) if found.startswith(SECRET)]
