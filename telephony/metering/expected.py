"""What a minute of a call is expected to use, before it begins: the measure of the money that is set aside. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Final

from agents.config import AgentConfig
from agents.prices import TYPICAL_MINUTE, TYPICAL_SPEECH
from agents.voice.blueprint import Stage
from billing.meters import Amount
from telephony.metering.quantities import CARRIER
from telephony.routes.plan import Kind, Menu, Way

MINUTE_MS: Final = 60_000


def of_agent(config: AgentConfig, own: Collection[str]) -> tuple[Amount, ...]:
    """The platform and the vendors of an agent here. `own`: providers where the tenant has an account."""
    found = [Amount("platform.minute", MINUTE_MS)]
    if config.realtime is not None:
        found += _stage(config.realtime, "llm.", TYPICAL_SPEECH, own)
    else:
        found += _stage(config.stt, "stt.", TYPICAL_MINUTE, own)
        found += _stage(config.llm, "llm.", TYPICAL_MINUTE, own)
    found += _stage(config.tts, "tts.", TYPICAL_MINUTE, own)
    return tuple(found)


def of_way(way: Way | Menu, own: Collection[str]) -> tuple[Amount, ...]:
    """The carrier, for a call that goes this way."""
    meters = ["carrier.leg"]
    kind = way.kind if isinstance(way, Way) else Kind.AGENT
    if kind in (Kind.AGENT, Kind.SOCKET):
        meters.append("carrier.stream")
    elif kind.dials:
        meters.append("carrier.transfer")
    elif kind is Kind.VOICEMAIL:
        meters.append("carrier.recording")
    return tuple(Amount(meter, MINUTE_MS, CARRIER, own_account=CARRIER in own) for meter in meters)


def _stage(stage: Stage, begins: str, typical: Mapping[str, int], own: Collection[str]) -> Iterator[Amount]:
    """Every meter that the vendor might count on; those without a price come to nothing."""
    for meter, amount in typical.items():
        if meter.startswith(begins):
            yield Amount(meter, amount, stage.provider, stage.model, stage.provider in own)
