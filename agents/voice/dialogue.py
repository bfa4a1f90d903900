"""What has been said, as a model must see it: only what the caller heard, never what was merely generated.

Append-only but for the last message and for a tool's placeholder, so that a vendor's cache of the prefix stays good.
An assistant message that holds calls is followed by exactly one result for each, from the moment that it is there: a
call under way has the result `RUNNING` until the real one takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from agents.voice.providers.base import Message, ToolCall

RUNNING: Final = "Still running. There is no result yet."


class Dialogue:
    """Two user messages in a row become one."""

    __slots__ = ("_messages", "_tongue", "changed", "instructed", "version")

    def __init__(self, instructions: str) -> None:
        self.version = 0
        """Grows with every change, so that a draft knows what it was made from."""
        self.changed: Callable[[int, Message], None] = lambda place, message: None
        """Told of every message that is new or changed, and its place among those that are no instructions."""
        self.instructed: tuple[str, ...] = ()
        """Instructions that came while the call ran."""
        self._messages: list[Message] = [Message("system", instructions)] if instructions else []
        self._tongue: Message | None = None
        """Instructions for the language of the moment."""

    def caller(self, text: str) -> None:
        """The caller's finished turn; empty when it was not understood."""
        self._messages = list(self.with_caller(text))
        self._changed(len(self._messages) - 1)

    def with_caller(self, text: str) -> tuple[Message, ...]:
        """For a model, as if the caller had said this."""
        last = self._messages[-1] if self._messages else None
        if last is not None and last.role == "user":
            return (*self._messages[:-1], Message("user", f"{last.text} {text}".strip()))
        return (*self._messages, Message("user", text))

    def agent(
        self,
        heard: str,
        *,
        interrupted: bool,
        calls: tuple[ToolCall, ...] = (),
        results: Mapping[str, str] | None = None,
    ) -> None:
        """What the caller heard of a reply, with the tools that it asked for; of `results` one by each call's id.

        Nothing heard and nothing called leaves no message, so that the next words join the last.
        """
        added = paired(heard, calls, results or {}, interrupted=interrupted)
        if added:
            self._add(added)

    def instruct(self, text: str) -> None:
        """More instructions, behind those that there are."""
        self.instructed += (text,)
        self._instruct(Message("system", text))

    def speak(self, text: str) -> None:
        """Instructions for the language of the moment, in the place of those for the one before."""
        if self._tongue is not None and self._tongue.text == text:
            return
        self._messages = [message for message in self._messages if message is not self._tongue]
        self._tongue = Message("system", text)
        self._instruct(self._tongue)

    def _instruct(self, message: Message) -> None:
        at = next((at for at, other in enumerate(self._messages) if other.role != "system"), len(self._messages))
        self._messages.insert(at, message)
        self.version += 1

    def last_call(self, name: str) -> str | None:
        """The id of the latest call of this tool; None when it was never asked for."""
        calls = [call for message in self._messages for call in message.calls if call.name == name]
        return calls[-1].id if calls else None

    def result(self, call_id: str, text: str) -> bool:
        """A tool has ended: its result takes the placeholder's place. False when there is no such call."""
        for at in range(len(self._messages) - 1, -1, -1):
            message = self._messages[at]
            if message.role == "tool" and message.call_id == call_id:
                self._messages[at] = Message("tool", text, call_id=call_id)
                self._changed(at)
                return True
        return False

    def recall(self, messages: Iterable[Message]) -> None:
        """What was said before, with another process; none of it instructions."""
        self._add(tuple(messages))

    def messages(self) -> tuple[Message, ...]:
        """For a model."""
        return tuple(self._messages)

    def _add(self, messages: tuple[Message, ...]) -> None:
        self._messages.extend(messages)
        for at in range(len(self._messages) - len(messages), len(self._messages)):
            self._changed(at)

    def _changed(self, at: int) -> None:
        self.version += 1
        instructions = sum(message.role == "system" for message in self._messages[:at])
        self.changed(at - instructions, self._messages[at])


def paired(
    text: str, calls: tuple[ToolCall, ...], results: Mapping[str, str], *, interrupted: bool = False
) -> tuple[Message, ...]:
    """An assistant message and a result for each of its calls; nothing when it is empty."""
    if not text and not calls:
        return ()
    said = Message("assistant", text, interrupted, calls)
    return (said, *(Message("tool", results.get(call.id, RUNNING), call_id=call.id) for call in calls))
