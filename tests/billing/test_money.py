"""Money: whole micro-units, and the only rounding."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import BadAmountError
from billing.money import PAISA, Money, Rounding, parse, plain, rounded, whole_paise


@pytest.mark.parametrize(
    ("exact", "half_even", "half_up", "up", "down"),
    [
        (Fraction(5, 2), 2, 3, 3, 2),
        (Fraction(7, 2), 4, 4, 4, 3),
        (Fraction(9, 4), 2, 2, 3, 2),
        (Fraction(11, 4), 3, 3, 3, 2),
        (Fraction(3), 3, 3, 3, 3),
        (Fraction(0), 0, 0, 0, 0),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_each_way_of_rounding(exact, half_even, half_up, up, down, sign):
    modes = (Rounding.HALF_EVEN, Rounding.HALF_UP, Rounding.UP, Rounding.DOWN)

    assert [rounded(sign * exact, mode) for mode in modes] == [sign * n for n in (half_even, half_up, up, down)]


@given(st.fractions(min_value=-(10**9), max_value=10**9), st.sampled_from(Rounding))
def test_rounding_moves_an_amount_by_less_than_one(exact, mode):
    assert abs(rounded(exact, mode) - exact) < 1


@pytest.mark.parametrize(
    ("text", "micros"),
    [("0.45", 450_000), ("1,180.00", 1_180_000_000), ("-2", -2_000_000), (" 0.000001 ", 1), ("+3.5", 3_500_000)],
)
def test_an_amount_is_read_exactly(text, micros):
    assert parse(text) == micros


@pytest.mark.parametrize("text", ["", "0.0000001", "1e3", "1.", ".5", "₹5", "nan", "१२", 0.45, None])
def test_what_is_no_amount_is_refused_by_the_name_of_its_field(text):
    with pytest.raises(BadAmountError, match=r"^price: ") as refused:
        parse(text, "price")

    assert refused.value.field == "price"


@given(st.integers(-(10**17), 10**17))
def test_what_is_written_is_read_back(micros):
    assert parse(plain(micros)) == micros


@given(st.integers(-(10**17), 10**17), st.sampled_from(Rounding))
def test_whole_paise_and_what_is_left_over_are_the_amount(micros, mode):
    paise, left = whole_paise(micros, mode)

    assert paise * PAISA + left == micros
    assert abs(left) < PAISA


@pytest.mark.parametrize(
    ("money", "text"),
    [
        (Money(450_000), "₹0.45"),
        (Money(-1_500_000), "-₹1.50"),
        (Money(4_800, "USD"), "$0.0048"),
        (Money(1, "EUR"), "EUR 0.000001"),
    ],
)
def test_money_reads_like_money(money, text):
    assert str(money) == text


def test_two_currencies_do_not_add_up():
    with pytest.raises(BadAmountError):
        Money(1) + Money(1, "USD")
