"""Orders to a running call: hang up, say, instruct, put through, and what became of ringing somebody."""

from dataclasses import replace

import msgspec
import pytest

from agents.voice.blueprint import TransferTarget
from agents.voice.orders import (
    WAITING,
    AnyOrder,
    HangUp,
    Instruct,
    MachineDetected,
    Orders,
    Say,
    Transfer,
    TransferResult,
)
from agents.voice.providers.base import LlmTool, ToolCall
from tests.agents.voice.conversing import BLUEPRINT, GREETING, LONG, call
from tests.fakes.providers import fakes
from tests.speech import babble

WITH_TARGET = replace(BLUEPRINT, targets=(TransferTarget("Front desk", "+918041234567"),))


def test_a_hang_up_is_a_goodbye_and_then_the_end():
    outcome = call(fakes(), orders=[(4_000, HangUp("operator"))], hang_up_ms=30_000)

    assert outcome.said("agent") == [GREETING, BLUEPRINT.phrases.goodbye]
    assert outcome.report.outcome == "agent_hung_up"
    assert 4_000 < outcome.line.stopped_at < 9_000


def test_the_caller_cannot_talk_the_agent_out_of_a_hang_up():
    providers = fakes(["no wait I have a question"])
    providers.stt.partials += [(5_200, "no wait I have")]

    outcome = call(providers, orders=[(4_000, HangUp())], speech=[(4_600, babble(1_500))], hang_up_ms=30_000)

    assert outcome.report.outcome == "agent_hung_up"
    assert outcome.said("agent")[-1] == BLUEPRINT.phrases.goodbye


@pytest.mark.parametrize("reason", ["drained", "failed"])
def test_some_reasons_are_the_calls_outcome(reason):
    assert call(fakes(), orders=[(3_000, HangUp(reason))], hang_up_ms=30_000).report.outcome == reason


def test_a_sentence_waits_for_a_silence():
    providers = fakes(["when do you open"], [LONG])

    outcome = call(
        providers,
        speech=[(2_500, babble(700))],
        orders=[(5_000, Say("Your money is nearly used up.")), (5_000, Say("One more thing."))],
        hang_up_ms=20_000,
    )

    assert outcome.said("agent")[:4] == [GREETING, LONG, "Your money is nearly used up.", "One more thing."]
    assert outcome.kinds("agent")[:4] == ["greeting", "speech", "notice", "notice"]
    assert not any(turn.interrupted for turn in outcome.report.turns)


def test_what_was_said_by_order_is_known_to_the_model():
    providers = fakes(["what did you say"], ["As I said."])

    call(providers, orders=[(3_000, Say("We close early."))], speech=[(6_000, babble(900))], hang_up_ms=12_000)

    assert [message.text for message in providers.llm.asked[-1]][1:] == [
        GREETING,
        "We close early.",
        "what did you say",
    ]


def test_too_many_sentences_are_ignored():
    orders = [(500, Say(f"Number {n}.")) for n in range(7)]

    outcome = call(fakes(), orders=orders, hang_up_ms=30_000)

    assert outcome.kinds("agent").count("notice") == 4
    assert outcome.counter("order_ignored") == 3


def test_new_instructions_count_from_the_next_reply():
    providers = fakes(["hello", "hello again"], ["Yes.", "Yes?"])

    call(
        providers,
        speech=[(2_500, babble(700)), (8_000, babble(700, seed=2))],
        orders=[(6_000, Instruct("Speak of the discount."))],
        hang_up_ms=14_000,
    )

    systems = [[message.text for message in asked if message.role == "system"] for asked in providers.llm.asked]
    assert systems == [["Be kind."], ["Be kind.", "Speak of the discount."]]


def test_a_caller_is_put_through_by_order():
    outcome = call(fakes(), blueprint=WITH_TARGET, orders=[(4_000, Transfer("front DESK"))], hang_up_ms=30_000)

    assert (outcome.report.outcome, outcome.report.transfer_to) == ("transfer", "Front desk")
    assert outcome.said("agent")[-1] == BLUEPRINT.phrases.wait


def test_nobody_is_put_through_to_whom_the_agent_does_not_know():
    outcome = call(fakes(), blueprint=WITH_TARGET, orders=[(4_000, Transfer("+15550100"))], hang_up_ms=8_000)

    assert (outcome.report.outcome, outcome.report.transfer_to) == ("caller_hung_up", None)
    assert outcome.counter("order_ignored") == 1


def test_a_failed_transfer_is_told_to_the_model_as_the_result_of_its_tool():
    putting_through = [
        "I am putting you through now to the front desk, please hold the line.",
        LlmTool(ToolCall("t1", "transfer", '{"target": "Front desk"}')),
    ]
    providers = fakes(
        ["put me through", "no wait I have one more question"],
        [putting_through, "What is it?", "They did not answer."],
    )
    providers.stt.partials += [(5_500, "no wait I have one")]

    outcome = call(
        providers,
        blueprint=WITH_TARGET,
        speech=[(2_500, babble(700)), (4_800, babble(1_200, seed=2))],
        orders=[(10_000, TransferResult("no_answer", "Front desk", "rang for 30 s"))],
        hang_up_ms=14_000,
    )

    [told] = [message.text for message in providers.llm.asked[-1] if message.role == "tool"]
    assert told.startswith("Not done: Front desk did not answer (rang for 30 s).")
    assert outcome.said("agent")[-2:] == ["What is it?", "They did not answer."]
    assert ("transfer", {"status": "no_answer", "target": "Front desk"}) in outcome.facts


def test_orders_that_make_no_sense_here_are_counted():
    outcome = call(
        fakes(),
        orders=[(3_000, MachineDetected("machine")), (3_000, TransferResult("busy", "Front desk"))],
        hang_up_ms=6_000,
    )

    assert outcome.counter("order_ignored") == 2
    assert outcome.report.outcome == "caller_hung_up"


def test_orders_that_come_before_the_brain_wait_for_it_and_those_after_the_call_are_refused():
    box, got = Orders(), []

    assert all(box.give(Say(str(number))) for number in range(WAITING))
    assert not box.give(Say("one too many"))
    box.open(got.append)
    assert box.give(HangUp())
    box.close()
    assert not box.give(HangUp())

    assert got == [*(Say(str(number)) for number in range(WAITING)), HangUp()]


@pytest.mark.parametrize(
    "order",
    [
        MachineDetected("machine"),
        HangUp("operator"),
        Say("नमस्ते"),
        Instruct("Be brief."),
        Transfer("Front desk"),
        TransferResult("busy", "Front desk", "until five"),
    ],
)
def test_an_order_survives_the_wire(order):
    assert msgspec.json.decode(msgspec.json.encode(order), type=AnyOrder) == order
