"""Who the key belongs to."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from ninja import Router, Schema

from api.access import ApiRequest, endpoint

router = Router(tags=["Account"])


class Tenant(Schema):
    id: UUID
    slug: str
    name: str
    time_zone: str


class Me(Schema):
    """The key that asks: whose it is, and what it may do."""

    tenant: Tenant
    key: str
    permissions: list[str]
    expires_at: datetime | None


@router.get("/me", response=Me)
@endpoint(None)
def get_me(request: ApiRequest) -> Any:
    """Whose key this is. A quick way to see whether it works."""
    caller = request.caller
    return {
        "tenant": {name: getattr(caller.tenant, name) for name in ("id", "slug", "name", "time_zone")},
        "key": caller.key.prefix,
        "permissions": sorted(caller.permissions),
        "expires_at": caller.key.expires_at,
    }
