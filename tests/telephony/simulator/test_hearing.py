"""What the caller's ear makes of it, on timelines of 20 ms."""

import pytest

from telephony.simulator.audio import SILENCE
from telephony.simulator.hearing import Hearing
from telephony.simulator.playback import Pull
from telephony.simulator.report import Underrun

LOUD = bytes([0x10, 0x90] * 80)


def play(hearing, timeline):
    """`a` audible, `s` silence that was sent, `.` a dry queue, `|` a dry queue at a mark, `x` a flush and then dry."""
    for index, sign in enumerate(timeline):
        at = index * 20
        if sign == "x":
            hearing.flushed(at)
        frame, played = {"a": (LOUD, 160), "s": (SILENCE, 160)}.get(sign, (SILENCE, 0))
        hearing.listen(at, Pull(frame, 20 if played else 0, played, sign in "|x", ()))


def agent_turns(hearing):
    return [(turn.started_ms, turn.ended_ms) for turn in hearing.turns() if turn.speaker == "agent"]


@pytest.mark.parametrize(
    ("timeline", "turns"),
    [
        ("....", []),
        ("..aaa|||||", [(40, 100)]),
        ("aa" + "s" * 10 + "aa", [(0, 280)]),
        ("aa" + "|" * 60 + "aa", [(0, 40), (1240, 1280)]),
    ],
)
def test_a_turn_runs_over_short_pauses_only(timeline, turns):
    hearing = Hearing(turn_silence_ms=900)

    play(hearing, timeline)

    assert agent_turns(hearing) == turns


def test_the_response_gap_runs_from_the_last_audible_moment_of_the_caller():
    hearing = Hearing()
    hearing.caller_says("hello", 0, 200)

    play(hearing, "." * 30 + "aaaa")

    assert hearing.gaps_ms() == (400,)


def test_one_answer_counts_once():
    hearing = Hearing(turn_silence_ms=100)
    hearing.caller_says("hello", 0, 100)

    play(hearing, "." * 10 + "aa" + "|" * 20 + "aa")

    assert hearing.gaps_ms() == (100,)


def test_an_agent_that_starts_while_the_caller_speaks_has_no_gap():
    hearing = Hearing()
    hearing.caller_says("hello", 0, 400)

    play(hearing, "....aaaaaa")

    assert hearing.gaps_ms() == ()


def test_a_barge_in_is_measured_to_the_last_audible_frame_and_to_the_flush():
    hearing = Hearing()
    hearing.caller_says("stop", 100, 400)

    play(hearing, "a" * 8 + "x" + "." * 30)

    [barge] = hearing.barge_ins()
    assert (barge.at_ms, barge.silence_ms, barge.clear_ms) == (100, 60, 60)
    [turn] = [turn for turn in hearing.turns() if turn.speaker == "agent"]
    assert turn.interrupted
    assert turn.cut


def test_an_agent_that_talks_on_is_interrupted_but_not_cut():
    hearing = Hearing()
    hearing.caller_says("stop", 100, 200)

    play(hearing, "a" * 40)

    [barge] = hearing.barge_ins()
    assert (barge.silence_ms, barge.clear_ms) == (None, None)
    assert not hearing.turns()[0].cut


def test_an_answer_after_a_barge_in_is_a_turn_of_its_own():
    hearing = Hearing(turn_silence_ms=900)
    hearing.caller_says("stop", 100, 200)

    play(hearing, "a" * 7 + "x" + "." * 12 + "aaa")

    assert agent_turns(hearing) == [(0, 140), (400, 460)]
    assert hearing.gaps_ms() == (200,)


@pytest.mark.parametrize(
    ("timeline", "underruns"),
    [
        ("aaa.aaa", [Underrun(60, 20)]),
        ("aaa" + "." * 20 + "aaa", [Underrun(60, 400)]),
        ("aaa" + "." * 21 + "aaa", []),
        ("aaa|aaa", []),
        ("aaa.|.aaa", []),
        ("aaax.aaa", []),
        ("aaa.a.a", [Underrun(60, 20), Underrun(100, 20)]),
        ("...aaa....", []),
    ],
)
def test_an_underrun_is_a_hole_that_nobody_meant(timeline, underruns):
    hearing = Hearing()

    play(hearing, timeline)

    assert hearing.underruns == underruns


def test_a_hole_while_the_caller_speaks_is_a_pause():
    hearing = Hearing()
    hearing.caller_says("mhm", 40, 160)

    play(hearing, "aaaaa...aaa")

    assert hearing.underruns == []
    assert hearing.pauses == 1


def test_the_lead_is_the_depth_of_the_queue_while_it_played():
    hearing = Hearing()
    for at, queued in ((0, 200), (20, 180), (40, 400), (60, 0)):
        hearing.listen(at, Pull(LOUD, queued, 160 if queued else 0, False, ()))

    assert hearing.lead_ms() == {"p50": 200, "max": 400}
    assert Hearing().lead_ms() == {}


def test_the_carriers_own_voice_is_a_turn_of_its_own_and_answers_nobody():
    hearing = Hearing(200)
    hearing.caller_says("hello", 0, 20)
    for index, (frame, carriers) in enumerate([(SILENCE, False)] * 2 + [(LOUD, True)] * 2 + [(LOUD, False)] * 2):
        hearing.listen(index * 20, Pull(SILENCE, 0, 0, True, ()), frame, carriers)

    spoken = [(turn.speaker, turn.started_ms, turn.response_gap_ms) for turn in hearing.turns()]
    assert spoken == [("caller", 0, None), ("carrier", 40, None), ("agent", 80, 60)]
