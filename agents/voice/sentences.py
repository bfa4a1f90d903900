"""From generated tokens to speakable pieces: the first as early as quality allows, the rest whole sentences."""

from __future__ import annotations

import re
from typing import Final

FIRST_CLAUSE_CHARS: Final = 25
FIRST_FORCED_CHARS: Final = 60
LATER_MIN_CHARS: Final = 20
MAX_CHARS: Final = 300

_ABBREVIATIONS: Final = frozenset(
    {"dr", "mr", "mrs", "ms", "prof", "st", "rs", "no", "e.g", "i.e", "vs", "approx", "etc"}
)
_END: Final = re.compile(r"[.!?।…]+[\"')\]]*(?=\s)|\n+")
_CLAUSE: Final = re.compile(r"[,;:—–](?=\s)")
_MARKUP: Final = re.compile(r"[*_`#>|]+|<[^<>]{1,80}>|\[([^\]]*)\]\([^)]*\)")
_PICTURES: Final = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\ufe0f\u200d]")


def speakable(text: str) -> str:
    """Without markdown, tags and pictures; single spaces."""
    text = _MARKUP.sub(lambda match: match.group(1) or " ", text)
    return " ".join(_PICTURES.sub(" ", text).split())


def _has_words(piece: str) -> bool:
    """Punctuation alone makes no sound, and no sound looks like a voice that failed."""
    return any(char.isalnum() for char in piece)


class Pieces:
    """One reply's text on its way to the voice."""

    __slots__ = ("_buffer", "_first")

    def __init__(self) -> None:
        self._buffer = ""
        self._first = True

    def push(self, text: str) -> list[str]:
        """Add generated text; the pieces that are ready."""
        self._buffer += text
        ready: list[str] = []
        while (cut := self._cut()) > 0:
            piece = speakable(self._buffer[:cut])
            self._buffer = self._buffer[cut:].lstrip(" ")
            if _has_words(piece):
                ready.append(piece)
                self._first = False
        return ready

    def flush(self, *, broken: bool = False) -> list[str]:
        """The rest, at the end of the reply; of a reply that broke off only the sentences that are whole."""
        end = self._last_end() if broken else len(self._buffer)
        piece, self._buffer = speakable(self._buffer[:end]), ""
        return [piece] if _has_words(piece) else []

    def _last_end(self) -> int:
        """Where the last whole sentence ends. A figure at the very end may be half of one."""
        ends = [match.end() for match in _END.finditer(f"{self._buffer} ") if self._is_end(match)]
        if ends and ends[-1] == len(self._buffer) and self._buffer[-2:-1].isdigit():
            ends.pop()
        return ends[-1] if ends else 0

    def _cut(self) -> int:
        buffer = self._buffer
        for match in _END.finditer(buffer):
            if self._is_end(match) and (self._first or match.end() >= LATER_MIN_CHARS):
                return match.end()
        if self._first:
            for match in _CLAUSE.finditer(buffer):
                if match.end() >= FIRST_CLAUSE_CHARS:
                    return match.end()
            if len(buffer) > FIRST_FORCED_CHARS:
                return buffer.rfind(" ", 0, FIRST_FORCED_CHARS) + 1
        if len(buffer) > MAX_CHARS:
            return buffer.rfind(" ", 0, MAX_CHARS) + 1 or MAX_CHARS
        return 0

    def _is_end(self, match: re.Match[str]) -> bool:
        if match.group().strip() != ".":
            return True
        before = self._buffer[: match.start()].rsplit(None, 1)
        word = before[-1].casefold() if before else ""
        return word not in _ABBREVIATIONS and not (len(word) == 1 and word.isalpha())
