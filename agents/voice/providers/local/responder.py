"""The built-in brain: answers by retrieval, fills forms, puts callers through. No language model, and it says so. Pure.

`Responder.respond` takes the state and the caller's words and gives the next state and what to say; nothing is kept
here, so that a reply which nobody heard has never happened.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from agents.voice.blueprint import Answer, Blueprint, Form, Slot
from agents.voice.providers.local import phrases, slots
from agents.voice.providers.local.retrieval import ENOUGH, Index
from agents.voice.providers.local.spoken import spoken

CONFIRM: Final = Slot("confirmed", "Is that right?", "yesno")
"""Asked at the end of a form that has no yes-or-no slot of its own."""
OFFER_AFTER: Final = 3
"""Times in a row that nothing was understood before a person is offered."""
_CHANGE: Final = re.compile(r"\bchange (?:the )?(?P<what>[a-z' ]+?)(?: to (?P<value>.+))?$")
_NAMED: Final = re.compile(r"(?:the |my )?(?P<what>[a-z' ]+?)(?: to (?P<value>.+))?")
_CLOCK: Final = re.compile(r"o'clock|\b(?:a m|p m|past|(?:quarter|five|ten|twenty) to|noon|at)\b")
_MORE: Final = "Is there anything else?"
_YESNO: Final = ("yesno",)


@dataclass(frozen=True, slots=True)
class State:
    """Where the conversation stands. `form` is an index into the blueprint's, `filled` its (slot, value) pairs."""

    form: int | None = None
    filled: tuple[tuple[str, str], ...] = ()
    misses: int = 0
    offered_person: bool = False
    asked_more: bool = False
    last: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What to do. `ends` is a reason, `transfer` a target's name."""

    text: str
    hints: tuple[str, ...] = ()
    ends: str = ""
    transfer: str = ""
    collected: tuple[tuple[str, str], ...] = ()


class Responder:
    """One blueprint's."""

    def __init__(self, blueprint: Blueprint) -> None:
        self._blueprint = blueprint
        topics: list[tuple[Answer | int, tuple[str, ...]]] = [
            (answer, (answer.question, *answer.phrasings)) for answer in blueprint.answers
        ]
        topics += [(number, form.phrases) for number, form in enumerate(blueprint.forms)]
        self._topics = Index(topics)

    def respond(self, state: State, words: str) -> tuple[State, Said]:
        """The answer to these words; empty for speech that was not understood."""
        text = spoken(words)
        new, said = self._answer(state, text)
        keep = state.last if phrases.meaning(text) == "repeat" else said.text
        return replace(new, last=keep or state.last), said

    def _answer(self, state: State, text: str) -> tuple[State, Said]:
        if not text:
            return self._missed(state)
        meaning = phrases.meaning(text)
        if meaning == "repeat" and state.last:
            return replace(state, misses=0), Said(state.last, self._hints(state))
        if state.offered_person and meaning != "bye":
            wanted = slots.yes_or_no(text)
            state = replace(state, offered_person=False, misses=0)
            if wanted:
                return state, self._transfer(self._blueprint.targets[0].name)
            if wanted is False:
                return self._ask_on(state, "All right.")
        if (target := self._target(text)) is not None:
            return replace(state, misses=0), target
        if state.form is not None:
            return self._in_form(state, self._blueprint.forms[state.form], text, meaning)
        if state.asked_more and slots.yes_or_no(text) is False and meaning in (None, "bye", "thanks"):
            found = self._topics.find(text)
            if found is None or found[1] < ENOUGH:
                return state, self._goodbye()
        return self._free(replace(state, asked_more=False), text, meaning)

    # --- without a form ---

    def _free(self, state: State, text: str, meaning: str | None) -> tuple[State, Said]:
        calm = replace(state, misses=0)
        found = self._topics.find(text)
        if (found is None or found[1] < 1.0) and (number := self._form_with_facts(text)) is not None:
            return self._begin(calm, number, text)
        if found is not None and found[1] >= ENOUGH and (meaning is None or found[1] == 1.0):
            topic = found[0]
            if isinstance(topic, Answer):
                return calm, Said(topic.answer)
            return self._begin(calm, topic, text)
        match meaning:
            case "bye":
                return state, self._goodbye()
            case "thanks":
                return replace(calm, asked_more=True), Said(f"You are welcome. {_MORE}", _YESNO)
            case "hello":
                return calm, Said("Hello. How can I help you?")
            case "help":
                return calm, Said(self._abilities())
            case "cancel" | "stop" | "change" | "unsure":
                return calm, Said("Of course. What would you like to know?")
        yes = slots.yes_or_no(text)
        if yes is not None:
            return calm, Said("What can I do for you?" if yes else "All right. What else can I do for you?")
        state = replace(state, misses=state.misses + 1)
        if state.misses >= OFFER_AFTER:
            return self._offer(state)
        return state, Said(f"I am sorry, I cannot help with that. {self._abilities()}")

    def _form_with_facts(self, text: str) -> int | None:
        """The form that the words begin and partly fill, as in "book a table for four on Friday"."""
        for number, form in enumerate(self._blueprint.forms):
            for phrase in map(spoken, form.phrases):
                head, found, rest = f" {text} ".partition(f" {phrase} ")
                if phrase and found and rest and _fill(form, (), rest, None)[1] and not self._known(head):
                    return number
        return None

    def _known(self, head: str) -> bool:
        """Whether the words before a form's phrase are a question of their own."""
        found = self._topics.find(head.strip())
        return found is not None and found[1] >= ENOUGH

    def _missed(self, state: State) -> tuple[State, Said]:
        state = replace(state, misses=state.misses + 1, asked_more=False)
        if state.misses >= OFFER_AFTER:
            return self._offer(state)
        if state.form is not None:
            slot = self._open_slot(self._blueprint.forms[state.form], state)
            return state, Said(f"Sorry, I did not catch that. {slots.example(slot)}", self._hints(state))
        if state.misses == 1:
            return state, Said("Sorry, I did not understand that. Could you say it in other words?")
        return state, Said(f"Sorry, I still did not understand. {self._abilities()}")

    def _offer(self, state: State) -> tuple[State, Said]:
        if not self._blueprint.targets:
            return replace(state, misses=0), Said(f"I am sorry. I am a simple assistant. {self._abilities()}")
        name = self._blueprint.targets[0].name
        return replace(state, offered_person=True), Said(
            f"I am sorry, we do not understand each other. Shall I put you through to {_the(name)}?", _YESNO
        )

    def _abilities(self) -> str:
        blueprint = self._blueprint
        can = [f"answer questions such as: {' '.join(_questions(blueprint.answers))}"] if blueprint.answers else []
        if blueprint.forms:
            can.append(f"note {slots.listed([_a(form.name) for form in blueprint.forms])}")
        if blueprint.targets:
            can.append(f"put you through to {slots.listed([_the(target.name) for target in blueprint.targets])}")
        if not can:
            return "I can only say hello and goodbye."
        return " ".join(f"I can {able}." if not able.endswith("?") else f"I can {able}" for able in can)

    def _goodbye(self) -> Said:
        return Said(self._blueprint.phrases.goodbye, ends="goodbye")

    # --- people ---

    def _target(self, text: str) -> Said | None:
        targets = self._blueprint.targets
        for said in phrases.bare(text):
            asked = next(
                (
                    said.removeprefix(f"{verb} ")
                    for verb in (*phrases.CONNECT, *phrases.TALK)
                    if said.startswith(f"{verb} ")
                ),
                None,
            )
            whom = (asked if asked is not None else said).removeprefix("the ").removeprefix("your ")
            for target in targets:
                if whom == spoken(target.name):
                    return self._transfer(target.name)
            if whom in phrases.PERSONS or f"the {whom}" in phrases.PERSONS:
                if targets:
                    return self._transfer(targets[0].name)
                return Said("I am sorry, there is nobody I could put you through to. I can help you myself.")
            if asked is not None and asked != said:
                named = f" I can put you through to {slots.listed([_the(t.name) for t in targets])}." if targets else ""
                return Said(f"I am sorry, I cannot put you through to them.{named}")
        return None

    def _transfer(self, name: str) -> Said:
        return Said(f"I am putting you through to {_the(name)}. One moment, please.", ends="transfer", transfer=name)

    # --- forms ---

    def _begin(self, state: State, number: int, text: str) -> tuple[State, Said]:
        form = self._blueprint.forms[number]
        filled, news = _fill(form, (), text, None)
        return self._next(replace(state, form=number, filled=filled), form, "Certainly.", news)

    def _in_form(self, state: State, form: Form, text: str, meaning: str | None) -> tuple[State, Said]:
        slot = self._open_slot(form, state)
        if meaning == "cancel":
            return replace(state, form=None, filled=(), misses=0), Said(
                "All right, I have dropped that. What else can I do?"
            )
        change = _CHANGE.search(text) or self._named(form, slot, text)
        if change is not None or meaning == "change":
            return self._change(state, form, change)
        answer = slots.yes_or_no(text) if slot.kind == "yesno" and meaning != "bye" else None
        filled, news = _fill(form, state.filled, text, None if slot.kind == "yesno" else slot)
        calm = replace(state, misses=0)
        if slot.kind == "yesno":
            if news:
                return self._next(replace(calm, filled=filled), form, "I have changed that.", news)
            if answer is True:
                return self._done(calm, form, slot)
            if answer is False:
                names = [other.name for other in form.slots if other.kind != "yesno"]
                return calm, Said(f"What should I change: {slots.listed(names)}?", tuple(names))
        elif news:
            return self._next(replace(calm, filled=filled), form, "", news)
        return self._aside(state, form, slot, text, meaning)

    def _named(self, form: Form, asked: Slot, text: str) -> re.Match[str] | None:
        """The name of a fact alone, as an answer to "What should I change?"."""
        if asked.kind != "yesno":
            return None
        named = next((match for bare in phrases.bare(text) if (match := _NAMED.fullmatch(bare))), None)
        names = {spoken(slot.name) for slot in form.slots if slot.kind != "yesno"}
        return named if named is not None and named["what"] in names else None

    def _aside(self, state: State, form: Form, slot: Slot, text: str, meaning: str | None) -> tuple[State, Said]:
        """Something else than what was asked for: a question in between, or a miss."""
        found = self._topics.find(text)
        if found is not None and isinstance(found[0], Answer) and found[1] >= ENOUGH and meaning is None:
            return replace(state, misses=0), Said(f"{found[0].answer} {slot.prompt}", self._hints(state))
        if meaning == "bye":
            return state, self._goodbye()
        if meaning in ("stop", "hello", "thanks", "help", "unsure"):
            return state, Said(f"{slots.example(slot)}", self._hints(state))
        state = replace(state, misses=state.misses + 1)
        if state.misses >= OFFER_AFTER:
            return self._offer(state)
        return state, Said(f"I did not get that. {slots.example(slot)}", self._hints(state))

    def _change(self, state: State, form: Form, asked: re.Match[str] | None) -> tuple[State, Said]:
        what = asked["what"].strip() if asked is not None else ""
        slot = next((slot for slot in form.slots if spoken(slot.name) == what), None)
        if slot is None:
            names = [slot.name for slot in form.slots if slot.kind != "yesno"]
            return replace(state, misses=0), Said(f"What should I change: {slots.listed(names)}?", tuple(names))
        value = slots.parse(slot, asked["value"]) if asked is not None and asked["value"] else None
        known = {name: old for name, old in state.filled if name != slot.name}
        news = ((slot.name, value),) if value is not None else ()
        return self._next(replace(state, filled=_ordered(form, known | dict(news)), misses=0), form, "", news)

    def _next(self, state: State, form: Form, lead: str, news: tuple[tuple[str, str], ...]) -> tuple[State, Said]:
        slot = self._open_slot(form, state)
        summary = _summary(form, state.filled) if slot.kind == "yesno" else ""
        text = " ".join(part for part in (lead, summary, slot.prompt) if part)
        return state, Said(text, self._hints(state), collected=news)

    def _done(self, state: State, form: Form, slot: Slot) -> tuple[State, Said]:
        known = {spoken(name): value for name, value in state.filled}
        text = re.sub(r"\{([^{}]*)\}", lambda match: _aloud(form, match[1], known.get(spoken(match[1]), "")), form.done)
        done = replace(state, form=None, filled=(), asked_more=True, misses=0)
        return done, Said(f"{text} {_MORE}", _YESNO, collected=((slot.name, "yes"),))

    def _open_slot(self, form: Form, state: State) -> Slot:
        known = {name for name, _ in state.filled}
        facts = [slot for slot in form.slots if slot.kind != "yesno"]
        last = next((slot for slot in form.slots if slot.kind == "yesno"), CONFIRM)
        return next((slot for slot in facts if slot.name not in known), last)

    def _hints(self, state: State) -> tuple[str, ...]:
        """What is asked for: the open slot's name and kind first, then what may come along."""
        if state.form is None:
            return _YESNO if state.asked_more or state.offered_person else ()
        form = self._blueprint.forms[state.form]
        slot = self._open_slot(form, state)
        others = [
            other.name for other in form.slots if other.name != slot.name and other.kind in ("choice", "day", "time")
        ]
        return tuple(dict.fromkeys((slot.name, slot.kind, *others)))

    def _ask_on(self, state: State, lead: str) -> tuple[State, Said]:
        if state.form is None:
            return state, Said(f"{lead} What else can I do for you?")
        return state, Said(
            f"{lead} {self._open_slot(self._blueprint.forms[state.form], state).prompt}", self._hints(state)
        )


def _fill(
    form: Form, filled: tuple[tuple[str, str], ...], text: str, asked: Slot | None
) -> tuple[tuple[tuple[str, str], ...], tuple[tuple[str, str], ...]]:
    """All facts in the text, old ones replaced; and what is new. Bare numbers count for the asked slot only."""
    known = dict(filled)
    news: dict[str, str] = {}
    for slot in form.slots:
        if slot.kind == "yesno" or (slot.kind in ("number", "digits") and slot != asked):
            continue
        if slot.kind == "time" and slot != asked and not _CLOCK.search(text):
            continue
        value = slots.parse(slot, text)
        if value is not None and known.get(slot.name) != value:
            known[slot.name] = news[slot.name] = value
        elif value is not None and slot == asked:
            news[slot.name] = value
    return _ordered(form, known), tuple(news.items())


def _ordered(form: Form, known: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple((slot.name, known[slot.name]) for slot in form.slots if slot.name in known)


def _summary(form: Form, filled: tuple[tuple[str, str], ...]) -> str:
    facts = ", ".join(_aloud(form, name, value) for name, value in filled)
    return f"{facts[:1].upper()}{facts[1:]}." if facts else ""


def _aloud(form: Form, name: str, value: str) -> str:
    slot = next((slot for slot in form.slots if slot.name == name), None)
    return slots.said(slot, value) if slot is not None else value


def _questions(answers: Iterable[Answer]) -> list[str]:
    return [answer.question if answer.question.endswith("?") else f"{answer.question}?" for answer in answers][:2]


def _a(name: str) -> str:
    name = _lower(name)
    return f"{'an' if name[:1] in 'aeiou' else 'a'} {name}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]


def _the(name: str) -> str:
    """A desk gets an article, a person does not."""
    return name if name[:1].isupper() and " " in name and not name.split()[-1][:1].islower() else f"the {_lower(name)}"
