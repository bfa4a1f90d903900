"""`<Gather>`: keys and words. Words are not recognised here: what the script calls an utterance is what was said."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx

from telephony.simulator import sounds
from telephony.simulator.elements import Document, Gather
from telephony.simulator.leg import Leg

if TYPE_CHECKING:
    from telephony.simulator.program import Program

LOOK_S = 0.04


class _Input:
    """What has come so far."""

    def __init__(self, leg: Leg, element: Gather) -> None:
        self._leg = leg
        self._element = element
        self._spoken_before = leg.ear.utterances
        self.digits = ""
        self.finished = False
        self.news = asyncio.Event()

    def key(self, digit: str) -> None:
        """The person pressed one."""
        element = self._element
        if not element.keys or self.finished:
            return
        if digit == element.finish_key:
            self.finished = True
        else:
            self.digits += digit
            self.finished = len(self.digits) >= element.most_digits
        self.news.set()

    def speech(self) -> str:
        """Words said since the element began, once the pause after them was long enough."""
        if not self._element.speech or self._leg.ear.utterances == self._spoken_before:
            return ""
        label, ends_ms = self._leg.ear.last_utterance
        return label if self._leg.now_ms >= ends_ms + self._element.speech_end_s * 1000 else ""


async def perform(leg: Leg, client: httpx.AsyncClient, element: Gather, program: Program) -> Document | None:
    """Prompt, collect, ask `action`. Without any input it is asked too, with empty fields; without `redirect` its
    answer does not matter and the next element runs."""
    leg.start_clock()
    got = _Input(leg, element)
    leg.key_listeners.append(got.key)
    try:
        await _prompt(leg, client, element, got)
        words = await _collect(element, got)
    finally:
        leg.key_listeners.remove(got.key)
    fields = {
        "InputType": "speech" if words and not got.digits else "dtmf",
        "Digits": got.digits,
        "Speech": "" if got.digits else words,
        "SpeechConfidenceScore": "0.93" if words and not got.digits else "",
        "BilledAmount": "0.00000",
    }
    if element.redirect:
        return await program.fetch("Gather", element.action, element.method, (7012, 8012), fields)
    common = leg.facts.common(leg.status)
    leg.courier.post("Gather", element.action, common | fields, element.method)
    return None


async def _prompt(leg: Leg, client: httpx.AsyncClient, element: Gather, got: _Input) -> None:
    """The prompts, until they are over or the first key."""
    if not element.prompts:
        return
    prompting = asyncio.ensure_future(sounds.perform_all(leg, client, element.prompts))
    key = asyncio.ensure_future(got.news.wait())
    try:
        await asyncio.wait({prompting, key}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        prompting.cancel()
        key.cancel()
        await asyncio.wait({prompting, key})


async def _collect(element: Gather, got: _Input) -> str:
    """Until input is complete or time is up; the words, if there were any."""
    loop = asyncio.get_running_loop()
    until = loop.time() + element.timeout_s
    while not got.finished:
        words = got.speech()
        if words:
            return words
        if got.news.is_set():
            got.news.clear()
            until = loop.time() + element.digit_end_s
        if loop.time() >= until:
            return ""
        await asyncio.sleep(LOOK_S)
    return ""
