"""What the labels of usage are called, for the money pages (setting `BILLING_NAMES`)."""

from __future__ import annotations

from agents.models import Agent
from telephony.models import PhoneNumber


def agents() -> dict[str, str]:
    """Of the tenant in scope, by name."""
    return {str(id_): name for id_, name in Agent.objects.order_by("name").values_list("id", "name")}


def numbers() -> dict[str, str]:
    """Of the tenant in scope; known by their id, and by themselves."""
    rows = list(PhoneNumber.objects.order_by("e164").values_list("id", "e164"))
    return {str(id_): e164 for id_, e164 in rows} | {e164: e164 for _, e164 in rows}
