"""Adding, removing and moving rows in what a form posted, before anything is validated or saved.

A button of the editor posts the whole section with what to do; the section comes back with its typed values and the row
done. Keys are Django's formset keys: `answers-2-question`, nested `forms-0-slots-1-prompt`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

Posted = dict[str, str]

MOST_ROWS = 200


class UnknownRowError(ValueError):
    """The button names a row that was not posted."""


def count(data: Mapping[str, str], prefix: str) -> int:
    """How many rows were posted; never more than `MOST_ROWS`. None posted counts as 0."""
    text = data.get(f"{prefix}-TOTAL_FORMS", "0")
    return min(int(text), MOST_ROWS) if text.isdecimal() and text.isascii() else 0


def added(data: Posted, prefix: str) -> Posted:
    """With an empty row at the end."""
    return {**data, f"{prefix}-TOTAL_FORMS": str(count(data, prefix) + 1)}


def removed(data: Posted, row: str) -> Posted:
    """Without the row called `row`, such as `answers-2`. Raises `UnknownRowError`."""
    prefix, index, rows = _place(data, row)
    left = _renumbered(data, prefix, lambda place: None if place == index else place - (place > index))
    return {**left, f"{prefix}-TOTAL_FORMS": str(rows - 1)}


def moved_up(data: Posted, row: str) -> Posted:
    """With the row called `row` and the one before it exchanged. Raises `UnknownRowError`."""
    prefix, index, _ = _place(data, row)
    above = max(index - 1, 0)
    exchanged = {index: above, above: index}
    return _renumbered(data, prefix, lambda place: exchanged.get(place, place))


def _place(data: Posted, row: str) -> tuple[str, int, int]:
    prefix, _, index = row.rpartition("-")
    rows = count(data, prefix)
    if not (index.isdecimal() and index.isascii() and int(index) < rows):
        raise UnknownRowError(row)
    return prefix, int(index), rows


def _renumbered(data: Posted, prefix: str, place: Callable[[int], int | None]) -> Posted:
    key_of_row = re.compile(rf"{re.escape(prefix)}-(\d+)-(.+)", re.DOTALL | re.ASCII)
    changed: Posted = {}
    for key, value in data.items():
        match = key_of_row.fullmatch(key)
        if match is None:
            changed[key] = value
            continue
        new = place(int(match[1]))
        if new is not None:
            changed[f"{prefix}-{new}-{match[2]}"] = value
    return changed
