"""Our public addresses as the carrier is told them."""

from __future__ import annotations

from django.conf import settings
from django.urls import reverse

from telephony.models import PhoneNumber


def callback_url(kind: str, number: PhoneNumber, *more: object) -> str:
    """One of a number's callbacks by its name in `vobiz_urls`: `answer`, `hangup`, `after-stream`, …"""
    return settings.PUBLIC_URL.rstrip("/") + reverse(f"vobiz:{kind}", args=[number.token, *more])
