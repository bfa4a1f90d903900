"""Automatic top-ups, with nobody there."""

from datetime import timedelta

import pytest
from django.core import mail

from billing import funding
from billing.errors import BadAmountError
from billing.money import MICROS
from billing.stripe import automatic, desk
from billing.stripe.models import Payment
from tenants.models import AuditEntry

HOUR = timedelta(hours=1)


def switch_on(payer, below=50, amount=100, **fields):
    desk.automatic(payer.tenant, below * MICROS, amount * MICROS, payer.owner, **fields)


def attempts(payer):
    with payer.scope():
        return Payment.objects.filter(kind="automatic").count()


def test_less_than_the_line_is_topped_up_once(clinic):
    clinic.saves_a_card()
    switch_on(clinic)

    for _ in range(3):
        clinic.sweeps(HOUR)
    clinic.hears()

    assert clinic.balances() == {"wallet": 100, "tax": 18, "stripe_clearing": 118}
    assert attempts(clinic) == 1
    assert clinic.shown(clinic.payment().id).kind == "automatic"


def test_who_has_enough_is_left_alone(clinic):
    clinic.saves_a_card()
    switch_on(clinic)
    with clinic.scope():
        funding.top_up(50 * MICROS, "bank 1", now=clinic.now)

    clinic.sweeps()

    assert attempts(clinic) == 0


def test_one_is_under_way_at_a_time(clinic):
    clinic.saves_a_card()
    switch_on(clinic)

    first = automatic.top_up(clinic.tenant.id, clinic.now)

    assert first is not None
    assert automatic.top_up(clinic.tenant.id, clinic.now) is None


def test_a_card_that_is_declined_later_stops_it_and_people_are_told_once(clinic):
    clinic.saves_a_card("4000000000000341")
    switch_on(clinic)

    for _ in range(3):
        clinic.sweeps(HOUR)
        clinic.hears()

    assert attempts(clinic) == len(clinic.stripe.all("payment_intent")) == 1
    assert "declined" in desk.automatic_of(clinic.tenant).stopped
    assert clinic.shown(clinic.payment().id).state == "failed"
    [letter] = mail.outbox
    assert letter.to == [clinic.owner.email]
    assert "declined" in letter.body
    assert clinic.balances() == {}


def test_a_card_that_wants_its_owner_there_stops_it(clinic):
    clinic.saves_a_card("4000002500003155")
    switch_on(clinic)

    clinic.sweeps()

    assert "authentication" in desk.automatic_of(clinic.tenant).stopped


def test_switched_on_again_it_goes_on_with_another_card(clinic):
    clinic.saves_a_card("4000000000000341")
    switch_on(clinic)
    clinic.sweeps()
    clinic.saves_a_card("5555555555554444")
    good = next(card for card in desk.cards(clinic.tenant) if card.last_four == "4444")

    switch_on(clinic, card=good.id)
    clinic.sweeps(HOUR)

    assert clinic.balance() == 100
    assert desk.automatic_of(clinic.tenant).stopped == ""


def test_a_card_that_has_expired_meanwhile_is_not_tried(clinic):
    clinic.saves_a_card(month=clinic.now.month, year=clinic.now.year)
    switch_on(clinic)

    clinic.sweeps(timedelta(days=32))

    assert attempts(clinic) == 0
    assert "expired" in desk.automatic_of(clinic.tenant).stopped


def test_a_card_that_was_taken_off_is_not_tried(clinic):
    clinic.saves_a_card()
    switch_on(clinic)
    clinic.stripe.detach(clinic.stripe.all("payment_method")[0]["id"])
    clinic.hears()

    clinic.sweeps()

    assert attempts(clinic) == 0
    assert "saved" in desk.automatic_of(clinic.tenant).stopped


@pytest.mark.parametrize(
    ("below", "amount", "field"),
    [(-1, 100, "below"), (600_000, 100, "below"), (50, 99, "amount"), (50, 600_000, "amount")],
)
def test_what_is_wrong_is_named(clinic, below, amount, field):
    clinic.saves_a_card()

    with pytest.raises(BadAmountError) as refused:
        switch_on(clinic, below, amount)

    assert refused.value.field == field
    assert desk.automatic_of(clinic.tenant) is None


def test_it_needs_a_card_that_is_good(clinic, garden):
    with pytest.raises(BadAmountError, match=r"^card: no card"):
        switch_on(clinic)
    clinic.saves_a_card(month=1, year=2020)
    with pytest.raises(BadAmountError, match=r"^card: .* expired"):
        switch_on(clinic)
    garden.saves_a_card()
    with pytest.raises(BadAmountError, match=r"^card: no card"):
        switch_on(clinic, card=desk.cards(garden.tenant)[0].id)


def test_switching_it_on_and_off_is_audited(clinic):
    clinic.saves_a_card()
    switch_on(clinic)
    desk.automatic(clinic.tenant, None, 0, clinic.owner)

    clinic.sweeps()

    assert attempts(clinic) == 0
    with clinic.scope():
        verbs = AuditEntry.objects.order_by("created_at").values_list("verb", flat=True)
        assert list(verbs)[-2:] == ["switched on automatic top-up", "switched off automatic top-up"]


def test_a_few_a_day_and_no_more(clinic):
    clinic.saves_a_card()
    switch_on(clinic, below=500_000)

    for _ in range(automatic.MOST_A_DAY + 3):
        clinic.sweeps(timedelta(minutes=10))

    assert attempts(clinic) == automatic.MOST_A_DAY
