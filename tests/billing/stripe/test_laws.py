"""Whatever goes wrong, in whatever order it is told: what Stripe has taken is what the ledger says, once."""

import random
from datetime import timedelta

import pytest

from billing import ledger
from billing.money import MICROS, PAISA
from billing.stripe import desk
from billing.stripe.errors import AwayError
from billing.stripe.models import Payment, PaymentState
from tenants.scope import platform_scope

TROUBLES = ["fine", "fine", "fine", "error", "error-after", "lost", "cut", "busy"]
HOUR = timedelta(hours=1)


def one_step(dice, payer):
    """Something that a tenant, its bank or its operator may do."""
    payer.stripe.go_wrong(dice.choice(TROUBLES))
    what = dice.choice(["pay", "pay", "abandon", "refund", "dispute", "end", "hear", "sweep"])
    with payer.scope():
        paid = list(Payment.objects.filter(state=PaymentState.PAID))
    try:
        if what in {"pay", "abandon"}:
            _, page = payer.goes_to_pay(dice.randint(100, 999), keep_card=dice.random() < 0.5)
            if what == "pay":
                payer.stripe.pay(page)
        elif what == "refund" and paid:
            desk.refund(payer.tenant, dice.choice(paid).id, dice.randint(1, 5000) * PAISA, "a wish", payer.owner)
        elif what == "dispute" and paid:
            payer.stripe.dispute(dice.choice(paid).intent, inquiry=dice.random() < 0.3)
        elif what == "end" and payer.stripe.all("dispute"):
            made = dice.choice(payer.stripe.all("dispute"))
            if made["status"].endswith("needs_response"):
                payer.stripe.end_dispute(made["id"], won=dice.random() < 0.5)
        elif what == "hear":
            payer.hears(repeat=dice.randint(1, 3), shuffle=dice)
        elif what == "sweep":
            payer.sweeps(timedelta(minutes=dice.randint(1, 30)))
    except (AwayError, ValueError):
        pass


@pytest.mark.parametrize("seed", range(5))
def test_in_the_end_the_ledger_is_what_stripe_has(clinic, garden, seed):
    dice = random.Random(seed)
    for payer in (clinic, garden):
        payer.saves_a_card()
        desk.automatic(payer.tenant, 200 * MICROS, 150 * MICROS, payer.owner)

    for _ in range(40):
        one_step(dice, dice.choice([clinic, garden]))
    clinic.stripe.troubles.clear()
    clinic.hears(repeat=2, shuffle=dice)
    for payer in (clinic, garden):
        desk.automatic(payer.tenant, None, 0, payer.owner)
    for _ in range(6):
        clinic.sweeps(HOUR, everything=True)
        clinic.hears(shuffle=dice)

    held = sum(
        charge["amount"] - charge["amount_refunded"] for charge in clinic.stripe.all("charge") if charge["paid"]
    ) + sum(moved["amount"] for dispute in clinic.stripe.all("dispute") for moved in dispute["balance_transactions"])
    with platform_scope("test"):
        trial = ledger.trial_balance()
        booked = {total.account.value: total.debit_micros - total.credit_micros for total in trial.totals}
        intents = list(Payment.objects.filter(state=PaymentState.PAID).values_list("intent", flat=True))
    assert trial.holds
    assert booked["stripe_clearing"] == held * PAISA
    assert sorted(intents) == sorted(
        intent["id"] for intent in clinic.stripe.all("payment_intent") if intent["status"] == "succeeded"
    )
    assert clinic.differs() == []
