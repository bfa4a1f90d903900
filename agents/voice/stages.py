"""Who may serve each stage of a call: the blueprint's choice, who steps in, and the voices of its other languages."""

from __future__ import annotations

from dataclasses import replace

from agents.voice.blueprint import Blueprint, Stage, second_of
from agents.voice.clock import Clock
from agents.voice.lineup import Candidate, Lineup
from agents.voice.mouth import Voices
from agents.voice.providers.base import (
    Chat,
    LanguageModel,
    LlmCapabilities,
    Providers,
    SpeechToText,
    SttCapabilities,
    SttStream,
    TextToSpeech,
    TtsCapabilities,
    Voice,
)
from agents.voice.thinking import Models
from agents.voice.tongues import knows

Listeners = Lineup[SttStream, SttCapabilities]


def listeners(blueprint: Blueprint, providers: Providers, clock: Clock) -> Listeners:
    """The recognisers."""

    def one(stt: SpeechToText, stage: Stage) -> Candidate[SttStream, SttCapabilities]:
        serving = replace(blueprint, stt=stage, realtime=blueprint.realtime if stt is providers.stt else None)
        return Candidate("stt", serving, stage, stt.open, stt.capabilities, clock)

    made = [one(providers.stt, blueprint.realtime or blueprint.stt)]
    second = second_of(blueprint).stt
    if providers.stt_second is not None and second is not None:
        made.append(one(providers.stt_second, second))
    return Lineup(made, blueprint.language)


def models(blueprint: Blueprint, providers: Providers, clock: Clock) -> Models:
    """The models."""

    def one(llm: LanguageModel, stage: Stage, realtime: Stage | None) -> Candidate[Chat, LlmCapabilities]:
        serving = replace(blueprint, llm=stage, realtime=realtime)
        return Candidate("llm", serving, stage, llm.open, llm.capabilities, clock)

    made = [one(providers.llm, blueprint.realtime or blueprint.llm, blueprint.realtime)]
    second = second_of(blueprint).llm
    if providers.llm_second is not None and second is not None:
        made.append(one(providers.llm_second, second, None))
    return Lineup(made, blueprint.language)


def voices(blueprint: Blueprint, providers: Providers, clock: Clock) -> dict[str, Voices]:
    """The voices of each language that the agent speaks.

    Where the one that steps in does not speak a language, the agent's other voices that do step in for it.
    """

    def one(tts: TextToSpeech, stage: Stage, language: str) -> Candidate[Voice, TtsCapabilities]:
        serving = replace(blueprint, tts=stage, language=language)
        return Candidate("tts", serving, stage, tts.open, tts.capabilities, clock)

    spoken = {blueprint.language: (providers.tts, blueprint.tts)}
    for tongue in blueprint.tongues:
        tts = dict(providers.tongues).get(tongue.language)
        if tts is not None:
            spoken.setdefault(tongue.language, (tts, tongue.tts))
    stepping_in: list[tuple[TextToSpeech, Stage]] = []
    if providers.tts_second is not None and blueprint.second.tts is not None:
        stepping_in = [(providers.tts_second, blueprint.second.tts)]
    made: dict[str, Voices] = {}
    for language, (tts, stage) in spoken.items():
        able = [other for other in stepping_in if knows(other[0].capabilities.languages, language)]
        if stepping_in and not able:
            others = {other: (speaks, other) for speaks, other in spoken.values() if other != stage}.values()
            able = [other for other in others if knows(other[0].capabilities.languages, language)]
        made[language] = Lineup([one(*each, language) for each in ((tts, stage), *able)], language)
    return made
