"""What is wrong with a config, each problem with its field. No database; no I/O but the recogniser's dictionary."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Final

import phonenumbers

from agents import catalogue, destinations, model_problems
from agents.config import AgentConfig
from agents.entries import Accounts, Problem
from agents.voice.blueprint import Form, Slot

__all__ = ["Problem", "is_e164", "problems"]

IDLE_MS: Final = (2_000, 60_000)
IDLE_PROMPTS: Final = (0, 5)
MAX_CALL_S: Final = (60, 14_400)
WARN_BEFORE_S: Final = (0, 300)
RING_S: Final = (1, 120)
KEEP_DAYS: Final = (0, 3_650)

_SLOT_NAME = re.compile(r"\{([^{}]*)\}")


def problems(config: AgentConfig, accounts: Accounts | None = None) -> list[Problem]:
    """Errors first, each group in the order of the editor. Without `accounts` nobody asks for keys."""
    found = [problem for check in _CHECKS for problem in check(config)]
    if accounts is not None:
        found += model_problems.keys(config, accounts)
    return sorted(found, key=lambda problem: problem.severity != "error")


def is_e164(text: str) -> bool:
    """Whether it is a whole number with `+` that can exist."""
    try:
        number = phonenumbers.parse(text)
    except phonenumbers.NumberParseException:
        return False
    as_written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return as_written == text and phonenumbers.is_valid_number(number)


def _identity(config: AgentConfig) -> Iterator[Problem]:
    if not config.name.strip():
        yield Problem("name", "Give the agent a name")
    if config.language not in {language.code for language in catalogue.LANGUAGES}:
        yield Problem("language", f"Choose a language: “{config.language}” is not on offer")
    yield from model_problems.voice("voice", config.tts, config.language)


def _opening(config: AgentConfig) -> Iterator[Problem]:
    if not config.greeting.strip():
        yield Problem("greeting", "Write the first words: a caller who hears nothing hangs up")
    elif config.record and not config.consent and not model_problems.tells(config.greeting):
        yield Problem("greeting", "The first words do not say that the call is recorded", "warning")


def _recording(config: AgentConfig) -> Iterator[Problem]:
    if not _within(config.keep_days, KEEP_DAYS):
        yield Problem("keep_days", "Keep recordings for 0 to 3650 days")
    if not config.record or config.recorder != "carrier":
        return
    if not config.consent.strip():
        yield Problem("consent", "Write what callers hear before Vobiz records: its recording begins before the agent")
    elif any(letter.isalpha() and letter > "\u024f" for letter in config.consent):
        yield Problem("consent", "Vobiz reads this with its own voice, which is sure of English only", "warning")


def _answers(config: AgentConfig) -> Iterator[Problem]:
    for index, answer in enumerate(config.answers):
        if not answer.question.strip():
            yield Problem(f"answers[{index}].question", "Write the question that callers ask")
        if not answer.answer.strip():
            yield Problem(f"answers[{index}].answer", f"Write what to answer to “{answer.question}”")
    model = catalogue.find("llm", config.llm.provider, config.llm.model)
    if config.realtime is not None or model is None or not model.answers_only or config.answers:
        return
    if config.forms or config.targets:
        yield Problem("answers", "Without answers this agent can only fill in forms and put callers through", "warning")
    else:
        yield Problem("answers", "Add an answer, a form or a transfer target: without an AI model that is all it knows")


def _forms(config: AgentConfig) -> Iterator[Problem]:
    for index, form in enumerate(config.forms):
        field = f"forms[{index}]"
        title = form.name.strip() or f"Form {index + 1}"
        if not form.name.strip():
            yield Problem(f"{field}.name", "Give the form a name")
        if not any(phrase.strip() for phrase in form.phrases):
            yield Problem(f"{field}.phrases", f"{title}: write what callers say to begin it")
        if not form.slots:
            yield Problem(f"{field}.slots", f"{title}: add a question to ask")
        for place, slot in enumerate(form.slots):
            yield from _slot(f"{field}.slots[{place}]", title, slot)
        yield from _slot_names(field, title, form)
        if not form.done.strip():
            yield Problem(f"{field}.done", f"{title}: write what to say at the end")


def _slot(field: str, title: str, slot: Slot) -> Iterator[Problem]:
    if not slot.name.strip():
        yield Problem(f"{field}.name", f"{title}: name what the question asks for")
    if not slot.prompt.strip():
        yield Problem(f"{field}.prompt", f"{title}: write how to ask for “{slot.name}”")
    if slot.kind == "choice" and not any(option.strip() for option in slot.options):
        yield Problem(f"{field}.options", f"{title}: list what callers may choose for “{slot.name}”")


def _slot_names(field: str, title: str, form: Form) -> Iterator[Problem]:
    names = Counter(slot.name for slot in form.slots)
    for place, slot in enumerate(form.slots):
        if slot.name and names[slot.name] > 1:
            yield Problem(f"{field}.slots[{place}].name", f"{title}: two questions are called “{slot.name}”")
    for name in _SLOT_NAME.findall(form.done):
        if name not in names:
            yield Problem(f"{field}.done", f"{title}: no question is called “{name}”, which the last words name")


def _limits(config: AgentConfig) -> Iterator[Problem]:
    limits = config.limits
    if not _within(limits.idle_ms, IDLE_MS):
        yield Problem("limits.idle_ms", "Wait from 2 to 60 seconds before asking again")
    if not _within(limits.idle_prompts, IDLE_PROMPTS):
        yield Problem("limits.idle_prompts", "Ask again from 0 to 5 times")
    if not _within(limits.max_call_s, MAX_CALL_S):
        yield Problem("limits.max_call_s", "End a call after 1 to 240 minutes")
    if not _within(limits.warn_before_s, WARN_BEFORE_S) or limits.warn_before_s >= limits.max_call_s:
        yield Problem("limits.warn_before_s", "Warn at most 300 seconds before the end, and after the beginning")
    for name in (phrase.name for phrase in fields(config.phrases)):
        if not getattr(config.phrases, name).strip():
            yield Problem(f"phrases.{name}", "Write a sentence: the agent must not fall silent here")


def _targets(config: AgentConfig) -> Iterator[Problem]:
    names = Counter(target.name.strip().casefold() for target in config.targets)
    for index, target in enumerate(config.targets):
        if not target.name.strip():
            yield Problem(f"targets[{index}].name", "Name the person or desk, as callers ask for it")
        elif names[target.name.strip().casefold()] > 1:
            yield Problem(f"targets[{index}].name", f"Two targets are called “{target.name}”")
        if not target.destinations or not all(map(_is_destination, target.destinations)):
            yield Problem(f"targets[{index}].e164", f"Write a phone number with + and country code for “{target.name}”")
        elif len(target.destinations) > destinations.MOST:
            yield Problem(f"targets[{index}].e164", f"Name at most {destinations.MOST} numbers for “{target.name}”")
        if not _within(target.ring_s, RING_S):
            yield Problem(f"targets[{index}].ring_s", f"Let “{target.name}” ring for 1 to 120 seconds")


def _is_destination(text: str) -> bool:
    if not text.startswith("sip"):
        return is_e164(text)
    try:
        return bool(destinations.sip_address(text))
    except destinations.TargetError:
        return False


def _vocabulary(config: AgentConfig) -> Iterator[Problem]:
    model = catalogue.find("stt", config.stt.provider, config.stt.model)
    if config.realtime is not None or model is None or not model.fixed_vocabulary:
        return
    try:
        from agents.voice.providers.local.grammar import unknown_words
    except ImportError:  # the `offline` extra is not installed on this machine
        return
    spoken = list(_spoken_by_callers(config))
    unknown = unknown_words([text for _, text in spoken])
    for word in unknown:
        field = next((field for field, text in spoken if word.casefold() in text.casefold()), "stt")
        yield Problem(field, f"{model.name} guesses how “{word}” sounds, and may miss it", "warning")


def _spoken_by_callers(config: AgentConfig) -> Iterator[tuple[str, str]]:
    for index, answer in enumerate(config.answers):
        yield f"answers[{index}].question", answer.question
        yield from ((f"answers[{index}].phrasings", phrasing) for phrasing in answer.phrasings)
    for index, form in enumerate(config.forms):
        yield from ((f"forms[{index}].phrases", phrase) for phrase in form.phrases)
        for place, slot in enumerate(form.slots):
            yield from ((f"forms[{index}].slots[{place}].options", option) for option in slot.options)
    for index, target in enumerate(config.targets):
        yield f"targets[{index}].name", target.name


def _within(value: int, bounds: tuple[int, int]) -> bool:
    return bounds[0] <= value <= bounds[1]


_CHECKS: Final[tuple[Callable[[AgentConfig], Iterator[Problem]], ...]] = (
    _identity,
    _opening,
    _recording,
    _answers,
    _forms,
    model_problems.tongues,
    model_problems.models,
    model_problems.seconds,
    model_problems.of_stand_ins,
    _limits,
    _targets,
    _vocabulary,
)
