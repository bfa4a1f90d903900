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
    return Lineup(made)


def models(blueprint: Blueprint, providers: Providers, clock: Clock) -> Models:
    """The models."""

    def one(llm: LanguageModel, stage: Stage, realtime: Stage | None) -> Candidate[Chat, LlmCapabilities]:
        serving = replace(blueprint, llm=stage, realtime=realtime)
        return Candidate("llm", serving, stage, llm.open, llm.capabilities, clock)

    made = [one(providers.llm, blueprint.realtime or blueprint.llm, blueprint.realtime)]
    second = second_of(blueprint).llm
    if providers.llm_second is not None and second is not None:
        made.append(one(providers.llm_second, second, None))
    return Lineup(made)


def voices(blueprint: Blueprint, providers: Providers, clock: Clock) -> dict[str, Voices]:
    """The voices of each language that the agent speaks."""

    def one(tts: TextToSpeech, stage: Stage, language: str) -> Candidate[Voice, TtsCapabilities]:
        serving = replace(blueprint, tts=stage, language=language)
        return Candidate("tts", serving, stage, tts.open, tts.capabilities, clock)

    second, steps_in = providers.tts_second, blueprint.second.tts
    spoken = {blueprint.language: (providers.tts, blueprint.tts)}
    for tongue in blueprint.tongues:
        tts = dict(providers.tongues).get(tongue.language)
        if tts is not None:
            spoken.setdefault(tongue.language, (tts, tongue.tts))
    made: dict[str, Voices] = {}
    for language, (tts, stage) in spoken.items():
        candidates = [one(tts, stage, language)]
        if second is not None and steps_in is not None:
            candidates.append(one(second, steps_in, language))
        made[language] = Lineup(candidates)
    return made
