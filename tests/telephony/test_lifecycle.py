"""The states of a call: the table is walked, holes included."""

from datetime import timedelta
from typing import get_args

import pytest
from django.utils import timezone

from telephony import lifecycle
from telephony.lifecycle import TABLE, Event
from telephony.models import Call, Outcome, Status

WALK = [(status, event) for status in Status for event in get_args(Event)]


@pytest.mark.parametrize(("status", "event"), WALK)
def test_every_step_goes_where_the_table_says_and_a_hole_changes_nothing(acme, status, event):
    call = acme.call(status=status)

    with acme.scope():
        move = lifecycle.advance(call.id, event)
        call.refresh_from_db()

    assert move.accepted == ((status, event) in TABLE)
    assert call.status == TABLE.get((status, event), status)
    assert move.moved == (call.status != status)


def test_nothing_leaves_the_end_but_another_route_and_a_caller_who_is_still_there():
    leaving = {event for (before, event), after in TABLE.items() if before is Status.ENDED is not after}
    assert leaving == {"put_through", "stream_started"}
    assert {after for (before, _), after in TABLE.items() if before is Status.REFUSED} == {Status.REFUSED}


def test_every_live_state_can_end():
    for status in (Status.RINGING, Status.STREAMING, Status.ANSWERED, Status.TRANSFERRING):
        assert TABLE[status, "hung_up"] is TABLE[status, "lost"] is Status.ENDED


def test_the_first_word_on_the_outcome_stays(acme):
    call = acme.call(status=Status.STREAMING)

    with acme.scope():
        lifecycle.advance(call.id, "finished", outcome=Outcome.AGENT_HUNG_UP)
        lifecycle.advance(call.id, "lost", outcome=Outcome.LOST)
        call.refresh_from_db()

    assert call.outcome == Outcome.AGENT_HUNG_UP


def test_a_late_report_corrects_the_sweep(acme):
    call = acme.call(status=Status.STREAMING)

    with acme.scope():
        lifecycle.advance(call.id, "lost", outcome=Outcome.LOST)
        lifecycle.advance(call.id, "finished", outcome=Outcome.SILENCE)
        call.refresh_from_db()

    assert call.outcome == Outcome.SILENCE


def test_an_end_keeps_its_first_time(acme):
    call = acme.call(status=Status.STREAMING)
    then = timezone.now() - timedelta(minutes=5)

    with acme.scope():
        lifecycle.advance(call.id, "hung_up", ended_at=then)
        lifecycle.advance(call.id, "hung_up", ended_at=timezone.now())
        call.refresh_from_db()

    assert call.ended_at == then


def test_a_hang_up_while_it_rings_is_a_missed_call(acme):
    call = acme.call()

    with acme.scope():
        lifecycle.advance(call.id, "hung_up")
        call.refresh_from_db()

    assert (call.status, call.outcome) == (Status.ENDED, Outcome.MISSED)


def test_a_second_stream_has_a_higher_epoch(acme):
    call = acme.call()

    with acme.scope():
        first = lifecycle.advance(call.id, "stream_started").call.epoch
        second = lifecycle.advance(call.id, "stream_started").call.epoch

    assert (first, second) == (1, 2)


def test_a_stream_that_begins_after_an_end_takes_the_end_back(acme):
    call = acme.call(status=Status.STREAMING)

    with acme.scope():
        facts = {"outcome": Outcome.CALLER_HUNG_UP, "error": "x", "stream_stopped_at": timezone.now()}
        lifecycle.advance(call.id, "finished", **facts)
        lifecycle.advance(call.id, "stream_started")
        call.refresh_from_db()

    assert (call.status, call.outcome, call.error) == (Status.STREAMING, "", "")
    assert call.ended_at is call.stream_stopped_at is None


def test_what_is_no_fact_of_a_call_is_refused(acme):
    call = acme.call()

    with acme.scope(), pytest.raises(TypeError):
        lifecycle.advance(call.id, "hung_up", status=Status.RINGING)


def test_a_call_of_another_tenant_is_not_there(acme, bazaar):
    call = acme.call()

    with bazaar.scope(), pytest.raises(Call.DoesNotExist):
        lifecycle.advance(call.id, "hung_up")
