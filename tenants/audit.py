"""The audit trail: who did what to which thing. Append-only: the application's role cannot change or delete a row."""

from __future__ import annotations

from typing import Any

import structlog
from django.contrib.auth.models import AnonymousUser
from django.db import models

from tenants.models import AuditEntry, User

log = structlog.get_logger(__name__)


def record(actor: User | AnonymousUser | None, verb: str, obj: models.Model, **detail: Any) -> AuditEntry:
    """Write an entry of the current tenant, in the transaction of what it tells of.

    `verb` is a short phrase ("changed role"); `detail` is JSON, never a secret. `actor` is None for the program.
    """
    entry: AuditEntry = AuditEntry.objects.create(
        actor=actor if isinstance(actor, User) else None,
        verb=verb,
        object_type=obj._meta.model_name or "",
        object_id=str(obj.pk),
        detail=detail,
    )
    log.info("audit", verb=verb, object_type=entry.object_type, object_id=entry.object_id)
    return entry
