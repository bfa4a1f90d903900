"""The ledger against Stripe."""

import json
from datetime import timedelta

import pytest
from django.core.management import call_command

from billing import ledger
from billing.ledger import Account
from billing.money import MICROS
from billing.stripe import outbox
from billing.stripe.asks import RefundAsk
from billing.stripe.models import Payment


def shown(payer, **options):
    return [(one.what, one.tenant_id, one.ours // MICROS, one.theirs // MICROS) for one in payer.differs(**options)]


def test_a_payment_that_nobody_told_us_of_is_shown(clinic):
    _, page = clinic.goes_to_pay()
    clinic.stripe.pay(page)

    assert shown(clinic) == [("stripe", clinic.tenant.id, 0, 118)]


def test_what_has_just_happened_is_not_a_difference_yet(clinic):
    _, page = clinic.goes_to_pay()
    clinic.stripe.pay(page)

    assert shown(clinic, after=timedelta()) == []


def test_a_refund_that_nobody_told_us_of_is_shown(clinic):
    clinic.pays()
    clinic.stripe.refund(clinic.payment().intent, 18_00)

    assert shown(clinic) == [("stripe", clinic.tenant.id, 118, 100)]


def test_a_booking_that_stripe_knows_nothing_of_is_shown(clinic):
    clinic.pays()
    clinic.pays()
    with clinic.scope():
        # It was made longer ago than Stripe needs to have it.
        Payment.objects.update(paid_at=clinic.now - timedelta(hours=1))
    gone = clinic.stripe.objects["payment_intent"]
    gone.pop(next(iter(gone)))

    assert shown(clinic) == [("stripe", clinic.tenant.id, 118, 0)]


def test_a_payment_of_our_customer_that_is_not_ours_is_shown(clinic):
    clinic.saves_a_card()
    [card] = clinic.stripe.all("payment_method")
    intent = clinic.stripe._intent(500_00, card["customer"], {})
    clinic.stripe._charge(intent, card, None)

    assert shown(clinic) == [("stripe", clinic.tenant.id, 0, 500)]


def test_a_payment_of_nobody_we_know_is_none_of_our_business(clinic):
    clinic.stripe._charge(clinic.stripe._intent(500_00, "cus_other", {}), {"id": "pm_other"}, None)

    assert shown(clinic) == []


def test_the_largest_comes_first(clinic, garden):
    for payer, rupees in ((clinic, 100), (garden, 300), (clinic, 200)):
        _, page = payer.goes_to_pay(rupees)
        payer.stripe.pay(page)

    assert [one.theirs // MICROS for one in clinic.differs()] == [354, 236, 118]


def test_a_request_without_an_outcome_is_shown(clinic, settings):
    clinic.pays()
    with clinic.scope():
        outbox.put("refund:1", RefundAsk("pi_404", 1), clinic.now)

    assert shown(clinic)[0][0] == "stripe_request"
    clinic.works()
    assert [one.what for one in clinic.differs()] == ["stripe_request"]
    assert "failed" in clinic.differs()[0].where


def test_when_stripe_is_away_that_is_what_is_shown(clinic, settings):
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    assert [one.what for one in clinic.differs()] == ["stripe_away"]


def test_nothing_is_repaired(clinic):
    _, page = clinic.goes_to_pay()
    clinic.stripe.pay(page)

    clinic.differs()

    assert clinic.balances() == {}


@pytest.mark.django_db(transaction=True)
def test_the_command_shows_them_with_the_rest(clinic, capsys):
    clinic.pays()
    with clinic.scope():
        entries = {Account.STRIPE_CLEARING: MICROS, Account.BANK: -MICROS}
        ledger.post("odd", "oddity", entries, booked_at=clinic.now, cause=f"payment:{clinic.payment().id}")
        Payment.objects.update(created_at=clinic.now - timedelta(hours=2), paid_at=clinic.now - timedelta(hours=2))
    for kind in ("payment_intent", "charge"):
        for row in clinic.stripe.all(kind):
            row["created"] -= 7200

    with pytest.raises(SystemExit) as left:
        call_command("reconcile", "--json")

    assert left.value.code == 1
    [found] = json.loads(capsys.readouterr().out)["differences"]
    assert (found["what"], found["difference_micros"]) == ("stripe", MICROS)
