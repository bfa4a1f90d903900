"""The account at the carrier: tried before it is kept, never shown, and no transaction while somebody waits."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from telephony.models import CarrierAccount
from telephony.numbers import account as accounts
from telephony.numbers.account import Tried
from telephony.simulator.rest import Trouble
from telephony.simulator.world import Account
from telephony.vobiz.signature import sign
from tenants.alone import held
from tenants.models import AuditEntry
from tests import cast as people
from tests.agents.test_waiting import Witness
from tests.telephony.conftest import AUTH_TOKEN

URL = "/t/acme/numbers/account/"
GOOD = {"auth_id": "MA_TEST", "auth_token": AUTH_TOKEN, "signature_mode": "if-present"}


def kept(shop):
    with shop.scope():
        return CarrierAccount.objects.first()


def test_credentials_that_the_carrier_takes_are_kept_with_the_accounts_price(acme, owner, vobiz):
    response = owner.post(URL, GOOD, follow=True)

    account = kept(acme)
    assert "Vobiz accepts the account." in response.content.decode()
    assert (account.auth_token, account.problem, account.minute_micros, account.pulse_s) == (
        AUTH_TOKEN,
        "",
        450_000,
        60,
    )
    assert account.checked_at is not None


def test_what_the_carrier_refuses_is_not_kept_and_what_was_typed_stays_but_the_token(acme, owner, vobiz):
    acme.account()

    response = owner.post(URL, {**GOOD, "auth_id": "MA_OTHER", "auth_token": "wrong-token-0123456789"})

    html = response.content.decode()
    assert response.status_code == 422
    assert "Vobiz does not accept this Auth ID with this token." in html
    assert 'value="MA_OTHER"' in html
    assert "wrong-token" not in html
    assert kept(acme).auth_id == "MA_TEST"


def test_an_account_that_cannot_be_tried_is_kept_and_says_so(acme, owner, vobiz):
    vobiz.trouble(Trouble("/auth/me", status=402, shape="nested"))

    html = owner.post(URL, GOOD, follow=True).content.decode()

    assert "The account has not been checked." in html
    assert kept(acme).checked_at is None
    assert "has not been checked" in kept(acme).problem


def test_an_empty_token_keeps_the_one_there_is_and_only_its_end_is_shown(acme, owner, vobiz):
    acme.account()

    html = owner.get(URL).content.decode()
    owner.post(URL, {**GOOD, "auth_token": "", "signature_mode": "required"})

    assert f"…{AUTH_TOKEN[-4:]}" in html
    assert AUTH_TOKEN not in html
    assert (kept(acme).auth_token, kept(acme).signature_mode) == (AUTH_TOKEN, "required")


def test_signatures_cannot_be_required_without_a_token(acme, owner, vobiz):
    response = owner.post(URL, {"auth_id": "MA_TEST", "signature_mode": "required"})

    assert response.status_code == 422
    assert "without the token" in response.content.decode()
    assert vobiz.requests == []


def test_the_audit_trail_names_the_account_and_not_its_token(acme, owner, vobiz):
    owner.post(URL, GOOD)

    with acme.scope():
        entry = AuditEntry.objects.get(verb="changed carrier account")
    assert entry.detail["auth_id"] == "MA_TEST"
    assert entry.detail["checked"] is True
    assert AUTH_TOKEN not in str(entry.detail)


def test_a_builder_has_no_part_in_credentials(as_role, vobiz):
    client = as_role("builder")

    assert client.get(URL).status_code == 403
    assert client.post(URL, GOOD).status_code == 403
    assert "Change the account" not in client.get(reverse("telephony:numbers", args=["acme"])).content.decode()


def test_checking_again_notes_that_the_carrier_has_changed_its_mind(acme, owner, vobiz):
    acme.account()
    vobiz.world.accounts["MA_TEST"].auth_token = "rotated"

    owner.post(reverse("telephony:number-account-check", args=["acme"]))

    assert "does not accept" in kept(acme).problem


def test_balance_and_lines_are_asked_now(acme, owner, vobiz):
    acme.account()

    html = owner.get(reverse("telephony:number-account-state", args=["acme"])).content.decode()

    assert "₹5,000.00" in html
    assert "0 of 1000" in html
    assert "₹0.4500" in html


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_carrier_is_asked(transactional_db, acme, client, vobiz):
    client.force_login(people.make_member(acme.tenant, people.Role.OWNER))
    witness, answered = Witness(), vobiz._api.answer

    def look(request):
        witness.look()
        return answered(request)

    vobiz._api.answer = look
    for path in ("account/", "sync/", "account/state/", f"{acme.number.id}/attach/", f"{acme.number.id}/ready/owned/"):
        url = f"/t/acme/numbers/{path}"
        client.get(url) if path.endswith(("state/", "owned/")) else client.post(url, GOOD)

    assert kept(acme).auth_id == "MA_TEST"
    assert len(witness.seen) >= 8
    assert set().union(*witness.seen) <= {"active"}


def keep(shop, owner, account, before, fields):
    with shop.scope():
        return accounts.keep(owner, account, Tried("not checked"), fields=fields, before=before)


def test_what_somebody_else_has_written_meanwhile_stays(acme):
    person = people.make_member(acme.tenant, people.Role.OWNER)
    stale = acme.account(signature_mode="off")
    with acme.scope():
        CarrierAccount.objects.update(minute_micros=650_000)

    stale.signature_mode = "required"
    assert keep(acme, person, stale, accounts.credentials(stale), ["signature_mode"])

    assert (kept(acme).signature_mode, kept(acme).minute_micros) == ("required", 650_000)


def test_an_account_that_was_changed_while_another_was_tried_is_not_overwritten(acme):
    person = people.make_member(acme.tenant, people.Role.OWNER)
    stale = acme.account(auth_id="MA_OLD")
    before = accounts.credentials(stale)
    with acme.scope():
        CarrierAccount.objects.update(auth_id="MA_NEW")
    stale.auth_id = "MA_TYPED"

    assert not keep(acme, person, stale, before, ["auth_id"])
    assert not keep(acme, person, CarrierAccount(tenant=acme.tenant, auth_id="MA_TYPED"), None, ["auth_id"])

    assert kept(acme).auth_id == "MA_NEW"


# --- the platform's account -------------------------------------------------------------------------------------------


@pytest.fixture
def platform(settings, vobiz):
    vobiz.world.accounts["MA_PLATFORM"] = Account("MA_PLATFORM", "platform-token")
    settings.VOBIZ_AUTH_ID, settings.VOBIZ_AUTH_TOKEN = "MA_PLATFORM", "platform-token"
    return vobiz


def join(client):
    return client.post(reverse("telephony:number-account-platform", args=["acme"]), follow=True).content.decode()


def test_a_business_without_an_account_gets_a_sub_account_of_the_platforms(acme, owner, platform):
    assert "Use Switchboard’s account" in owner.get(URL).content.decode()

    join(owner)

    account = kept(acme)
    assert (account.platform, account.problem) == (True, "")
    made = platform.world.accounts[account.auth_id]
    assert (made.parent, made.name) == ("MA_PLATFORM", "switchboard-acme")
    assert account.tokens == (made.auth_token, "platform-token")
    assert account.parent_token == ""
    assert "…oken" not in owner.get(URL).content.decode()


def test_who_asks_while_a_sub_account_is_being_made_gets_no_second_one(acme, owner, platform):
    with held(f"sub-account of {acme.tenant.id}"):
        assert "Somebody is doing that at this moment." in join(owner)

    assert kept(acme) is None
    assert platform.requests == []


def test_callbacks_of_a_sub_account_may_be_signed_by_the_platforms_token(acme, owner, platform, client):
    join(owner)
    url = f"http://127.0.0.1:8000/vobiz/answer/{acme.number.token}/"
    nonce = "12345678901234567890"
    headers = {
        "X-Vobiz-Signature-MA-V3": sign("V3", "platform-token", url, nonce),
        "X-Vobiz-Signature-V3-Nonce": nonce,
    }
    with acme.scope():
        CarrierAccount.objects.update(signature_mode="required")
    fields = urlencode({"CallUUID": "u-1", "From": "919876543210", "To": acme.e164[1:], "Event": "StartApp"})

    def post(**more):
        path = url.removeprefix("http://127.0.0.1:8000")
        return client.post(path, fields, content_type="application/x-www-form-urlencoded", **more).status_code

    assert post() == 401
    assert post(headers=headers) == 200


def test_a_business_leaves_the_platforms_account_for_its_own(acme, owner, platform):
    join(owner)

    owner.post(URL, GOOD)

    account = kept(acme)
    assert (account.auth_id, account.platform, account.tokens) == ("MA_TEST", False, (AUTH_TOKEN,))


@pytest.mark.parametrize("auth_id", ["MA_TEST", "SA_x y", "SA_\n"])
def test_the_platforms_token_does_not_go_along_to_another_account(acme, owner, platform, auth_id):
    join(owner)
    before = kept(acme)

    reply = owner.post(URL, {"auth_id": auth_id, "signature_mode": "if-present"})

    assert reply.status_code == 422
    assert (kept(acme).auth_id, kept(acme).platform) == (before.auth_id, True)


def test_the_platforms_account_is_left_only_for_one_that_the_carrier_has_confirmed(acme, owner, platform):
    join(owner)
    platform.trouble(Trouble("/auth/me", status=503, times=100))

    reply = owner.post(URL, {"auth_id": "MA_TEST", "auth_token": AUTH_TOKEN, "signature_mode": "if-present"})

    assert reply.status_code == 422
    assert kept(acme).platform


def test_a_sub_account_whose_token_got_lost_is_not_made_twice(acme, owner, platform):
    platform.trouble(Trouble("/sub-accounts/", method="POST", status=500, applied=True))

    assert "did not say" in join(owner)
    assert "whose token is not here" in join(owner)

    assert kept(acme) is None
    assert sum(account.parent == "MA_PLATFORM" for account in platform.world.accounts.values()) == 1


def test_on_the_platforms_account_numbers_are_not_the_business_to_rent(acme, owner, platform, settings):
    join(owner)

    html = owner.get(reverse("telephony:numbers-rent", args=["acme"]), {"q": "80"}).content.decode()
    assert "rented by its operator" in html

    settings.VOBIZ_TENANTS_BUY = True
    html = owner.get(reverse("telephony:numbers-rent", args=["acme"]), {"q": "80"}).content.decode()
    assert "+91 80 4718 0001" in html
