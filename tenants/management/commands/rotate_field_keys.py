"""Encrypt all secrets, of tenants and of people, anew with the first of FIELD_KEYS; then the older keys may go."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.management.base import BaseCommand

from tenants.models import Tenant, TenantModel
from tenants.scope import tenant_scope
from tenants.vault import PEOPLES, EncryptedTextField, seal, unseal


class Command(BaseCommand):
    help = "Encrypt every secret anew with the first of FIELD_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        done = 0
        for model in apps.get_models():
            fields = [field.attname for field in model._meta.get_fields() if isinstance(field, EncryptedTextField)]
            if fields and issubclass(model, TenantModel):
                done += sum(_rotate(model, fields, tenant) for tenant in Tenant.objects.all())
        done += sum(_rotate_factor(factor) for factor in Authenticator.objects.all())
        if options["verbosity"]:
            self.stdout.write(f"{done} rows encrypted with the first key")


def _rotate(model: type[TenantModel], fields: list[str], tenant: Tenant) -> int:
    with tenant_scope(tenant.id):
        rows = list(model.objects.select_for_update())
        for row in rows:
            for field in fields:
                setattr(row, field, getattr(row, field))
            row.save(update_fields=fields)
    return len(rows)


def _rotate_factor(factor: Authenticator) -> int:
    """`secret` of an app, `seed` of recovery codes: see `switchboard.accounts.SecondFactorAdapter`."""
    secrets = {
        name: seal(PEOPLES, unseal(PEOPLES, factor.data[name])) for name in ("secret", "seed") if name in factor.data
    }
    if secrets:
        factor.data |= secrets
        factor.save(update_fields=["data"])
    return len(secrets)
