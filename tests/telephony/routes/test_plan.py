"""Where a call goes: hours, menu, fallback, shares. Values only."""

from collections import Counter
from datetime import UTC, date, datetime
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from agents.hours import Hours, SpecialDay
from telephony.routes.plan import (
    CLOSED,
    FALLBACK,
    OPEN,
    WE_ARE_CLOSED,
    Again,
    Kind,
    Menu,
    Plan,
    Share,
    Way,
    after,
    choose,
    keyed,
    share,
)

INDIA = ZoneInfo("Asia/Kolkata")
BERLIN = ZoneInfo("Europe/Berlin")
OFFICE = tuple((day, 9 * 60, 18 * 60) for day in range(5))
NIGHT = ((4, 22 * 60, 2 * 60),)
DIWALI = SpecialDay(date(2026, 11, 9), note="Diwali")
HALF_DAY = SpecialDay(date(2026, 11, 10), ((10 * 60, 13 * 60),))


def at(text, zone=INDIA):
    return datetime.fromisoformat(text).replace(tzinfo=zone)


@pytest.mark.parametrize(
    ("hours", "moment", "is_open"),
    [
        (Hours(INDIA), at("2026-11-08 03:00"), True),
        (Hours(INDIA, OFFICE), at("2026-11-06 08:59"), False),
        (Hours(INDIA, OFFICE), at("2026-11-06 09:00"), True),
        (Hours(INDIA, OFFICE), at("2026-11-06 17:59"), True),
        (Hours(INDIA, OFFICE), at("2026-11-06 18:00"), False),
        (Hours(INDIA, OFFICE), at("2026-11-07 12:00"), False),
        # 04:00 in London is 09:30 in India.
        (Hours(INDIA, OFFICE), datetime(2026, 11, 6, 4, 0, tzinfo=UTC), True),
        (Hours(INDIA, OFFICE), datetime(2026, 11, 6, 13, 0, tzinfo=UTC), False),
        # Past midnight, and only after the evening that it began in.
        (Hours(INDIA, NIGHT), at("2026-11-06 23:00"), True),
        (Hours(INDIA, NIGHT), at("2026-11-07 01:59"), True),
        (Hours(INDIA, NIGHT), at("2026-11-07 02:00"), False),
        (Hours(INDIA, NIGHT), at("2026-11-06 01:00"), False),
        (Hours(INDIA, ((6, 0, 0),)), at("2026-11-08 23:59"), True),
        (Hours(INDIA, ((6, 0, 0),)), at("2026-11-09 00:00"), False),
        # Two intervals of one day.
        (Hours(INDIA, ((0, 540, 720), (0, 840, 1080))), at("2026-11-02 13:00"), False),
        (Hours(INDIA, ((0, 540, 720), (0, 840, 1080))), at("2026-11-02 14:00"), True),
        # A date beats its weekday, and the night before it still ends as it began.
        (Hours(INDIA, OFFICE, (DIWALI,)), at("2026-11-09 12:00"), False),
        (Hours(INDIA, OFFICE, (HALF_DAY,)), at("2026-11-10 09:30"), False),
        (Hours(INDIA, OFFICE, (HALF_DAY,)), at("2026-11-10 12:59"), True),
        (Hours(INDIA, (), (DIWALI,)), at("2026-11-09 12:00"), False),
        (Hours(INDIA, (), (DIWALI,)), at("2026-11-10 12:00"), True),
        (Hours(INDIA, ((6, 1320, 120),), (DIWALI,)), at("2026-11-09 01:00"), True),
        # Clocks went back in Berlin at three; nine is nine on both sides.
        (Hours(BERLIN, ((5, 540, 600), (6, 540, 600))), datetime(2026, 10, 24, 7, 0, tzinfo=UTC), True),
        (Hours(BERLIN, ((5, 540, 600), (6, 540, 600))), datetime(2026, 10, 25, 7, 59, tzinfo=UTC), False),
        (Hours(BERLIN, ((5, 540, 600), (6, 540, 600))), datetime(2026, 10, 25, 8, 0, tzinfo=UTC), True),
    ],
)
def test_a_number_is_open_by_its_own_clock(hours, moment, is_open):
    assert hours.open_at(moment) is is_open


AGENT = Way(OPEN, Kind.AGENT, agent_id=uuid4())
PERSON = Way("1", Kind.PERSON, targets=("+918041234567",))
SHUT = Way(CLOSED, Kind.VOICEMAIL)
SPARE = Way(FALLBACK, Kind.PERSON, targets=("+918041234567",))
MENU = Menu("For the desk press one.")
DAY = at("2026-11-06 12:00")
EVENING = at("2026-11-06 20:00")
HOURS = Hours(INDIA, OFFICE)


def plan(*ways, **more):
    return Plan({way.place: way for way in ways}, **more)


@pytest.mark.parametrize(
    ("given", "now", "found"),
    [
        (plan(), DAY, None),
        (plan(AGENT), DAY, AGENT),
        (plan(AGENT, SHUT), EVENING, AGENT),
        (plan(AGENT, SHUT, hours=HOURS), DAY, AGENT),
        (plan(AGENT, SHUT, hours=HOURS), EVENING, SHUT),
        (plan(AGENT, hours=HOURS), EVENING, Way(CLOSED, Kind.REFUSAL, say=WE_ARE_CLOSED)),
        (plan(AGENT, PERSON, menu=MENU, hours=HOURS), EVENING, Way(CLOSED, Kind.REFUSAL, say=WE_ARE_CLOSED)),
        (plan(AGENT, PERSON, menu=MENU), DAY, MENU),
        (plan(AGENT, PERSON), DAY, AGENT),
        (plan(AGENT, menu=MENU), DAY, AGENT),
        (plan(SPARE), DAY, None),
    ],
)
def test_the_hour_and_the_menu_decide_who_is_first(given, now, found):
    assert choose(given, now) == found


@pytest.mark.parametrize(
    ("digits", "attempt", "found"),
    [
        ("1", 1, PERSON),
        ("1", 2, PERSON),
        ("1#", 1, PERSON),
        ("", 1, AGENT),
        ("", 2, AGENT),
        ("7", 1, Again(2)),
        ("#", 1, Again(2)),
        ("7", 2, AGENT),
        ("7", 9, AGENT),
    ],
)
def test_a_wrong_key_may_be_pressed_once(digits, attempt, found):
    assert keyed(plan(AGENT, PERSON, menu=MENU), digits, attempt) == found


def test_a_menu_without_a_way_of_its_own_can_end_with_nobody():
    assert keyed(plan(PERSON, menu=MENU), "", 1) is None


@pytest.mark.parametrize(("place", "found"), [(OPEN, SPARE), ("1", SPARE), (FALLBACK, None), (CLOSED, None)])
def test_a_way_that_fails_has_the_fallback_behind_it(place, found):
    assert after(plan(AGENT, PERSON, SPARE, SHUT), place) == found


def test_without_a_fallback_there_is_none():
    assert after(plan(AGENT), OPEN) is None


def test_a_call_keeps_its_version_and_many_calls_come_to_their_shares():
    old, new = Share(uuid4(), 80), Share(None, 20)
    way = Way(OPEN, Kind.AGENT, agent_id=uuid4(), shares=(old, new))

    picks = [share(way, f"call-{n}") for n in range(2_000)]

    assert picks == [share(way, f"call-{n}") for n in range(2_000)]
    counts = Counter(picks)
    assert set(counts) == {old, new}
    assert abs(counts[old] - 1_600) < 80


def test_a_share_of_nothing_is_never_chosen():
    never, always = Share(uuid4(), 0), Share(uuid4(), 1)
    way = Way(OPEN, Kind.AGENT, shares=(never, always))

    assert {share(way, str(n)) for n in range(200)} == {always}


def test_without_shares_what_is_published_answers():
    assert share(AGENT, "x") == Share(None, 1)
