"""Who serves a stage: health, circuits, tokens, line-ups, built-in tools' words; pure or nearly so."""

from dataclasses import replace

import pytest

from agents.voice import builtin, providers, stages
from agents.voice.blueprint import Second, Stage, Tongue, TransferTarget
from agents.voice.clock import SystemClock
from agents.voice.errors import ProviderError, ProviderRefused, UnknownProvider
from agents.voice.health import FAILURES, OPEN_S, Bucket, Health
from agents.voice.ledger import Ledger, Piece
from agents.voice.providers.base import ToolCall
from tests.agents.voice.conversing import BLUEPRINT
from tests.fakes.providers import FakeLlm, FakeStt, fakes

SCRIPTED = Stage("scripted", "scripted", "tone")
OTHER = Stage("other", "other", "o")


def test_a_circuit_opens_after_three_failures_in_a_row_and_closes_half_a_minute_later():
    health = Health()
    for second in range(FAILURES):
        assert not health.is_open("a", second)
        health.failed("a", second)

    assert health.is_open("a", FAILURES)
    assert not health.is_open("b", FAILURES)
    assert not health.is_open("a", FAILURES - 1 + OPEN_S)


def test_a_success_in_between_forgets_the_failures():
    health = Health()
    for second in range(10):
        health.failed("a", second)
        if second % 2:
            health.worked("a")

    assert not health.is_open("a", 10)


def test_a_bucket_lets_a_tenth_through():
    bucket = Bucket(0.1, 0.0)
    taken = 0
    for _ in range(1_000):
        bucket.passes()
        taken += bucket.take()

    assert 95 <= taken <= 100


def test_who_is_ill_is_asked_after_who_is_not_and_who_refused_last():
    both = replace(fakes(), llm_second=FakeLlm([], name="other"))
    lineup = stages.models(replace(BLUEPRINT, second=Second(llm=OTHER)), both, SystemClock())
    first, second = lineup.order
    for _ in range(FAILURES):
        first.failed(ProviderError("fake", "http_500"))

    assert lineup.order == [second, first]
    second.failed(ProviderRefused("other", "unauthorized"))
    assert lineup.order == [first, second]


def test_the_stage_to_serve_is_named_in_each_candidates_blueprint():
    both = replace(fakes(), stt_second=FakeStt([], name="other"))
    lineup = stages.listeners(replace(BLUEPRINT, second=Second(stt=OTHER)), both, SystemClock())

    assert [one.blueprint.stt for one in lineup.order] == [BLUEPRINT.stt, OTHER]


def test_seconds_and_other_languages_voices_are_built():
    blueprint = replace(
        BLUEPRINT,
        stt=SCRIPTED,
        llm=SCRIPTED,
        tts=SCRIPTED,
        second=Second(SCRIPTED, None, SCRIPTED),
        tongues=(Tongue("hi", SCRIPTED),),
    )

    built = providers.build(blueprint)

    assert built.stt_second is built.stt
    assert built.llm_second is None
    assert dict(built.tongues)["hi"] is built.tts


def test_behind_a_model_that_hears_and_speaks_stand_the_blueprints_own_stages():
    pytest.importorskip("agents.voice.providers.openai.realtime")
    blueprint = replace(
        BLUEPRINT, stt=SCRIPTED, llm=SCRIPTED, tts=SCRIPTED, realtime=Stage("openai", "gpt-realtime", "marin")
    )

    one, two = providers.build(blueprint), providers.build(blueprint)
    lineup = stages.models(blueprint, one, SystemClock())

    assert one.llm.capabilities.speaks
    assert one.llm is not two.llm, "it belongs to one call"
    assert [candidate.stage for candidate in lineup.order] == [blueprint.realtime, SCRIPTED]
    with pytest.raises(UnknownProvider):
        providers.build(replace(blueprint, realtime=SCRIPTED))


# --- the agent's own tools ---

AGENT = replace(BLUEPRINT, targets=(TransferTarget("Front desk", "+911"),), tongues=(Tongue("hi-IN", OTHER),))


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("end_call", '{"reason": "done", "farewell": " Bye. "}', builtin.EndCall("done", "Bye.")),
        ("end_call", "", builtin.EndCall()),
        ("transfer", '{"target": "FRONT desk"}', builtin.Transfer("Front desk")),
        ("switch_language", '{"language": "hi"}', builtin.SwitchLanguage("hi-IN")),
        ("collect_digits", '{"count": 6}', builtin.CollectDigits(6, "#", "", secret=False)),
    ],
)
def test_what_a_model_may_ask_for(name, arguments, expected):
    assert builtin.command(ToolCall("1", name, arguments), AGENT) == expected


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("transfer", '{"target": "+15551234"}'),
        ("transfer", "{}"),
        ("switch_language", '{"language": "fr"}'),
        ("collect_digits", '{"count": true}'),
        ("collect_digits", '{"count": 1.5}'),
        ("end_call", "[1]"),
        ("end_call", '{"reason": 5}'),
        ("launch", "{}"),
    ],
)
def test_what_it_may_not(name, arguments):
    with pytest.raises(builtin.WrongArguments):
        builtin.command(ToolCall("1", name, arguments), AGENT)


def test_tools_that_make_no_sense_are_not_offered():
    assert [spec.name for spec in builtin.specs(BLUEPRINT)] == ["end_call", "collect_digits"]
    assert {spec.name for spec in builtin.specs(AGENT)} == builtin.NAMES


# --- where a paused reply goes on ---


def test_a_sentence_of_which_little_was_heard_begins_again_else_the_last_word():
    ledger = Ledger()
    ledger.begin(1)
    words = [("One", 12_000), ("two", 24_000), ("three.", 36_000)]
    ledger.said.pieces += [Piece("One two three.", 0, 36_000, words), Piece("Four.", 36_000, None)]

    assert ledger.word_before(10_000) == 0
    assert ledger.word_before(26_000) == 24_000
    assert ledger.word_before(40_000) == 36_000
