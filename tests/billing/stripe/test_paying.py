"""A top-up by Checkout, from the page's function to the wallet."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings

from billing.errors import BadAmountError
from billing.money import MICROS
from billing.statements import gst, parties
from billing.stripe import desk, sweeping
from billing.stripe.errors import AwayError, NoStripeError
from billing.stripe.models import Payment
from billing.stripe.quoting import LEAST_MICROS, MOST_MICROS
from tenants.scope import ScopeError

TOPPED_UP = {"wallet": 100, "tax": 18, "stripe_clearing": 118}


def test_what_is_paid_goes_into_the_wallet_and_the_tax_apart(clinic):
    payment, page = clinic.goes_to_pay(100)
    assert clinic.balances() == {}

    assert clinic.stripe.pay(page) is None
    clinic.hears()

    assert clinic.balances() == TOPPED_UP
    assert clinic.shown(payment).state == "paid"
    assert clinic.differs() == []


def test_abroad_there_is_no_tax(clinic):
    with clinic.scope():
        parties.keep_profile(clinic.owner, legal_name="Clinic Inc", address="Dover", place=gst.ABROAD)

    clinic.pays(100)

    assert clinic.balances() == {"wallet": 100, "stripe_clearing": 100}
    assert len(clinic.stripe.all("checkout.session")[0]["_items"]) == 1


def test_who_comes_back_to_us_sees_the_money_at_once(clinic, client):
    _, page = clinic.goes_to_pay()
    client.force_login(clinic.owner)
    back = clinic.stripe.get("checkout.session", page)["success_url"].removeprefix(settings.PUBLIC_URL)

    waiting = client.get(back, follow=True).content.decode()
    clinic.stripe.pay(page)
    paid = client.get(back, follow=True).content.decode()

    assert "on its way" in waiting
    assert "₹100.00 were paid in" in paid
    assert clinic.balances() == TOPPED_UP


@pytest.mark.parametrize(
    "query", ["?payment=nonsense", "?payment=8d0ff3a4-5b1e-4e8e-9a62-0d8e2f1a7c11", "", "?card=saved"]
)
def test_whatever_people_come_back_with_leads_to_the_billing_page(clinic, client, query):
    client.force_login(clinic.owner)

    response = client.get(f"/t/{clinic.tenant.slug}/billing/back/{query}")

    assert response.headers["Location"] == f"/t/{clinic.tenant.slug}/billing/"


@pytest.mark.parametrize("seed", range(4))
def test_news_may_come_in_any_order_and_again_and_again(clinic, seed):
    _, page = clinic.goes_to_pay()
    clinic.stripe.pay(page)

    clinic.hears(repeat=3, shuffle=seed)

    assert clinic.balances() == TOPPED_UP


def test_without_any_news_the_sweep_finds_out(clinic):
    _, page = clinic.goes_to_pay()
    clinic.stripe.pay(page)

    clinic.sweeps()
    assert clinic.balance() == 0
    clinic.sweeps(timedelta(minutes=16))

    assert clinic.balances() == TOPPED_UP


def test_the_payer_who_comes_back_first_sees_it_paid(clinic):
    payment, page = clinic.goes_to_pay()
    clinic.stripe.pay(page)

    assert desk.look_at_payment(clinic.tenant, payment).state == "paid"

    assert clinic.balances() == TOPPED_UP


def test_news_before_the_reply_finds_the_payment_by_its_marks(clinic):
    _, page = clinic.goes_to_pay()
    clinic.stripe.pay(page)
    with clinic.scope():
        Payment.objects.update(session="")

    clinic.hears()

    assert clinic.balances() == TOPPED_UP


def test_stripes_page_shows_both_lines_and_leads_back(clinic):
    payment, _ = clinic.goes_to_pay(100, back="/t/x/billing/")

    [session] = clinic.stripe.all("checkout.session")
    assert [paise for _, paise in session["_items"]] == [100_00, 18_00]
    back = urlsplit(session["success_url"])
    assert (back.path, parse_qs(back.query)) == ("/t/x/billing/", {"payment": [str(payment)]})


def test_a_declined_card_may_be_followed_by_a_good_one(clinic):
    payment, page = clinic.goes_to_pay()
    assert clinic.stripe.pay(page, "4000000000009995")
    clinic.hears()
    assert clinic.shown(payment).state == "open"
    assert "insufficient" in clinic.shown(payment).problem

    assert clinic.stripe.pay(page) is None
    clinic.hears()

    assert clinic.balances() == TOPPED_UP
    assert clinic.shown(payment).problem == ""


def test_a_page_that_nobody_pays_on_expires(clinic):
    payment, page = clinic.goes_to_pay()

    clinic.stripe.expire(page)
    clinic.hears()

    assert clinic.shown(payment).state == "expired"
    assert clinic.balances() == {}


@pytest.mark.parametrize("amount", [LEAST_MICROS - 10_000, MOST_MICROS + 10_000, 0, -MICROS, LEAST_MICROS + 1])
def test_a_wrong_amount_is_named_and_stripe_is_not_asked(clinic, amount):
    with pytest.raises(BadAmountError) as refused:
        desk.checkout(clinic.tenant, amount, clinic.owner)

    assert refused.value.field == "amount"
    assert clinic.stripe.requests == type(clinic.stripe.requests)(maxlen=clinic.stripe.requests.maxlen)


def test_the_dearest_top_up_is_one_that_stripe_takes(clinic):
    clinic.pays(MOST_MICROS // MICROS)

    assert clinic.balance() == MOST_MICROS // MICROS


def test_a_tenant_is_one_customer_and_another_tenant_another(clinic, garden):
    clinic.pays()
    clinic.pays()
    garden.pays()

    assert len(clinic.stripe.all("customer")) == 2
    assert (clinic.balance(), garden.balance()) == (200, 100)


def test_a_page_is_not_asked_for_inside_of_a_scope(clinic):
    with clinic.scope(), pytest.raises(ScopeError):
        desk.checkout(clinic.tenant, 100 * MICROS, clinic.owner)


@pytest.mark.parametrize("trouble", ["error", "lost", "cut", "busy"])
def test_when_stripe_is_away_the_page_says_so_and_nothing_is_booked(clinic, trouble):
    clinic.pays()
    clinic.stripe.go_wrong(trouble)

    with pytest.raises(AwayError):
        desk.checkout(clinic.tenant, 100 * MICROS, clinic.owner)

    assert clinic.balance() == 100


def test_without_a_key_everything_says_that_cards_are_not_set_up(clinic, settings):
    settings.STRIPE_API_KEY = ""

    assert not desk.available()
    for ask in (
        lambda: desk.checkout(clinic.tenant, 100 * MICROS, clinic.owner),
        lambda: desk.portal(clinic.tenant),
        lambda: desk.automatic(clinic.tenant, MICROS, 100 * MICROS, clinic.owner),
    ):
        with pytest.raises(NoStripeError, match="operator"):
            ask()
    assert str(sweeping.sweep(clinic.now)) == ""
    assert clinic.differs() == []


def test_the_portal_is_the_customers(clinic):
    clinic.saves_a_card()

    page = clinic.stripe.get("billing_portal.session", desk.portal(clinic.tenant).rsplit("/", 1)[1])

    assert page["customer"] == clinic.stripe.all("customer")[0]["id"]
    assert page["return_url"].endswith(f"/t/{clinic.tenant.slug}/billing/back/")


def test_a_card_is_kept_when_the_payer_says_so(clinic):
    clinic.pays()
    assert desk.cards(clinic.tenant) == []

    clinic.pays(keep_card=True, number="5555555555554444")

    [card] = desk.cards(clinic.tenant)
    assert (card.brand, card.last_four, card.standard, card.expired) == ("mastercard", "4444", True, False)


def test_a_card_that_is_taken_off_at_stripe_is_gone_here(clinic):
    clinic.saves_a_card()
    [card] = clinic.stripe.all("payment_method")

    clinic.stripe.detach(card["id"])
    clinic.hears()

    assert desk.cards(clinic.tenant) == []
