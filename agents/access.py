"""Whose account at which vendor a call uses: the tenant's own key where there is one, else the platform's.

Call inside a `tenant_scope`, but for what says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable

from django.conf import settings
from django.utils import timezone

from agents import catalogue, troubles
from agents.entries import Account, Accounts
from agents.models import ProviderKey
from agents.voice.blueprint import Access
from tenants.scope import platform_scope


def accounts() -> Accounts:
    """Every vendor of the catalogue."""
    own = {key.provider: key for key in ProviderKey.objects.all()}
    return {
        vendor.id: Account(
            own=vendor.id in own,
            platform=bool(settings.VENDORS.get(vendor.id, ("", ""))[1]),
            refused=vendor.id in own and own[vendor.id].refused,
        )
        for vendor in catalogue.VENDORS
    }


def accesses() -> tuple[Access, ...]:
    """Every vendor that this tenant can use, each once."""
    found = {
        provider: access_of(provider, key, url) for provider, (url, key) in settings.VENDORS.items() if key and url
    }
    for own in ProviderKey.objects.all():
        access = access_of(own.provider, own.key, own.base_url, own=True)
        if access.url:
            found[own.provider] = access
    return tuple(found.values())


def note_refusals(errors: Iterable[str]) -> None:
    """After a call: a key of the tenant's own that its vendor refused is named in the editor and under Keys."""
    for provider in troubles.refusers(errors):
        problem = troubles.sentence(provider, "unauthorized")
        ProviderKey.objects.filter(provider=provider).update(problem=problem, checked_at=timezone.now())


def vendors_in_use() -> set[str]:
    """Every vendor that somebody here has an account with. Opens its own scope."""
    with platform_scope("which vendors' SDKs to load"):
        own = set(ProviderKey.objects.values_list("provider", flat=True).distinct())
    return own | {provider for provider, (_, key) in settings.VENDORS.items() if key}


def access_to(provider: str) -> Access | None:
    """How this tenant reaches one vendor; None without a key."""
    return next((access for access in accesses() if access.provider == provider), None)


def access_of(provider: str, key: str, base_url: str, *, own: bool = False) -> Access:
    """`base_url` empty: where the vendor is. The result's `url` is empty when nobody knows an address."""
    url = base_url.rstrip("/") or settings.VENDORS.get(provider, ("", ""))[0].rstrip("/")
    return Access(provider, key, url, url.replace("http", "ws", 1), own=own)
