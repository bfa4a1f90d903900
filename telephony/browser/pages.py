"""What the editor's phone asks for over HTTP: a test to connect to."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from django.http import HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from agents.models import Agent
from telephony import stream_token
from telephony.browser import trying
from telephony.browser.trying import TestRefusedError, Which
from telephony.models import Kind
from telephony.stream_token import Ticket
from tenants.access import TenantRequest, tenant_view

WAYS: Final = {"call": Kind.TEST, "chat": Kind.CHAT}
VERSIONS: Final[dict[str, Which]] = {"draft": "draft", "published": "published"}


@require_POST
@tenant_view("edit agents")
def begin(request: TenantRequest, agent_id: UUID) -> HttpResponse:
    """Begin a test: `way` is `call` or `chat`, `version` is `draft` or `published`. JSON, also when it is refused."""
    agent = get_object_or_404(Agent.objects.select_related("published"), id=agent_id)
    way, version = WAYS.get(request.POST.get("way", "")), VERSIONS.get(request.POST.get("version", ""))
    if way is None or version is None:
        return _answer({"error": "Say what to test: way=call or chat, version=draft or published."}, 422)
    try:
        call = trying.begin(agent, request.user, kind=way, which=version)
    except TestRefusedError as refusal:
        return _answer({"error": str(refusal)}, refusal.status)
    address = stream_token.address(Ticket(call.tenant_id, call.id))
    return _answer(
        {
            "id": str(call.id),
            "carrier_id": call.carrier_id,
            "socket": f"{address}chat/" if way is Kind.CHAT else address,
            "page": reverse("telephony:call", args=[request.tenant.slug, call.id]),
        },
        201,
    )


def _answer(told: dict[str, str], status: int) -> JsonResponse:
    answer = JsonResponse(told, status=status)
    answer.headers["Cache-Control"] = "no-store"
    return answer
