"""Keys that the agent presses in a menu of the other side: by the carrier's REST API, never as tones in the audio."""

from __future__ import annotations

import asyncio
from uuid import UUID

import structlog

from agents.voice.menu import Press
from telephony.carrier import CarrierError, carrier_for
from tenants.db import call_db

log = structlog.get_logger(__name__)


def press_in(tenant_id: UUID, carrier_id: str) -> Press:
    """For one call that the carrier knows by this id."""

    async def press(keys: str) -> bool:
        try:
            carrier = await call_db(carrier_for, tenant_id)
            await asyncio.to_thread(carrier.send_digits, carrier_id, keys)
        except CarrierError as error:
            log.warning("keys_not_pressed", error=str(error))
            return False
        return True

    return press
