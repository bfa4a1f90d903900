"""The recording's way to the disk: what is settled goes there from a thread, now and then and at the end."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from agents.voice.recorder import Recorder
from agents.voice.report import RecordingInfo

EVERY_MS: Final = 950
"""A write is a thread's turn: one a second."""


class Taping:
    """One call's. `failed` is told why a recording ends early: a full disk ends it, not the call."""

    def __init__(self, recorder: Recorder, failed: Callable[[str], None]) -> None:
        self._recorder = recorder
        self._failed = failed
        self._writing: asyncio.Future[None] | None = None
        self._written_ms = 0.0

    async def write(self, now_ms: float, *, everything: bool = False) -> None:
        """What is settled `now_ms` after the call began."""
        if self._writing is not None:  # a write that was cancelled goes on in its thread, and must not be overtaken
            await asyncio.gather(self._writing, return_exceptions=True)
        if not everything and now_ms - self._written_ms < EVERY_MS:
            return
        self._written_ms = now_ms
        frames = self._recorder.take(now_ms, everything=everything)
        if frames:
            self._writing = asyncio.ensure_future(asyncio.to_thread(self._recorder.write, frames))
            try:
                await asyncio.shield(self._writing)
            except OSError as error:
                self._failed(f"recording: {error.strerror}")

    async def finish(self, now_ms: float) -> RecordingInfo | None:
        """The last frames and the header. None when nothing was recorded or the disk refused."""
        await self.write(now_ms, everything=True)
        try:
            return await asyncio.to_thread(self._recorder.close)
        except OSError as error:
            self._failed(f"recording: {error.strerror}")
            return None
