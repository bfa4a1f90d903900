"""What is handed out: PDF and CSV say what was frozen."""

import csv
import io

import pytest

from billing.money import parse
from billing.statements import crediting, documents, parties
from tests.billing.statements.conftest import MAHARASHTRA, OCTOBER_IS_OVER, calls, close


@pytest.mark.parametrize(
    ("micros", "places", "shown"),
    [
        (0, 2, "0.00"),
        (123_456_789_012, 2, "1,23,456.79"),
        (-1_500_000, 2, "-1.50"),
        (-1, 2, "0.00"),
        (5_000, 2, "0.00"),
        (15_000, 2, "0.02"),
        (433_920, 4, "0.4339"),
        (100_000_000_000_000, 2, "10,00,00,000.00"),
    ],
)
def test_amounts_are_in_indian_groups(micros, places, shown):
    assert documents.grouped(micros, places) == shown


def test_the_csv_by_call_adds_up(clinic, operator):
    charged = calls(clinic, "call:1") + calls(clinic, "call:2", talk=9, agent="=HYPERLINK(1)")
    statement = close(clinic)

    with clinic.scope():
        rows = list(csv.DictReader(io.StringIO(documents.statement_csv(statement).lstrip("\N{BOM}"))))

    assert sum(parse(row["rupees"]) for row in rows) == charged
    assert [row["source"] for row in rows] == ["call:1", "call:2"]
    assert rows[1]["agent"] == "'=HYPERLINK(1)"


def test_the_csv_by_meter_adds_up(clinic, operator):
    charged = calls(clinic, "call:1", talk=3)
    statement = close(clinic)

    with clinic.scope():
        rows = list(csv.DictReader(io.StringIO(documents.meters_csv(statement).lstrip("\N{BOM}"))))

    assert sum(parse(row["rupees"]) for row in rows) == charged
    assert {row["meter"]: row["quantity"] for row in rows}["carrier.leg"] == "180000"


def test_an_invoice_is_a_pdf_whatever_letters_are_in_the_name(clinic, operator):
    with clinic.scope():
        parties.keep_profile(
            None, legal_name="संजीवनी Clinic “₹”", address="Pune\nĀndheri", place="27", gstin=MAHARASHTRA
        )
    for at in range(3):
        calls(clinic, f"call:{at}", talk=1 + at)
    statement = close(clinic)

    with clinic.scope():
        first, again = documents.statement_pdf(statement), documents.statement_pdf(statement)

    assert first.startswith(b"%PDF-")
    assert first == again


def test_a_credit_note_is_a_pdf(clinic, operator):
    calls(clinic, "call:1", talk=30)
    statement = close(clinic)
    with clinic.scope():
        note = crediting.give_back(statement, 1_000_000, "k", "sorry", now=OCTOBER_IS_OVER)

        assert documents.note_pdf(note).startswith(b"%PDF-")


def test_letters_that_the_fonts_lack_lose_their_marks():
    assert documents.latin("Ś₹5 − Ā’") == "SRs 5 - A'"
