"""Grammars made from agents: the real decoder reads each of them, and every word in them can be pronounced."""

import re

import pytest

from agents.voice.blueprint import Answer, Blueprint, Form, Slot, TransferTarget
from agents.voice.providers.local import grammar
from agents.voice.providers.local.dictionary import model_folder, pronunciations
from tests.agents.voice.providers.local.example import agent

pytest.importorskip("pocketsphinx")

HINTS = {
    "clinic": [
        (),
        ("yesno",),
        ("doctor", "choice", "day", "time"),
        ("day", "doctor", "time"),
        ("time", "doctor", "day"),
        ("doctor", "day", "time"),
        ("confirmation", "yesno", "doctor", "day", "time"),
        ("topic", "choice"),
        ("callback", "digits", "topic"),
        ("confirmed", "yesno", "topic"),
        ("topic", "callback"),
        ("no such slot",),
    ],
    "restaurant": [
        (),
        ("guests", "number", "day", "time", "place"),
        ("place", "choice", "day", "time"),
        ("confirmation", "yesno", "day", "time", "place"),
        ("digits",),
    ],
    "blank": [(), ("yesno",)],
}


def words_of(text: str) -> set[str]:
    """What is left of JSGF without rules' names, weights and signs."""
    body = re.sub(r"<[^>]*>|/[^/ ]*/|#JSGF.*|grammar \w+;|public|[()\[\]|=;+*]", " ", text)
    return set(body.split())


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    """A real one with the vocabulary of both starting points."""
    import pocketsphinx

    known = pronunciations({word for point in HINTS for word in grammar.vocabulary(agent(point))})
    path = tmp_path_factory.mktemp("words") / "agent.dict"
    path.write_text("".join(f"{word} {ways[0]}\n" for word, ways in known.items()))
    return pocketsphinx.Decoder(
        hmm=f"{model_folder()}/en-us", dict=str(path), lm=None, samprate=16_000, loglevel="FATAL"
    )


@pytest.mark.parametrize(("point", "hints"), [(point, hints) for point, all_ in HINTS.items() for hints in all_])
def test_the_decoder_reads_the_grammar_of_each_question(decoder, point: str, hints: tuple[str, ...]):
    blueprint = agent(point)

    made = grammar.build(blueprint, hints, pronunciations(grammar.vocabulary(blueprint)))
    decoder.add_jsgf_string("said", made.text)

    assert decoder.get_fsg("said") is not None
    decoder.remove_search("said")


@pytest.mark.parametrize(("point", "hints"), [(point, hints) for point, all_ in HINTS.items() for hints in all_])
def test_every_word_of_a_grammar_is_named_and_has_a_pronunciation(point: str, hints: tuple[str, ...]):
    blueprint = agent(point)
    known = pronunciations(grammar.vocabulary(blueprint))

    made = grammar.build(blueprint, hints, known)

    assert words_of(made.text) <= made.words
    assert made.words <= set(known)
    assert made.dropped == ()


def test_a_phrase_with_a_word_without_pronunciation_is_left_out_and_named():
    answers = (Answer("What is a zzyzxq?", "Nothing.", ("tell me about pancakes",)),)
    blueprint = agent("blank", answers=answers, targets=(TransferTarget("Qwrtzy desk", "+918047182211"),))
    known = pronunciations(grammar.vocabulary(blueprint))

    made = grammar.build(blueprint, (), known)

    assert "what is a zzyzxq" in made.dropped
    assert any("qwrtzy" in phrase for phrase in made.dropped)
    assert "zzyzxq" not in words_of(made.text)
    assert "pancakes" in words_of(made.text)


def test_an_agent_whose_every_word_is_unknown_still_has_a_grammar(decoder):
    form = Form("Form", ("qwrtzy",), (Slot("zzyzxq", "?", "choice", ("xqz", "qxz")),), "Done.")
    blueprint = agent("blank", forms=(form,), targets=())

    made = grammar.build(blueprint, ("zzyzxq", "choice"), pronunciations(grammar.vocabulary(blueprint)))
    decoder.add_jsgf_string("poor", made.text)

    assert "goodbye" in words_of(made.text)
    decoder.remove_search("poor")


def test_unknown_words_are_reported_once_each_and_in_order():
    assert grammar.unknown_words(["Book a zzyzxq", "the Qwrtzy & zzyzxq at 4:30 p.m."]) == ["zzyzxq", "qwrtzy"]


def test_numbers_and_signs_are_known_by_their_words():
    assert grammar.unknown_words(["Room 12, 2nd floor", "₹400 + 5%", "Dr. Rao's"][:2]) == []


@pytest.mark.parametrize("point", HINTS)
def test_a_starting_point_has_only_words_that_the_recogniser_knows(point: str):
    blueprint: Blueprint = agent(point)

    assert set(grammar.vocabulary(blueprint)) == set(pronunciations(grammar.vocabulary(blueprint)))
