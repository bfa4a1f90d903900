"""The caller's timing against what is heard."""

from telephony.simulator.audio import SILENCE
from telephony.simulator.caller import Caller
from telephony.simulator.hearing import Hearing
from telephony.simulator.playback import Pull
from telephony.simulator.script import After, AfterAgent, At, HangUp, Interrupt, Keys, Say, Script, Step, Wait

LOUD = bytes([0x10, 0x90] * 80)
HELLO = Say(LOUD * 5, "hello")


def act(script, agent_speaks, beats):
    """Run the caller for `beats`; the agent is audible in the intervals of ms. Returns what happened, as (ms, what)."""
    hearing = Hearing(script.turn_silence_ms)
    caller = Caller(script, hearing, (SILENCE,))
    happened, speaking = [], False
    for at in range(0, beats * 20, 20):
        doing = caller.beat(at)
        if doing.frame == LOUD and not speaking:
            happened.append((at, "speaks"))
        speaking = doing.frame == LOUD
        if doing.digit:
            happened.append((at, doing.digit))
        if doing.ends:
            happened.append((at, doing.ends))
            return happened
        audible = any(start <= at < end for start, end in agent_speaks)
        hearing.listen(at, Pull(LOUD if audible else SILENCE, 0, 160 if audible else 0, True, ()))
    return happened


def test_he_speaks_when_the_agent_has_been_silent_long_enough_and_hangs_up_after_the_answer():
    script = Script((Step(AfterAgent(), HELLO),), turn_silence_ms=900)

    happened = act(script, [(100, 500), (2000, 2400)], 400)

    assert happened == [(1400, "speaks"), (2400 + 900 + 1200, "hang_up")]


def test_a_pause_within_the_agents_turn_does_not_set_him_off():
    script = Script((Step(AfterAgent(), HELLO),), turn_silence_ms=900)

    happened = act(script, [(100, 500), (1200, 1600)], 130)

    assert happened == [(2500, "speaks")]


def test_he_does_not_take_the_rest_of_an_interrupted_turn_for_the_answer():
    script = Script(
        (Step(Interrupt(300), HELLO), Step(AfterAgent(), HELLO)),
        turn_silence_ms=300,
    )

    happened = act(script, [(0, 340), (1500, 1800)], 150)

    assert happened == [(300, "speaks"), (2100, "speaks")]


def test_he_interrupts_when_the_agents_turn_has_been_audible_for_so_long():
    script = Script((Step(AfterAgent(), HELLO), Step(Interrupt(500), HELLO)), turn_silence_ms=300)

    happened = act(script, [(0, 200), (1000, 3000)], 100)

    assert happened == [(500, "speaks"), (1500, "speaks")]


def test_he_speaks_anyway_when_the_agent_finishes_too_early_to_be_interrupted():
    script = Script((Step(Interrupt(5000), HELLO),), turn_silence_ms=300)

    happened = act(script, [(0, 200)], 60)

    assert happened == [(500, "speaks")]


def test_he_goes_on_when_the_agent_says_nothing():
    script = Script((Step(AfterAgent(), HELLO),), give_up_ms=1000, turn_silence_ms=300)

    happened = act(script, [], 200)

    assert happened == [(1000, "speaks"), (2100, "hang_up")]


def test_keys_are_pressed_one_after_another():
    script = Script((Step(At(100), Keys("1#")), Step(After(100), HangUp())))

    assert act(script, [], 100) == [(100, "1"), (360, "#"), (700, "hang_up")]


def test_waiting_delays_what_follows():
    script = Script((Step(After(0), Wait(500)), Step(After(0), HELLO), Step(After(40), HangUp())))

    assert act(script, [], 100) == [(500, "speaks"), (640, "hang_up")]


def test_hanging_up_and_dying_cut_across_the_steps():
    assert act(Script((Step(At(0), HELLO),), hang_up_at_ms=60), [], 10)[-1] == (60, "hang_up")
    assert act(Script((Step(At(0), HELLO),), die_at_ms=60), [], 10)[-1] == (60, "die")
    assert act(Script(max_ms=80, stay=True), [], 10) == [(80, "time_limit")]


def test_one_who_stays_leaves_the_end_to_the_agent():
    assert act(Script((Step(At(0), HELLO),), stay=True), [(300, 500)], 400) == [(0, "speaks")]
