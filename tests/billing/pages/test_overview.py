"""The billing page: what there is, how it goes, and what may be changed."""

from datetime import timedelta

import pytest
from django.urls import reverse

from billing import limiting, wallets
from billing.models import AgentCap
from billing.money import MICROS, plain
from billing.statements import closing, parties
from tests.billing.conftest import NOON
from tests.billing.pages.conftest import NOW, talks


def test_a_business_without_money_is_told_how_to_begin(see):
    page = see("overview").content.decode()

    assert "Nothing has been booked yet" in page
    assert "Paying by card is not set up here" in page


def test_every_line_and_the_balance_after_it_are_there(see, business):
    business.pays(500)
    spent = talks(business, "call:8d0ff3a4-5b1e-4e8e-9a62-0d8e2f1a7c11", began=NOON + timedelta(hours=1))

    response = see("overview")

    lines = [line["row"] for line in response.context["lines"]]
    assert [line.micros for line in lines] == [-spent, 500 * MICROS]
    assert [line.balance_micros for line in lines] == [500 * MICROS - spent, 500 * MICROS]
    assert response.context["lines"][0]["address"].endswith("/calls/8d0ff3a4-5b1e-4e8e-9a62-0d8e2f1a7c11/")


def test_holds_are_no_lines_but_are_shown(see, business):
    business.pays(500)
    business.asks("call:1", minute=3 * MICROS)

    response = see("overview")

    assert response.context["standing"].held_micros == 6 * MICROS
    assert response.context["standing"].balance_micros == 500 * MICROS
    assert len(response.context["lines"]) == 1


def test_the_ledger_is_filtered_by_the_address(see, business):
    business.pays(500)
    talks(business, "call:1")

    payments = see("overview", kind="payments").context["lines"]
    october = see("overview", month="2026-10").content.decode()

    assert [line["row"].word for line in payments] == ["Payment"]
    assert "No line matches" in october


def test_older_lines_are_on_the_next_page_with_their_balance(see, business):
    for _ in range(60):
        business.pays(1)

    second = see("overview", page="2").context["lines"]

    assert [line["row"].balance_micros // MICROS for line in second] == list(range(10, 0, -1))


def test_the_header_has_balance_holds_and_what_a_day_costs(see, business):
    business.pays(500)
    talks(business, "call:1", began=NOW - timedelta(days=2))
    business.asks("call:2", minute=MICROS)

    purse = see("usage").context["money"]

    assert purse.held_micros == 2 * MICROS
    assert purse.a_day_micros > 0
    assert not purse.is_low


def test_who_may_not_see_money_has_no_purse(client, cast, business):
    business.pays(500)
    client.force_login(cast.analyst)

    page = client.get(reverse("telephony:calls", args=[cast.tenant.slug])).content.decode()

    assert "Wallet" not in page


def test_the_burn_rate_is_of_whole_days_only(see, business):
    business.pays(500)
    spent = talks(business, "call:1", began=NOW - timedelta(days=4))
    talks(business, "call:2")

    pulse = see("overview").context["pulse"]

    assert pulse.a_day_micros == spent // 4
    assert pulse.lasts_days > 0


def test_caps_are_set_and_lifted(see, cast, agent, business):
    see("limits", data={"day_cap_micros": "2,500", "low_micros": "100", f"cap-{agent.id}": "50.50"}, status=303)

    with business.scope():
        wallet = wallets.wallet()
        assert (wallet.day_cap_micros, wallet.month_cap_micros) == (2500 * MICROS, None)
        assert wallet.low_micros == 100 * MICROS
        assert AgentCap.objects.get().day_micros == 50_500_000
    see("limits", data={"low_micros": "100"}, status=303)
    with business.scope():
        assert wallets.wallet().day_cap_micros is None
        assert not AgentCap.objects.exists()


@pytest.mark.parametrize("wrong", ["much", "-5", "1e9", "0.0000001", "999999999"])
def test_a_wrong_cap_is_refused_with_its_field_and_kept_to_be_put_right(see, business, wrong):
    response = see("limits", data={"day_cap_micros": wrong, "low_micros": "150"}, status=422)

    page = response.content.decode()
    assert list(response.context["form"].errors) == ["day_cap_micros"]
    assert f'value="{wrong}"' in page
    assert 'value="150"' in page
    with business.scope():
        assert wallets.wallet().low_micros == 200 * MICROS


def test_a_wrong_gstin_is_refused_with_its_field_and_kept(see, business):
    told = {"legal_name": "Clinic LLP", "address": "Pune", "place": "27", "gstin": "27AAPFU0939F1ZX"}

    response = see("details", data=told, status=422)

    assert "typing error" in str(response.context["form"].errors["gstin"])
    assert 'value="27AAPFU0939F1ZX"' in response.content.decode()
    with business.scope():
        assert parties.profile() is None


def test_good_details_are_kept(see, business):
    told = {"legal_name": "Clinic LLP", "address": "Pune", "place": "27", "gstin": "27aapfu0939f1zv"}

    see("details", data=told, status=303)

    assert "27AAPFU0939F1ZV" in see("overview").content.decode()


def test_without_stripe_a_payment_by_card_says_so(see):
    response = see("top-up", data={"amount": "500"}, status=422)

    assert "not set up" in response.content.decode()


@pytest.mark.parametrize("amount", ["", "0x10", "1.2345678"])
def test_a_wrong_amount_is_refused_and_kept(see, amount):
    response = see("top-up", data={"amount": amount}, status=422)

    assert list(response.context["form"].errors) == ["amount"]


def test_a_low_balance_and_a_suspension_are_said(see, business):
    business.pays(50)
    assert "The balance is below" in see("overview").content.decode()
    with business.scope():
        limiting.change(None, limiting.OPERATORS, suspended="unpaid invoice")

    assert "suspended: unpaid invoice" in see("overview").content.decode()


def test_the_ledger_as_a_file_has_every_line(see, business):
    business.pays(500)
    spent = talks(business, "call:1", began=NOON + timedelta(hours=1))

    lines = see("ledger-csv").content.decode().splitlines()

    assert lines[0].endswith("booked,what,for,memo,key,rupees")
    assert lines[1].endswith(",500.00")
    assert lines[2].split(",")[-1] == plain(-spent)
    assert len(lines) == 3


def test_a_statement_shows_what_it_is_made_of(see, business, agent):
    charged = talks(business, "call:1", began=NOON - timedelta(days=40), agent=str(agent.id))
    with business.scope():
        statement = closing.close((NOON - timedelta(days=40)).date(), NOON)

    response = see("statement", statement.id)

    assert [row["row"].micros for row in response.context["rows"]] == [charged]
    assert agent.name in response.content.decode()
    for form, kind in (("pdf", "application/pdf"), ("calls", "text/csv"), ("services", "text/csv")):
        assert see("statement-file", statement.id, form)["Content-Type"].startswith(kind)
    see("statement-file", statement.id, "exe", status=404)


def test_another_businesss_statement_is_not_there(see, cast, business):
    with business.scope():
        statement = closing.close((NOON - timedelta(days=40)).date(), NOON)
    see("statement", statement.id, who="stranger", status=404)
