"""What an operator sees of a tenant's money, and does to it."""

from uuid import uuid4

import pytest

from billing import wallets
from billing.ledger import Account
from billing.money import MICROS
from console.models import CreditAsked
from tenants.models import AuditEntry
from tests.billing.pages.conftest import talks
from tests.console.conftest import the_only


def test_a_tenant_stands_with_its_money_and_its_month(see, business, cast):
    business.pays(500)
    spent = talks(business, "call:1", talk=3)
    business.asks("call:2", minute=MICROS)

    rows = {row.tenant.slug: row for row in see("tenants").context["rows"]}

    mine = rows[cast.tenant.slug]
    assert (mine.margin.revenue, mine.minutes, mine.held) == (spent, 3, 2 * MICROS)
    assert mine.balance == 500 * MICROS - spent
    assert mine.margin.cost < mine.margin.revenue
    assert rows[cast.other.slug].state["word"] == "Not begun"


def test_the_first_page_says_what_needs_a_look(see, business, cast):
    business.pays(10)
    talks(business, "call:1")

    page = see("home").content.decode()

    assert "low balance" in page
    assert cast.tenant.name in page


def test_suspending_needs_a_reason_and_can_be_lifted(see, business, cast):
    see("suspend", cast.tenant.slug, data={"reason": "  "}, status=422)
    see("suspend", cast.tenant.slug, data={"reason": "unpaid invoice"}, status=303)
    with business.scope():
        assert wallets.wallet().suspended == "unpaid invoice"
    assert business.asks().obstacle == "suspended"

    see("suspend", cast.tenant.slug, data={"what": "lift"}, status=303)

    with business.scope():
        assert wallets.wallet().suspended == ""
        assert {entry.actor for entry in AuditEntry.objects.filter(verb="changed limits")} == {cast.operator}


def test_a_small_credit_is_given_at_once_and_once(see, business, cast):
    told = {"amount": "250", "reason": "a bad day", "reference": str(uuid4())}

    for _ in range(2):
        see("credit", cast.tenant.slug, data=told, status=303)

    assert business.balance() == 250 * MICROS
    assert business.balance(Account.CREDITS) == 250 * MICROS


def test_a_large_credit_waits_for_somebody_else(see, business, cast, second):
    told = {"amount": "12,000", "reason": "a bad week", "reference": str(uuid4())}
    for _ in range(2):
        see("credit", cast.tenant.slug, data=told, status=303)
    assert business.balance() == 0
    asked = the_only(CreditAsked)

    see("decide", cast.tenant.slug, asked.id, data={"what": "give"}, status=302)
    assert business.balance() == 0
    see("decide", cast.tenant.slug, asked.id, data={"what": "give"}, who=second, status=302)
    assert business.balance() == 12_000 * MICROS
    see("decide", cast.tenant.slug, asked.id, data={"what": "refuse"}, who=second, status=302)

    assert business.balance() == 12_000 * MICROS


def test_a_refused_credit_gives_nothing(see, business, cast, second):
    told = {"amount": "12,000", "reason": "a bad week", "reference": str(uuid4())}
    see("credit", cast.tenant.slug, data=told, status=303)
    asked = the_only(CreditAsked)

    see("decide", cast.tenant.slug, asked.id, data={"what": "refuse"}, who=second, status=302)

    assert business.balance() == 0


@pytest.mark.parametrize(
    ("told", "field"),
    [
        ({"amount": "0.50", "reason": "x"}, "amount"),
        ({"amount": "much", "reason": "x"}, "amount"),
        ({"amount": "100", "reason": ""}, "reason"),
        ({"amount": "99999999999", "reason": "x"}, "amount"),
    ],
)
def test_a_wrong_credit_is_refused_with_its_field_and_kept(see, cast, told, field):
    response = see("credit", cast.tenant.slug, data={**told, "reference": str(uuid4())}, status=422)

    assert list(response.context["credit"].errors) == [field]
    assert f'value="{told["amount"]}"' in response.content.decode()


def test_a_payment_is_booked_with_its_tax(see, business, cast):
    told = {"amount": "1180", "tax": "180", "reference": "NEFT 1"}

    see("payment", cast.tenant.slug, data=told, status=303)

    assert business.balance() == 1000 * MICROS
    assert business.balance(Account.TAX) == 180 * MICROS
    refused = see("payment", cast.tenant.slug, data={**told, "amount": "2000"}, status=422)
    assert list(refused.context["payment"].errors) == ["reference"]


def test_terms_are_changed(see, business, cast):
    see("terms", cast.tenant.slug, data={"mode": "postpaid", "credit_micros": "5000"}, status=303)

    with business.scope():
        assert wallets.wallet().mode == "postpaid"


def test_a_business_that_is_not_there(see):
    see("tenant", "nobody", status=404)
