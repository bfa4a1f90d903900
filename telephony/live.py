"""Hints to open pages that something changed. State lives in the database; a hint may be lost."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import structlog
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer

log = structlog.get_logger(__name__)


def group_of(tenant_id: UUID) -> str:
    """The channel group of a tenant's open pages."""
    return f"tenant.{tenant_id.hex}.calls"


async def send(tenant_id: UUID, topic: str, payload: dict[str, Any]) -> None:
    """Tell the tenant's open pages. `payload` must be JSON; it goes as text, so that every layer carries the same."""
    layer = get_channel_layer()
    if layer is None:
        return
    message = {"type": "live.message", "topic": topic, "payload": json.dumps(payload)}
    try:
        await layer.group_send(group_of(tenant_id), message)
    except Exception as error:
        log.warning("live_update_lost", topic=topic, error=type(error).__name__)


def publish(tenant_id: UUID, topic: str, payload: dict[str, Any]) -> None:
    """`send` from code that is not async."""
    async_to_sync(send)(tenant_id, topic, payload)


def call_changed(tenant_id: UUID, call_id: UUID, *, created: bool = False) -> None:
    """A call moved, spoke or ended. `created`: open lists have no row for it yet."""
    publish(tenant_id, "call", {"id": str(call_id), "created": created})
