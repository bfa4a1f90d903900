"""Money that goes back: refunds and disputes."""

import pytest

from billing.errors import BadAmountError
from billing.money import MICROS
from billing.stripe import desk

PAID = {"wallet": 100, "tax": 18, "stripe_clearing": 118}


@pytest.fixture
def paid(clinic):
    """₹100 and the tax."""
    clinic.pays()
    return clinic


def refund(payer, rupees, reason="asked for it"):
    desk.refund(payer.tenant, payer.payment().id, round(rupees * MICROS), reason, payer.owner)
    payer.works()


def test_of_a_refund_the_tax_comes_from_the_state(paid):
    refund(paid, 59)
    paid.hears(repeat=2, shuffle=1)

    assert paid.balances() == {"wallet": 50, "tax": 9, "stripe_clearing": 59}
    assert paid.shown(paid.payment().id).refunded_micros == 59 * MICROS
    assert paid.differs() == []


def test_refunds_of_odd_amounts_add_up_to_the_whole(paid):
    for rupees in (0.01, 33.33, 33.33, 51.33):
        refund(paid, rupees)
        paid.hears()

    assert paid.balances() == {}
    assert paid.differs() == []


def test_a_refund_from_stripes_dashboard_is_booked_too(paid):
    paid.stripe.refund(paid.payment().intent, 118_00)
    paid.hears()

    assert paid.balances() == {}


def test_a_refund_that_the_bank_does_not_take_is_reversed(paid):
    refund(paid, 118)
    paid.hears()
    [made] = paid.stripe.all("refund")

    paid.stripe.fail_refund(made["id"])
    paid.hears(repeat=2)

    assert paid.balances() == PAID
    assert paid.differs() == []


def test_without_news_of_a_refund_it_is_booked_all_the_same(paid):
    refund(paid, 118)

    paid.sweeps()

    assert paid.balances() == {}


@pytest.mark.parametrize("trouble", ["error", "error-after", "lost", "cut"])
def test_a_refund_happens_once_whatever_goes_wrong(paid, trouble):
    from datetime import timedelta

    paid.stripe.go_wrong(trouble)
    refund(paid, 59)
    for _ in range(4):
        paid.sweeps(timedelta(hours=1))
    paid.hears()

    assert len(paid.stripe.all("refund")) == 1
    assert paid.balance() == 50


@pytest.mark.parametrize(
    ("rupees", "reason", "field"), [(118.01, "why not", "amount"), (0, "why not", "amount"), (5, " ", "reason")]
)
def test_what_is_wrong_is_named(paid, rupees, reason, field):
    with pytest.raises(BadAmountError) as refused:
        refund(paid, rupees, reason)

    assert refused.value.field == field


def test_no_more_is_promised_back_than_was_paid(paid):
    desk.refund(paid.tenant, paid.payment().id, 100 * MICROS, "first", paid.owner)

    with pytest.raises(BadAmountError, match=r"18\.00 at most"):
        desk.refund(paid.tenant, paid.payment().id, 100 * MICROS, "second", paid.owner)


def test_another_tenants_payment_is_not_refunded(paid, garden):
    with pytest.raises(BadAmountError, match="payment"):
        desk.refund(garden.tenant, paid.payment().id, MICROS, "mine", garden.owner)


def test_what_the_bank_takes_back_leaves_the_wallet(paid):
    paid.stripe.dispute(paid.payment().intent)
    paid.hears(repeat=2, shuffle=3)

    assert paid.balances() == {}
    assert paid.shown(paid.payment().id).disputed_micros == 118 * MICROS
    assert paid.differs() == []


@pytest.mark.parametrize(("won", "left"), [(True, PAID), (False, {})])
def test_a_dispute_ends(paid, won, left):
    made = paid.stripe.dispute(paid.payment().intent)
    paid.hears()
    paid.stripe.end_dispute(made["id"], won=won)
    paid.hears(repeat=2, shuffle=5)

    assert paid.balances() == left
    assert paid.differs() == []


def test_an_end_that_is_heard_of_before_the_beginning_is_the_same(paid):
    made = paid.stripe.dispute(paid.payment().intent)
    paid.stripe.end_dispute(made["id"], won=True)

    paid.hears(shuffle=2)

    assert paid.balances() == PAID


def test_an_inquiry_moves_nothing(paid):
    made = paid.stripe.dispute(paid.payment().intent, inquiry=True)
    paid.hears()
    paid.stripe.end_dispute(made["id"], won=True)
    paid.hears()

    assert paid.balances() == PAID


def test_a_dispute_stops_automatic_top_ups(paid):
    paid.saves_a_card()
    desk.automatic(paid.tenant, 50 * MICROS, 100 * MICROS, paid.owner)

    paid.stripe.dispute(paid.payment().intent)
    paid.hears()
    paid.sweeps()

    assert "disputed" in desk.automatic_of(paid.tenant).stopped
    assert paid.balance() == 0
