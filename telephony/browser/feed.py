"""What the page of a test is told while it goes on, as messages of their own on the test's socket.

The page hears of words as they are recognised and spoken without a query or a second socket, whichever worker has the
call. Nothing here waits for the page: what it does not take in time is dropped, except the newest partial.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import asdict
from typing import Any, Final

import msgspec
from asgiref.typing import ASGISendCallable

from agents import catalogue, troubles
from agents.voice.report import TurnRecord

WAITING: Final = 200
"""Messages for a page that takes none; beyond it the oldest go."""


def trouble_in_words(provider: str, kind: str) -> str:
    """A failure of a vendor, for a person: `Deepgram refused the key.`"""
    name = catalogue.provider_name(provider)
    return troubles.sentence(provider, kind) or f"{name} failed ({kind.replace('_', ' ')})."


class Feed:
    """Of one test. All but `run` may be called at any time, from the loop's thread."""

    def __init__(self, send: ASGISendCallable) -> None:
        self._send = send
        self._waiting: deque[dict[str, Any]] = deque(maxlen=WAITING)
        self._wake = asyncio.Event()
        self._finals: list[str] = []

    def tell(self, kind: str, /, **data: object) -> None:
        """Say something soon."""
        self._waiting.append({"event": "live", "kind": kind, **data})
        self._wake.set()

    def partial(self, text: str) -> None:
        """What the recogniser takes the caller's turn for now."""
        said = " ".join(self._finals)
        whole = text if text.startswith(said) else f"{said} {text}"
        self._grow("partial", whole)

    def speaking(self, text: str) -> None:
        """All that a model which speaks itself has put into words so far, of the answer under way."""
        self._grow("speaking", text)

    def _grow(self, kind: str, text: str) -> None:
        if self._waiting and self._waiting[-1]["kind"] == kind:
            self._waiting.pop()
        self.tell(kind, text=text)

    def final(self, text: str) -> None:
        """Words that will not change; others may follow in the same turn."""
        if text:
            self.partial(text)
            self._finals.append(text)

    def turn(self, record: TurnRecord) -> None:
        """A turn is over."""
        self._finals.clear()
        self.tell("turn", turn=asdict(record))

    def event(self, kind: str, data: dict[str, object]) -> None:
        """A small fact of the engine, as `session.run` tells it."""
        if kind == "provider_error":
            self.tell("trouble", text=trouble_in_words(str(data["provider"]), str(data["kind"])))
        elif kind == "collected":
            self.tell("collected", name=str(data["name"]), value=str(data["value"]))
        elif kind == "tool":
            self.tell("remark", text=f"Tool {data['name']} took {data['ms']} ms")
        elif kind == "language":
            self.tell("remark", text=f"Goes on in {catalogue.language_name(str(data['language']))}")

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what waits. A page that has gone is no trouble."""
        while self._waiting:
            text = msgspec.json.encode(self._waiting.popleft()).decode()
            try:
                await self._send({"type": "websocket.send", "text": text, "bytes": None})
            except (OSError, RuntimeError):
                self._waiting.clear()
