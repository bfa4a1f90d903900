"""Realtime transcription without the vendor's turn detection: which audio is sent, and which words answer which commit.

Pure. Only audio near speech is sent: on silence these models invent words, and silence is billed as well. Answers may
overtake each other; they are given in the order of the commits.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Final

from agents.voice import audio
from agents.voice.providers.base import SttEvent, SttFinal, SttPartial

LEAST_BYTES: Final = 100 * audio.BYTES_PER_MS
"""The vendor takes no commit of less."""
_BEFORE: Final = 25
"""Frames before the first audible one that are sent too: half a second."""
_KEPT: Final = 150
"""Frames that are kept for a commit of speech so soft that it never counted as audible."""


class Gathering:
    """Frames of the caller → the audio to send, in chunks of some frames."""

    def __init__(self, chunk_frames: int) -> None:
        self._chunk_bytes = chunk_frames * audio.FRAME_BYTES
        self._kept: deque[bytes] = deque(maxlen=_KEPT)
        self._chunk = bytearray()
        self._open = False
        self.uncommitted = 0
        """Bytes that were given out, or wait in the chunk, since the last commit."""

    def feed(self, frame: bytes) -> bytes:
        """What to send now; often nothing."""
        if self._open:
            self._add(frame)
        else:
            self._kept.append(frame)
            if audio.rms(frame) >= audio.AUDIBLE_RMS:
                self._begin(_BEFORE)
        return self._take() if len(self._chunk) >= self._chunk_bytes else b""

    def commit(self) -> bytes:
        """What to send before a commit. Afterwards silence is held back again."""
        if not self._open:
            self._begin(_KEPT)
        self._open = False
        return self._take()

    def committed(self) -> None:
        """The commit was sent; the next turn begins."""
        self.uncommitted = 0

    def _begin(self, frames: int) -> None:
        self._open = True
        for frame in list(self._kept)[-frames:]:
            self._add(frame)
        self._kept.clear()

    def _add(self, frame: bytes) -> None:
        self._chunk += frame
        self.uncommitted += len(frame)

    def _take(self) -> bytes:
        chunk = bytes(self._chunk)
        self._chunk.clear()
        return chunk


@dataclass(slots=True)
class _Commit:
    """`item` is the vendor's name for it, once that is known; `text` its words, once they are."""

    item: str = ""
    text: str | None = None


class Answers:
    """The commits of one connection that wait for their words."""

    def __init__(self) -> None:
        self._commits: deque[_Commit] = deque()
        self._partials: dict[str, str] = {}

    @property
    def waiting(self) -> int:
        """Commits without an answer."""
        return len(self._commits)

    def asked(self) -> None:
        """A commit was sent."""
        self._commits.append(_Commit())

    def committed(self, item: str) -> None:
        """The vendor names the next commit."""
        for commit in self._commits:
            if commit.item == item:
                return
            if not commit.item:
                commit.item = item
                return

    def delta(self, item: str, text: str) -> list[SttEvent]:
        """More words of a turn, which may not be committed yet."""
        if not text:
            return []
        running = self._partials.get(item, "") + text
        self._partials = {item: running}
        return [SttPartial(running.strip())] if running.strip() else []

    def completed(self, item: str, text: str) -> list[SttEvent]:
        """All words of a turn. The last that waits closes."""
        self._partials.pop(item, None)
        commit = next((commit for commit in self._commits if commit.item == item), None)
        if commit is None:
            commit = next((commit for commit in self._commits if not commit.item), None)
        if commit is None:
            return [SttFinal(text.strip(), closes=False)] if text.strip() else []
        commit.text = text.strip()
        return self._ready()

    def refused(self) -> list[SttEvent]:
        """The vendor would not take the newest commit: there was too little to hear."""
        commit = next((commit for commit in reversed(self._commits) if not commit.item), None)
        if commit is None:
            return []
        commit.text = ""
        return self._ready()

    def nothing(self) -> list[SttEvent]:
        """An end was asked for with nothing to commit: answered at once, unless an answer is on its way."""
        return [] if self._commits else [SttFinal("", closes=True)]

    def _ready(self) -> list[SttEvent]:
        ready: list[SttEvent] = []
        while self._commits and self._commits[0].text is not None:
            text = self._commits.popleft().text or ""
            closes = not self._commits
            if text or closes:
                ready.append(SttFinal(text, closes=closes))
        return ready
