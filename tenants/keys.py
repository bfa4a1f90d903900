"""API keys: `sb_` and eight characters that find the row, then 256 random bits of which only the SHA-256 is kept."""

from __future__ import annotations

import hashlib
import secrets

from tenants.models import ApiKey

PREFIX_LENGTH = 11


def new_key() -> str:
    """A key that nobody has yet: `sb_1a2b3c4d_…`. Show it once."""
    return f"sb_{secrets.token_hex(4)}_{secrets.token_urlsafe(32)}"


def store(name: str, key: str) -> ApiKey:
    """Make the key valid for the current tenant; storing it again changes nothing."""
    digest = hashlib.sha256(key.encode()).digest()
    row: ApiKey = ApiKey.objects.get_or_create(prefix=key[:PREFIX_LENGTH], defaults={"name": name, "digest": digest})[0]
    return row
