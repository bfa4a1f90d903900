"""Where Stripe tells us things. What is not signed is refused before it is read; what is signed is stored, and handled
by a worker."""

from __future__ import annotations

from typing import Final

import structlog
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from billing.stripe import gateway, inbox, tasks
from billing.stripe.events import BadEventError

HEADER: Final = "Stripe-Signature"

log = structlog.get_logger(__name__)


@csrf_exempt
@require_POST
def event(request: HttpRequest) -> HttpResponse:
    """Verify, store, say thank you. Anything but 2xx makes Stripe tell it again."""
    if not settings.STRIPE_WEBHOOK_SECRETS:
        return _say(404, "Stripe is not set up here")
    if not gateway.verify(request.body, request.headers.get(HEADER, "")):
        log.warning("stripe_event_refused", reason="signature")
        return _say(400, f"{HEADER}: not signed with our endpoint's secret in the last {gateway.TOLERANCE_S} seconds")
    try:
        event_id, new = inbox.store(request.body, timezone.now())
    except BadEventError as error:
        log.warning("stripe_event_refused", reason="malformed", field=error.field)
        return _say(400, str(error))
    if new:
        tasks.handle_later(event_id)
    return _say(200, "stored" if new else "known")


def _say(status: int, words: str) -> HttpResponse:
    return HttpResponse(f"{words}\n", status=status, content_type="text/plain")
