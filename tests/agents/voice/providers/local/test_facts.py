"""What callers say for a fact, and which value it is: numbers, digits, days, times, options, yes and no."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.voice.blueprint import Slot
from agents.voice.providers.local import numbers, slots
from agents.voice.providers.local.spoken import number_words, spoken

DOCTOR = Slot("doctor", "Which doctor?", "choice", ("Doctor Rao", "Doctor Mehta", "Doctor Khan"))
TOPIC = Slot("topic", "What about?", "choice", ("an appointment", "a bill", "something else"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Doctor Rao, 4:30 p.m.", "doctor rao four thirty p m"),
        ("Dr. Khan & Mrs. Rao", "doctor khan and misses rao"),
        ("₹400 for 2", "four hundred rupees for two"),
        ("on the 3rd of March", "on the third of march"),
        ("at 5:00", "at five"),
        ("at 10:05", "at ten oh five"),
        ("call 01234", "call zero one two three four"),
        ("I’d like a café", "i'd like a cafe"),
        ("  Yes!  ", "yes"),
        ("", ""),
        ("…?!", ""),
    ],
)
def test_written_words_become_spoken_ones(text: str, said: str):
    assert spoken(text) == said


@given(st.text(max_size=60))
def test_spoken_words_are_spoken_already(text: str):
    once = spoken(text)

    assert spoken(once) == once


@given(st.integers(0, 999))
def test_a_number_in_words_is_that_number(value: int):
    assert numbers.number(number_words(value)) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("for four please", 4),
        ("we are about forty two", 42),
        ("a couple", 2),
        ("one hundred and five", 105),
        ("two thousand and ten", 2010),
        ("no idea", None),
    ],
)
def test_number(said: str, value: int | None):
    assert numbers.number(said) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("nine eight seven six", "9876"),
        ("double five oh twenty one", "55021"),
        ("my number is triple seven zero", "7770"),
        ("nothing of that kind", ""),
    ],
)
def test_digits(said: str, value: str):
    assert numbers.digits(said) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("on tuesday", "Tuesday"),
        ("next monday please", "next Monday"),
        ("tomorrow", "tomorrow"),
        ("the day after tomorrow", "the day after tomorrow"),
        ("tonight", "today"),
        ("the third of march", "3 March"),
        ("march the third", "3 March"),
        ("twenty first of june", "21 June"),
        ("on the twenty second", "the 22nd"),
        ("the eleventh", "the 11th"),
        ("the first one", None),
        ("doctor rao", None),
    ],
)
def test_day(said: str, value: str | None):
    assert numbers.day(said) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("at nine", "9 o'clock"),
        ("eleven o'clock", "11 o'clock"),
        ("four thirty p m", "4:30 PM"),
        ("four thirty in the afternoon", "4:30 PM"),
        ("ten in the morning", "10:00 AM"),
        ("half past four", "4:30"),
        ("quarter to five", "4:45"),
        ("ten to one", "12:50"),
        ("nine oh five", "9:05"),
        ("noon", "noon"),
        ("midday please", "noon"),
        ("on friday", None),
    ],
)
def test_time(said: str, value: str | None):
    assert numbers.time(said) == value


@pytest.mark.parametrize(
    ("slot", "said", "value"),
    [
        (DOCTOR, "doctor mehta please", "Doctor Mehta"),
        (DOCTOR, "with rao", "Doctor Rao"),
        (DOCTOR, "the first one", "Doctor Rao"),
        (DOCTOR, "the last one", "Doctor Khan"),
        (DOCTOR, "no not rao doctor khan", "Doctor Khan"),
        (DOCTOR, "doctor who", None),
        (TOPIC, "a bill", "a bill"),
        (TOPIC, "it's about the bill", "a bill"),
        (TOPIC, "something else", "something else"),
    ],
)
def test_choice(slot: Slot, said: str, value: str | None):
    assert slots.parse(slot, said) == value


@pytest.mark.parametrize(
    ("said", "value"),
    [
        ("yes", True),
        ("yes please", True),
        ("yeah that's fine", True),
        ("that's right", True),
        ("no", False),
        ("no thank you", False),
        ("that's not right", False),
        ("not really", False),
        ("tuesday", None),
        ("", None),
    ],
)
def test_yes_or_no(said: str, value: bool | None):
    assert slots.yes_or_no(said) is value


def test_every_alias_of_an_option_means_that_option():
    for slot in (DOCTOR, TOPIC):
        assert {said: slots.parse(slot, said) for said in slots.aliases(slot)} == slots.aliases(slot)


@pytest.mark.parametrize(("kind", "value", "aloud"), [("digits", "9876", "9 8 7 6"), ("time", "4:30", "4:30")])
def test_digits_are_said_one_by_one(kind, value: str, aloud: str):
    assert slots.said(Slot("x", "x", kind), value) == aloud
