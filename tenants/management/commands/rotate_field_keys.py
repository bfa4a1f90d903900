"""Encrypt every tenant's secrets anew with the first of FIELD_KEYS; then the older keys may be taken away."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand

from tenants.models import Tenant, TenantModel
from tenants.scope import tenant_scope
from tenants.vault import EncryptedTextField


class Command(BaseCommand):
    help = "Encrypt every secret anew with the first of FIELD_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        done = 0
        for model in apps.get_models():
            fields = [field.attname for field in model._meta.get_fields() if isinstance(field, EncryptedTextField)]
            if fields and issubclass(model, TenantModel):
                done += sum(_rotate(model, fields, tenant) for tenant in Tenant.objects.all())
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
