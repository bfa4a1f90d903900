"""What has been said, as a model must see it: only what the caller heard, never what was merely generated."""

from __future__ import annotations

from agents.voice.providers.base import Message


class Dialogue:
    """Append-only, but for the last message. Two user messages in a row become one."""

    __slots__ = ("_messages",)

    def __init__(self, instructions: str) -> None:
        self._messages: list[Message] = [Message("system", instructions)] if instructions else []

    def caller(self, text: str) -> None:
        """The caller's finished turn; empty when it was not understood."""
        last = self._messages[-1] if self._messages else None
        if last is not None and last.role == "user":
            self._messages[-1] = Message("user", f"{last.text} {text}".strip())
        else:
            self._messages.append(Message("user", text))

    def agent(self, heard: str, *, interrupted: bool) -> None:
        """What the caller heard of a reply. Nothing heard leaves no message, so that the next words join the last."""
        if heard:
            self._messages.append(Message("assistant", heard, interrupted))

    def messages(self) -> tuple[Message, ...]:
        """For a model."""
        return tuple(self._messages)
