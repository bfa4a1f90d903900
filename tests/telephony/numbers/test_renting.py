"""Numbers at the carrier: fetched, rented at the price that was agreed and never twice, attached, given back."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.cache import cache
from django.utils import timezone

from telephony.carrier import carrier_for
from telephony.models import CarrierCdr, PhoneNumber, Rental
from telephony.numbers import attaching, renting
from telephony.numbers.models import GONE, RELEASING, NumberOrder, OrderState
from telephony.outbound.models import DoNotCall
from telephony.simulator.rest import Trouble
from telephony.simulator.world import Application, Number
from tenants import access
from tenants.models import AuditEntry, Role
from tests.telephony.at_carrier import FOR_SALE, OWNED

PAGE = "/t/acme/numbers/"
BUY = f"{PAGE}rent/{FOR_SALE[1:]}/"
AGREED = "100000000 500000000 INR"


@pytest.fixture
def shop(acme):
    acme.account()
    cache.clear()
    return acme


def numbers(shop):
    with shop.scope():
        return {number.e164: number for number in PhoneNumber.objects.select_related("rental")}


def orders(shop):
    with shop.scope():
        return [(order.e164, order.state) for order in NumberOrder.objects.order_by("created_at")]


def rental(shop, e164=OWNED):
    with shop.scope():
        return Rental.objects.get(number__e164=e164)


def bought(vobiz):
    return [path for method, path, _ in vobiz.requests if path.endswith("purchase-from-inventory")]


# --- fetching ---------------------------------------------------------------------------------------------------------


def test_numbers_of_the_account_are_fetched_with_their_rent(shop, owner, vobiz):
    vobiz.world.numbers["918047189999"] = Number("+918047189999", "MA_TEST", application_id="77")

    html = owner.post(f"{PAGE}sync/", follow=True).content.decode()

    assert "Vobiz lists 2 of your numbers, 1 new here." in html
    assert "₹0.4500, in steps of 60 s" in html
    assert set(numbers(shop)) == {OWNED, "+918047189999"}
    assert "₹590.00" in html
    assert "Goes elsewhere" in html
    assert "Not attached" in html


def test_a_number_that_was_attached_by_hand_is_known_by_its_address(shop, owner, vobiz):
    url = f"http://127.0.0.1:8000/vobiz/answer/{shop.number.token}/"
    vobiz.world.applications["7"] = Application("7", "MA_TEST", "by hand", url)
    vobiz.world.numbers[OWNED[1:]].application_id = "7"

    html = owner.post(f"{PAGE}sync/", follow=True).content.decode()

    assert "Comes here" in html
    assert rental(shop).is_attached


def test_a_number_that_the_account_has_lost_is_said_so_and_stays(shop, owner, vobiz):
    owner.post(f"{PAGE}sync/")
    vobiz.world.numbers["918071387001"].auth_id = ""

    html = owner.post(f"{PAGE}sync/", follow=True).content.decode()

    assert "1 not there any more" in html
    assert rental(shop).status == GONE
    assert "Not in your account" in html


def test_a_number_that_another_business_has_connected_here_is_not_taken(shop, bazaar, owner, vobiz):
    vobiz.world.numbers["918071387101"] = Number(bazaar.number.e164, "MA_TEST")

    html = owner.post(f"{PAGE}sync/", follow=True).content.decode()

    assert "Connected to another business here: +918071387101" in html
    assert set(numbers(shop)) == {OWNED}
    assert set(numbers(bazaar)) == {bazaar.number.e164}


def test_a_carrier_that_does_not_answer_changes_nothing(shop, owner, vobiz):
    owner.post(f"{PAGE}sync/")
    vobiz.trouble(Trouble("/numbers", status=403))

    html = owner.post(f"{PAGE}sync/", follow=True).content.decode()

    assert "may not do this" in html
    assert rental(shop).status == "active"


# --- renting ----------------------------------------------------------------------------------------------------------


def test_stock_is_searched_by_digits_and_shows_prices(shop, owner, vobiz):
    html = owner.get(f"{PAGE}rent/", {"q": "8047"}).content.decode()

    assert "+91 80 4718 0001" in html
    assert "₹500.00" in html
    assert 'rel="next"' not in html
    assert "No number has these digits" in owner.get(f"{PAGE}rent/", {"q": "9999999"}).content.decode()


def test_a_number_is_rented_at_the_price_that_was_shown(shop, owner, vobiz):
    assert "Rent it for ₹600.00" in owner.get(BUY).content.decode()

    response = owner.post(BUY, {"agreed": AGREED})

    assert response.url == f"{PAGE}{numbers(shop)[FOR_SALE].id}/"
    assert orders(shop) == [(FOR_SALE, OrderState.BOUGHT)]
    assert rental(shop, FOR_SALE).monthly_micros == 500_000_000
    assert vobiz.world.accounts["MA_TEST"].balance == Decimal(4400)
    with shop.scope():
        entry = AuditEntry.objects.get(verb="ordered number")
    assert (entry.detail["e164"], entry.detail["monthly"]) == (FOR_SALE, 500_000_000)


def test_a_price_that_changed_is_shown_again_and_not_paid(shop, owner, vobiz):
    vobiz.world.numbers[FOR_SALE[1:]].monthly_fee = Decimal(900)

    response = owner.post(BUY, {"agreed": AGREED})

    assert response.status_code == 422
    assert "The price has changed" in response.content.decode()
    assert bought(vobiz) == []


def test_a_refusal_says_why(shop, owner, vobiz):
    vobiz.world.accounts["MA_TEST"].balance = Decimal(10)

    html = owner.post(BUY, {"agreed": AGREED}, follow=True).content.decode()

    assert "Not rented. The Vobiz account has no balance left" in html
    assert orders(shop) == [(FOR_SALE, OrderState.REFUSED)]
    assert FOR_SALE not in numbers(shop)


def test_a_number_that_was_bought_although_the_carrier_failed_is_found_and_not_bought_again(shop, owner, vobiz):
    vobiz.trouble(Trouble("purchase-from-inventory", status=500, applied=True))

    owner.post(BUY, {"agreed": AGREED})

    assert orders(shop) == [(FOR_SALE, OrderState.BOUGHT)]
    assert FOR_SALE in numbers(shop)
    assert len(bought(vobiz)) == 1


def test_an_unknown_outcome_stays_open_and_a_second_order_only_looks(shop, owner, vobiz):
    vobiz.trouble(Trouble("purchase-from-inventory", status=500))
    html = owner.post(BUY, {"agreed": AGREED}, follow=True).content.decode()
    assert "it will not be bought twice" in html
    assert orders(shop) == [(FOR_SALE, OrderState.UNKNOWN)]

    owner.post(BUY, {"agreed": AGREED})

    assert len(bought(vobiz)) == 1
    assert orders(shop) == [(FOR_SALE, OrderState.UNKNOWN)]


def test_the_sweep_finds_what_turned_up_late(shop, owner, vobiz):
    vobiz.trouble(Trouble("purchase-from-inventory", status=500))
    owner.post(BUY, {"agreed": AGREED})
    vobiz.world.numbers[FOR_SALE[1:]].auth_id = "MA_TEST"

    assert renting.look_again(timezone.now()) == 0
    assert renting.look_again(timezone.now() + timedelta(minutes=2)) == 1

    assert orders(shop) == [(FOR_SALE, OrderState.BOUGHT)]


def test_what_never_turns_up_counts_as_not_bought_and_may_be_ordered_anew(shop, owner, vobiz):
    vobiz.trouble(Trouble("purchase-from-inventory", status=500))
    owner.post(BUY, {"agreed": AGREED})
    for _ in range(len(renting.LOOKS_AFTER)):
        renting.look_again(timezone.now() + timedelta(hours=2))
    assert orders(shop) == [(FOR_SALE, OrderState.NOT_BOUGHT)]

    owner.post(BUY, {"agreed": AGREED})

    assert orders(shop)[-1] == (FOR_SALE, OrderState.BOUGHT)


def test_an_order_whose_process_died_is_looked_for(shop, vobiz):
    with shop.scope():
        NumberOrder.objects.create(
            e164=FOR_SALE, setup_micros=0, monthly_micros=0, currency="INR", created_at=timezone.now(),
            next_look_at=timezone.now() + renting.SENDING,
        )  # fmt: skip
    vobiz.world.numbers[FOR_SALE[1:]].auth_id = "MA_TEST"

    renting.look_again(timezone.now() + timedelta(minutes=3))

    assert orders(shop) == [(FOR_SALE, OrderState.BOUGHT)]
    assert bought(vobiz) == []


def test_a_builder_spends_no_money(shop, as_role, vobiz):
    client = as_role("builder")

    assert client.get(BUY).status_code == 403
    assert client.post(BUY, {"agreed": AGREED}).status_code == 403
    assert "Rent a number" not in client.get(PAGE).content.decode()


def test_more_stock_than_a_page_has_a_next_page(shop, owner, vobiz):
    for index in range(30):
        vobiz.world.numbers[f"9122400000{index:02}"] = Number(f"+9122400000{index:02}")

    first = owner.get(f"{PAGE}rent/", {"q": "2240"}).content.decode()
    second = owner.get(f"{PAGE}rent/", {"q": "2240", "page": "2"}).content.decode()

    assert (first.count(">Rent<"), second.count(">Rent<")) == (25, 5)
    assert "page=2" in first
    assert 'rel="next"' not in second


# --- attaching --------------------------------------------------------------------------------------------------------


def attach(client, shop):
    return client.post(f"{PAGE}{shop.number.id}/attach/", follow=True).content.decode()


def test_attaching_makes_one_application_with_our_three_addresses_and_binds_the_number(shop, owner, vobiz):
    assert "Vobiz sends its calls here." in attach(owner, shop)

    [app] = vobiz.world.applications.values()
    token = shop.number.token
    assert app.answer_url.endswith(f"/vobiz/answer/{token}/")
    assert app.hangup_url.endswith(f"/vobiz/hangup/{token}/")
    assert app.fallback_answer_url.endswith(f"/vobiz/fallback/{token}/")
    assert vobiz.world.numbers[OWNED[1:]].application_id == app.app_id
    assert rental(shop).is_attached


def test_attaching_again_brings_the_same_application_up_to_date(shop, owner, vobiz, settings):
    attach(owner, shop)
    settings.PUBLIC_URL = "https://voice.example.com"

    attach(owner, shop)

    [app] = vobiz.world.applications.values()
    assert app.answer_url.startswith("https://voice.example.com/vobiz/answer/")


def test_an_application_that_was_made_although_the_carrier_failed_is_used(shop, owner, vobiz):
    vobiz.trouble(Trouble("/Application/", method="POST", status=500, applied=True))

    attach(owner, shop)

    assert len(vobiz.world.applications) == 1
    assert rental(shop).is_attached


def test_an_application_that_somebody_deleted_is_made_anew(shop, owner, vobiz):
    attach(owner, shop)
    vobiz.world.applications.clear()

    attach(owner, shop)

    [app] = vobiz.world.applications
    assert rental(shop).application_id == app


def test_a_number_of_somebody_elses_cannot_be_attached_and_says_so(shop, owner, vobiz):
    vobiz.world.numbers[OWNED[1:]].auth_id = "MA_OTHER"

    assert "Not attached." in attach(owner, shop)
    assert not rental(shop).is_attached


def test_two_numbers_have_two_applications(shop, vobiz, cast):
    with shop.scope():
        other = PhoneNumber.objects.create(e164=FOR_SALE)
    vobiz.world.numbers[FOR_SALE[1:]].auth_id = "MA_TEST"
    for number in (shop.number, other):
        attaching.attach(cast.owner, number, carrier_for(shop.tenant))

    assert len({app.answer_url for app in vobiz.world.applications.values()}) == 2


# --- giving back ------------------------------------------------------------------------------------------------------


def test_a_number_is_given_back_once_and_kept_after_all(shop, owner, vobiz):
    owner.post(f"{PAGE}sync/")
    url = f"{PAGE}{shop.number.id}/release/"
    assert "Give back" in owner.get(url).content.decode()

    owner.post(url, {"act": "keep"})  # a page of another time
    assert rental(shop).status == "active"
    owner.post(url, {"act": "release"})
    assert rental(shop).status == RELEASING
    owner.post(url, {"act": "release"})  # a second click
    assert rental(shop).status == RELEASING
    assert vobiz.world.accounts["MA_TEST"].balance == Decimal(4950)
    with shop.scope():
        renting_again = carrier_for(shop.tenant)
    renting.release(owner_of(shop), shop.number, renting_again)
    assert vobiz.world.accounts["MA_TEST"].balance == Decimal(4950)

    assert "Keep" in owner.get(url).content.decode()
    owner.post(url, {"act": "keep"})
    assert rental(shop).status == "active"
    assert vobiz.world.accounts["MA_TEST"].balance == Decimal(5000)


def owner_of(shop):
    from tenants.models import Membership

    with shop.scope():
        return Membership.objects.select_related("user").first().user


def test_health_is_what_the_networks_say(shop, owner, vobiz):
    html = owner.get(f"{PAGE}{shop.number.id}/health/").content.decode()

    assert "not marked as spam" in html


def test_a_phone_is_rung_from_the_number_for_an_echo(shop, owner, vobiz):
    html = owner.post(f"{PAGE}{shop.number.id}/ring/", {"phone": "98765 43210"}, follow=True).content.decode()

    assert "Your phone rings" in html
    with shop.scope():
        [leg] = CarrierCdr.objects.all()
    assert (leg.role, leg.call, leg.state, bool(leg.uuid)) == ("echo", None, "due", True)
    [(method, _, status)] = [each for each in vobiz.requests if each[1].endswith("/Call/")]
    assert (method, status // 100) == ("POST", 2)


def test_a_number_does_not_ring_people_in_a_row(shop, owner, vobiz):
    for _ in range(3):
        owner.post(f"{PAGE}{shop.number.id}/ring/", {"phone": "98765 43210"})

    assert sum(path.endswith("/Call/") for _, path, _ in vobiz.requests) == 1


def test_who_is_never_to_be_called_is_not_rung_for_an_echo_either(shop, owner, vobiz):
    with shop.scope():
        DoNotCall.objects.create(phone="+919876543210", added_at=timezone.now())

    html = owner.post(f"{PAGE}{shop.number.id}/ring/", {"phone": "98765 43210"}, follow=True).content.decode()

    assert "do-not-call list" in html
    assert vobiz.requests == []


def test_who_may_not_make_calls_rings_nobody(shop, owner, vobiz, monkeypatch):
    monkeypatch.setitem(access.MAY, Role.OWNER, access.ALL - {"make calls"})

    assert owner.post(f"{PAGE}{shop.number.id}/ring/", {"phone": "98765 43210"}).status_code == 403
    assert vobiz.requests == []


@pytest.mark.parametrize("phone", ["", "abc", "+91 12", "+919876543210<+919876543211"])
def test_what_is_no_phone_is_not_rung(shop, owner, vobiz, phone):
    html = owner.post(f"{PAGE}{shop.number.id}/ring/", {"phone": phone}, follow=True).content.decode()

    assert "Your phone rings" not in html
    assert vobiz.requests == []
