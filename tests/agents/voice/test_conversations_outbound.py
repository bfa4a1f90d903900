"""Calls that we dialled: a person, a voicemail, a bot that screens, a number that cannot be reached."""

from dataclasses import replace

import numpy as np

from agents.voice import audio
from tests.agents.voice.conversing import BLUEPRINT, GREETING, call
from tests.fakes.providers import fakes
from tests.speech import babble

DIALLED = replace(BLUEPRINT, outbound=True)


def beep(ms=400):
    at = np.arange(ms * 8) / audio.RATE
    return audio.mulaw((8_000 * np.sin(2 * np.pi * 1_000 * at)).astype("=i2").tobytes())


def test_a_person_says_hello_and_then_hears_the_greeting():
    providers = fakes(["hello", "yes speaking"], ["Your appointment is on Monday."])

    outcome = call(providers, blueprint=DIALLED, speech=[(1_000, babble(500)), (6_000, babble(700))], hang_up_ms=12_000)

    assert outcome.said("caller") == ["hello", "yes speaking"]
    assert outcome.said("agent") == [GREETING, "Your appointment is on Monday."]
    assert 1_900 < outcome.line.audible_ms()[0][0] < 2_500
    assert ("answered_by", {"party": "human", "because": "short"}) in outcome.told


def test_silence_is_greeted_after_a_moment():
    outcome = call(fakes(), blueprint=DIALLED, hang_up_ms=5_000)

    assert 1_200 <= outcome.line.audible_ms()[0][0] <= 1_500
    assert outcome.said("agent") == [GREETING]


def test_a_voicemail_gets_its_message_after_the_tone_and_the_call_ends():
    providers = fakes(["please leave a message after the tone"])
    providers.stt.partials += [(2_500, "please leave a message")]

    outcome = call(providers, blueprint=DIALLED, speech=[(500, babble(5_000)), (6_000, beep())], hang_up_ms=60_000)

    assert outcome.kinds("agent") == ["voicemail"]
    assert outcome.said("agent")[0].startswith(GREETING)
    assert 6_300 <= outcome.line.audible_ms()[0][0] <= 8_000
    assert outcome.report.outcome == "agent_hung_up"
    assert outcome.counter("answered_by_voicemail") == 1


def test_long_talk_without_a_pause_is_a_machine_even_without_words():
    outcome = call(fakes([""]), blueprint=DIALLED, speech=[(500, babble(6_000))], hang_up_ms=60_000)

    assert outcome.kinds("agent") == ["voicemail"]
    assert outcome.line.audible_ms()[0][0] >= 6_500
    assert outcome.line.stopped_at is not None


def test_a_voicemail_that_shows_itself_late_is_noticed():
    providers = fakes(["hello", "the person you called cannot take your call please leave a message"])
    providers.stt.partials += [(5_000, "please leave a message after")]

    outcome = call(
        providers, blueprint=DIALLED, speech=[(600, babble(500)), (2_200, babble(4_000, seed=2))], hang_up_ms=60_000
    )

    assert outcome.kinds("agent")[-1] == "voicemail"
    assert outcome.line.stopped_at is not None
