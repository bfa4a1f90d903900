"""Flux's turns: drafts that hold, drafts that are taken back, and ends that we ask for."""

import pytest

from agents.voice.providers.base import SttEager, SttPartial, SttResumed, SttTurnEnd
from agents.voice.providers.deepgram.frames import TurnInfo
from agents.voice.providers.deepgram.turns import Turns


def heard(*messages):
    turns = Turns()
    return [event for message in messages for event in turns.hear(message)]


def info(event, text="", end=1.0):
    return TurnInfo(event, 0, text, end)


def test_a_turn_with_a_draft_that_holds():
    assert heard(
        info("Update"),
        info("StartOfTurn", "I"),
        info("Update", "I would"),
        info("Update", "I would"),
        info("EagerEndOfTurn", "I would like to"),
        info("EndOfTurn", "I would like to"),
    ) == [SttPartial("I"), SttPartial("I would"), SttEager("I would like to"), SttTurnEnd("I would like to")]


def test_a_draft_is_taken_back_when_the_caller_goes_on():
    assert heard(
        info("StartOfTurn", "no"),
        info("EagerEndOfTurn", "no"),
        info("TurnResumed", "no wait"),
        info("EagerEndOfTurn", "no wait"),
        info("EndOfTurn", "no wait"),
    ) == [
        SttPartial("no"),
        SttEager("no"),
        SttResumed(),
        SttPartial("no wait"),
        SttEager("no wait"),
        SttTurnEnd("no wait"),
    ]


def test_an_end_with_other_words_than_the_draft_takes_it_back_first():
    assert heard(info("EagerEndOfTurn", "no"), info("EndOfTurn", "no wait")) == [
        SttEager("no"),
        SttResumed(),
        SttTurnEnd("no wait"),
    ]


def test_a_resumption_without_a_draft_is_none():
    assert heard(info("StartOfTurn", "a"), info("TurnResumed", "a b")) == [SttPartial("a"), SttPartial("a b")]


def test_a_kind_that_is_not_known_counts_as_an_update():
    assert heard(info("StartOfTurn", "a"), info("SomethingNew", "a b")) == [SttPartial("a"), SttPartial("a b")]


@pytest.mark.parametrize("text", ["", "hello"])
def test_a_forced_end_is_answered(text):
    turns = Turns()
    if text:
        turns.hear(info("StartOfTurn", text))
    turns.ask(1.0)

    assert turns.hear(info("EndOfTurn", text)) == [SttTurnEnd(text)]
    assert not turns.asked


def test_a_forced_end_between_two_turns_is_answered_by_us_once_its_sound_was_read():
    turns = Turns()
    turns.ask(2.0)

    assert turns.hear(info("Update", "", 1.0)) == []
    assert turns.hear(info("Update", "", 2.0)) == [SttTurnEnd("")]
    assert turns.hear(info("Update", "", 3.0)) == []


def test_a_forced_end_waits_for_a_turn_that_has_words():
    turns = Turns()
    turns.hear(info("StartOfTurn", "one"))
    turns.ask(2.0)

    assert turns.hear(info("Update", "one two", 2.5)) == [SttPartial("one two")]
    assert turns.hear(info("EndOfTurn", "one two", 2.5)) == [SttTurnEnd("one two")]


def test_an_empty_end_that_nobody_asked_for_is_nothing():
    assert heard(info("EndOfTurn", "")) == []
