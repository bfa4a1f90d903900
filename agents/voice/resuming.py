"""How a conversation goes on when the process that led it is gone: what is noted while it runs, and what that means.

A note is JSON under a key; a later one takes an earlier one's place:

began    {at, variables, …}: when the call's first stream began, and what came of the look-up; by whoever runs it
m0, m1…  the messages of the dialogue, but for the instructions
reply    what is being said: kind, parts, tools asked with their results so far; null between replies
instructed  texts that were added to the instructions while the call ran
state    language, facts collected, patience learnt, keys, a pending ending, …
i0, i1…  tools that write: the intent before, with the result after; an intent that is not kept is not carried out
advice   {note, phrase}: what became of a transfer, by whoever brings the call back; null once the caller hears of it

Pure. Times are ms since the first stream began.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final

import msgspec

from agents.voice import builtin
from agents.voice.blueprint import Phrases
from agents.voice.dialogue import RUNNING, paired
from agents.voice.notebook import KEYED, Intent
from agents.voice.providers.base import Message, ToolCall
from agents.voice.report import TurnRecord, Usage

UNKNOWN: Final = (
    "The connection was lost before there was a result. Whether it was done is not known. Do not do it again: tell the "
    "caller that it may or may not have been done."
)
"""Result of a tool that writes, when the process that ran it died."""
NOT_READ: Final = "The connection was lost before there was a result. Ask again if it is still needed."
NOT_KEYED: Final = "The line was gone while the caller used the keypad. Ask for the whole number again."
KEYED_LOST: Final = "(a number that was lost with the line; ask for it again)"
MACHINES: Final = frozenset({"voicemail", "screening", "ivr"})
"""Parties that are told something at most, or talked to without a word about the line."""
QUIET_MS: Final = 2_000
"""A hand-over in silence that took longer than this is explained to the caller."""
SLOW: Final = 11
"""Characters a second of a slow voice: a sentence counts as heard when even that would have said it."""
USUAL: Final = 14
ADVICE: Final = "advice"
_INTENT: Final = re.compile(r"i(\d+)")
_SENTENCE: Final = re.compile(r"(?<=[.?!।])\s+")


@dataclass(frozen=True, slots=True)
class Asked:
    """What one round of a reply said and asked for. `results` by the call's id; `writes`: ids of tools that write."""

    text: str
    calls: tuple[ToolCall, ...]
    results: dict[str, str] = field(default_factory=dict)
    writes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A reply under way. `parts` are those after the last round of tools; `whole`: there are no more.

    `audible_ms`: when its first sound left; None: the caller has heard nothing of it.
    """

    kind: str
    parts: tuple[str, ...] = ()
    rounds: tuple[Asked, ...] = ()
    whole: bool = False
    audible_ms: int | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What else the conversation knows. `ending`: the reason of an ending under way. `quiet`: left while both were
    silent. `consented`: the caller has heard that the call is recorded, so that it may be. `keys`: pressed, and no turn
    yet. `patience` as `Patience.learnt`. `party`: who has answered a call that we dialled, as in `machine.Party`;
    empty: not known, or not dialled by us."""

    greeted: bool = False
    language: str = ""
    collected: tuple[tuple[str, str], ...] = ()
    hints: tuple[str, ...] = ()
    patience: tuple[float, float, int] = (0.0, 0.0, 0)
    keys: str = ""
    ending: str = ""
    transfer_to: str | None = None
    failures: int = 0
    farewells: int = 0
    quiet: bool = False
    consented: bool = False
    party: str = ""

    @property
    def answered_by(self) -> str:
        """The party; who was greeted is a person."""
        return self.party or ("human" if self.greeted else "")


@dataclass(frozen=True, slots=True)
class Began:
    """When the first stream began, and what its look-up filled in; None: that was not known yet. `trouble` and
    `refused` are the look-up's, for the report (`report.with_lookup`)."""

    at: datetime
    variables: tuple[tuple[str, str], ...] | None = None
    trouble: str = ""
    refused: str = ""


@dataclass(frozen=True, slots=True)
class Resumption:
    """Where to go on. `elapsed_ms` is now, `lost_ms` since when nobody served the caller.

    `note` is told to the model, and `phrase` to the caller before anything else: what became of a transfer, say.
    `intents` are all of the call; `counters` and `underruns` what previous streams have counted.
    """

    elapsed_ms: int
    messages: tuple[Message, ...] = ()
    turns: tuple[TurnRecord, ...] = ()
    usage: tuple[Usage, ...] = ()
    state: State = State()
    reply: Unfinished | None = None
    lost_ms: int | None = None
    note: str = ""
    phrase: str = ""
    intents: tuple[Intent, ...] = ()
    next_intent: int = 0
    counters: tuple[tuple[str, int], ...] = ()
    underruns: int = 0
    instructed: tuple[str, ...] = ()

    @property
    def settled(self) -> dict[str, str]:
        """What is not done again, by its `digest`, and what the model is told instead: tools whose outcome nobody
        knows, and those of the reply under way, which the caller may not have heard of."""
        asked = {call.id for one in self.reply.rounds for call in one.calls} if self.reply is not None else set()
        lost = [one for one in self.intents if not one.again and (one.result is None or one.call.id in asked)]
        return {one.digest: UNKNOWN if one.result is None else one.result for one in lost}


@dataclass(frozen=True, slots=True)
class Cut:
    """What was heard of a reply, about, when the line was lost."""

    kind: str
    heard: str
    unheard: str
    started_ms: int
    ended_ms: int


@dataclass(frozen=True, slots=True)
class Plan:
    """How to go on from `messages`: end for the reason `ends`; or greet; or say `bridge`, and then `say` or what the
    model answers; or, with nothing of these, wait for the caller."""

    messages: tuple[Message, ...]
    cut: Cut | None = None
    bridge: str = ""
    say: tuple[str, ...] = ()
    answer: bool = False
    greet: bool = False
    ends: str = ""


def first_notes(at: datetime, *, greets: bool) -> dict[str, object]:
    """What is kept before the first sound. `greets`: the caller hears the greeting at once, and so never again."""
    begun = {"state": State(greeted=True), "reply": Unfinished("greeting", whole=True)} if greets else {}
    return {"began": Began(at), **begun}


def plan(found: Resumption, phrases: Phrases, greeting: str = "") -> Plan:
    """What to do first."""
    reply, state = found.reply, found.state
    known = {one.call.id: one.result for one in found.intents if one.result is not None}
    messages = tuple(_settled(message, known) for message in found.messages)
    if reply is not None:
        messages += tuple(message for one in reply.rounds for message in _messages(one, known))
    messages += _unmentioned(messages, found.intents)
    cut = _cut(found)
    if state.party in MACHINES and not state.ending:
        return _to_a_machine(found, messages, cut)
    if found.note:
        return Plan(_with_note(messages, found.note), cut, bridge=found.phrase, answer=True)
    if state.ending:
        return Plan(messages, cut, ends=state.ending)
    if not state.greeted:
        return Plan(messages, greet=True)
    if state.quiet and reply is None and found.lost_ms is not None and found.elapsed_ms - found.lost_ms <= QUIET_MS:
        return Plan(messages)
    bridge = found.phrase or phrases.resumed
    if reply is not None and reply.kind == "speech" and reply.whole:
        heard, rest = _sentences(found)
        if heard:
            messages += (Message("assistant", " ".join(heard), interrupted=bool(rest)),)
        return Plan(messages, cut, bridge, rest or (phrases.again,))
    if reply is not None and reply.kind == "greeting":
        return Plan(messages, cut, bridge, (_question(greeting) or phrases.again,))
    if messages and messages[-1].role in ("user", "tool"):
        return Plan(messages, cut, bridge, answer=True)
    return Plan(messages, cut, bridge, (phrases.again,))


def began(notes: Mapping[str, Any]) -> Began | None:
    """What was noted when the first stream began."""
    return msgspec.convert(notes["began"], Began) if notes.get("began") else None


def read(
    notes: Mapping[str, Any],
    *,
    elapsed_ms: int,
    lost_ms: int | None,
    turns: tuple[TurnRecord, ...],
    usage: tuple[Usage, ...],
    counters: Mapping[str, int] | None = None,
    underruns: int = 0,
) -> Resumption:
    """Notes as JSON gives them back → where to go on. Raises `msgspec.ValidationError` for what is no note of ours."""
    advice = notes.get(ADVICE) or {}
    intents = sorted((int(found[1]), key) for key in notes if (found := _INTENT.fullmatch(key)))
    messages: list[Message] = []
    while (noted := notes.get(f"m{len(messages)}")) is not None:
        messages.append(msgspec.convert(noted, Message))
    return Resumption(
        elapsed_ms=elapsed_ms,
        messages=tuple(messages),
        turns=turns,
        usage=usage,
        state=msgspec.convert(notes.get("state") or {}, State),
        reply=msgspec.convert(notes.get("reply"), Unfinished | None),
        lost_ms=lost_ms,
        note=advice.get("note", ""),
        phrase=advice.get("phrase", ""),
        intents=tuple(msgspec.convert(notes[key], Intent) for _, key in intents),
        next_intent=intents[-1][0] + 1 if intents else 0,
        counters=tuple(sorted((counters or {}).items())),
        underruns=underruns,
        instructed=msgspec.convert(notes.get("instructed") or (), tuple[str, ...]),
    )


def _settled(message: Message, known: Mapping[str, str]) -> Message:
    """A tool that was still running when its reply was over writes: what became of it nobody knows, unless its intent
    does. What was keyed in secret was not noted."""
    if message.role == "tool" and message.text == RUNNING:
        return replace(message, text=known.get(message.call_id or "", UNKNOWN))
    return replace(message, text=KEYED.sub(KEYED_LOST, message.text)) if "{{keyed." in message.text else message


def _messages(one: Asked, known: Mapping[str, str]) -> tuple[Message, ...]:
    results = {}
    for call in one.calls:
        missing = UNKNOWN if call.id in one.writes else NOT_KEYED if call.name == "collect_digits" else NOT_READ
        missing = builtin.CONTINUED if call.name in ("end_call", "transfer") else missing
        results[call.id] = one.results.get(call.id, known.get(call.id, missing))
    return paired(one.text, one.calls, results)


def _unmentioned(messages: tuple[Message, ...], intents: tuple[Intent, ...]) -> tuple[Message, ...]:
    """Intents without a result that the dialogue does not know of, because its own note was lost."""
    known = {call.id for message in messages for call in message.calls}
    lost = [one.call for one in intents if one.result is None and not one.again and one.call.id not in known]
    return tuple(message for call in lost for message in paired("", (call,), {call.id: UNKNOWN}))


def _to_a_machine(found: Resumption, messages: tuple[Message, ...], cut: Cut | None) -> Plan:
    """A machine needs no bridge. A voicemail or a bot is told what it is to hear by `Outbound`; a menu that waits for
    an answer gets one, and else is listened to."""
    if found.state.party != "ivr":
        return Plan(messages, cut)
    if found.reply is not None and found.reply.kind == "speech" and found.reply.whole:
        return Plan(messages, cut, say=found.reply.parts)
    return Plan(messages, cut, answer=bool(messages) and messages[-1].role in ("user", "tool"))


def _with_note(messages: tuple[Message, ...], note: str) -> tuple[Message, ...]:
    """The note as the result of the transfer that it is about, else as a remark."""
    asked = {call.id for message in messages for call in message.calls if call.name == "transfer"}
    for at in range(len(messages) - 1, -1, -1):
        if messages[at].role == "tool" and messages[at].call_id in asked:
            return (*messages[:at], replace(messages[at], text=note), *messages[at + 1 :])
    remark = Message("user", f"({note})")
    return messages if messages and messages[-1] == remark else (*messages, remark)


def _sentences(found: Resumption) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The parts that were surely heard, and the rest."""
    reply = found.reply
    if reply is None or reply.audible_ms is None or found.lost_ms is None:
        return (), reply.parts if reply is not None else ()
    left_s, count = (found.lost_ms - reply.audible_ms) / 1000, 0
    if not reply.rounds:  # what was said before tools has taken some of that time, nobody knows how much
        for part in reply.parts:
            left_s -= len(part) / SLOW + 0.5
            if left_s < 0:
                break
            count += 1
    return reply.parts[:count], reply.parts[count:]


def _cut(found: Resumption) -> Cut | None:
    reply = found.reply
    if reply is None or reply.audible_ms is None or found.lost_ms is None or found.lost_ms <= reply.audible_ms:
        return None
    words = " ".join([*(one.text for one in reply.rounds if one.text), *reply.parts]).split()
    left, count = (found.lost_ms - reply.audible_ms) / 1000 * USUAL, 0
    while count < len(words) and left >= len(words[count]):
        left -= len(words[count]) + 1
        count += 1
    heard, unheard = " ".join(words[:count]), " ".join(words[count:])
    return Cut(reply.kind, heard, unheard, reply.audible_ms, found.lost_ms) if heard else None


def _question(text: str) -> str:
    """What a greeting asks at its end, if that is a sentence of its own."""
    sentences = _SENTENCE.split(text.strip())
    return sentences[-1] if len(sentences) > 1 and sentences[-1].endswith("?") else ""
