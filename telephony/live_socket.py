"""Live pages: a signed-in member's socket gets the changed row, or the changed call, as the HTML that the page has.

Messages of the channel layer are hints only ("this call changed"); what is sent is read from the database at that
moment, as the person who looks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from channels.generic.websocket import AsyncWebsocketConsumer
from django.http import Http404

from telephony import live, live_pages
from tenants import access
from tenants.db import call_db
from tenants.models import User

NOT_SIGNED_IN = 4401
FORBIDDEN = 4403
UNKNOWN = 4404


class LiveCalls(AsyncWebsocketConsumer):
    """`/live/<slug>/calls/` for the list, with `?call=<uuid>` for one call's page."""

    async def connect(self) -> None:
        user = self.scope.get("user")
        await self.accept()  # a browser is told a close code only after the upgrade
        if user is None or not user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        try:
            self.admission = await call_db(access.admit, cast("User", user), self.scope["url_route"]["kwargs"]["slug"])
        except Http404:
            await self.close(UNKNOWN)
            return
        if "view calls" not in self.admission.permissions:
            await self.close(FORBIDDEN)
            return
        self.only = live_pages.asked_for(self.scope["query_string"])
        self.group = live.group_of(self.admission.tenant.id)
        await self.channel_layer.group_add(self.group, self.channel_name)
        # What changed since the page was made was told to nobody.
        await self._show(*((live_pages.live_rows,) if self.only is None else (live_pages.whole, self.only)))

    async def disconnect(self, code: int) -> None:
        if hasattr(self, "group"):
            await self.channel_layer.group_discard(self.group, self.channel_name)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Pages have nothing to say here."""

    async def live_message(self, event: dict[str, Any]) -> None:
        """A hint from `live.send`."""
        if event["topic"] != "call":
            return
        payload = json.loads(event["payload"])
        call_id = UUID(payload["id"])
        if self.only is not None and call_id != self.only:
            return
        if self.only is None:
            await self._show(live_pages.row, call_id, created=payload["created"])
        else:
            await self._show(live_pages.whole, call_id)

    async def _show(self, render: Callable[..., list[str]], *args: object, **options: object) -> None:
        for html in await call_db(render, self.admission, *args, **options):
            await self.send(text_data=html)
