"""Keys that mean something, and SIP headers that do not get through. Pure."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

_PAIR = re.compile(r"[A-Za-z0-9]+(?:X-VH)?=[A-Za-z0-9]+", re.ASCII)


class KeyMatch:
    """Watches for any of `patterns` at the end of what is pressed; `found` is set at the first, `tell` at each."""

    def __init__(self, patterns: tuple[str, ...], tell: Callable[[str], None] | None = None) -> None:
        self._patterns = tuple(each for each in patterns if each)
        self._tell = tell
        self._pressed = ""
        self.found = asyncio.Event()
        self.key: Callable[[str], None] = self._key

    def _key(self, digit: str) -> None:
        self._pressed = (self._pressed + digit)[-32:]
        for pattern in self._patterns:
            if self._pressed.endswith(pattern):
                self._pressed = ""
                self.found.set()
                if self._tell is not None:
                    self._tell(pattern)
                return


def bad_sip_headers(text: str) -> bool:
    """Whether these `sipHeaders` kill the INVITE: anything but letters and digits in a pair does."""
    return any(not _PAIR.fullmatch(each) for each in text.split(",") if each)


def sip_headers(text: str) -> dict[str, str]:
    """The headers that reach the other side. Keys must end in `X-VH`, else the whole set is dropped in silence."""
    pairs = dict(each.split("=", 1) for each in text.split(",") if "=" in each)
    if not all(key.endswith("X-VH") for key in pairs):
        return {}
    return {key.removesuffix("X-VH"): value for key, value in pairs.items()}
