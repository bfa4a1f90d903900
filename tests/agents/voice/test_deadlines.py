"""Waits that never end by themselves: each has its limit, and behind the limit something to do."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from agents.voice.blueprint import Second, Stage
from agents.voice.mouth import RECORDED
from agents.voice.providers.base import LlmEnd, LlmText, LlmTransfer
from tests.agents.voice.conversing import BLUEPRINT, GREETING, LONG, call
from tests.fakes.providers import FakeStt, FakeTts, fakes
from tests.speech import babble

OTHER = Stage("other", "other", "o")
SECOND = replace(BLUEPRINT, second=Second(stt=OTHER, tts=OTHER))


@asynccontextmanager
async def never(blueprint):
    await asyncio.sleep(3_600)
    yield


def test_a_recogniser_that_never_connects_is_tried_twice_and_the_next_hears_all_of_it():
    providers = replace(fakes([], ["At nine."]), stt_second=FakeStt(["when are you open"], name="other"))
    providers.stt.open = never

    outcome = call(providers, blueprint=SECOND, speech=[(1_800, babble(1_200))], hang_up_ms=12_000)

    assert outcome.said("agent") == [GREETING, "At nine."]
    assert [error for error in outcome.report.errors if "connect" in error] == ["fake: connect"] * 2
    fed = providers.stt_second.fed[0]
    assert len(fed) * 20 == pytest.approx(12_000 - 1_500, abs=400), "from 300 ms before the voice on, and none is lost"


def test_alone_it_is_given_up_after_three_tries():
    providers = fakes(["hi"])
    providers.stt.open = never

    outcome = call(providers, hang_up_ms=60_000)

    assert outcome.report.outcome == "failed"
    assert outcome.said("agent")[-1] == BLUEPRINT.phrases.failed
    assert outcome.report.duration_ms < 22_000


def test_two_voices_that_say_nothing_leave_the_recorded_apology():
    providers = replace(fakes([], [], stalls=True), tts_second=FakeTts(name="other", stalls=True))

    outcome = call(providers, blueprint=SECOND, hang_up_ms=20_000)

    assert outcome.said("agent") == [RECORDED]
    assert outcome.line.audible_ms()[0][0] == pytest.approx(3 * 1_200, abs=200)


def test_a_clear_that_is_never_acknowledged_holds_the_next_answer_up_for_a_second():
    providers = fakes(["when are you open", "stop"], [LONG, "Always."])
    providers.stt.partials += [(9_400, "stop")]

    outcome = call(
        providers, speech=[(4_000, babble(1_500)), (9_000, babble(600, seed=2))], hang_up_ms=16_000, loses_clears=True
    )

    assert outcome.report.turns[2].interrupted
    assert outcome.said("agent")[-1] == "Always."
    last_clear = outcome.line.clears[-1]
    spoken = next(start for start, _ in outcome.line.audible_ms() if start > last_clear)
    assert spoken - last_clear == pytest.approx(1_000, abs=20)


def test_a_farewell_whose_marks_never_come_back_is_believed_to_be_heard():
    outcome = call(fakes(), blueprint=BLUEPRINT, hang_up_ms=60_000, ack_marks=False)

    farewell_ends = outcome.line.audible_ms()[-1][1]
    assert outcome.report.outcome == "silence"
    assert outcome.line.stopped_at - farewell_ends == pytest.approx(600, abs=40), "the delay, and half a second more"


def test_marks_that_never_come_back_hold_up_no_other_reply():
    outcome = call(fakes(), hang_up_ms=14_000, ack_marks=False)

    (_, greeted), (asked, _) = outcome.line.audible_ms()[:2]
    assert asked - greeted < BLUEPRINT.limits.idle_ms + 400


ENDINGS = {
    "goodbye": [LlmText("Thank you. Goodbye."), LlmEnd("goodbye")],
    "transfer": [LlmText("I put you through."), LlmTransfer("Pharmacy")],
}


@pytest.mark.parametrize("words", ENDINGS.values(), ids=ENDINGS)
def test_the_last_words_are_heard_to_their_end_on_a_line_that_plays_late(words):
    providers = fakes(["that is all"], [words])

    outcome = call(providers, speech=[(4_000, babble(900))], hang_up_ms=60_000, late_ms=300)

    assert 299 <= outcome.line.stopped_at - outcome.line.audible_ms()[-1][1] <= 340


def test_so_is_the_message_for_a_voicemail():
    providers = fakes(["please leave a message after the tone"])
    providers.stt.partials += [(2_500, "please leave a message")]

    outcome = call(
        providers,
        blueprint=replace(BLUEPRINT, outbound=True, phrases=replace(BLUEPRINT.phrases, voicemail="We called.")),
        speech=[(500, babble(3_000))],
        hang_up_ms=60_000,
        late_ms=300,
    )

    assert outcome.kinds("agent") == ["voicemail"]
    assert 299 <= outcome.line.stopped_at - outcome.line.audible_ms()[-1][1] <= 340
