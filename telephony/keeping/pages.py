"""Playing what the carrier has recorded."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from telephony import serving
from telephony.keeping.models import CarrierRecording, TapeState
from tenants.access import TenantRequest, tenant_view


@require_safe
@tenant_view("listen")
def tape(request: TenantRequest, call_id: UUID, tape_id: UUID) -> HttpResponseBase:
    """The file as the carrier made it; whole, or the piece that a player asks for. `?download` saves it."""
    found = get_object_or_404(CarrierRecording, id=tape_id, call_id=call_id, state=TapeState.KEPT)
    extension = found.name.rpartition(".")[2]
    file_name = f"{found.purpose}-{found.call_id}.{extension}" if "download" in request.GET else ""
    return serving.stored(request, found.name, found.media_type, file_name)
