"""What billing sees of a call: renewed while it runs, closed once with all that it used, whoever died meanwhile."""

from dataclasses import asdict
from datetime import timedelta

import pytest
from django.utils import timezone

from agents.voice.report import CallReport, Usage
from billing.ledger import Account
from billing.models import Hold, State, UsageCheckpoint
from billing.reconciling import reconcile
from billing.standing import Obstacle
from telephony import journal, lifecycle, sweeping, wrapup
from telephony.journal import Batch, Stream
from telephony.metering import course, deriving
from telephony.models import Call, Outcome, Status
from telephony.settling import settle
from telephony.settling.models import LegRole
from telephony.transfers import briefing
from telephony.transfers import course as transfers
from telephony.transfers.models import Transfer, TransferLeg
from tests.telephony.metering.conftest import LEG, MINUTE, PLATFORM, STREAM

WORDS = Usage("deepgram", "nova-3", "stt.audio", 60_000, "ms")


def used(*usage: Usage) -> list[dict]:
    return [asdict(one) for one in usage]


def test_a_call_is_charged_with_its_legs_stream_and_platform(till):
    till.ring()
    [call] = till.shop.calls()
    before = till.balance() + till.balance(Account.HOLDS)
    till.talked(call, call.created_at, seconds=61, usage=used(WORDS))

    charged = till.pays(call, timezone.now())

    assert till.lines(call) == {
        "carrier.leg": 2 * LEG,
        "carrier.stream": 2 * STREAM,
        "platform.minute": PLATFORM * 61 // 60,
        "stt.audio": 433_920,
    }
    assert till.balance() == before - charged
    assert till.balance(Account.HOLDS) == 0
    assert reconcile(timezone.now()) == []


def test_told_again_it_is_charged_once(till):
    till.ring()
    [call] = till.shop.calls()
    till.talked(call, call.created_at)
    charged = till.pays(call, timezone.now())
    before = till.balance()

    assert not till.closes(call, timezone.now())
    assert till.charges(call, timezone.now()) == 0
    assert charged > 0
    assert till.balance() == before


def test_a_call_that_nobody_answered_costs_nothing_and_frees_its_hold(till):
    till.ring()
    [call] = till.shop.calls()
    with till.shop.scope():
        lifecycle.advance(call.id, "hung_up", hangup_cause="ORIGINATOR_CANCEL", carrier_duration_s=0)

    assert till.pays(call, timezone.now()) == 0
    assert till.balance(Account.HOLDS) == 0


def test_a_call_that_may_come_back_is_not_closed_yet(till):
    call = till.live()
    now = timezone.now()
    with till.shop.scope():
        lifecycle.advance(call.id, "finished", outcome=Outcome.LINE_DEAD, ended_at=now)

    assert course.look(now + timedelta(seconds=5)).closed == 0
    assert course.look(now + course.UNTOLD).closed == 1


def test_each_minute_the_hold_is_renewed_by_what_was_used(till):
    call = till.live(usage=used(Usage("openai", "gpt-5.4-mini", "llm.tokens_in", 1_000_000, "tokens")))
    began = till.activities()[0].began_at

    early, late = course.look(began + timedelta(seconds=50)), course.look(began + MINUTE)

    assert (early.renewed, late.renewed, late.cut_short) == (0, 1, 0)
    assert till.balance(Account.HOLDS) == 67_800_000 + 2 * (LEG + STREAM + PLATFORM)
    with till.shop.scope():
        assert UsageCheckpoint.objects.get().amount == 1_000_000
        assert Hold.objects.get().activity.source == f"call:{call.id}"


def test_when_the_money_ends_the_row_says_so_and_the_call_is_ended(till):
    call = till.live()
    till.spends_all()
    ended = []

    looked = course.look(till.activities()[0].began_at + MINUTE, end=lambda *told: ended.append(told))

    with till.shop.scope():
        call.refresh_from_db()
    assert (looked.cut_short, call.cut_short) == (1, "no_money")
    assert ended == [(call, Obstacle.NO_MONEY)]


def test_a_caller_who_talks_with_a_colleague_is_hung_up_when_the_money_ends(till, vobiz):
    till.shop.account()
    call = till.live(status=Status.TRANSFERRING)

    course.politely(call, Obstacle.NO_MONEY)

    assert [(method, path.rpartition("/Call/")[2]) for method, path, _ in vobiz.requests] == [("DELETE", "uuid-1")]


def test_a_take_over_leaves_one_set_of_usage(till):
    call = till.live(epoch=1)
    now = timezone.now()
    first, second = Stream(till.shop.tenant.id, call.id, 1), Stream(till.shop.tenant.id, call.id, 2)
    journal._save(first, Batch(usage=(WORDS,), lasted_ms=60_000), now)
    course.look(till.activities()[0].began_at + MINUTE)
    with till.shop.scope():
        lifecycle.advance(call.id, "stream_started", answered_at=now)
    journal._save(first, Batch(usage=(Usage("deepgram", "nova-3", "stt.audio", 900_000, "ms"),)), now)

    more = Usage("deepgram", "nova-3", "stt.audio", 90_000, "ms")
    report = CallReport(Outcome.AGENT_HUNG_UP, now, 90_000, (), (more,), None)
    assert wrapup.finish(till.shop.tenant.id, call.id, report, second.epoch)
    assert not wrapup.finish(till.shop.tenant.id, call.id, report, first.epoch)
    with till.shop.scope():
        lifecycle.advance(call.id, "hung_up", carrier_duration_s=90)
    till.pays(call, now)

    assert till.used(call) == {"stt.audio": 90_000, "platform.minute": 90_000, "carrier.leg": 90_000}


def test_a_worker_that_dies_for_good_costs_what_came_after_its_last_checkpoint(till):
    long_ago = timezone.now() - timedelta(minutes=10)
    call = till.live(epoch=1, answered_at=long_ago, stream_started_at=long_ago, heartbeat_at=long_ago)
    last = long_ago + timedelta(seconds=45)
    journal._save(Stream(till.shop.tenant.id, call.id, 1), Batch(usage=(WORDS,), lasted_ms=45_000), last)

    sweeping.sweep()
    till.pays(call, timezone.now() + course.UNTOLD)

    assert till.used(call) == {"stt.audio": 60_000, "platform.minute": 45_000, "carrier.leg": 45_000}


def test_a_colleague_of_whom_the_carrier_tells_late_is_charged_once_more(till):
    till.ring()
    [call] = till.shop.calls()
    till.talked(call, call.created_at, seconds=20)
    till.pays(call, timezone.now())
    now = timezone.now()
    with till.shop.scope():
        transfer = Transfer.objects.create(call=call, epoch=1, kind="blind", target="Desk", began_at=now)
        leg = TransferLeg.objects.create(transfer=transfer, position=0, destination="+918041234567", talked_s=70)

        part = deriving.part_of_leg(leg, 1)
    assert course.look_again(now + MINUTE) == 1
    till.charges(call, now)

    assert till.used(call)[f"{part}carrier.transfer"] == 70_000
    assert till.lines(call)["carrier.transfer"] == 2 * LEG
    assert course.look_again(now + MINUTE) == 1
    assert till.charges(call, now) == 0


def test_a_word_with_a_colleague_belongs_to_the_callers_call(till):
    call = till.live()
    now = timezone.now()
    with till.shop.scope():
        transfer = transfers.begin(call, briefing.TransferTarget("Front desk", "+918041234567", warm=True))
        leg = transfer.legs.get()
        leg.carrier_id = "leg-1"
        leg.save()
        brief = briefing.open_call(leg, till.shop.number)
        briefing.open_call(leg, till.shop.number)
    till.talked(brief, now, seconds=25)
    till.pays(brief, now)

    activity = next(one for one in till.activities() if one.kind == "brief")
    assert (activity.part_of, activity.state) == (f"call:{call.id}", State.SETTLED)
    assert till.lines(brief)["carrier.transfer"] == LEG


def test_a_sentence_that_refuses_a_call_is_a_call_to_the_carrier(till):
    with till.shop.scope():
        till.shop.number.enabled = False
        till.shop.number.save()
    till.ring()
    [call] = till.shop.calls()
    with till.shop.scope():
        lifecycle.advance(call.id, "hung_up", carrier_duration_s=4)

    till.pays(call, timezone.now())

    assert till.lines(call) == {"carrier.leg": LEG}


def test_a_sentence_for_want_of_money_is_on_the_house(till):
    till.spends_all()
    till.ring()
    [call] = till.shop.calls()
    with till.shop.scope():
        lifecycle.advance(call.id, "hung_up", carrier_duration_s=4)

    assert not till.closes(call, timezone.now())
    assert till.activities() == []


def test_own_accounts_are_metered_and_not_charged(till):
    till.shop.account()
    till.ring()
    [call] = till.shop.calls()
    with till.shop.scope():
        Call.objects.filter(id=call.id).update(own_accounts=["deepgram"])
    till.talked(call, call.created_at, seconds=60, usage=used(WORDS))

    charged = till.pays(call, timezone.now())

    assert till.lines(call) == {"carrier.leg": 0, "carrier.stream": 0, "stt.audio": 0, "platform.minute": PLATFORM}
    assert charged == PLATFORM


@pytest.mark.parametrize("theirs", [LEG + STREAM, LEG + STREAM + 1])
def test_the_carriers_record_is_compared_and_repairs_nothing(till, theirs):
    till.ring()
    [call] = till.shop.calls()
    till.talked(call, call.created_at, seconds=30)
    till.pays(call, timezone.now())
    before = till.balance()
    with till.shop.scope():
        settle.note_leg(call, call.carrier_id, LegRole.CALL)
        call.cdrs.update(state="kept", billed_s=30, total_micros=theirs, currency="INR")

    found = reconcile(timezone.now())

    assert [(one.what, one.where, one.ours, one.theirs) for one in found] == (
        [] if theirs == LEG + STREAM else [("carrier", f"call:{call.id}", LEG + STREAM, theirs)]
    )
    assert till.balance() == before


def test_a_call_that_runs_while_another_is_broken_is_renewed_all_the_same(till):
    call = till.live()
    other = till.live(
        carrier_id="uuid-2", usage=[{"provider": "x", "model": "y", "meter": "llm.tokens_in", "amount": "many"}]
    )

    looked = course.look(till.activities()[-1].began_at + MINUTE)

    assert looked.renewed == 2
    with till.shop.scope():
        renewed = dict(Hold.objects.values_list("activity__source", "moves"))
    assert (renewed[f"call:{call.id}"], renewed[f"call:{other.id}"]) == (2, 1)
    assert call.status == Status.STREAMING
