"""What is on offer hangs together."""

import pytest

from agents import catalogue
from agents.config import AgentConfig
from agents.starting_points import STARTING_POINTS
from agents.voice import providers
from agents.voice.blueprint import Blueprint, Stage
from agents.voice.providers.cartesia.ink import InkManual, InkTurns

STAGES = ("stt", "llm", "tts")
WITH_SPEECH = (*STAGES, "realtime")


@pytest.mark.parametrize("stage", STAGES)
def test_each_language_has_something_on_offer_for_each_stage(stage):
    for language in catalogue.LANGUAGES:
        assert catalogue.offered(stage, language.code)


@pytest.mark.parametrize("stage", STAGES)
def test_the_scripted_provider_is_known_and_not_on_offer(stage):
    assert catalogue.find(stage, "scripted", "scripted")
    assert all(choice.provider.id != "scripted" for choice in catalogue.offered(stage, "en"))


def test_a_new_agent_is_made_of_what_is_on_offer():
    config = AgentConfig()

    for name, stage in (("stt", config.stt), ("llm", config.llm), ("tts", config.tts)):
        assert f"{stage.provider}/{stage.model}" in [choice.key for choice in catalogue.offered(name, config.language)]


def test_voices_of_a_model_are_told_apart():
    for choice in catalogue.offered("tts", "en"):
        assert len({voice.id for voice in choice.model.voices}) == len(choice.model.voices)
        assert len({voice.name for voice in choice.model.voices}) == len(choice.model.voices)


@pytest.mark.parametrize("point", STARTING_POINTS, ids=lambda point: point.id)
def test_the_first_words_say_that_a_machine_answers_and_that_the_call_is_recorded(point):
    greeting = point.make("Asha", "Sanjeevani Clinic").greeting

    assert "automated" in greeting
    assert "recorded" in greeting


def test_hindi_can_be_heard_answered_and_spoken():
    assert "deepgram/flux-general-multi" in {choice.key for choice in catalogue.offered("stt", "hi")}
    assert all(choice.provider.id != "local" for stage in WITH_SPEECH for choice in catalogue.offered(stage, "hi"))
    voices = [choice for choice in catalogue.offered("tts", "hi") if catalogue.voices_for(choice.model, "hi")]
    assert {choice.provider.id for choice in voices} == {"cartesia", "openai"}


def test_ink_is_for_english_alone():
    assert "cartesia" not in {choice.provider.id for choice in catalogue.offered("stt", "hi")}
    assert {one.capabilities.languages for one in (InkTurns, InkManual)} == {("en",)}


@pytest.mark.parametrize("stage", WITH_SPEECH)
def test_names_of_models_are_told_apart_and_one_at_most_is_recommended_per_provider(stage):
    for provider in catalogue.PROVIDERS:
        models = provider.models(stage)
        assert len({model.name for model in models}) == len({model.id for model in models}) == len(models)
        assert sum(model.recommended for model in models) <= 1


def test_models_of_the_sdks_are_names_that_the_sdks_know():
    from typing import get_args

    from anthropic.types.model import Model as AnthropicModel
    from openai.types.chat_model import ChatModel

    known = {"openai": set(get_args(ChatModel)), "anthropic": set(get_args(get_args(AnthropicModel)[0]))}
    for provider, names in known.items():
        assert {model.id for model in catalogue.provider(provider).llm} <= names


def test_a_free_name_stands_for_any_model():
    assert catalogue.find("llm", "openai_compatible", "llama-4-70b").free_name
    assert catalogue.find("llm", "openai", "llama-4-70b") is None
    assert catalogue.find("tts", "openai_compatible", "any") is None


def test_a_voice_of_an_account_is_named_by_the_beginning_of_its_id():
    sonic = catalogue.find("tts", "cartesia", "sonic-3.6")

    assert catalogue.voice_name(sonic, "0123456789abcdef0123") == "voice 01234567…"
    assert catalogue.voice_name(sonic, sonic.voices[0].id) == sonic.voices[0].name


SERVED = [(stage, choice) for stage in STAGES for choice in catalogue.choices(stage)]


@pytest.mark.parametrize(("stage", "choice"), SERVED, ids=lambda value: getattr(value, "key", value))
def test_what_is_on_offer_is_served_in_the_languages_that_it_promises(stage, choice):
    if choice.provider.keyless:
        pytest.importorskip("pocketsphinx")
    chosen = Stage(choice.provider.id, choice.model.id or "of-ones-own")
    stages = {name: Stage("scripted", "scripted") for name in STAGES} | {stage: chosen}

    adapter = getattr(providers.build(Blueprint("a", 1, "en", "", "", **stages)), stage)

    assert adapter.name == choice.provider.id
    assert set(choice.model.languages) <= set(adapter.capabilities.languages)


@pytest.mark.parametrize("choice", catalogue.choices("realtime"), ids=lambda choice: choice.key)
def test_a_model_that_hears_and_speaks_is_both_recogniser_and_model(choice):
    scripted = Stage("scripted", "scripted")
    speaking = Stage(choice.provider.id, choice.model.id, choice.model.voices[0].id)
    blueprint = Blueprint("a", 1, "en", "", "", scripted, scripted, scripted, realtime=speaking)

    built = providers.build(blueprint)

    assert (built.stt.name, built.llm.name) == (choice.provider.id, choice.provider.id)
    assert built.llm.capabilities.speaks
    assert set(choice.model.languages) <= set(built.llm.capabilities.languages)


@pytest.mark.parametrize("choice", catalogue.choices("realtime"), ids=lambda choice: choice.key)
def test_a_model_of_the_same_vendor_writes_in_a_chat(choice):
    written = catalogue.writer(Stage(choice.provider.id, choice.model.id))

    model = catalogue.find("llm", written.provider, written.model)
    assert written.provider == choice.provider.id
    assert model.recommended
    assert set(choice.model.languages) <= set(model.languages)
    assert catalogue.writer(Stage("deepgram", "x")) is None


@pytest.mark.parametrize("stage", WITH_SPEECH)
def test_what_is_on_offer_says_how_quick_it_is(stage):
    unknown = {choice.key for choice in catalogue.choices(stage) if choice.model.expected_ms is None}

    assert unknown <= {"openai_compatible/"}
