"""What the engine and the carrier tell of a call → amounts of meters that do not overlap. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

import structlog

from billing import meters
from billing.meters import Amount

CARRIER: Final = "vobiz"
CHANNEL: Final = "channel"
"""The engine's word for how long the line to it was taken."""

log = structlog.get_logger(__name__)


def of_engine(usage: Iterable[Mapping[str, Any]], own: Collection[str], *, carried: bool) -> list[Amount]:
    """From rows of `Call.usage` (`agents.voice.report.Usage` as JSON). `own`: providers where the tenant's account was
    used. Not `carried`: no carrier had a part in it. What billing has no meter for is logged and left out."""
    by_model: dict[tuple[str, str], dict[str, int]] = {}
    streamed = 0
    for used in usage:
        if used["meter"] == CHANNEL:
            streamed += used["amount"]
        elif used["meter"] in meters.METERS:
            of_model = by_model.setdefault((used["provider"], used["model"]), {})
            of_model[used["meter"]] = of_model.get(used["meter"], 0) + used["amount"]
        else:
            log.error("usage_without_meter", meter=used["meter"], provider=used["provider"])
    found = [
        Amount(meter, amount, provider, model, provider in own)
        for (provider, model), amounts in by_model.items()
        for meter, amount in meters.apart(amounts).items()
    ]
    return [*found, *(carriers("carrier.stream", streamed, own) if carried else ())]


def carriers(meter: str, milliseconds: int, own: Collection[str], part: str = "") -> Iterator[Amount]:
    """What the carrier takes for a time, if there was any."""
    if milliseconds > 0:
        yield Amount(meter, milliseconds, CARRIER, own_account=CARRIER in own, part=part)
