"""A call that we dialled and whose process is killed: who has answered stays known."""

import json
from dataclasses import replace

import numpy as np
import pytest

from agents.voice import audio
from agents.voice.providers.base import LlmTool, ToolCall
from agents.voice.resuming import UNKNOWN
from tests.agents.voice.conversing import BLUEPRINT, GREETING
from tests.agents.voice.lives import live
from tests.fakes.providers import fakes
from tests.speech import babble

DIALLED = replace(BLUEPRINT, outbound=True)
PHRASES = BLUEPRINT.phrases
MENU = "for sales press one for the clinic press two"


def said(turns, speaker="agent"):
    return [turn.text for turn in turns if turn.speaker == speaker]


def keys(digits, number):
    return [LlmTool(ToolCall(f"k{number}", "press_keys", json.dumps({"keys": digits})))]


def beep(ms=400):
    at = np.arange(ms * 8) / audio.RATE
    return audio.mulaw((8_000 * np.sin(2 * np.pi * 1_000 * at)).astype("=i2").tobytes())


@pytest.mark.parametrize("tone", [[], [(2_000, beep())]])
def test_a_voicemail_still_gets_its_message_and_nothing_else(tone):
    before = fakes(["please leave a message after the tone"])
    before.stt.partials += [(2_500, "please leave a message")]
    rest = [(0, babble(1_500, seed=2)), *tone] if tone else []

    lives, _ = live(
        (before, None, 3.5, {"speech": [(500, babble(5_000))]}),
        (fakes([""]), None, None, {"speech": rest, "hang_up_ms": 40_000}),
        blueprint=DIALLED,
    )

    report = lives[1].report
    assert said(report.turns) == [PHRASES.voicemail]
    assert report.outcome == "agent_hung_up"
    assert dict(report.counters)["answered_by_voicemail"] == 1
    assert lives[1].line.audible_ms()[0][0] >= (2_400 if tone else 1_500)


def test_keys_can_still_be_pressed_in_a_menu_and_those_of_before_once_more():
    pressed = []

    async def press(digits):
        pressed.append(digits)
        return True

    before = fakes([MENU], [keys("2", 1), "Yes."])
    before.stt.partials += [(1_500, "for sales press one for")]
    after = fakes(["for appointments press two"], [keys("2", 2), "Hello."])

    lives, _ = live(
        (before, None, 6.0, {"speech": [(300, babble(3_000))]}),
        (after, None, None, {"speech": [(2_000, babble(1_500, seed=2))], "hang_up_ms": 9_000}),
        blueprint=DIALLED,
        press=press,
    )

    assert pressed == ["2", "2"]
    assert PHRASES.resumed not in said(lives[1].report.turns), "a menu needs no excuse"
    assert "press_keys" in after.llm.asked[0][1].text
    assert UNKNOWN not in [message.text for message in after.llm.asked[0]]
    assert dict(lives[1].report.counters)["answered_by_ivr"] == 1


def test_a_bot_that_asks_who_calls_is_told():
    before = fakes(["please state your name and why you are calling"])
    before.stt.partials += [(1_500, "please state your name")]

    lives, _ = live(
        (before, None, 2.0, {"speech": [(300, babble(3_000))]}),
        (fakes([], ["This is Asha of the clinic."]), None, None, {"hang_up_ms": 6_000}),
        blueprint=DIALLED,
    )

    assert said(lives[1].report.turns) == ["This is Asha of the clinic."]


def test_who_has_not_been_heard_yet_is_listened_to_first():
    lives, _ = live(
        (fakes(), None, 0.5, {}),
        (fakes(["hello"]), None, None, {"speech": [(800, babble(500))], "hang_up_ms": 6_000}),
        blueprint=DIALLED,
    )

    assert said(lives[1].report.turns) == [GREETING]
    assert lives[1].line.audible_ms()[0][0] > 1_700


def test_a_person_is_told_of_the_line_and_a_machine_after_them_is_noticed():
    before, after = fakes(["hello"]), fakes(["please leave a message after the tone"])
    after.stt.partials += [(2_500, "please leave a message")]

    lives, _ = live(
        (before, None, 4.0, {"speech": [(600, babble(500))]}),
        (after, None, None, {"speech": [(1_000, babble(5_000, seed=2))], "hang_up_ms": 40_000}),
        blueprint=DIALLED,
    )

    turns = lives[1].report.turns
    assert turns[1].kind == "greeting"
    assert PHRASES.resumed.startswith(said(turns)[1])
    assert turns[-1].kind == "voicemail"
