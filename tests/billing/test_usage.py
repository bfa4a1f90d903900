"""Usage comes in: the most that was ever told counts, however it is told."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction

from billing import activities, usage
from billing.activities import TABLE, IllegalStepError
from billing.errors import BadUsageError
from billing.meters import Amount
from billing.models import Activity, State, UsageCheckpoint, UsageRecord
from tests.billing.conftest import NOON, minutes

LINE = "carrier.leg"


def line(minute, part=""):
    return Amount(LINE, minutes(minute), part=part)


def heard(seconds):
    return Amount("stt.audio", seconds * 1000, "deepgram", "nova-3")


def records(business):
    """Of each identity the record that counts, in ms."""
    with business.scope():
        return {
            (row.source.partition("~")[0], row.meter): row.amount
            for row in UsageRecord.objects.filter(replaced_by=None)
        }


def check(business, *amounts, source="call:1", now=NOON):
    with business.scope():
        usage.checkpoint(source, amounts, now)


def test_what_is_told_at_the_end_is_recorded(clinic):
    clinic.begins()

    assert clinic.ends(line(1), heard(40))

    assert records(clinic) == {("call:1", LINE): 60_000, ("call:1", "stt.audio"): 40_000}
    with clinic.scope():
        activity = Activity.objects.get()
        assert (activity.state, activity.closed_at) == (State.CLOSED, NOON + timedelta(minutes=2))


def test_of_a_worker_that_dies_the_last_checkpoint_counts(clinic):
    clinic.begins()
    check(clinic, heard(10))
    check(clinic, heard(20))

    clinic.ends()

    assert records(clinic) == {("call:1", "stt.audio"): 20_000}
    with clinic.scope():
        assert not UsageCheckpoint.objects.exists()


def test_checkpoints_in_any_order_and_twice_keep_the_most(clinic):
    clinic.begins()
    for seconds in (20, 10, 30, 30, 20):
        check(clinic, heard(seconds))

    with clinic.scope():
        assert UsageCheckpoint.objects.get().amount == 30_000


def test_the_end_and_the_checkpoints_are_not_added_up(clinic):
    clinic.begins()
    check(clinic, heard(50), line(1))

    clinic.ends(heard(40), line(2))

    assert records(clinic) == {("call:1", "stt.audio"): 50_000, ("call:1", LINE): 120_000}


def test_the_end_twice_is_one_end(clinic):
    clinic.begins()
    clinic.ends(heard(40))

    assert not clinic.ends(heard(40))

    with clinic.scope():
        assert UsageRecord.objects.count() == 1


@pytest.mark.parametrize("order", [(40, 60), (60, 40)])
@pytest.mark.parametrize("late", ["end", "checkpoint"])
def test_more_that_is_told_late_stands_instead_of_less(clinic, order, late):
    clinic.begins()
    clinic.ends(heard(order[0]))

    if late == "end":
        assert clinic.ends(heard(order[1])) == (order[1] > order[0])
    else:
        check(clinic, heard(order[1]))

    assert records(clinic) == {("call:1", "stt.audio"): 60_000}


def test_late_usage_is_numbered_so_that_no_identity_comes_twice(clinic):
    clinic.begins()
    for seconds in (10, 20, 30):
        clinic.ends(heard(seconds))

    with clinic.scope():
        rows = list(UsageRecord.objects.order_by("amount"))
    assert [row.source for row in rows] == ["call:1", "call:1~2", "call:1~3"]
    assert [row.instead_of_id for row in rows] == [None, rows[0].id, rows[1].id]


def test_parts_of_an_activity_are_counted_apart(clinic):
    clinic.begins()

    clinic.ends(line(1), line(2, "leg-2"))

    assert records(clinic) == {("call:1", LINE): 60_000, ("call:1/leg-2", LINE): 120_000}


def test_nothing_used_is_nothing_recorded(clinic):
    clinic.begins()

    clinic.ends(heard(0))

    assert records(clinic) == {}


@pytest.mark.parametrize(
    ("amounts", "field"),
    [([Amount("stt.second", 1)], "meter"), ([Amount(LINE, -1)], "amount"), ([Amount(LINE, 1.5)], "amount")],
)
def test_bad_usage_is_refused_whole_by_the_name_of_its_field(clinic, amounts, field):
    clinic.begins()

    with pytest.raises(BadUsageError) as refused:
        clinic.ends(heard(1), *amounts)

    assert refused.value.field == field
    assert records(clinic) == {}


def test_what_has_not_begun_has_no_usage(clinic):
    with pytest.raises(BadUsageError, match="has not begun"):
        clinic.ends(heard(1))


def test_another_business_can_add_nothing_to_it(clinic, garden):
    clinic.begins()

    with pytest.raises(BadUsageError, match="has not begun"):
        garden.ends(heard(1))


@pytest.mark.parametrize("source", ["", "call/1", "call~1", "x" * 101])
def test_a_source_is_a_name(clinic, source):
    with pytest.raises(BadUsageError):
        clinic.begins(source)


def test_to_begin_twice_is_to_begin_once(clinic):
    clinic.begins(agent="a")
    clinic.begins(agent="b")

    with clinic.scope():
        assert Activity.objects.get().agent == "a"


def test_the_day_is_the_tenants(clinic):
    clinic.begins(began_at=NOON.replace(hour=20))

    with clinic.scope():
        assert Activity.objects.get().day.day == 21


def test_the_database_has_one_record_per_source_and_meter(clinic):
    clinic.begins()
    clinic.ends(heard(1))

    with clinic.scope():
        row = UsageRecord.objects.get()
        row.id, row.amount, row._state.adding = uuid4(), 5, True
        with pytest.raises(IntegrityError, match="one_record_per_source_and_meter"), transaction.atomic():
            row.save()


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("event", ["closed", "more", "charged", "no_price"])
def test_every_step_is_in_the_table_or_refused(clinic, state, event):
    clinic.begins()
    with clinic.scope():
        activity = Activity.objects.get()
        activity.state = state
        wanted = TABLE.get((state, event))
        if wanted is None:
            with pytest.raises(IllegalStepError):
                activities.advance(activity, event)
            assert activity.state == state
        else:
            activities.advance(activity, event)
            assert Activity.objects.get().state == wanted
