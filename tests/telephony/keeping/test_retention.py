"""Recordings are gone when their time is over: the file, the row, and the carrier's copy."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.utils import timezone

from agents import publishing
from agents.models import Agent
from telephony.keeping import retention
from telephony.keeping.models import CarrierRecording
from telephony.models import Recording, Status
from telephony.simulator.rest import Trouble
from telephony.simulator.tape import Recorded
from tenants.models import AuditEntry
from tests.telephony.conftest import CONFIG

CANARY = b"canary-8f14e45fceea167a5a36dedd4bea2543"


def keep_for(shop, days):
    with shop.scope():
        publishing.edit_draft(shop.agent, keep_days=days)
        publishing.publish(shop.agent, None)


def recorded(shop, days_ago, body=CANARY, **fields):
    call = shop.call(status=Status.ENDED, **fields)
    with shop.scope():
        name = default_storage.save(f"recordings/{call.id}.wav", ContentFile(body))
        row = Recording.objects.create(call=call, name=name, duration_ms=1, bytes=len(body))
        Recording.objects.filter(id=row.id).update(created_at=timezone.now() - timedelta(days=days_ago))
    return row


def taped(shop, vobiz, days_ago, **fields):
    call = shop.call(status=Status.ENDED)
    with shop.scope():
        name = default_storage.save(f"recordings/{call.id}.mp3", ContentFile(CANARY))
        known = {"purpose": "session", "recording_id": f"rec-{call.id}", "url": "", "state": "kept", "name": name}
        row = CarrierRecording.objects.create(call=call, **known | fields)
        CarrierRecording.objects.filter(id=row.id).update(created_at=timezone.now() - timedelta(days=days_ago))
    began = datetime(2026, 1, 1, tzinfo=UTC)
    vobiz.switch.recorder.kept[row.recording_id] = Recorded(
        row.recording_id, "MA_TEST", call.carrier_id, "", "mp3", 1, began, CANARY
    )
    return row


def canaries():
    """Files of the whole storage that hold what somebody said."""
    root = Path(default_storage.location)
    return [path for path in root.rglob("*") if path.is_file() and CANARY in path.read_bytes()]


def rows(shop, model=Recording):
    with shop.scope():
        return list(model.objects.all())


def test_a_round_deletes_the_file_and_the_row_of_what_is_too_old(acme):
    old, young = recorded(acme, 31), recorded(acme, 29)
    keep_for(acme, 30)
    assert len(canaries()) == 2

    call_command("sweep", "--once")

    assert [row.id for row in rows(acme)] == [young.id]
    assert [path.name for path in canaries()] == [Path(young.name).name]
    assert not default_storage.exists(old.name)
    assert retention.delete_expired(timezone.now()) == 0


def test_without_a_time_recordings_stay(acme):
    recorded(acme, 4_000)

    assert retention.delete_expired(timezone.now()) == 0
    assert len(canaries()) == 1


def test_a_draft_deletes_nothing(acme):
    recorded(acme, 31)
    with acme.scope():
        publishing.edit_draft(acme.agent, keep_days=30)

    assert retention.delete_expired(timezone.now()) == 0


def test_an_agents_time_is_not_its_neighbours(acme, bazaar):
    recorded(acme, 31)
    recorded(bazaar, 31)
    keep_for(acme, 30)

    assert retention.delete_expired(timezone.now()) == 1
    assert len(rows(bazaar)) == 1


def test_a_file_that_is_gone_already_takes_its_row_along(acme):
    row = recorded(acme, 31)
    default_storage.delete(row.name)
    keep_for(acme, 30)

    assert retention.delete_expired(timezone.now()) == 1
    assert rows(acme) == []


def test_a_file_that_cannot_be_deleted_keeps_its_row_until_it_can(acme, settings):
    row = recorded(acme, 31)
    keep_for(acme, 30)
    folder = Path(default_storage.path(row.name)).parent
    blocked = folder.rename(folder.with_name("aside"))
    folder.write_text("not a folder")

    assert retention.delete_expired(timezone.now()) == 0
    assert len(rows(acme)) == 1

    folder.unlink()
    blocked.rename(folder)
    assert retention.delete_expired(timezone.now()) == 1
    assert canaries() == []


def test_the_carriers_recording_goes_here_and_there(acme, vobiz):
    acme.account()
    old, young = taped(acme, vobiz, 31), taped(acme, vobiz, 1)
    keep_for(acme, 30)

    assert retention.delete_expired(timezone.now()) == 1

    assert [row.id for row in rows(acme, CarrierRecording)] == [young.id]
    assert set(vobiz.switch.recorder.kept) == {young.recording_id}
    assert old.recording_id not in vobiz.switch.recorder.kept
    assert len(canaries()) == 1


@pytest.mark.parametrize(("status", "times"), [(500, 3), (403, 1)])
def test_what_the_carrier_does_not_delete_is_gone_here_and_tried_again_there(acme, vobiz, status, times):
    acme.account()
    tape = taped(acme, vobiz, 31)
    keep_for(acme, 30)
    vobiz.trouble(Trouble("Recording", "DELETE", status, times=times))
    now = timezone.now()

    assert retention.delete_expired(now) == 1
    assert canaries() == []
    [row] = rows(acme, CarrierRecording)
    assert (row.state, row.name, row.is_here) == ("gone", "", False)
    assert row.problem
    assert tape.recording_id in vobiz.switch.recorder.kept

    retention.delete_expired(now)
    assert len(rows(acme, CarrierRecording)) == 1, "not before its time"
    retention.delete_expired(now + timedelta(minutes=6))
    assert rows(acme, CarrierRecording) == []
    assert vobiz.switch.recorder.kept == {}


def test_a_carrier_that_takes_our_credentials_no_more_is_asked_once_a_round(acme, vobiz):
    acme.account(auth_token="rotated-away-0123456789")
    for _ in range(3):
        taped(acme, vobiz, 31)
    keep_for(acme, 30)

    assert retention.delete_expired(timezone.now()) == 3
    assert len(vobiz.requests) == 1
    assert canaries() == []


def test_what_a_test_of_a_draft_recorded_goes_when_the_draft_says_so(acme):
    with acme.scope():
        fresh = Agent.objects.create(name="Ravi", draft={}, draft_saved_at=timezone.now())
        publishing.save_draft(fresh, replace(CONFIG, keep_days=7))
    recorded(acme, 8, agent=fresh, version=None, kind="test")

    assert retention.delete_expired(timezone.now()) == 1
    assert canaries() == []


def test_without_an_account_ours_goes_all_the_same(acme, vobiz):
    taped(acme, vobiz, 31)
    keep_for(acme, 30)

    assert retention.delete_expired(timezone.now()) == 1
    assert canaries() == []


def test_a_message_goes_when_its_time_comes(acme, vobiz):
    acme.account()
    now = timezone.now()
    taped(acme, vobiz, 0, purpose="message", delete_at=now + timedelta(days=1))

    assert retention.delete_expired(now) == 0
    assert retention.delete_expired(now + timedelta(days=1)) == 1
    assert canaries() == []
    assert vobiz.switch.recorder.kept == {}


def test_deleting_is_written_down(acme, vobiz):
    acme.account()
    recorded(acme, 31)
    recorded(acme, 32)
    taped(acme, vobiz, 0, purpose="message", delete_at=timezone.now())
    keep_for(acme, 30)

    retention.delete_expired(timezone.now())

    with acme.scope():
        entries = {entry.verb: entry.detail for entry in AuditEntry.objects.filter(verb__startswith="deleted")}
    assert entries == {"deleted recordings": {"count": 2}, "deleted message": {}}


def test_a_call_that_goes_on_keeps_its_recording(acme):
    row = recorded(acme, 31)
    with acme.scope():
        type(row.call).objects.update(status=Status.STREAMING)
    keep_for(acme, 30)

    assert retention.delete_expired(timezone.now()) == 0
