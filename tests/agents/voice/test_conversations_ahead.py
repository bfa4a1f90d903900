"""Conversations in which something is done ahead: drafts, fillers, what a pause takes back; and models that speak."""

from dataclasses import replace

import pytest

from agents.voice.providers.base import (
    LlmAudio,
    LlmCapabilities,
    LlmText,
    LlmTool,
    SttCapabilities,
    SttEager,
    SttResumed,
    SttTurnEnd,
    SttUsage,
    ToolCall,
)
from agents.voice.providers.scripted import tone
from tests.agents.voice.conversing import BLUEPRINT, GREETING, LONG, call
from tests.fakes.providers import FakeBox, FakeStt, fakes
from tests.speech import babble

FLUX = SttCapabilities("provider", partials=True, languages=("en",), eager=True)
ASKS = [(4_000, babble(900))]


def turns(*events, replies=(), **options):
    """Providers whose recogniser ends the turns itself; events as (ms of audio, event)."""
    return replace(fakes([], replies, **options), stt=FakeStt([], list(events), capabilities=FLUX))


def test_a_draft_is_adopted_and_saves_its_time():
    providers = turns(
        (5_100, SttEager("When are you open?")), (5_600, SttTurnEnd("when are you open")), replies=["At nine."]
    )
    providers.llm.first_s = 0.4

    outcome = call(providers, speech=ASKS, hang_up_ms=10_000)

    assert outcome.said("agent")[-1] == "At nine."
    assert len(providers.llm.asked) == 1
    timing = outcome.report.turns[-1].timing
    assert (timing.model_ms, timing.token_ms) == (0, 0)
    assert outcome.counter("drafts_adopted") == 1


def test_a_draft_of_other_words_is_dropped_and_leaves_no_trace():
    providers = turns(
        (5_100, SttEager("When are you")),
        (5_300, SttResumed()),
        (6_200, SttTurnEnd("when are you open on monday")),
        replies=["Draft.", "At nine."],
    )

    outcome = call(providers, speech=[(4_000, babble(2_000))], hang_up_ms=11_000)

    assert outcome.said("agent") == [GREETING, "At nine."]
    assert [message.text for message in providers.llm.asked[1][2:]] == ["when are you open on monday"]
    assert (outcome.counter("drafts"), outcome.counter("drafts_dropped")) == (1, 1)


def test_a_draft_asks_no_tool_before_it_is_adopted():
    from agents.voice.providers.base import LlmTool, ToolCall
    from tests.fakes.providers import FakeBox

    box = FakeBox(effects={"book": "write"})
    asks = [LlmTool(ToolCall("call_1", "book", "{}"))]
    providers = turns(
        (5_100, SttEager("book it")),
        (5_400, SttResumed()),
        (6_400, SttTurnEnd("book it on friday")),
        replies=[asks, "On Friday."],
    )

    outcome = call(providers, tools=box, speech=[(4_000, babble(2_200))], hang_up_ms=11_000)

    assert box.ran == []
    assert outcome.said("agent")[-1] == "On Friday."


def test_an_adopted_draft_asks_its_tools():
    from agents.voice.providers.base import LlmTool, ToolCall
    from tests.fakes.providers import FakeBox

    box = FakeBox(effects={"book": "write"})
    asks = [LlmTool(ToolCall("call_1", "book", "{}"))]
    providers = turns((5_100, SttEager("book it")), (5_600, SttTurnEnd("Book it.")), replies=[asks, "Booked."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=11_000)

    assert [name for name, _, _ in box.ran] == ["book"]
    assert outcome.said("agent")[-1] == "Booked."


def test_drafts_that_are_mostly_wasted_are_given_up():
    events = []
    for number in range(12):
        at = 4_300 + number * 2_000
        events += [(at, SttEager(f"well number {number}")), (at + 300, SttResumed())]
    events.append((29_000, SttTurnEnd("well at last")))
    providers = turns(*events, replies=["x."] * 12)
    speech = [(4_000 + 2_000 * number, babble(700)) for number in range(13)]

    outcome = call(providers, speech=speech, hang_up_ms=33_000)

    assert outcome.counter("drafts") <= 10
    assert outcome.report.errors == ()


def test_a_dropped_draft_is_counted_as_what_it_was():
    providers = turns(
        (5_100, SttEager("when are you")),
        (5_800, SttResumed()),
        (6_900, SttTurnEnd("when are you open")),
        replies=[["A draft that is long enough to count. ", 5.0], "At nine."],
    )

    outcome = call(providers, speech=[(4_000, babble(2_600))], hang_up_ms=12_000)

    assert outcome.counter("draft_tokens_dropped") == 9
    assert outcome.usage("llm.tokens_out") == 9


def test_a_model_that_is_late_is_covered_by_a_filler_once():
    providers = fakes(["when"], ["At nine."])
    providers.llm.first_s = 3.2

    outcome = call(providers, speech=ASKS, hang_up_ms=14_000)

    assert outcome.kinds("agent") == ["greeting", "filler", "speech"]
    assert outcome.said("agent")[1] == BLUEPRINT.phrases.wait


def test_a_long_pause_is_followed_by_the_last_word_again():
    providers = fakes(["when", "mm hmm"], [LONG])

    outcome = call(providers, speech=[*ASKS, (8_300, babble(500, seed=3))], hang_up_ms=20_000)

    assert LONG in outcome.said("agent")
    sound = sum(end - start for start, end in outcome.line.audible_ms() if start > 5_000)
    assert sound > 60 * (len(LONG) + 1)


def test_fixed_sentences_are_made_once_per_process():
    first, second = fakes(), fakes()
    call(first, hang_up_ms=3_000)
    outcome = call(second, hang_up_ms=3_000)

    assert first.tts.said == [GREETING]
    assert second.tts.said == []
    assert outcome.line.audible_ms()[0][0] <= 20


def test_figures_are_spoken_as_people_say_them_and_written_as_they_were():
    providers = fakes(["how much"], ["It costs Rs. 1,25,000."])

    outcome = call(providers, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "It costs Rs. 1,25,000."
    assert "lakh" in providers.tts.said[-1]


SPEAKS = LlmCapabilities(keeps_state=False, languages=("en",), speaks=True)


def test_a_model_that_speaks_goes_past_the_voice():
    answer = [LlmText("We open "), LlmAudio(tone(0.5)), LlmText("at nine."), LlmAudio(tone(0.5))]
    providers = fakes(["when"], [answer])
    providers.llm.capabilities = SPEAKS

    outcome = call(providers, speech=ASKS, hang_up_ms=10_000)

    assert outcome.said("agent")[-1] == "We open at nine."
    assert providers.tts.said == [GREETING]
    assert sum(end - start for start, end in outcome.line.audible_ms() if start > 4_000) == 1_000


def test_a_model_that_speaks_is_told_what_was_heard():
    answer = [LlmText(LONG), LlmAudio(tone(6.0))]
    providers = fakes(["when", "no i mean tuesday"], [answer, [LlmText("Yes."), LlmAudio(tone(0.4))]])
    providers.llm.capabilities = SPEAKS
    providers.stt.partials += [(8_600, "no i mean")]

    outcome = call(providers, speech=[*ASKS, (8_000, babble(1_500, seed=2))], hang_up_ms=14_000)

    cut = outcome.report.turns[2]
    assert cut.interrupted
    assert 2_200 < providers.llm.heard_ms[0] < 3_200
    assert LONG.startswith(cut.text)


def test_a_model_that_speaks_waits_for_the_filler_and_is_told_what_was_heard_of_its_own():
    providers = fakes(["when", "no i mean tuesday"], [[3.0, LlmText(LONG), LlmAudio(tone(6.0))], "Yes."], first_s=0.0)
    providers.llm.capabilities = SPEAKS
    providers.stt.partials += [(11_100, "no i mean")]

    outcome = call(providers, speech=[*ASKS, (10_500, babble(1_500, seed=2))], hang_up_ms=16_000)

    filler, cut = outcome.report.turns[2:4]
    assert (filler.kind, cut.interrupted) == ("filler", True)
    assert filler.ended_ms - filler.started_ms > 200
    assert filler.ended_ms <= cut.started_ms + 20
    assert providers.llm.heard_ms[0] == pytest.approx(cut.ended_ms - cut.started_ms, abs=150)


def test_a_model_that_speaks_is_told_of_all_rounds_of_its_answer():
    ask = LlmTool(ToolCall("call_1", "find", "{}"))
    rounds = [[LlmText("Let me see."), LlmAudio(tone(1.0)), ask], [LlmText(LONG), LlmAudio(tone(6.0))], "Yes."]
    providers = fakes(["when", "no i mean tuesday"], rounds)
    providers.llm.capabilities = replace(SPEAKS, tools=True)
    providers.stt.partials += [(11_100, "no i mean")]

    box = FakeBox(takes={"find": 2.5}, effects={"find": "read"})
    outcome = call(providers, tools=box, speech=[*ASKS, (10_500, babble(1_500, seed=2))], hang_up_ms=16_000)

    assert "One moment, please." in outcome.said("agent")
    filler_ms = 60 * sum(len(word) + 1 for word in ("One", "moment,", "please."))
    audible_ms = sum(end - start for start, end in outcome.line.audible_ms() if start > 5_000)
    assert providers.llm.heard_ms[0] == pytest.approx(audible_ms - filler_ms, abs=150)
    assert providers.llm.heard_ms[0] > 3_000


def test_what_writing_down_costs_is_metered_under_the_name_of_who_did_it():
    providers = fakes(["when"], ["At nine."])
    providers.stt.partials += [(3_000, SttUsage("writer", 15, 12, 5)), (6_000, SttUsage("writer", audio_ms=2_500))]

    outcome = call(providers, speech=ASKS, hang_up_ms=8_000)

    used = {line.meter: line.amount for line in outcome.report.usage if line.model == "writer"}
    assert used == {"stt.tokens_in": 15, "stt.audio_in": 12, "stt.tokens_out": 5, "stt.audio": 2_500}
