"""The keyless brain as a `LanguageModel`: `responder` behind the protocol. English only, and no tokens to meter."""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import (
    LlmCapabilities,
    LlmCollected,
    LlmEnd,
    LlmEvent,
    LlmExpect,
    LlmText,
    LlmTransfer,
    Message,
    ToolSpec,
)
from agents.voice.providers.local.responder import Responder, Said, State

GO_ON: Final = "What else can I do for you?"
_NOT_DONE: Final = re.compile(r"\(Not done: .*\)", re.DOTALL)
"""A remark about somebody who could not be reached; the caller has heard as much."""
_SENTENCE: Final = re.compile(r"(?<=[.!?]) +")


class _Chat:
    def __init__(self, blueprint: Blueprint) -> None:
        self._responder = Responder(blueprint)
        self._state = State(last=blueprint.greeting)
        self._before = self._state
        self._answered: tuple[int, str] = (0, "")
        self._asked = False

    async def reply(
        self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()
    ) -> AsyncGenerator[LlmEvent, None]:
        if not self._asked:
            self._catch_up(messages[:-1])
        self._asked = True
        said = messages[-1].text if messages and messages[-1].role == "user" else ""
        count, earlier = self._answered
        if count == len(messages) and earlier and said.startswith(earlier):
            # The caller went on before anything of the last reply was heard: it answered half a sentence.
            self._state = self._before
        if _NOT_DONE.fullmatch(said):
            state, answer = self._state, Said(GO_ON)
        else:
            state, answer = self._responder.respond(self._state, said)
        taken = False
        for event in _events(answer):
            if isinstance(event, LlmText) and not taken:
                self._before, self._state, self._answered = self._state, state, (len(messages), said)
                taken = True
            yield event

    def _catch_up(self, messages: tuple[Message, ...]) -> None:
        """What was said to another process, which led the conversation until now."""
        for message in messages:
            if message.role == "user":
                self._state, _ = self._responder.respond(self._state, message.text)


def _events(said: Said) -> list[LlmEvent]:
    events: list[LlmEvent] = [LlmExpect(said.hints)]
    sentences = _SENTENCE.split(said.text)
    events += [LlmText(sentence if index == 0 else f" {sentence}") for index, sentence in enumerate(sentences)]
    events += [LlmCollected(name, value) for name, value in said.collected]
    if said.transfer:
        events.append(LlmTransfer(said.transfer))
    elif said.ends:
        events.append(LlmEnd(said.ends))
    return events


class BuiltIn:
    """Shown in the editor as "Built in, no AI model"."""

    name = "local"
    capabilities = LlmCapabilities(keeps_state=True, languages=("en",))

    @asynccontextmanager
    async def open(self, blueprint: Blueprint) -> AsyncIterator[_Chat]:
        """Nothing to connect."""
        yield _Chat(blueprint)
