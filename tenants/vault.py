"""Secrets that tenants give us, encrypted at rest and never shown again.

Each value carries its tenant's id inside the encrypted part: a row copied to another tenant does not decrypt. The keys
are `settings.FIELD_KEYS`, the newest first: the first encrypts, each may decrypt, `rotate_field_keys` moves old rows.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any
from uuid import UUID

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django import forms
from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute

if TYPE_CHECKING:
    _TextField = models.TextField[str, str]
else:
    _TextField = models.TextField


class VaultError(Exception):
    """A secret that no key opens, or that belongs to another tenant."""


@lru_cache(maxsize=4)
def _ring(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def seal(tenant_id: UUID, text: str) -> str:
    """Encrypt for one tenant."""
    return _ring(tuple(settings.FIELD_KEYS)).encrypt(tenant_id.bytes + text.encode()).decode()


def unseal(tenant_id: UUID, token: str) -> str:
    """Decrypt; raises `VaultError`."""
    try:
        plain = _ring(tuple(settings.FIELD_KEYS)).decrypt(token.encode())
    except InvalidToken as error:
        raise VaultError("no key opens this secret") from error
    if plain[:16] != tenant_id.bytes:
        raise VaultError("this secret belongs to another tenant")
    return plain[16:].decode()


PEOPLES = UUID(int=0)
"""In a tenant's place, for secrets of people: they belong to no tenant."""


def last_four(secret: str) -> str:
    """What may be shown of a secret: `…9f3c`. Nothing of one so short that four characters would be half of it."""
    return f"…{secret[-4:]}" if len(secret) >= 12 else "…" if secret else ""


class Sealed(str):
    """A value as the database has it."""

    __slots__ = ()


class _Opening(DeferredAttribute):
    """Decrypts when the attribute is read: only then the row's tenant is known."""

    def __get__(self, instance: models.Model | None, owner: Any = None) -> Any:
        value = super().__get__(instance, owner)
        if isinstance(value, Sealed) and value:
            return unseal(instance.tenant_id, value)  # type: ignore[union-attr]
        return str(value) if isinstance(value, Sealed) else value

    def __set__(self, instance: models.Model, value: Any) -> None:
        # Makes it a data descriptor: without, the instance's own dictionary would answer, still sealed.
        instance.__dict__[self.field.attname] = value


class EncryptedTextField(_TextField):
    """Text of a `TenantModel` that is encrypted in the database.

    Written by `save`, `create` and `bulk_create`; `update()` and look-ups by value raise `TypeError`. Reading a value
    that cannot be opened raises `VaultError`. A form shows an empty password box; left empty it keeps the secret.
    """

    descriptor_class = _Opening

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Sealed | None:
        return None if value is None else Sealed(value)

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__[self.attname]
        if value is None or isinstance(value, Sealed):
            return value
        return Sealed(seal(model_instance.tenant_id, value) if value else "")  # type: ignore[attr-defined]

    def get_prep_value(self, value: Any) -> str | None:
        if value is None or value == "":
            return value  # type: ignore[no-any-return]
        if not isinstance(value, Sealed):
            raise TypeError(f"{self.name} is encrypted: write it with save(), and do not search for it")
        return str(value)

    def value_from_object(self, obj: models.Model) -> str:
        return ""

    def save_form_data(self, instance: models.Model, data: Any) -> None:
        if data:
            super().save_form_data(instance, data)

    def formfield(self, **kwargs: Any) -> Any:
        widget = forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"})
        return super().formfield(**{"widget": widget, "strip": True, **kwargs})
