"""Records of calls that are over: asked for until they are there, kept once, compared, shown."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse

from telephony.models import CarrierCdr, Kind, Status, WebhookEvent
from telephony.settling import settle
from telephony.settling.comparing import Measured
from telephony.settling.models import CdrState, LegRole
from telephony.simulator.cdr import Cdr
from telephony.simulator.rest import Trouble
from telephony.transfers.models import Transfer

ENDED = datetime(2026, 11, 21, 10, 1, 10, tzinfo=UTC)
LATER = ENDED + timedelta(seconds=5)


def recorded(vobiz, uuid, billsec=67, **fields):
    """The carrier has a record of this leg."""
    minutes = -(-billsec // 60)
    fields = {
        "uuid": uuid,
        "call_direction": "inbound",
        "caller_id_number": "+919876543210",
        "destination_number": "918071387001",
        "bridge_uuid": None,
        "start_time": "2026-11-21T10:00:00Z",
        "answer_time": "2026-11-21T10:00:03Z",
        "end_time": "2026-11-21T10:01:10Z",
        "duration": billsec + 3,
        "billsec": billsec,
        "cost": 0.45 * minutes,
        "streaming_cost": 0.2 * minutes,
        "total_cost": 0.65 * minutes,
        "currency": "INR",
        "hangup_cause_code": 4000,
        "mos": 4.41,
        "jitter": 2.1,
        "packet_loss": 0.0,
        **fields,
    }
    vobiz.switch.cdrs[uuid] = Cdr(uuid, "MA_TEST", 0.0, billsec, Decimal(1), ("919876543210", "918071387001"), fields)


@pytest.fixture
def shop(acme):
    acme.account(minute_micros=450_000, pulse_s=60)
    return acme


@pytest.fixture(autouse=True)
def in_reach(settings):
    settings.CARRIER_IN_REACH = True


def over(shop, carrier_id="u-1", answered_s=67, **fields):
    answered = ENDED - timedelta(seconds=answered_s)
    times = {"answered_at": answered, "stream_started_at": answered, "stream_ended_at": ENDED, "ended_at": ENDED}
    known = {"carrier_id": carrier_id, "status": Status.ENDED, "created_at": answered, **times}
    return shop.call(**{**known, **fields})


def rows(shop):
    with shop.scope():
        return list(CarrierCdr.objects.order_by("uuid"))


def settled(now=LATER):
    settle.open_missing(now)
    return settle.settle_due(now)


def test_a_call_that_ended_gets_the_carriers_record_once(shop, vobiz):
    over(shop)
    recorded(vobiz, "u-1")

    assert settled().kept == 1
    assert settled(LATER + timedelta(minutes=1)).kept == 0

    [row] = rows(shop)
    assert (row.state, row.role, row.billed_s, row.duration_s) == (CdrState.KEPT, LegRole.CALL, 67, 70)
    assert (row.cost_micros, row.streaming_micros, row.total_micros) == (900_000, 400_000, 1_300_000)
    assert row.started_at == datetime(2026, 11, 21, 10, 0, tzinfo=UTC)
    assert (row.mos, row.jitter_ms, row.loss_percent, row.differences) == (4.41, 2.1, 0.0, [])
    assert len(vobiz.requests) == 1


def test_a_record_that_is_not_there_yet_is_asked_for_later_and_later_and_then_missing(shop, vobiz):
    over(shop)
    now, waits = LATER, []
    settle.open_missing(now)
    while (row := rows(shop)[0]).state == CdrState.DUE:
        waits.append(row.next_try_at - now)
        now = max(now, row.next_try_at)
        settle.settle_due(now)

    assert row.state == CdrState.MISSING
    assert [round(wait.total_seconds()) for wait in waits[1:]] == [5, 15, 60, 300, 1800, 3600, 10800, 21600, 43200]
    assert settle.settle_due(now + timedelta(days=1)).missing == 0


def test_nothing_is_asked_before_its_time(shop, vobiz):
    over(shop)
    settle.open_missing(ENDED)

    settle.settle_due(ENDED + timedelta(seconds=1))

    assert vobiz.requests == []


def test_a_bridged_leg_and_a_leg_that_was_dialled_in_vain_have_records_of_their_own(shop, vobiz):
    over(shop)
    with shop.scope():
        for _ in range(2):
            WebhookEvent.objects.create(
                number=shop.number, kind="stream-status", carrier_id="u-1", fields={"DialBLegUUID": "b-vain"}
            )
    recorded(vobiz, "u-1", bridge_uuid="b-talk")
    recorded(vobiz, "b-vain", billsec=0)
    recorded(vobiz, "b-talk", billsec=20, bridge_uuid="u-1", destination_number="918041234567")

    settled()
    settled(LATER + timedelta(seconds=10))

    assert [(row.uuid, row.role, row.state) for row in rows(shop)] == [
        ("b-talk", "dialled", "kept"),
        ("b-vain", "dialled", "kept"),
        ("u-1", "call", "kept"),
    ]


def test_a_sip_leg_with_two_records_has_both(shop, vobiz):
    over(shop)
    recorded(vobiz, "u-1", bridge_uuid="b-1")
    recorded(vobiz, "b-1", billsec=20, bridge_uuid="u-1")
    recorded(vobiz, "b-2", billsec=20, bridge_uuid="u-1")

    settled()
    settled(LATER + timedelta(seconds=10))

    assert [(row.uuid, row.state) for row in rows(shop)] == [("b-1", "kept"), ("b-2", "kept"), ("u-1", "kept")]


def test_two_calls_of_ours_that_were_bridged_are_settled_each_on_its_own(shop, vobiz):
    over(shop, "u-1")
    over(shop, "u-2")
    recorded(vobiz, "u-1", bridge_uuid="u-2")
    recorded(vobiz, "u-2", bridge_uuid="u-1")

    settled()

    assert [(row.uuid, row.role) for row in rows(shop)] == [("u-1", "call"), ("u-2", "call")]


def test_what_does_not_agree_is_counted_and_shown_on_the_calls_page(
    shop, vobiz, owner, django_capture_on_commit_callbacks
):
    call = over(shop, answered_s=30)
    recorded(vobiz, "u-1", billsec=67)
    before = settle.differences_total.labels("answered")._value.get()

    with django_capture_on_commit_callbacks(execute=True):
        settled()

    html = owner.get(reverse("telephony:call", args=["acme", call.id])).content.decode()
    assert settle.differences_total.labels("answered")._value.get() == before + 1
    assert "Answered time: 67 s at Vobiz, 33 s here" in html
    assert "Cost: ₹0.9000 at Vobiz, ₹0.4500 by the account’s price" in html
    assert "₹1.3000" in html
    assert "MOS 4.4, jitter 2 ms, loss 0.0 %" in html


def test_what_was_not_streamed_while_a_colleague_was_rung_is_no_difference(shop, vobiz):
    """The agent talks 30 s, a transfer of 60 s comes to nothing, the agent talks 20 s more."""
    began = ENDED - timedelta(seconds=110)
    streams = [
        {"epoch": 1, "at": began.isoformat(), "at_ms": 0, "cause": "", "gap_ms": None},
        {
            "epoch": 2,
            "at": (ENDED - timedelta(seconds=20)).isoformat(),
            "at_ms": 90_000,
            "cause": "back",
            "gap_ms": None,
        },
    ]
    call = over(shop, answered_s=110, streams=streams, epoch=2)
    with shop.scope():
        Transfer.objects.create(call=call, epoch=1, target="Desk", kind="blind", began_at=began + timedelta(seconds=30))
        assert settle.measured(call) == Measured(110, 50, 2)
    recorded(vobiz, "u-1", billsec=110, streaming_cost=0.4, total_cost=1.3)

    settled()

    assert rows(shop)[0].differences == []


def test_a_gap_without_a_worker_was_not_streamed_either(shop):
    began = ENDED - timedelta(seconds=60)
    streams = [
        {"epoch": 1, "at": began.isoformat(), "at_ms": 0, "cause": "", "gap_ms": None},
        {"epoch": 2, "at": (began + timedelta(seconds=30)).isoformat(), "cause": "lost", "gap_ms": 5_000},
    ]
    call = over(shop, answered_s=60, streams=streams, epoch=2)

    with shop.scope():
        assert settle.measured(call) == Measured(60, 55, 2)


def test_a_page_says_that_the_record_is_awaited(shop, vobiz, owner):
    call = over(shop)
    settled()

    html = owner.get(reverse("telephony:call", args=["acme", call.id])).content.decode()

    assert "Waiting for the carrier. Vobiz has no record of it yet." in html


@pytest.mark.parametrize(
    ("fields", "opened"),
    [
        ({}, 1),
        ({"status": Status.REFUSED, "outcome": "refused"}, 1),
        ({"kind": Kind.TEST}, 0),
        ({"kind": Kind.CHAT}, 0),
        ({"status": Status.STREAMING}, 0),
        ({"ended_at": ENDED - timedelta(days=4)}, 0),
    ],
)
def test_only_phone_calls_that_are_over_are_settled(shop, fields, opened):
    over(shop, **fields)

    assert settle.open_missing(LATER, settle.LONG_AGO) == opened


def test_a_call_that_ended_while_nobody_looked_is_found_by_the_long_sweep(shop):
    over(shop, ended_at=ENDED - timedelta(days=1))

    assert settle.open_missing(LATER) == 0
    assert settle.open_missing(LATER, settle.LONG_AGO) == 1


def test_without_an_account_or_a_carrier_in_reach_nothing_is_opened(acme, settings):
    over(acme)
    assert settle.open_missing(LATER) == 0

    acme.account()
    settings.CARRIER_IN_REACH = False
    assert settle.open_missing(LATER) == 0


def test_a_carrier_that_is_down_is_asked_once_a_round_and_not_for_every_leg(shop, vobiz):
    for index in range(5):
        over(shop, f"u-{index}")
    vobiz.trouble(Trouble("/cdr/", status=401, times=100))

    settled()

    assert len(vobiz.requests) == 2  # both spellings of the path, for one leg
    assert sum(row.tries for row in rows(shop)) == 1
    assert all(row.next_try_at > LATER for row in rows(shop)), "the rest waits as well"


def test_one_tenants_carrier_does_not_hold_up_anothers(shop, bazaar, vobiz):
    bazaar.account(auth_id="MA_GONE", auth_token="no-such-account-0123")
    over(bazaar, "u-9")
    over(shop)
    recorded(vobiz, "u-1")

    assert settled().kept == 1


def test_a_leg_that_another_worker_has_claimed_is_left_alone(shop, vobiz):
    over(shop)
    recorded(vobiz, "u-1")
    settle.open_missing(LATER)
    [row] = rows(shop)
    with shop.scope():
        CarrierCdr.objects.filter(id=row.id).update(next_try_at=LATER + settle.CLAIMED)

    assert settle.settle_due(LATER).kept == 0
    assert vobiz.requests == []


def test_a_leg_that_somebody_notes_twice_is_one(shop):
    call = over(shop)
    with shop.scope():
        for _ in range(2):
            settle.note_leg(call, "b-1", LegRole.COLLEAGUE, at=ENDED)
        settle.note_leg(call, "", LegRole.COLLEAGUE)

    assert [row.uuid for row in rows(shop)] == ["b-1"]


def test_an_echo_test_is_settled_without_a_call(shop, vobiz):
    recorded(vobiz, "e-1", billsec=12)
    with shop.scope():
        settle.note_leg(None, "e-1", LegRole.ECHO, at=ENDED)

    assert settled().kept == 1

    [row] = rows(shop)
    assert (row.role, row.call_id, row.total_micros, row.differences) == (LegRole.ECHO, None, 650_000, [])


def test_a_leg_with_an_impossible_name_stops_nobody(shop, vobiz):
    call = over(shop)
    recorded(vobiz, "u-1")
    with shop.scope():
        settle.note_leg(call, ".", LegRole.DIALLED, at=ENDED - timedelta(hours=1))

    assert settled().kept == 1
    impossible = rows(shop)[0]
    assert (impossible.uuid, impossible.tries, impossible.state) == (".", 1, CdrState.DUE)
    assert impossible.next_try_at > LATER
