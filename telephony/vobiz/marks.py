"""The marks of one stream that have not come back."""

from __future__ import annotations

MAX_OPEN = 256


class Marks:
    """Tells a mark that was played from one that a `clear` sent back. Keeps the newest 256 names of each sort."""

    def __init__(self) -> None:
        self._open: dict[str, None] = {}
        self._void: dict[str, None] = {}

    def sent(self, name: str) -> None:
        """A mark was sent."""
        self._void.pop(name, None)
        self._open[name] = None
        _forget_oldest(self._open)

    def cleared(self, *, will_return: bool) -> None:
        """A `clear` was sent: what is open was not played, though some peers return it all the same."""
        if will_return:
            self._void |= self._open
            _forget_oldest(self._void)
        self._open.clear()

    def returned(self, name: str) -> bool:
        """A mark came back: whether it was played. Names we never sent count as played; the caller knows its own."""
        self._open.pop(name, None)
        if name not in self._void:
            return True
        del self._void[name]
        return False


def _forget_oldest(names: dict[str, None]) -> None:
    while len(names) > MAX_OPEN:
        del names[next(iter(names))]
