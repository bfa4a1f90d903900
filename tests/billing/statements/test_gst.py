"""India's goods and services tax, as arithmetic."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.errors import BadTaxProfileError
from billing.money import MICROS, PAISA
from billing.statements import gst


@pytest.mark.parametrize("text", ["27AAPFU0939F1ZV", " 27aapfu0939f1zv ", "27 AAPFU 0939F 1ZV"])
def test_a_registration_is_taken_as_people_write_it(text):
    assert gst.gstin(text) == "27AAPFU0939F1ZV"


def test_no_registration_is_none():
    assert gst.gstin("  ") == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("27AAPFU0939F1ZX", "typing error"),
        ("27AAPFU0993F1ZV", "typing error"),
        ("27AAPFU0939F1Z", "15 characters"),
        ("27AAPFU0939F0ZV", "15 characters"),
        ("28AAPFU0939F1ZV", "no state"),
        ("२७AAPFU0939F1ZV", "15 characters"),
    ],
)
def test_a_wrong_registration_is_refused(text, why):
    with pytest.raises(BadTaxProfileError, match=why) as refused:
        gst.gstin(text)

    assert refused.value.field == "gstin"


@given(st.integers(0, 13), st.sampled_from("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
def test_the_check_character_finds_every_single_wrong_character(at, other):
    right = "27AAPFU0939F1Z"
    wrong = right[:at] + other + right[at + 1 :]

    assert (gst.check_character(wrong) == gst.check_character(right)) == (wrong == right)


def test_inside_a_state_the_tax_is_halved():
    assert gst.split(1000 * MICROS, 1800, "29", "29") == gst.Tax(cgst=90 * MICROS, sgst=90 * MICROS)


def test_between_states_it_is_one_tax():
    assert gst.split(1000 * MICROS, 1800, "29", "27") == gst.Tax(igst=180 * MICROS)


def test_out_of_the_country_there_is_none():
    assert gst.split(1000 * MICROS, 1800, "29", gst.ABROAD) == gst.Tax()


@given(st.integers(0, 10**9), st.sampled_from(["29", "27", gst.ABROAD]))
def test_taxes_are_whole_paise_and_next_to_the_exact_one(paise, place):
    taxable = paise * PAISA

    tax = gst.split(taxable, 1800, "29", place)

    assert all(part % PAISA == 0 for part in (tax.cgst, tax.sgst, tax.igst))
    assert tax.cgst == tax.sgst
    if place != gst.ABROAD:
        assert abs(tax.total * 100 - taxable * 18) <= 100 * PAISA


def test_territories_without_a_legislature_have_a_tax_of_another_name():
    assert (gst.state_tax_name("04"), gst.state_tax_name("29")) == ("UTGST", "SGST")


@pytest.mark.parametrize(
    ("day", "year"),
    [
        (date(2026, 3, 31), "25-26"),
        (date(2026, 4, 1), "26-27"),
        (date(2027, 1, 1), "26-27"),
        (date(2099, 12, 1), "99-00"),
    ],
)
def test_the_financial_year_begins_in_april(day, year):
    assert gst.financial_year(day) == year


@pytest.mark.parametrize("text", ["1234", "99", "998", "9983191"])
def test_a_wrong_services_code_is_refused(text):
    with pytest.raises(BadTaxProfileError):
        gst.sac(text)
