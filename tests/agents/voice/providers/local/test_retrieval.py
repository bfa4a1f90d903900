"""Which answer is meant: paraphrases find it, other topics stay under the threshold."""

import pytest

from agents.voice.providers.local.retrieval import ENOUGH, Index
from tests.agents.voice.providers.local.example import agent

CLINIC = Index([(answer.question, (answer.question, *answer.phrasings)) for answer in agent().answers])


@pytest.mark.parametrize("answer", agent().answers, ids=lambda answer: answer.question)
def test_each_phrasing_is_its_own_answer_with_full_score(answer):
    assert {CLINIC.find(text) for text in map(str.lower, answer.phrasings)} <= {(answer.question, 1.0)}


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("could you tell me your opening hours please", "What are your opening hours?"),
        ("and when are you closing", "What are your opening hours?"),
        ("i would like to know the fee", "How much is a consultation?"),
        ("what does a consultation cost", "How much is a consultation?"),
        ("is there a parking place", "Is there parking?"),
        ("do you have a children's doctor", "Which doctors do you have?"),
        ("are the test results ready", "When will I get my report?"),
        ("please can i pay with a card", "How can I pay?"),
        ("what is the address please", "Where is the clinic?"),
        ("hello do you accept my insurance", "Do you take health insurance?"),
    ],
)
def test_a_paraphrase_finds_its_answer(said: str, question: str):
    found = CLINIC.find(said)

    assert found is not None
    assert found[0] == question
    assert found[1] >= ENOUGH


@pytest.mark.parametrize(
    "said",
    [
        "my dog ate the homework",
        "the weather is lovely in paris",
        "who won the football match",
        "play some music",
        "what is the capital of australia",
        "i think the government should resign",
        "what can you tell me about the moon",
        "bananas",
        "",
    ],
)
def test_another_topic_stays_under_the_threshold(said: str):
    found = CLINIC.find(said)

    assert found is None or found[1] < ENOUGH


def test_an_index_of_nothing_finds_nothing():
    assert Index([]).find("what are your opening hours") is None
