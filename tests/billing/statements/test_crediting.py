"""Credit notes take back part of an invoice, with its tax."""

import pytest

from billing import ledger, limiting
from billing.errors import BadAmountError, BadPeriodError
from billing.ledger import Account
from billing.models import CreditNote
from billing.money import MICROS, PAISA
from billing.statements import closing, crediting
from tests.billing.statements.conftest import NOVEMBER, NOVEMBER_IS_OVER, OCTOBER_IS_OVER, calls, close


@pytest.fixture
def invoice(clinic, operator):
    calls(clinic, "call:1", talk=60)
    return close(clinic)


def gives_back(business, invoice, micros, key="k1", reason="recording counted twice"):
    with business.scope():
        return crediting.give_back(invoice, micros, key, reason, now=OCTOBER_IS_OVER)


def test_a_note_goes_to_the_wallet_of_who_pays_in_advance(clinic, invoice):
    before = clinic.balance()

    note = gives_back(clinic, invoice, 10 * MICROS)

    assert note.number == "CN/26-27/000001"
    assert (note.cgst_micros, note.sgst_micros) == (900_000, 900_000)
    assert clinic.balance() == before + 10 * MICROS


def test_tax_that_was_paid_waits_for_the_next_invoice(clinic, invoice):
    gives_back(clinic, invoice, 10 * MICROS)

    with clinic.scope():
        assert closing.tax_in_hand() == 1_800_000


def test_who_pays_later_owes_less_with_the_tax(clinic, operator):
    with clinic.scope():
        limiting.change(None, limiting.OPERATORS, mode="postpaid", credit_micros=1000 * MICROS)
    calls(clinic, "call:1", talk=60)
    invoice = close(clinic)

    note = gives_back(clinic, invoice, invoice.taxable_micros)

    assert note.total_micros == invoice.total_micros
    assert clinic.balance(Account.RECEIVABLE) == 0
    assert clinic.balance(Account.TAX) == 0
    with clinic.scope():
        assert ledger.trial_balance().holds


def test_the_same_key_again_is_the_same_note(clinic, invoice):
    first = gives_back(clinic, invoice, 5 * MICROS)

    assert gives_back(clinic, invoice, 5 * MICROS) == first
    with clinic.scope():
        assert CreditNote.objects.count() == 1
    with pytest.raises(BadAmountError, match="another amount"):
        gives_back(clinic, invoice, 6 * MICROS)


@pytest.mark.parametrize("micros", [0, -PAISA, PAISA // 2])
def test_a_note_is_over_whole_paise(clinic, invoice, micros):
    with pytest.raises(BadAmountError) as refused:
        gives_back(clinic, invoice, micros)

    assert refused.value.field == "amount"


def test_no_more_is_taken_back_than_was_invoiced(clinic, invoice):
    gives_back(clinic, invoice, invoice.taxable_micros - MICROS)

    with pytest.raises(BadAmountError, match=r"at most ₹1\.00"):
        gives_back(clinic, invoice, 2 * MICROS, key="k2")
    last = gives_back(clinic, invoice, MICROS, key="k2")

    with clinic.scope():
        taken = sum(note.tax_micros for note in CreditNote.objects.all())
    assert taken == invoice.tax_micros
    assert last.taxable_micros == MICROS


def test_a_note_is_no_correction_of_the_next_month(clinic, invoice):
    gives_back(clinic, invoice, 5 * MICROS)

    assert close(clinic, NOVEMBER, NOVEMBER_IS_OVER).exact_micros == 0


def test_a_month_without_an_invoice_has_no_note(clinic, operator):
    empty = close(clinic)

    with pytest.raises(BadPeriodError):
        gives_back(clinic, empty, MICROS)


def test_a_note_says_why(clinic, invoice):
    with pytest.raises(BadAmountError) as refused:
        gives_back(clinic, invoice, MICROS, reason=" ")

    assert refused.value.field == "reason"
