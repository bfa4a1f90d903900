"""What is used beside calls and is over at once: a voice that was tried, sentences spoken ahead. In the tenant's scope.

Nobody is a caller there, so it is priced by the book's rule for tests.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict

import structlog
from django.utils import timezone

from agents.voice.report import Usage
from billing import activities, usage
from billing.errors import BillingError
from telephony.metering.quantities import of_engine

log = structlog.get_logger(__name__)


def take(kind: str, used: Sequence[Usage], own: Collection[str], /, *, agent: str = "", of: str = "") -> None:
    """Meter it as an activity of its own. Never raises for what billing refuses: nobody's work ends with it."""
    now = timezone.now()
    source = ":".join(filter(None, (kind, of, str(uuid.uuid4()))))
    try:
        activities.begin(source, kind, now, agent=agent, test=True)
        usage.close(source, of_engine([asdict(one) for one in used], own, carried=False), now)
    except BillingError as error:
        log.error("usage_not_metered", source=source, error=repr(error))
