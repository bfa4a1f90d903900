"""Does a colleague take the call?"""

from dataclasses import replace

import pytest

from agents.voice import builtin
from agents.voice.blueprint import TransferTarget
from agents.voice.offering import verdict
from agents.voice.providers.base import ToolCall
from agents.voice.words import lexicon
from tests.agents.voice.conversing import BLUEPRINT, call
from tests.fakes.providers import fakes
from tests.speech import babble

OFFER = replace(BLUEPRINT, targets=(TransferTarget("the caller"),), offers="the caller")


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("Yes.", True),
        ("Yes please", True),
        ("Okay, put him through.", True),
        ("sure, connect them", True),
        ("No problem, I take it.", True),
        ("No.", False),
        ("Not now, I am in a meeting.", False),
        ("Sorry, I can't.", False),
        ("Tell her I call back later.", False),
        ("Yes but I can't", None),
        ("Who is it?", None),
        ("Yes what does he want from us then", None),
        ("", None),
    ],
)
def test_a_clear_answer_in_english(said, wanted):
    assert verdict(said, lexicon("en"), keys=False) is wanted


@pytest.mark.parametrize(
    ("said", "wanted"),
    [("हाँ", True), ("हाँ, जोड़ दीजिए", True), ("अभी नहीं", False), ("मैं मीटिंग में हूँ", False), ("कौन है?", None)],
)
def test_a_clear_answer_in_hindi(said, wanted):
    assert verdict(said, lexicon("hi"), keys=False) is wanted


@pytest.mark.parametrize(("keys", "wanted"), [("1", True), ("2", False), ("12", None), ("5", None)])
def test_keys(keys, wanted):
    assert verdict(keys, lexicon("en"), keys=True) is wanted


@pytest.mark.parametrize(("said", "outcome"), [("yes put them through", "transfer"), ("not now", "agent_hung_up")])
def test_a_colleague_who_answers_clearly_needs_no_model(said, outcome):
    providers = fakes([said], ["This should not be asked."])

    found = call(providers, blueprint=OFFER, speech=[(4_000, babble(900))], hang_up_ms=30_000)

    assert found.report.outcome == outcome
    assert found.report.transfer_to == ("the caller" if outcome == "transfer" else None)
    assert providers.llm.asked == []


def test_a_question_is_for_the_model():
    providers = fakes(["what is it about"], ["A refund."])

    found = call(providers, blueprint=OFFER, speech=[(4_000, babble(900))], hang_up_ms=9_000)

    assert "A refund." in found.said("agent")


def test_a_target_that_is_closed_now_is_told_to_the_model():
    blueprint = replace(BLUEPRINT, targets=(TransferTarget("Front desk", "+918041234567"),), closed=("Front desk",))

    with pytest.raises(builtin.WrongArguments, match="nobody is there at this hour"):
        builtin.command(ToolCall("1", "transfer", '{"target": "front desk"}'), blueprint)


@pytest.mark.parametrize("warm", [True, False])
def test_only_a_colleague_who_hears_of_it_is_told_what_it_is_about(warm):
    targets = (TransferTarget("Front desk", "+918041234567", warm=warm),)

    [spec] = [spec for spec in builtin.specs(replace(BLUEPRINT, targets=targets)) if spec.name == "transfer"]

    assert ("about" in spec.schema) is warm
