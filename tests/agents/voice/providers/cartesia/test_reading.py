"""What the two recognisers send, as events; no I/O."""

from hypothesis import given
from hypothesis import strategies as st

from agents.voice.providers.base import SttEager, SttFinal, SttPartial, SttResumed, SttTurnEnd
from agents.voice.providers.cartesia.deltas import Deltas
from agents.voice.providers.cartesia.frames import Heard
from agents.voice.providers.cartesia.turns import Turns


def turn(kind, transcript=""):
    return Heard(type=f"turn.{kind}", transcript=transcript)


def delta(text, *, final=True):
    return Heard(type="transcript", text=text, is_final=final)


def run(turns, *messages):
    return [event for message in messages for event in turns.hear(message)]


def test_a_turn_with_an_early_end():
    assert run(
        Turns(),
        turn("start"),
        turn("update", "I would"),
        turn("update", "I would"),
        turn("eager_end", "I would like"),
        turn("end", "I would like"),
    ) == [SttPartial("I would"), SttEager("I would like"), SttTurnEnd("I would like")]


def test_a_caller_who_goes_on():
    assert run(
        Turns(),
        turn("eager_end", "Tomorrow"),
        turn("resume"),
        turn("update", "Tomorrow at ten"),
        turn("end", "Tomorrow at ten."),
    ) == [SttEager("Tomorrow"), SttResumed(), SttPartial("Tomorrow at ten"), SttTurnEnd("Tomorrow at ten.")]


def test_words_after_an_early_end_take_it_back_even_without_a_resume():
    assert run(Turns(), turn("eager_end", "Yes"), turn("update", "Yes but"))[1:] == [
        SttResumed(),
        SttPartial("Yes but"),
    ]


def test_an_end_with_other_words_takes_the_early_one_back():
    assert run(Turns(), turn("eager_end", "Yes"), turn("end", "Yes please"))[1:] == [
        SttResumed(),
        SttTurnEnd("Yes please"),
    ]


def test_an_asked_for_end_gives_the_words_so_far_and_only_once():
    turns = Turns()
    run(turns, turn("start"), turn("update", "four two"))

    assert turns.end() == [SttTurnEnd("four two")]
    assert run(turns, turn("update", "Four, two seven"), turn("end", "Four, two, seven.")) == [
        SttPartial("seven"),
        SttTurnEnd("seven."),
    ]
    assert run(turns, turn("start"), turn("end", "Four two")) == [SttTurnEnd("Four two")]


def test_an_end_that_brings_nothing_new_is_not_said_twice():
    turns = Turns()
    run(turns, turn("update", "hello"))
    turns.end()

    assert run(turns, turn("eager_end", "Hello."), turn("end", "Hello.")) == []


def test_an_early_end_of_further_words_is_taken_back_when_the_end_brings_none():
    turns = Turns()
    run(turns, turn("update", "yes"))
    turns.end()

    assert run(turns, turn("eager_end", "yes please"), turn("end", "")) == [SttEager("please"), SttResumed()]


def test_an_asked_for_end_without_words_is_answered():
    assert Turns().end() == [SttTurnEnd("")]


def test_an_asked_for_end_keeps_an_early_end_with_the_same_words():
    turns = Turns()
    run(turns, turn("eager_end", "Yes"))

    assert turns.end() == [SttTurnEnd("Yes")]


def test_unknown_kinds_and_empty_words_are_nothing():
    assert run(Turns(), turn("later", "x"), turn("update"), turn("eager_end"), Heard(type="connected")) == []


KINDS = st.sampled_from(["start", "update", "eager_end", "resume", "end", "other"])
WORDS = st.sampled_from(["", "yes", "yes please", "no"])


@given(st.lists(st.tuples(KINDS, WORDS, st.booleans()), max_size=30))
def test_an_early_end_is_always_taken_back_or_ended_with_its_words(messages):
    turns, eager = Turns(), None
    for kind, words, ask in messages:
        for event in turns.hear(turn(kind, words)) + (turns.end() if ask else []):
            if isinstance(event, SttEager):
                assert event.text
                eager = event.text
            elif isinstance(event, SttResumed):
                assert eager is not None
                eager = None
            elif isinstance(event, SttTurnEnd):
                assert eager in {None, event.text}
                eager = None
            elif isinstance(event, SttPartial):
                assert event.text


def test_deltas_join_as_they_are():
    deltas = Deltas()
    deltas.ask()

    events = run(deltas, delta("book an app"), delta("ointment"), delta(", please"), Heard(type="flush_done"))

    assert events == [
        SttPartial("book an app"),
        SttPartial("book an appointment"),
        SttPartial("book an appointment, please"),
        SttFinal("book an appointment, please", closes=True),
    ]


def test_a_delta_that_is_not_final_may_change():
    deltas = Deltas()
    deltas.ask()

    assert run(deltas, delta(" to", final=False), delta(" tomorrow"), Heard(type="flush_done")) == [
        SttPartial("to"),
        SttPartial("tomorrow"),
        SttFinal("tomorrow", closes=True),
    ]


def test_only_the_last_of_two_asked_for_ends_closes():
    deltas = Deltas()
    deltas.ask()
    deltas.ask()

    assert run(deltas, delta("yes"), Heard(type="flush_done"), Heard(type="flush_done")) == [
        SttPartial("yes"),
        SttFinal("yes", closes=True),
    ]
    assert not deltas.asked


def test_silence_is_answered_with_nothing():
    deltas = Deltas()
    deltas.ask()

    assert run(deltas, delta(""), Heard(type="flush_done")) == [SttFinal("", closes=True)]
