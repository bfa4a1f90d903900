"""What is metered: the list of meters, their units, and how a report's figures become quantities that do not overlap.

Every meter counts whole units. Times are in ms, a price is for a minute (60,000 of them). A quantity is counted by one
meter only: where a vendor's figure contains another one, `apart` takes it out before anything is recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from billing.errors import BadUsageError


@dataclass(frozen=True, slots=True)
class Meter:
    """`unit` is what one of `amount` is. `priced_as`: whose price holds where it has none of its own."""

    name: str
    unit: str
    title: str
    priced_as: str = ""


_ALL: Final = (
    Meter("carrier.leg", "ms", "Phone line"),
    Meter("carrier.transfer", "ms", "Transferred leg"),
    Meter("carrier.stream", "ms", "Audio streaming"),
    Meter("carrier.recording", "ms", "Recording at the carrier"),
    Meter("number.rent", "months", "Number rent"),
    Meter("number.fee", "paise", "Number, as the carrier charges it"),
    Meter("platform.minute", "ms", "Platform"),
    Meter("stt.audio", "ms", "Listening"),
    Meter("stt.tokens_in", "tokens", "Listening, hints"),
    Meter("stt.audio_in", "tokens", "Listening, audio"),
    Meter("stt.tokens_out", "tokens", "Listening, words"),
    Meter("llm.tokens_in", "tokens", "Model, read"),
    Meter("llm.tokens_cached", "tokens", "Model, read from cache"),
    Meter("llm.tokens_out", "tokens", "Model, written"),
    Meter("llm.audio_in", "tokens", "Speech to speech, heard"),
    Meter("llm.audio_cached", "tokens", "Speech to speech, from cache"),
    Meter("llm.audio_out", "tokens", "Speech to speech, spoken"),
    Meter("tts.characters", "characters", "Speaking"),
    Meter("tts.audio", "ms", "Speaking, audio"),
    Meter("analysis.tokens_in", "tokens", "Analysis, read", "llm.tokens_in"),
    Meter("analysis.tokens_cached", "tokens", "Analysis, read from cache", "llm.tokens_cached"),
    Meter("analysis.tokens_out", "tokens", "Analysis, written", "llm.tokens_out"),
)
METERS: Final[Mapping[str, Meter]] = {meter.name: meter for meter in _ALL}

_CONTAINED: Final = {
    "llm.tokens_in": "llm.audio_in",
    "llm.tokens_cached": "llm.audio_cached",
    "llm.tokens_out": "llm.audio_out",
    "stt.tokens_in": "stt.audio_in",
}
"""A vendor's count of tokens contains those of audio, which have a price of their own."""


@dataclass(frozen=True, slots=True)
class Amount:
    """`amount` units of a meter so far. `part`: of which part of the activity, such as a leg (each has its pulses)."""

    meter: str
    amount: int
    provider: str = ""
    model: str = ""
    own_account: bool = False
    part: str = ""


def meter(name: str, field: str = "meter") -> Meter:
    """Raises `BadUsageError`, naming `field`, for a meter that nobody knows."""
    found = METERS.get(name)
    if found is None:
        raise BadUsageError(f"there is no meter {name!r}", field)
    return found


def apart(amounts: Mapping[str, int]) -> dict[str, int]:
    """Amounts per meter of one provider and model, as an engine reports them, without what is contained twice."""
    return {
        name: max(0, amount - amounts.get(_CONTAINED[name], 0)) if name in _CONTAINED else amount
        for name, amount in amounts.items()
    }
