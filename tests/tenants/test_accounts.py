"""Signing in and out, the second factor, the own page, the way to a tenant."""

import re
import time
from posixpath import normpath

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from cryptography.fernet import Fernet
from django.core import mail
from django.core.management import call_command
from django.test import Client

from tenants.models import Membership, Role
from tenants.scope import tenant_scope
from tests.cast import PASSWORD, make_member

LOGIN = "/accounts/login/"
INLINE = re.compile(
    r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|https?://(?!www\.w3\.org|testserver)"
)


def sign_in(client, user, password=PASSWORD):
    return client.post(LOGIN, {"login": user.email, "password": password})


def code(secret):
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30))


def activate(client):
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    page = client.get("/accounts/2fa/totp/activate/")
    return client.post("/accounts/2fa/totp/activate/", {"code": code(page.context["form"].secret)})


def test_signing_in_leads_to_the_only_tenant(client, cast):
    response = sign_in(client, cast.owner)

    assert response["Location"] == "/"
    assert client.get("/")["Location"] == f"/t/{cast.tenant.slug}/"


def test_a_wrong_password_is_said_and_the_address_is_kept(client, cast):
    response = sign_in(client, cast.owner, "wrong")

    page = response.content.decode()
    assert "We could not sign you in" in page
    assert f'value="{cast.owner.email}"' in page
    assert "_auth_user_id" not in client.session


def test_signing_in_returns_to_where_one_wanted_to_go(client, cast):
    path = f"/t/{cast.tenant.slug}/team/"

    response = client.post(f"{LOGIN}?next={path}", {"login": cast.owner.email, "password": PASSWORD, "next": path})

    assert response["Location"] == path


def test_signing_out_asks_and_then_does(client, cast):
    client.force_login(cast.owner)

    assert "Sign out?" in client.get("/accounts/logout/").content.decode()
    client.post("/accounts/logout/")

    assert "_auth_user_id" not in client.session


def test_sign_up_is_closed(client, db):
    assert "Accounts are made by your team" in client.get("/accounts/signup/").content.decode()


def test_a_forgotten_password_is_replaced_through_a_letter(client, cast, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    client.post("/accounts/password/reset/", {"email": cast.owner.email})
    [letter] = mail.outbox
    path = re.search(r"http://[^/]+(/accounts/password/reset/key/\S+)", letter.body)[1]

    form = client.get(path, follow=True)
    assert "Choose a new password" in form.content.decode()
    new = "another long password"
    client.post(form.request["PATH_INFO"], {"password1": new, "password2": new})

    assert Client().login(username=cast.owner.email, password=new)


def test_an_unknown_address_gets_the_same_answer(client, db):
    response = client.post("/accounts/password/reset/", {"email": "nobody@example.test"})

    assert response["Location"] == "/accounts/password/reset/done/"


def test_the_second_factor_is_set_up_and_then_asked_for(client, cast):
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    sign_in(client, cast.owner)

    response = activate(client)

    assert response["Location"] == "/accounts/2fa/recovery-codes/"
    codes = re.findall(r"<li><code>(\w+)</code>", client.get(response["Location"]).content.decode())
    assert len(codes) == 10

    client.post("/accounts/logout/")
    assert sign_in(client, cast.owner)["Location"] == "/accounts/2fa/authenticate/"
    assert "_auth_user_id" not in client.session
    assert "Incorrect code" in client.post("/accounts/2fa/authenticate/", {"code": "000000"}).content.decode()
    client.post("/accounts/2fa/authenticate/", {"code": codes[0]})
    assert client.session["_auth_user_id"] == str(cast.owner.pk)


def test_what_makes_the_codes_is_encrypted_and_outlives_a_new_key(client, cast, settings):
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    sign_in(client, cast.owner)
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    secret = client.get("/accounts/2fa/totp/activate/").context["form"].secret
    activate(client)
    codes = re.findall(r"<li><code>(\w+)</code>", client.get("/accounts/2fa/recovery-codes/").content.decode())

    assert secret not in str(Authenticator.objects.values_list("data", flat=True))
    old, settings.FIELD_KEYS = settings.FIELD_KEYS, [Fernet.generate_key().decode(), *settings.FIELD_KEYS]
    call_command("rotate_field_keys", verbosity=0)
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    client.post("/accounts/logout/")
    sign_in(client, cast.owner)
    client.post("/accounts/2fa/authenticate/", {"code": codes[0]})

    assert old != settings.FIELD_KEYS
    assert client.session["_auth_user_id"] == str(cast.owner.pk)


def test_the_second_factor_can_be_turned_off(client, cast):
    EmailAddress.objects.create(user=cast.owner, email=cast.owner.email, verified=True, primary=True)
    sign_in(client, cast.owner)
    activate(client)

    assert "Turn off the app?" in client.get("/accounts/2fa/totp/deactivate/").content.decode()
    client.post("/accounts/2fa/totp/deactivate/")

    assert not Authenticator.objects.filter(user=cast.owner, type=Authenticator.Type.TOTP).exists()


def test_who_changes_the_second_factor_confirms_who_that_is(client, cast):
    sign_in(client, cast.owner)

    response = client.get("/accounts/2fa/totp/activate/", follow=True)

    assert "Confirm that it is you" in response.content.decode()


PAGES = {
    "signed out": (
        "login/ signup/ password/reset/ password/reset/done/ password/reset/key/1-x/ password/reset/key/done/ "
        "inactive/ confirm-email/ confirm-email/rubbish/ no-such-page/"
    ),
    "signed in": "logout/ password/change/ email/ 2fa/ 2fa/totp/activate/ reauthenticate/ ../ ../account/",
}


@pytest.mark.parametrize(("state", "path"), [(s, path) for s, paths in PAGES.items() for path in paths.split()])
def test_pages_are_ours_and_hold_nothing_inline(client, cast, state, path):
    if state == "signed in":
        sign_in(client, cast.operator)

    response = client.get(normpath(f"/accounts/{path}").rstrip("/") + "/", follow=True)

    page = response.content.decode()
    assert 'href="/static/css/tokens.css"' in page
    assert page.count("<h1") == 1
    assert not INLINE.search(re.sub(r"<svg.*?</svg>", "", page, flags=re.DOTALL)), INLINE.search(page)
    assert "unsafe" not in response["Content-Security-Policy"]


def test_without_a_team_there_is_a_friendly_page(client, cast):
    client.force_login(cast.outsider)

    assert "No team yet" in client.get("/").content.decode()


def test_with_two_teams_one_chooses(client, cast):
    with tenant_scope(cast.other.id):
        Membership.objects.create(user=cast.owner, role=Role.ANALYST)
    client.force_login(cast.owner)

    page = client.get("/").content.decode()

    assert f'href="/t/{cast.tenant.slug}/"' in page
    assert f'href="/t/{cast.other.slug}/"' in page


def test_the_switcher_lists_ones_own_teams_only(client, cast):
    both = make_member(cast.tenant, Role.ADMIN)
    with tenant_scope(cast.other.id):
        Membership.objects.create(user=both, role=Role.ANALYST)

    for user, sees_other in ((both, True), (cast.owner, False)):
        client.force_login(user)
        page = client.get(f"/t/{cast.tenant.slug}/team/").content.decode()
        assert (f'href="/t/{cast.other.slug}/"' in page) is sees_other


def test_an_operator_sees_every_tenant_and_a_hint(client, cast):
    client.force_login(cast.operator)

    page = client.get("/").content.decode()

    assert f'href="/t/{cast.tenant.slug}/"' in page
    assert f'href="/t/{cast.other.slug}/"' in page
    assert "as an operator" in client.get(f"/t/{cast.tenant.slug}/calls/").content.decode()


def test_the_theme_is_kept_and_written_by_the_server(client, cast):
    client.force_login(cast.owner)

    response = client.post("/theme/", {"theme": "dark", "next": "/account/"})

    assert response["Location"] == "/account/"
    assert '<html lang="en" data-theme="dark">' in client.get("/account/").content.decode()


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_the_theme_switch_leads_nowhere_else(client, cast, elsewhere):
    client.force_login(cast.owner)

    assert client.post("/theme/", {"theme": "dark", "next": elsewhere})["Location"] == "/"


def test_the_own_page_saves_name_and_theme(client, cast):
    client.force_login(cast.owner)

    client.post("/account/", {"name": "Lakshmi Narayan", "theme": "light"})

    cast.owner.refresh_from_db()
    assert (cast.owner.name, cast.owner.theme) == ("Lakshmi Narayan", "light")


def test_a_name_that_is_too_long_is_refused_and_kept_in_the_form(client, cast):
    client.force_login(cast.owner)

    response = client.post("/account/", {"name": "x" * 121, "theme": ""})

    assert response.status_code == 422
    assert "x" * 121 in response.content.decode()
    assert 'aria-invalid="true"' in response.content.decode()


def test_a_failing_page_is_ours_too(cast, monkeypatch):
    client = Client(raise_request_exception=False)
    client.force_login(cast.owner)
    monkeypatch.setattr("django.shortcuts.render", None)
    monkeypatch.setattr("tenants.views.render", None)

    response = client.get("/account/")

    assert response.status_code == 500
    assert "Something broke" in response.content.decode()
