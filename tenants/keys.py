"""API keys: `sb_` and eight characters that find the row, then 256 random bits of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from datetime import datetime

from tenants.access import ALL
from tenants.models import ApiKey, User

PREFIX_LENGTH = 11


def new_key() -> str:
    """A key that nobody has yet: `sb_1a2b3c4d_…`. Show it once."""
    return f"sb_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def digest(key: str) -> bytes:
    """What is kept of a key."""
    return hashlib.sha256(key.encode()).digest()


def store(
    name: str,
    key: str,
    permissions: Iterable[str] = ALL,
    *,
    by: User | None = None,
    expires_at: datetime | None = None,
) -> ApiKey:
    """Make the key valid for the current tenant; storing it again changes nothing but what it may do."""
    row, is_new = ApiKey.objects.get_or_create(
        prefix=key[:PREFIX_LENGTH],
        defaults={
            "name": name,
            "digest": digest(key),
            "permissions": sorted(permissions),
            "made_by": by,
            "expires_at": expires_at,
        },
    )
    if not is_new and sorted(row.permissions) != sorted(permissions):
        row.permissions = sorted(permissions)
        row.save(update_fields=["permissions"])
    found: ApiKey = row
    return found
