"""Money before a call: held with the call's row, or refused with a sentence and a reason."""

from datetime import timedelta

import pytest
from django.utils import timezone

from billing import limiting, standing
from billing.ledger import Account
from billing.models import Hold, State
from billing.money import MICROS
from telephony import next_document
from telephony.browser import trying
from telephony.dispatch import Connect, Refuse
from telephony.metering import admitting, course
from telephony.models import Kind, Status
from telephony.outbound import dials, placing
from telephony.outbound.placing import CallRefusedError, Wanted
from tests.telephony.metering.conftest import LEG, PLATFORM, STREAM

PERSON = "+919812345678"


def test_two_minutes_are_held_for_a_call_that_is_taken(till):
    decision = till.ring()

    [activity] = till.activities()
    assert isinstance(decision, Connect)
    assert (activity.source, activity.kind, activity.state) == (f"call:{decision.call_id}", "call", State.OPEN)
    assert (activity.agent, activity.number) == (str(till.shop.agent.id), till.shop.e164)
    assert till.balance(Account.HOLDS) == 2 * (LEG + STREAM + PLATFORM)


def test_the_carrier_asks_twice_and_money_is_held_once(till):
    assert till.ring() == till.ring()
    assert till.balance(Account.HOLDS) == 2 * (LEG + STREAM + PLATFORM)


def test_without_money_the_caller_hears_a_sentence_and_the_row_says_why(till):
    till.spends_all()

    decision = till.ring()

    [call] = till.shop.calls()
    assert decision == Refuse("no_money", call.id)
    assert "not taking calls" in next_document.first(till.shop.number, decision).xml().decode()
    assert (call.status, call.error) == (Status.REFUSED, "no_money")
    assert till.activities() == []
    assert till.ring() == decision


@pytest.mark.parametrize(("limit", "reason"), [("day_cap_micros", "day_cap"), ("month_cap_micros", "month_cap")])
def test_a_cap_refuses_calls(till, limit, reason):
    with till.shop.scope():
        limiting.change(None, **{limit: 2 * MICROS})

    assert till.ring().reason == reason


def test_a_suspended_tenant_takes_no_calls(till):
    with till.shop.scope():
        limiting.change(None, limiting.OPERATORS, suspended="does not pay")

    assert till.ring().reason == "suspended"


def test_a_call_that_cannot_be_taken_anyway_holds_nothing(till):
    with till.shop.scope():
        till.shop.number.enabled = False
        till.shop.number.save()

    assert till.ring().reason == "disabled"
    assert till.activities() == []


def test_an_account_of_ones_own_at_the_carrier_is_not_held_for(till):
    till.shop.account()

    till.ring()

    assert till.balance(Account.HOLDS) == 2 * PLATFORM


def test_a_dial_is_held_for_from_the_dial_on(till):
    now = timezone.now()
    with till.shop.scope():
        dial = placing.open_dial(till.shop.agent, till.shop.number, Wanted(till.shop.agent.id, PERSON), now)

        assert Hold.objects.get().activity.source == admitting.source_of(dial.call_id)


def test_nobody_is_dialled_without_money(till):
    till.spends_all()

    with till.shop.scope(), pytest.raises(CallRefusedError, match="Top up") as refused:
        placing.open_dial(till.shop.agent, till.shop.number, Wanted(till.shop.agent.id, PERSON), timezone.now())

    assert refused.value.code == "no_money"
    assert till.shop.calls() == []


def test_what_was_held_for_a_dial_that_was_taken_back_is_given_back(till):
    now = timezone.now()
    with till.shop.scope():
        dial = placing.open_dial(till.shop.agent, till.shop.number, Wanted(till.shop.agent.id, PERSON), now)
        dials.take_back(dial.id, now, now)
    before = till.balance()

    course.look(now)
    with till.shop.scope():
        standing.release(admitting.source_of(dial.call_id), now)

    assert till.balance() == before + 2 * (LEG + STREAM + PLATFORM)
    assert [activity.state for activity in till.activities()] == [State.CLOSED]


def test_a_test_of_what_costs_nothing_needs_no_money(till, cast):
    till.spends_all()

    with till.shop.scope():
        call = trying.begin(till.shop.agent, cast.owner, kind=Kind.TEST, which="published")

    [activity] = till.activities()
    assert (activity.source, activity.kind, activity.test) == (f"call:{call.id}", "test", True)


def test_a_minutes_price_is_looked_up_once_a_minute(till, django_assert_max_num_queries):
    now = timezone.now()
    way = admitting.DIRECT
    with till.shop.scope():
        version = till.shop.agent.published
        admitting._minute("x", lambda: admitting._of_way(way, version), now)
        with django_assert_max_num_queries(0):
            admitting._minute("x", lambda: admitting._of_way(way, version), now + timedelta(seconds=59))
