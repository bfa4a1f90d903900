"""The tables of transfers and their legs, walked with their holes."""

import pytest

from telephony.transfers.states import FINAL, LEG, OPEN, TRANSFER, UNDECIDED, Event, State, after, result

CORRECTED = {(State.LEFT, Event.CONNECTED), (State.LEFT, Event.OVER)}


@pytest.mark.parametrize("table", [TRANSFER, LEG], ids=["transfer", "leg"])
@pytest.mark.parametrize("state", sorted(FINAL))
@pytest.mark.parametrize("event", Event)
def test_an_end_is_final_but_for_the_carriers_last_word(table, state, event):
    assert after(table, state, event) == (State.DONE if (state, event) in CORRECTED else state)


@pytest.mark.parametrize("table", [TRANSFER, LEG], ids=["transfer", "leg"])
def test_every_open_state_can_end_and_ends_are_named_alike(table):
    for state in {before for before, _ in table} - FINAL:
        ends = {after for (before, _), after in table.items() if before is state and after in FINAL}
        assert ends, state
    for (_, event), end in table.items():
        if end in FINAL - {State.DONE}:
            assert event.value == end.value


@pytest.mark.parametrize(
    ("table", "state", "event"),
    [
        (TRANSFER, State.TALKING, Event.NO_ANSWER),
        (TRANSFER, State.JOINING, Event.ACCEPTED),
        (TRANSFER, State.TALKING, Event.ACCEPTED),
        (LEG, State.DUE, Event.ANSWERED),
        (LEG, State.RINGING, Event.ACCEPTED),
        (LEG, State.RINGING, Event.CLAIMED),
        (LEG, State.JOINING, Event.LOST_RACE),
        (LEG, State.TALKING, Event.BUSY),
    ],
)
def test_what_cannot_happen_has_no_next_state(table, state, event):
    assert after(table, state, event) is None


def test_nobody_is_rung_twice_nor_takes_a_call_that_was_taken():
    assert [state for (state, event) in LEG if event is Event.CLAIMED] == [State.DUE]
    assert {state for (state, event) in TRANSFER if event is Event.ACCEPTED} <= UNDECIDED
    assert set(State) == OPEN | FINAL
    assert not OPEN & FINAL


@pytest.mark.parametrize(
    ("ends", "wanted"),
    [
        ([State.BUSY], Event.BUSY),
        ([State.NO_ANSWER, State.BUSY], Event.BUSY),
        ([State.VOICEMAIL, State.NO_ANSWER], Event.NO_ANSWER),
        ([State.FAILED, State.VOICEMAIL], Event.VOICEMAIL),
        ([State.BUSY, State.DECLINED], Event.DECLINED),
        ([State.FAILED], Event.FAILED),
        ([], Event.FAILED),
    ],
)
def test_several_ends_come_to_one_word(ends, wanted):
    assert result(ends) is wanted
