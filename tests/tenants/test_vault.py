"""Secrets at rest. The field is shown on the carrier's account, the first model that has one."""

import uuid

import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.db import connection
from django.forms import modelform_factory

from telephony.models import CarrierAccount
from tenants.scope import platform_scope, tenant_scope
from tenants.vault import VaultError, last_four, seal, unseal
from tests.cast import make_tenant

TOKEN = "MAUTHTOKEN-9f3c"


@pytest.fixture
def tenant(db):
    return make_tenant()


def stored(tenant):
    with tenant_scope(tenant.id), connection.cursor() as cursor:
        cursor.execute("SELECT auth_token, parent_token FROM telephony_carrieraccount")
        return cursor.fetchone()


def make_account(tenant, **fields):
    with tenant_scope(tenant.id):
        return CarrierAccount.objects.create(auth_id="MA1", **{"auth_token": TOKEN, **fields})


def test_a_secret_comes_back_and_is_not_stored_as_it_is(tenant):
    make_account(tenant)

    with tenant_scope(tenant.id):
        assert CarrierAccount.objects.get().auth_token == TOKEN
    token, parent = stored(tenant)
    assert TOKEN not in token
    assert parent == ""


def test_saving_again_keeps_the_secret(tenant):
    make_account(tenant)

    with tenant_scope(tenant.id):
        account = CarrierAccount.objects.get()
        account.auth_id = "MA2"
        account.save()
        account.refresh_from_db()
        assert (account.auth_id, account.auth_token) == ("MA2", TOKEN)


def test_a_row_copied_to_another_tenant_does_not_open(tenant):
    make_account(tenant)
    other = make_account(make_tenant())

    with platform_scope("test"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE telephony_carrieraccount SET auth_token = "
            "(SELECT auth_token FROM telephony_carrieraccount WHERE tenant_id = %s) WHERE id = %s",
            [tenant.id, other.id],
        )
        with pytest.raises(VaultError, match="another tenant"):
            _ = CarrierAccount.objects.get(pk=other.pk).auth_token


def test_an_old_key_still_opens_and_a_lost_one_does_not(settings):
    tenant_id, old, new = uuid.uuid4(), Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = [old]
    token = seal(tenant_id, "secret")

    settings.FIELD_KEYS = [new, old]
    assert unseal(tenant_id, token) == "secret"
    settings.FIELD_KEYS = [new]
    with pytest.raises(VaultError, match="no key"):
        unseal(tenant_id, token)


def test_rotation_moves_every_row_to_the_newest_key(tenant, settings):
    make_account(tenant)
    old, new = settings.FIELD_KEYS[0], Fernet.generate_key().decode()

    settings.FIELD_KEYS = [new, old]
    call_command("rotate_field_keys", verbosity=0)
    settings.FIELD_KEYS = [new]

    with tenant_scope(tenant.id):
        assert CarrierAccount.objects.get().auth_token == TOKEN


def test_plain_text_cannot_slip_past_the_vault(tenant):
    make_account(tenant)

    with tenant_scope(tenant.id):
        with pytest.raises(TypeError):
            CarrierAccount.objects.update(auth_token="plain")
        with pytest.raises(TypeError):
            CarrierAccount.objects.filter(auth_token=TOKEN).exists()
    assert TOKEN not in stored(tenant)[0]


def test_a_form_never_shows_the_secret_and_keeps_it_when_left_empty(tenant):
    make_account(tenant)
    form_class = modelform_factory(CarrierAccount, fields=["auth_id", "auth_token"])

    with tenant_scope(tenant.id):
        account = CarrierAccount.objects.get()
        assert TOKEN not in str(form_class(instance=account))
        form_class({"auth_id": "MA3", "auth_token": ""}, instance=account).save()
        assert CarrierAccount.objects.get().auth_token == TOKEN
        form_class({"auth_id": "MA3", "auth_token": "replaced-token"}, instance=account).save()
        assert CarrierAccount.objects.get().auth_token == "replaced-token"


@pytest.mark.parametrize(("secret", "shown"), [("", ""), ("short", "…"), (TOKEN, "…9f3c")])
def test_of_a_secret_only_the_last_four_are_shown(secret, shown):
    assert last_four(secret) == shown
