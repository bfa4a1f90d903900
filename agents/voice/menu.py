"""Keys for a menu that has answered: one more tool, where somebody can press them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Final

import msgspec

from agents.voice.providers.base import ToolCall, ToolSpec
from agents.voice.tools.base import ToolBox, ToolFacts, ToolResult

Press = Callable[[str], Awaitable[bool]]
"""Sends keys to the other side (`0-9*#`, `w` for a pause of half a second); whether the carrier took them."""

NAME: Final = "press_keys"
PRESS_S: Final = 5.0
KEYS: Final = ToolSpec(
    NAME,
    "Press keys of the telephone, to choose from the menu or to give a number that it asks for.",
    '{"type":"object","properties":{"keys":{"type":"string","pattern":"^[0-9*#w]{1,32}$","description":'
    '"For example 1, or 4711#; w waits for half a second."}},"required":["keys"],"additionalProperties":false}',
)
_KEYS: Final = re.compile(r"[0-9*#w]{1,32}")
LISTEN: Final = "Pressed. Now listen to what the menu says."
NOT_PRESSED: Final = "The keys could not be sent. Say the choice aloud instead."


class MenuKeys:
    """A tool box with the keys in it. A tool of the tenant's of that name gives way."""

    def __init__(self, box: ToolBox | None, press: Press) -> None:
        self._box = box
        self._press = press

    @property
    def specs(self) -> tuple[ToolSpec, ...]:
        others = () if self._box is None else self._box.specs
        return (KEYS, *(spec for spec in others if spec.name != NAME))

    @property
    def troubles(self) -> tuple[tuple[str, str], ...]:
        return () if self._box is None else self._box.troubles

    @property
    def refusals(self) -> tuple[tuple[str, str], ...]:
        return () if self._box is None else self._box.refusals

    def facts(self, name: str) -> ToolFacts:
        if name == NAME:
            return ToolFacts("write", PRESS_S, silent=True, again=True)
        return ToolFacts() if self._box is None else self._box.facts(name)

    async def run(self, call: ToolCall, *, key: str) -> ToolResult:
        if call.name == NAME:
            return await self._keys(msgspec.json.decode(call.arguments, type=_Keys).keys)
        if self._box is None:
            return ToolResult(f"There is no tool called {call.name[:64]}.", ok=False)
        return await self._box.run(call, key=key)

    async def _keys(self, keys: str) -> ToolResult:
        if not _KEYS.fullmatch(keys):
            return ToolResult("Keys are digits, * and #; w waits. At most 32 of them.", ok=False)
        try:
            async with asyncio.timeout(PRESS_S):
                pressed = await self._press(keys)
        except TimeoutError:
            pressed = False
        return ToolResult(LISTEN if pressed else NOT_PRESSED, ok=pressed)


class _Keys(msgspec.Struct):
    keys: str
