"""Windows, plans, retries and paces as arithmetic."""

import uuid
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telephony.outbound import zones
from telephony.outbound.plan import Bucket, Plan, Retry, Rules, Waiting, Window, again_at, plan, too_many_failed

KOLKATA = (ZoneInfo("Asia/Kolkata"),)
ALL_OF_US = zones.zones("@US", "Asia/Kolkata")
NAMES = ("Asia/Kolkata", "America/New_York", "Pacific/Honolulu", "Australia/Lord_Howe", "Europe/London", "@US", "@RU")
SATURDAY = datetime(2026, 11, 21, 6, 0, tzinfo=UTC)


def moment(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        ("2026-11-21T03:29:59", False),
        ("2026-11-21T03:30:00", True),
        ("2026-11-21T15:29:29", True),
        ("2026-11-21T15:29:30", False),
        ("2026-11-21T15:30:00", False),
    ],
)
def test_from_nine_to_nine_by_the_clock_where_the_person_is_and_the_last_ring_within(at, is_open):
    assert Window().is_open(KOLKATA, moment(at)) is is_open


def test_a_country_with_several_zones_is_open_when_all_of_them_are():
    # Nine in Honolulu (or Adak, in winter the same hour) is two in the afternoon in New York.
    assert not Window().is_open(ALL_OF_US, moment("2026-11-20T18:59:00"))
    assert Window().is_open(ALL_OF_US, moment("2026-11-20T19:00:00"))
    assert Window().next_open(ALL_OF_US, moment("2026-11-20T02:00:00")) == moment("2026-11-20T19:00:00")


def test_days_and_dates_are_those_of_the_person():
    window = Window(days=frozenset({0}), first=date(2026, 11, 23), last=date(2026, 11, 23))

    opening = window.next_open(KOLKATA, SATURDAY)

    assert opening == moment("2026-11-23T03:30:00")
    assert window.next_open(KOLKATA, moment("2026-11-23T16:00:00")) is None


def test_an_opening_that_the_clocks_skip_comes_with_the_hour_after_it():
    window = Window(opens=time(2, 30), closes=time(6))
    new_york = (ZoneInfo("America/New_York"),)

    opening = window.next_open(new_york, moment("2026-03-08T05:00:00"))

    assert opening.astimezone(new_york[0]).time() == time(3, 30)


windows = st.builds(
    lambda opens, hours, days, first, length: Window(
        opens=time(opens),
        closes=time(min(opens + hours, 23), 59),
        days=frozenset(days),
        first=first,
        last=first + timedelta(days=length) if first and length is not None else None,
    ),
    st.integers(0, 22),
    st.integers(0, 14),
    st.sets(st.integers(0, 6), min_size=1),
    st.none() | st.dates(date(2026, 10, 20), date(2026, 12, 1)),
    st.none() | st.integers(0, 20),
)
moments = st.datetimes(datetime(2026, 10, 20), datetime(2026, 12, 20)).map(lambda at: at.replace(tzinfo=UTC))
people = st.builds(
    lambda name, next_at: Waiting(uuid.uuid4(), zones.zones(name, "Asia/Kolkata"), next_at),
    st.sampled_from(NAMES),
    moments,
)


@settings(deadline=None, max_examples=60)
@given(st.lists(people, max_size=12), moments, windows, st.integers(0, 6))
def test_everybody_has_one_fate_and_nobody_is_rung_outside_the_window(contacts, now, window, free):
    found = plan(contacts, now, Rules(window, free))
    by_id = {contact.id: contact for contact in contacts}

    assert len(found.dial) <= free
    for contact_id in found.dial:
        assert window.is_open(by_id[contact_id].zones, now)
        assert by_id[contact_id].next_at <= now
    for contact_id, later in found.later.items():
        assert later > now
        assert later >= by_id[contact_id].next_at
        assert window.is_open(by_id[contact_id].zones, later)
    fates = [*found.dial, *found.later, *found.over]
    assert len(fates) == len(set(fates))
    for contact_id in set(by_id) - set(fates):
        contact = by_id[contact_id]
        waits_for_a_line = contact.next_at <= now and window.is_open(contact.zones, now) and len(found.dial) == free
        assert waits_for_a_line or contact.next_at > now


@settings(deadline=None, max_examples=40)
@given(st.sampled_from(NAMES), moments, windows)
def test_the_next_opening_is_the_first_one(name, since, window):
    where = zones.zones(name, "Asia/Kolkata")

    opening = window.next_open(where, since)

    step, until = timedelta(minutes=7), since + timedelta(days=9)
    at = since
    while at < (until if opening is None else min(opening, until)):
        assert not window.is_open(where, at)
        at += step


def test_who_has_waited_longest_comes_first():
    late = Waiting(uuid.uuid4(), KOLKATA, SATURDAY)
    early = Waiting(uuid.uuid4(), KOLKATA, SATURDAY - timedelta(hours=1))

    assert plan([late, early], SATURDAY, Rules(free=1)) == Plan(dial=(early.id,))


def test_each_result_is_tried_again_as_often_as_its_rule_says():
    retries = {"busy": Retry(2, timedelta(minutes=30))}

    assert again_at("busy", {}, retries, SATURDAY) == SATURDAY + timedelta(minutes=30)
    assert again_at("busy", {"busy": 1, "no_answer": 9}, retries, SATURDAY) == SATURDAY + timedelta(minutes=30)
    assert again_at("busy", {"busy": 2}, retries, SATURDAY) is None
    assert again_at("reached", {}, retries, SATURDAY) is None


@given(st.floats(1, 50), st.lists(st.floats(0, 3), max_size=60))
def test_no_second_has_more_calls_than_the_account_may_make(a_second, gaps):
    bucket, now, taken = Bucket(0.0, SATURDAY), SATURDAY, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        wait, bucket = bucket.take(now, a_second)
        if not wait:
            taken.append(now)

    for index, first in enumerate(taken):
        within = [at for at in taken[index:] if at - first < timedelta(seconds=1)]
        assert len(within) <= 2 * max(a_second, 1) + 1


def test_a_wait_for_the_bucket_is_long_enough():
    wait, bucket = Bucket(0.0, SATURDAY).take(SATURDAY, 4)

    assert wait == timedelta(milliseconds=250)
    assert bucket.take(SATURDAY + wait, 4)[0] == timedelta(0)


def test_failures_are_too_many_when_enough_was_tried():
    assert too_many_failed(["failed"] * 5 + ["reached"] * 5, 50)
    assert not too_many_failed(["failed"] * 9, 50)
    assert not too_many_failed(["failed"] * 4 + ["busy"] * 6, 50)
    assert not too_many_failed(["failed"] * 20, 100)
