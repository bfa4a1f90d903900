"""Numbers that a caller has given in secret: the model gets a name for each, a request of the tenant's the digits."""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

_NAME: Final = "{{{{keyed.{}}}}}"
_NAMES: Final = re.compile(r"\{\{\s*keyed\.\d+\s*\}\}")
_APART: Final = r"[ -]?"
"""What may stand between the digits where somebody writes them down in groups."""


class Sealed:
    """One call's. Pure."""

    def __init__(self) -> None:
        self._digits: dict[str, str] = {}

    def keep(self, digits: str) -> str:
        """The name of these digits, such as `{{keyed.1}}`: an argument that is this and nothing else means them."""
        for name, known in self._digits.items():
            if known == digits:
                return name
        name = _NAME.format(len(self._digits) + 1)
        self._digits[name] = digits
        return name

    def problem(self, arguments: str, *, takes: bool) -> str | None:
        """Why a tool cannot have what its arguments name, for the model; `takes`: it may have secret numbers."""
        names = {"".join(name.split()) for name in _NAMES.findall(arguments)}
        if names and not takes:
            return "This tool cannot be given secret numbers. Do without it."
        if not names <= self._digits.keys():
            return "That secret number is not known here. Ask the caller for it again, with collect_digits."
        if _NAMES.search(self.put_in(arguments)):
            return "The name of a secret number must be the whole value of an argument. Correct this and call again."
        return None

    def put_in(self, arguments: str) -> str:
        """A tool's arguments (JSON) with the digits in place of their names; what is no JSON stays as it is."""
        if not _NAMES.search(arguments):
            return arguments
        try:
            given = msgspec.json.decode(arguments)
        except (msgspec.DecodeError, RecursionError):
            return arguments
        return msgspec.json.encode(self._filled(given)).decode()

    def hide(self, text: str) -> str:
        """A text from outside with the names in place of the digits, also of digits in groups."""
        for name, digits in sorted(self._digits.items(), key=lambda one: -len(one[1])):
            text = re.sub(rf"(?<!\d){_APART.join(map(re.escape, digits))}(?!\d)", name, text)
        return text

    def _filled(self, value: Any) -> Any:
        match value:
            case str():
                return self._digits.get("".join(value.split()), value)
            case list():
                return [self._filled(one) for one in value]
            case dict():
                return {key: self._filled(one) for key, one in value.items()}
        return value
