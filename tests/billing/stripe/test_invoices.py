"""Statements that Stripe sends and collects."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing import activities, charging, ledger, limiting, usage
from billing.errors import BadAmountError
from billing.ledger import Account
from billing.meters import Amount
from billing.models import Mode
from billing.money import MICROS
from billing.statements import closing
from billing.stripe import desk
from billing.stripe.desk import InvoiceLine

LINES = [InvoiceLine("Calls in October 2026", 1000 * MICROS), InvoiceLine("IGST 18 %", 180 * MICROS)]


def send(payer, reference="statement:1", number="SB/26-27/0001", lines=LINES):
    return desk.invoice(payer.tenant, reference, number, lines)


@pytest.fixture
def billed(clinic):
    """Owes ₹1,180."""
    with clinic.scope():
        entries = {Account.RECEIVABLE: 1180 * MICROS, Account.WALLET: -1000 * MICROS, Account.TAX: -180 * MICROS}
        ledger.post("statement:1", "statement", entries, booked_at=clinic.now)
    send(clinic)
    return clinic


def test_an_invoice_is_sent_with_its_lines_and_paid_against_what_is_owed(billed):
    billed.works()
    [made] = billed.stripe.all("invoice")
    assert (made["status"], made["number"], made["total"], made["_sent"]) == ("open", "SB/26-27/0001", 1180_00, 1)
    assert [row["description"] for row in billed.stripe.all("invoiceitem")] == [line.description for line in LINES]
    assert billed.shown(billed.payment().id).url == made["hosted_invoice_url"]

    billed.stripe.pay_invoice(made["id"])
    billed.hears(repeat=2, shuffle=4)

    assert billed.balances() == {"wallet": 1000, "tax": 180, "stripe_clearing": 1180}
    assert billed.shown(billed.payment().id).state == "paid"
    assert billed.differs() == []


def test_the_same_reference_is_the_same_invoice(billed):
    assert send(billed) == send(billed)
    billed.works()
    billed.sweeps(everything=True)

    assert len(billed.stripe.all("invoice")) == 1


def test_a_reference_with_another_amount_is_refused(billed):
    with pytest.raises(BadAmountError, match=r"^reference: "):
        send(billed, lines=LINES[:1])


@pytest.mark.parametrize("lines", [[], [InvoiceLine("nothing", 0)], [InvoiceLine("crumbs", 5)]])
def test_lines_are_whole_paise_and_not_nothing(clinic, lines):
    with pytest.raises(BadAmountError, match=r"^lines: "):
        send(clinic, lines=lines)


@pytest.mark.parametrize("trouble", ["error", "error-after", "lost", "cut", "busy"])
@pytest.mark.parametrize("step", range(6))
def test_whichever_step_goes_wrong_there_is_one_invoice(billed, step, trouble):
    """Customer, invoice, two lines, finalize, send. Nobody can see whether the letter went out that Stripe has failed
    to tell of, and it goes out again."""
    letters = 2 if (step, trouble) == (5, "error-after") else 1
    billed.stripe.go_wrong(*["fine"] * step, trouble)

    for hours in (0, 2, 2, 2, 2, 2):
        billed.sweeps(timedelta(hours=hours))

    [made] = billed.stripe.all("invoice")
    assert (made["status"], made["total"], made["_sent"]) == ("open", 1180_00, letters)
    assert len(billed.stripe.all("invoiceitem")) == 2


def test_a_month_that_is_closed_is_sent_and_collected(clinic):
    began = datetime(2026, 10, 14, 6, 0, tzinfo=UTC)
    with clinic.scope():
        limiting.change(None, limiting.OPERATORS, mode=Mode.POSTPAID, credit_micros=1000 * MICROS)
        activities.begin("call:1", "call", began)
        usage.close("call:1", [Amount("carrier.leg", 600_000, "vobiz")], began + timedelta(minutes=10))
        charging.charge("call:1", began + timedelta(minutes=11))
        statement = closing.close(date(2026, 10, 1), datetime(2026, 11, 1, 8, 0, tzinfo=UTC))
        assert closing.close(date(2026, 10, 1), datetime(2026, 11, 1, 9, 0, tzinfo=UTC)) == statement
    owed = clinic.balance(Account.RECEIVABLE)
    clinic.works()

    [made] = clinic.stripe.all("invoice")
    assert (made["number"], made["total"]) == (statement.number, round(owed * 100))
    clinic.stripe.pay_invoice(made["id"])
    clinic.hears()

    assert owed > 0
    assert clinic.balance(Account.RECEIVABLE) == 0
    assert clinic.differs() == []


def test_a_declined_card_leaves_it_open(billed):
    billed.works()
    [made] = billed.stripe.all("invoice")

    billed.stripe.pay_invoice(made["id"], "4000000000000002")
    billed.hears()

    assert billed.shown(billed.payment().id).state == "open"
    assert "declined" in billed.shown(billed.payment().id).problem
    assert billed.balance(Account.RECEIVABLE) == 1180


def test_one_that_is_voided_is_void_here(billed):
    billed.works()
    [made] = billed.stripe.all("invoice")

    billed.stripe._post_invoices_one_void({}, made["id"])
    billed.hears()

    assert billed.shown(billed.payment().id).state == "void"


def test_what_was_paid_past_stripe_is_left_to_people(billed):
    billed.works()
    [made] = billed.stripe.all("invoice")

    billed.stripe.pay_invoice_elsewhere(made["id"])
    billed.hears()

    shown = billed.shown(billed.payment().id)
    assert (shown.state, "past Stripe" in shown.problem) == ("astray", True)
    assert billed.balance(Account.RECEIVABLE) == 1180


def test_a_refund_of_an_invoice_is_owed_again(billed):
    billed.works()
    billed.stripe.pay_invoice(billed.stripe.all("invoice")[0]["id"])
    billed.hears()

    desk.refund(billed.tenant, billed.payment().id, 180 * MICROS, "billed twice", billed.owner)
    billed.works()
    billed.hears()

    assert billed.balance(Account.RECEIVABLE) == 180
    assert billed.differs() == []
