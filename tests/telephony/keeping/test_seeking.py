"""Recordings that the carrier made and nobody told us of: found in its list."""

from datetime import timedelta

import pytest
from django.core.files.storage import default_storage
from django.utils import timezone

from agents import publishing
from telephony.keeping import fetching, seeking
from telephony.keeping.models import CarrierRecording
from telephony.models import Outcome, Status
from telephony.simulator.rest import Trouble
from tests.telephony.keeping.test_fetching import WAV, kept_there, stopped, tapes


@pytest.fixture
def taped_call(acme):
    """A call that the carrier was told to record, over."""
    acme.account()
    with acme.scope():
        publishing.edit_draft(acme.agent, recorder="carrier", consent="This call is recorded.")
        publishing.publish(acme.agent, None)
        acme.agent.refresh_from_db()
    return acme.call(
        carrier_id="uuid-1", status=Status.ENDED, outcome="caller_hung_up", stream_started_at=timezone.now()
    )


def over(shop, call, now=None):
    with shop.scope():
        seeking.open_for(call, now or timezone.now())


LATER = seeking.PATIENCE + timedelta(seconds=1)


def test_a_recording_whose_callback_got_lost_is_found_and_fetched(acme, vobiz, taped_call):
    kept_there(vobiz)
    for _ in range(2):
        over(acme, taped_call)
    now = timezone.now() + LATER

    assert seeking.seek_due(now) == 1
    assert fetching.fetch_due(now) == 1

    [tape] = tapes(acme)
    assert (tape.recording_id, tape.purpose, tape.state) == ("rec-1", "session", "kept")
    assert default_storage.open(tape.name).read() == WAV


def test_a_callback_that_was_only_late_leaves_nothing_to_seek(acme, vobiz, carrier, taped_call):
    over(acme, taped_call)
    stopped(carrier, kept_there(vobiz))

    assert seeking.seek_due(timezone.now() + LATER) == 0

    assert [tape.recording_id for tape in tapes(acme)] == ["rec-1"]
    assert vobiz.requests == []


def test_nothing_is_sought_before_the_callback_has_had_its_time(acme, vobiz, taped_call):
    over(acme, taped_call)

    assert seeking.seek_due(timezone.now()) == 0
    assert vobiz.requests == []


def test_a_recording_that_is_nowhere_is_missed_at_last(acme, vobiz, taped_call):
    over(acme, taped_call)
    now = timezone.now() + LATER

    for _ in range(len(seeking.TRIES_AFTER) + 1):
        assert seeking.seek_due(now) == 0
        now += timedelta(days=1)

    [tape] = tapes(acme)
    assert (tape.state, tape.problem) == ("failed", seeking.NONE_THERE)


def test_a_carrier_that_is_down_is_asked_later(acme, vobiz, taped_call):
    kept_there(vobiz)
    over(acme, taped_call)
    vobiz.trouble(Trouble("Recording", status=500, times=3))
    now = timezone.now() + LATER

    assert seeking.seek_due(now) == 0
    assert seeking.seek_due(now + seeking.TRIES_AFTER[0]) == 1


def test_another_calls_recording_is_none_of_ours(acme, vobiz, taped_call):
    with acme.scope():
        type(taped_call).objects.filter(id=taped_call.id).update(carrier_id="uuid-2")
        taped_call.refresh_from_db()
    kept_there(vobiz)
    over(acme, taped_call)

    assert seeking.seek_due(timezone.now() + LATER) == 0


@pytest.mark.parametrize("fields", [{"stream_started_at": None}, {"version": None}])
def test_what_was_not_to_be_recorded_is_not_sought(acme, taped_call, fields):
    with acme.scope():
        type(taped_call).objects.filter(id=taped_call.id).update(**fields)
        taped_call.refresh_from_db()
    over(acme, taped_call)

    assert tapes(acme) == []


# --- voicemail --------------------------------------------------------------------------------------------------------


@pytest.fixture
def voicemail(acme, carrier, route):
    acme.account()
    route("open", "voicemail", keep_days=30)
    carrier.ring()
    carrier.hang_up()
    over(acme, carrier.call)
    return carrier


def test_a_message_whose_callback_got_lost_is_a_message(acme, vobiz, voicemail):
    kept_there(vobiz)

    assert seeking.seek_due(timezone.now() + LATER) == 1

    assert voicemail.call.outcome == Outcome.MESSAGE
    assert [(tape.purpose, tape.delete_at is not None) for tape in tapes(acme)] == [("message", True)]


def test_a_caller_who_left_no_message_leaves_nothing_behind(acme, vobiz, voicemail):
    now = timezone.now() + LATER

    for _ in range(len(seeking.TRIES_AFTER) + 1):
        seeking.seek_due(now)
        now += timedelta(days=1)

    assert tapes(acme) == []
    with acme.scope():
        assert not CarrierRecording.objects.exists()
