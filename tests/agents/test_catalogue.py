"""What is on offer hangs together."""

import pytest

from agents import catalogue
from agents.config import AgentConfig
from agents.starting_points import STARTING_POINTS

STAGES = ("stt", "llm", "tts")


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
