"""What changes with the language: sentences, prompt, who is able. Pure."""

from dataclasses import astuple, replace

import pytest

from agents import catalogue
from agents.voice import tongues
from agents.voice.blueprint import Phrases, Stage, Tongue
from agents.voice.phrases import recorded_apology
from tests.agents.voice.conversing import BLUEPRINT

HINDI = Tongue("hi", Stage("fake", "fake", "hi"))


@pytest.mark.parametrize("language", [one.code for one in catalogue.LANGUAGES])
def test_each_language_on_offer_has_sentences_and_a_recorded_apology_of_its_own(language):
    others = [one.code for one in catalogue.LANGUAGES if one.code != language]

    assert all(text.strip() for text in astuple(tongues.shipped(language)))
    assert tongues.called(language) == catalogue.language_name(language)
    for other in others:
        assert not set(astuple(tongues.shipped(language))) & set(astuple(tongues.shipped(other)))
        assert recorded_apology(language) != recorded_apology(other)


def test_a_language_that_we_have_no_sentences_for_speaks_english():
    assert tongues.shipped("ta-IN") == Phrases()
    assert tongues.called("ta-IN") == "ta-IN"
    assert recorded_apology("ta-IN") == recorded_apology("en")


def test_what_a_tenant_has_written_goes_before_what_is_shipped():
    own = tongues.phrases_of(replace(HINDI, phrases=(("idle", "हैलो?"), ("wait", " "), ("gone", "x"))))

    assert own == replace(tongues.shipped("hi"), idle="हैलो?")


def test_of_a_whole_set_only_what_differs_is_kept():
    whole = replace(tongues.shipped("hi"), idle="हैलो?", wait="")

    assert tongues.own_phrases(whole, "hi") == (("idle", "हैलो?"),)


def test_when_the_first_language_changes_so_do_the_sentences_that_nobody_wrote():
    moved = tongues.moved(Phrases(idle="Hello? Anybody?"), "en", "hi")

    assert moved == replace(tongues.shipped("hi"), idle="Hello? Anybody?")
    assert tongues.moved(moved, "hi", "en") == Phrases(idle="Hello? Anybody?")


def test_the_prompt_of_a_language_is_told_with_it_alone():
    blueprint = replace(BLUEPRINT, tongues=(replace(HINDI, instructions="Say ji."),))

    assert tongues.prompt(blueprint, "hi").endswith("Say ji.")
    assert "answer in Hindi" in tongues.prompt(blueprint, "hi")
    assert "Say ji." not in tongues.prompt(blueprint, "en")
    assert "answer in English" in tongues.prompt(blueprint, "en")


@pytest.mark.parametrize(
    ("declared", "language", "known"),
    [
        (("en", "hi"), "hi-IN", True),
        (("en-US",), "en", True),
        (("en",), "hi", False),
        ((), "hi", True),
        (("en",), "", True),
    ],
)
def test_who_knows_a_language(declared, language, known):
    assert tongues.knows(declared, language) is known
