"""What is wrong with the models, voices and languages of a config. See `agents.problems`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from agents import catalogue
from agents.config import AgentConfig
from agents.entries import Account, Accounts, Problem, Severity
from agents.voice.blueprint import Stage, Tongue
from agents.voice.variables import LANGUAGE

_RECORDED = ("record", "रिकॉर्ड", "रिकार्ड")


def voice(field: str, stage: Stage, language: str) -> Iterator[Problem]:
    """What is wrong with a voice that has to speak a language."""
    model = catalogue.find("tts", stage.provider, stage.model)
    spoken = catalogue.language_name(language)
    if model is None:
        yield Problem(field, f"Choose a voice: {stage.provider}/{stage.model} does not exist")
        return
    voice = next((voice for voice in model.voices if voice.id == stage.voice), None)
    if language not in model.languages:
        yield Problem(field, f"{model.name} does not speak {spoken}")
    elif voice is None and model.voices and not (model.more_voices and stage.voice):
        yield Problem(field, f"Choose a voice: {model.name} has none called “{stage.voice}”")
    elif voice is not None and language not in voice.speaks:
        # Where a provider lets any voice speak any language, it does so with an accent.
        severity: Severity = "warning" if model.polyglot else "error"
        yield Problem(field, f"The voice “{voice.name}” is not made for {spoken}", severity)


def tongues(config: AgentConfig) -> Iterator[Problem]:
    """Further languages that cannot be heard, answered or spoken, and what is missing where a call begins in one."""
    counts = Counter(tongue.language for tongue in config.tongues)
    for index, tongue in enumerate(config.tongues):
        field = f"tongues[{index}]"
        name = catalogue.language_name(tongue.language)
        if tongue.language not in {language.code for language in catalogue.LANGUAGES}:
            yield Problem(f"{field}.language", f"Choose a language: “{tongue.language}” is not on offer")
            continue
        if tongue.language == config.language:
            yield Problem(f"{field}.language", f"{name} is the agent’s first language already")
        elif counts[tongue.language] > 1:
            yield Problem(f"{field}.language", f"{name} is there twice")
        yield from voice(f"{field}.voice", tongue.tts, tongue.language)
        yield from _opening_in(field, config, tongue)
        for stage, word, chosen in listening(config):
            model = catalogue.find(stage, chosen.provider, chosen.model)
            if model is not None and tongue.language not in model.languages:
                yield Problem(f"{field}.language", f"{model.name} ({word}) does not know {name}")


def _opening_in(field: str, config: AgentConfig, tongue: Tongue) -> Iterator[Problem]:
    """What callers hear first where a call begins in a further language."""
    name = catalogue.language_name(tongue.language)
    begins = config.lookup is not None or any(variable == LANGUAGE for variable, _ in config.variables)
    ours = config.record and config.recorder == "ours"
    if begins and not tongue.greeting.strip():
        yield Problem(f"{field}.greeting", f"Calls may begin in {name}, and its first words are missing", "warning")
    if begins and ours and config.consent.strip() and not tongue.consent.strip():
        text = f"Calls may begin in {name}: say in it, too, that they are recorded"
        yield Problem(f"{field}.consent", text, "warning")
    elif config.record and tongue.greeting.strip() and not config.consent.strip() and not tells(tongue.greeting):
        yield Problem(f"{field}.greeting", f"The first words in {name} do not say that the call is recorded", "warning")


def tells(greeting: str) -> bool:
    """Whether first words say that the call is recorded."""
    return any(word in greeting.lower() for word in _RECORDED)


def models(config: AgentConfig) -> Iterator[Problem]:
    """Who hears, answers and speaks."""
    for name, word, stage in listening(config):
        model = catalogue.find(name, stage.provider, stage.model)
        if model is None:
            yield Problem(name, f"Choose another: {stage.provider}/{stage.model} does not exist")
            continue
        if model.free_name and not stage.model.strip():
            yield Problem("llm_name", "Write the model’s name, as its server calls it")
        if config.language not in model.languages:
            yield Problem(name, f"{model.name} ({word}) does not know {catalogue.language_name(config.language)}")
        if model.ends:
            yield Problem(name, f"{model.name} is switched off by its vendor on {model.ends}", "warning")
        if name == "realtime" and stage.voice not in {voice.id for voice in model.voices}:
            yield Problem("realtime_voice", f"Choose a voice: {model.name} has none called “{stage.voice}”")
    speaking = catalogue.find("tts", config.tts.provider, config.tts.model)
    if speaking is not None and speaking.ends:
        yield Problem("voice", f"{speaking.name} is switched off by its vendor on {speaking.ends}", "warning")


def listening(config: AgentConfig) -> Iterator[tuple[catalogue.StageName, str, Stage]]:
    """Who hears and answers: one model for both, or one for each."""
    if config.realtime is not None:
        yield "realtime", "hears and speaks", config.realtime
    else:
        yield "stt", "listening", config.stt
        yield "llm", "model", config.llm


def seconds(config: AgentConfig) -> Iterator[Problem]:
    """Who steps in."""
    pairs: tuple[tuple[catalogue.StageName, Stage, Stage | None], ...] = (
        ("stt", config.realtime or config.stt, config.second.stt),
        ("llm", config.realtime or config.llm, config.second.llm),
        ("tts", config.tts, config.second.tts),
    )
    for name, first, second in pairs:
        if second is None:
            continue
        field = f"second_{name}"
        model = catalogue.find(name, second.provider, second.model)
        if model is None:
            yield Problem(field, f"Choose another second: {second.provider}/{second.model} does not exist")
        elif second == first:
            yield Problem(field, f"The second is the same as the first: {model.name}")
        elif config.language not in model.languages:
            yield Problem(field, f"{model.name} does not know {catalogue.language_name(config.language)}")
        else:
            if name == "tts":
                yield from voice(field, second, config.language)
            if model.free_name and not second.model.strip():
                yield Problem("second_llm_name", "Write the second model’s name, as its server calls it")
            if second.provider == first.provider:
                text = f"Both are {catalogue.provider_name(first.provider)}’s: when it is down, both are"
                yield Problem(field, text, "warning")
            yield from _second_in(field, config, name, second, model)


def _second_in(
    field: str, config: AgentConfig, name: catalogue.StageName, second: Stage, model: catalogue.Model
) -> Iterator[Problem]:
    """Further languages in which this one cannot step in, or not well."""
    for tongue in config.tongues:
        if tongue.language not in model.languages:
            spoken = catalogue.language_name(tongue.language)
            yield Problem(field, f"{model.name} does not know {spoken}, and will not step in there", "warning")
        elif name == "tts":
            yield from (replace(found, severity="warning") for found in voice(field, second, tongue.language))


def of_stand_ins(config: AgentConfig) -> Iterator[Problem]:
    """Who steps in for a model that hears and speaks, without having been chosen for that."""
    if config.realtime is None:
        return
    for name, stage in stand_ins(config):
        field, model = f"second_{name}", catalogue.find(name, stage.provider, stage.model)
        if model is None:
            text = f"Choose a second: {stage.provider}/{stage.model} would step in, and does not exist"
            yield Problem(field, text, "warning" if catalogue.provider(stage.provider) else "error")
            continue
        for language in (config.language, *(tongue.language for tongue in config.tongues)):
            if language not in model.languages:
                spoken = catalogue.language_name(language)
                text = f"{model.name} would step in when the model fails, and does not know {spoken}: choose a second"
                yield Problem(field, text, "warning")
        if model.answers_only and not (config.answers or config.forms or config.targets):
            text = f"{model.name} would step in when the model fails, and has no answers: choose a second"
            yield Problem(field, text, "warning")


def stand_ins(config: AgentConfig) -> Iterator[tuple[catalogue.StageName, Stage]]:
    """The listener and the model from before that step in for one that hears and speaks, where no second is chosen."""
    if config.realtime is not None and config.second.stt is None:
        yield "stt", config.stt
    if config.realtime is not None and config.second.llm is None:
        yield "llm", config.llm


def keys(config: AgentConfig, accounts: Accounts) -> Iterator[Problem]:
    """A stage whose provider the tenant has no account with, or one that the provider refuses."""
    second = config.second
    stages: list[tuple[str, Stage, Severity]] = [
        *((name, stage, "error") for name, _, stage in listening(config)),
        ("voice", config.tts, "error"),
        *((f"tongues[{index}].voice", tongue.tts, "error") for index, tongue in enumerate(config.tongues)),
        *(("second_stt", stage, "error") for stage in (second.stt,) if stage),
        *(("second_llm", stage, "error") for stage in (second.llm,) if stage),
        *(("second_tts", stage, "error") for stage in (second.tts,) if stage),
        *((f"second_{name}", stage, "warning") for name, stage in stand_ins(config)),
    ]
    told: set[str] = set()
    for field, stage, severity in stages:
        known = catalogue.provider(stage.provider)
        if known is None or known.keyless or stage.provider in told:
            continue
        account = accounts.get(stage.provider, Account())
        if account.usable and not account.refused:
            continue
        told.add(stage.provider)
        if not account.usable:
            yield Problem(field, f"There is no key for {known.name}: add one under Keys", severity)
        elif account.own:
            yield Problem(field, f"{known.name} refused your key: replace it under Keys", severity)
        else:  # others must put that right, and it may work again at any moment
            text = f"{known.name} refused Switchboard’s key: add your own under Keys, or tell who runs Switchboard"
            yield Problem(field, text, "warning")
