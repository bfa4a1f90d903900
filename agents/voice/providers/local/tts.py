"""Speech without a key: espeak-ng in a child process, one for all calls of this process.

A sentence of 10 s is synthesised in some 15 ms, so a piece is made whole and then given out; what a barge-in throws
away has cost nothing.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import Final
from weakref import WeakKeyDictionary

from agents.voice.blueprint import Blueprint
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import TtsCapabilities, TtsEvent, TtsWord
from agents.voice.providers.local.espeak_child import HEADER

NAME: Final = "local"
_CHUNK: Final = 1_600
_LIMIT: Final = 64 * 1024 * 1024
_ANSWER_S: Final = 10.0


class Child:
    """The child process of one event loop. Requests go one at a time; a cancelled one's answer is skipped by its id."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._process: asyncio.subprocess.Process | None = None
        self._number = 0

    async def say(self, voice: str, text: str) -> tuple[bytes, list[tuple[str, int]]]:
        """µ-law and words. Raises `ProviderError`; a child that died is started anew with the next request."""
        async with self._lock:
            self._number += 1
            try:
                async with asyncio.timeout(_ANSWER_S):
                    return await self._exchange(self._number, voice, text)
            except (OSError, EOFError, TimeoutError, asyncio.IncompleteReadError) as error:
                await self.close()
                raise ProviderError(NAME, "child_died", type(error).__name__) from error

    async def start(self) -> None:
        """Start the process before it is needed. Raises `OSError`."""
        async with self._lock:
            await self._running()

    async def _exchange(self, number: int, voice: str, text: str) -> tuple[bytes, list[tuple[str, int]]]:
        process = await self._running()
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        request = json.dumps({"id": number, "voice": voice, "text": text})
        process.stdin.write(request.encode() + b"\n")
        await process.stdin.drain()
        sound, words, error = b"", list[tuple[str, int]](), ""
        while True:
            kind, whose, length = HEADER.unpack(await process.stdout.readexactly(HEADER.size))
            payload = await process.stdout.readexactly(length)
            if whose != number:
                continue
            if kind == b"A":
                sound = payload
            elif kind == b"W":
                words = [(str(word), int(end)) for word, end in json.loads(payload)]
            elif kind == b"X":
                error = payload.decode()
            else:
                break
        if error:
            raise ProviderRefused(NAME, "bad_voice", error)
        return sound, words

    async def _running(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "agents.voice.providers.local.espeak_child",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=_LIMIT,
            )
        return self._process

    async def close(self) -> None:
        """End the process, within a second."""
        process, self._process = self._process, None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()


_children: WeakKeyDictionary[asyncio.AbstractEventLoop, Child] = WeakKeyDictionary()


def child() -> Child:
    """This event loop's."""
    return _children.setdefault(asyncio.get_running_loop(), Child())


class _Speaking:
    def __init__(self, voice: str) -> None:
        self._voice = voice

    async def speak(self, text: str) -> AsyncGenerator[TtsEvent, None]:
        sound, words = await child().say(self._voice, text)
        for at in range(0, len(sound), _CHUNK):
            yield sound[at : at + _CHUNK]
        for word, end_ms in words:
            yield TtsWord(word, end_ms)


class Espeak:
    """espeak-ng. English here; the library knows more languages, but its companions of the keyless set do not."""

    name = NAME
    capabilities = TtsCapabilities(words=True, languages=("en",))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Speaking]:
        """Start the child if need be. Raises `ProviderRefused` without the `offline` extra or for an unknown voice."""
        if find_spec("espeakng_loader") is None:
            raise ProviderRefused(NAME, "not_installed", "install switchboard[offline] for the keyless voice")
        yield _Speaking(blueprint.tts.voice or "en-us")
