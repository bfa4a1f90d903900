"""Whose account at which vendor a call uses: the tenant's own key where there is one, else the platform's.

Call inside a `tenant_scope`, but for what says otherwise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Final

from django.conf import settings
from django.utils import timezone
from django.utils.crypto import salted_hmac

from agents import catalogue, troubles
from agents.entries import Account, Accounts
from agents.models import Agent, AgentVersion, PlatformRefusal, ProviderKey
from agents.voice.blueprint import Access
from tenants.scope import platform_scope

REMEMBERED: Final = timedelta(hours=24)
"""How long a refusal of the platform's key counts when nobody has used it since."""


def accounts() -> Accounts:
    """Every vendor of the catalogue."""
    own = {key.provider: key for key in ProviderKey.objects.all()}
    gone = timezone.now() - REMEMBERED
    marks = dict(PlatformRefusal.objects.filter(at__gt=gone).values_list("provider", "key_mark"))
    made = {}
    for vendor in catalogue.VENDORS:
        key = _platform_key(vendor.id)
        refused = bool(key) and marks.get(vendor.id) == _mark(key)
        if vendor.id in own:
            refused = own[vendor.id].refused
        made[vendor.id] = Account(own=vendor.id in own, platform=bool(key), refused=refused)
    return made


def _platform_key(provider: str) -> str:
    return str(settings.VENDORS.get(provider, ("", ""))[1])


def _mark(key: str) -> str:
    return salted_hmac("agents.PlatformRefusal", key, algorithm="sha256").hexdigest()[:32]


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


def note_refusals(errors: Iterable[str], worked: Collection[str] = ()) -> None:
    """After a call: a key that its vendor refused is named in the editor, and under Keys where it is the tenant's.

    `worked`: ids of the vendors that have served the call; the platform's key is good again there.
    """
    refusers = troubles.refusers(errors)
    own = set(ProviderKey.objects.filter(provider__in={*refusers, *worked}).values_list("provider", flat=True))
    now = timezone.now()
    for provider in refusers:
        if provider in own:
            problem = troubles.sentence(provider, "unauthorized")
            ProviderKey.objects.filter(provider=provider).update(problem=problem, checked_at=now)
        elif key := _platform_key(provider):
            told = {"key_mark": _mark(key), "at": now}
            PlatformRefusal.objects.update_or_create(provider=provider, defaults=told)
    PlatformRefusal.objects.filter(provider__in=set(worked) - own - refusers).delete()


def vendors_in_use() -> set[str]:
    """Every vendor that somebody here has an account with. Opens its own scope."""
    with platform_scope("which vendors' SDKs to load"):
        own = set(ProviderKey.objects.values_list("provider", flat=True).distinct())
    return own | {provider for provider, (_, key) in settings.VENDORS.items() if key}


def local_in_use() -> bool:
    """Whether an agent that answers is made of the keyless set; also where none answers yet. Opens its own scope."""
    with platform_scope("whether the keyless set is used"):
        published = AgentVersion.objects.filter(id__in=Agent.objects.exclude(published=None).values("published"))
        return not published.exists() or published.filter(config__icontains='"local"').exists()


def access_to(provider: str) -> Access | None:
    """How this tenant reaches one vendor; None without a key."""
    return next((access for access in accesses() if access.provider == provider), None)


def access_of(provider: str, key: str, base_url: str, *, own: bool = False) -> Access:
    """`base_url` empty: where the vendor is. The result's `url` is empty when nobody knows an address."""
    url = base_url.rstrip("/") or settings.VENDORS.get(provider, ("", ""))[0].rstrip("/")
    return Access(provider, key, url, url.replace("http", "ws", 1), own=own)
