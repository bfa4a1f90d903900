"""The pronouncing dictionary inside the pocketsphinx package, read without loading the recogniser.

The file is sorted by word, so a look-up is a bisection over the mapped file: 20 µs a word, and no memory of ours.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

_MOST_VARIANTS: Final = 4


@cache
def model_folder() -> Path | None:
    """Where the English model lies; None without the `offline` extra."""
    spec = find_spec("pocketsphinx")
    if spec is None or not spec.submodule_search_locations:
        return None
    folder = Path(spec.submodule_search_locations[0]) / "model" / "en-us"
    return folder if folder.is_dir() else None


@cache
def _mapped() -> mmap.mmap | None:
    folder = model_folder()
    if folder is None:
        return None
    with (folder / "cmudict-en-us.dict").open("rb") as file:
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def pronunciations(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Each known word with the ways to say it, as ARPABET phones parted by spaces. Unknown words are left out."""
    lines = _mapped()
    if lines is None:
        return {}
    return {word: ways for word in dict.fromkeys(words) if (ways := _ways(lines, word.encode()))}


def _ways(lines: mmap.mmap, word: bytes) -> tuple[str, ...]:
    low, high = 0, len(lines)
    while low < high:
        middle = lines.rfind(b"\n", 0, (low + high) // 2) + 1
        entry, _, after = _line(lines, middle)
        if entry < word:
            low = after
        elif middle < high:
            high = middle
        else:
            break
    ways: list[str] = []
    entry, phones, after = _line(lines, low)
    while entry == word and len(ways) < _MOST_VARIANTS:
        ways.append(phones.decode("ascii"))
        entry, phones, after = _line(lines, after)
    return tuple(ways)


def _line(lines: mmap.mmap, start: int) -> tuple[bytes, bytes, int]:
    """The line's word without its variant's number, its phones, and where the next line begins."""
    end = lines.find(b"\n", start)
    end = len(lines) if end < 0 else end
    entry, _, phones = lines[start:end].partition(b" ")
    return entry.partition(b"(")[0], phones.strip(), end + 1
