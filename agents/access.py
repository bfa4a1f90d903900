"""Whose account at which vendor a call uses: the tenant's own key where there is one, else the platform's.

Call inside a `tenant_scope`.
"""

from __future__ import annotations

from django.conf import settings

from agents.models import ProviderKey
from agents.voice.blueprint import Access


def accesses() -> tuple[Access, ...]:
    """Every vendor that this tenant can use, each once."""
    found = {
        provider: Access(provider, key, url, url.replace("http", "ws", 1))
        for provider, (url, key) in settings.VENDORS.items()
        if key
    }
    for own in ProviderKey.objects.all():
        url = own.base_url.rstrip("/") or settings.VENDORS[own.provider][0]
        found[own.provider] = Access(own.provider, own.key, url, url.replace("http", "ws", 1), own=True)
    return tuple(found.values())
