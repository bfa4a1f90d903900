"""What the vendors' list prices come to, in integer micro-rupees, and what a minute of a typical call costs.

These are the vendors' public pay-as-you-go list prices as they could be looked up in November 2026 (each line says of
which day), turned into rupees at one fixed rate: for orientation in the editor, not for a bill. Volume discounts,
plans, credits, taxes and surcharges for regions or long prompts are left out. A model that is not here has no price
that we could find: the editor says "ask the provider". Cartesia sells credits by plan; the price is that of the
smallest paid plan (5 dollars for 100,000 credits). With a model that hears and speaks comes the one that writes down
the caller's words; the voice of its fixed sentences is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from agents.entries import StageName

AS_OF: Final = "November 2026"
USD_INR: Final = 90.40
"""Rupees for a dollar: the Reserve Bank's reference rate of 5 February 2026, the newest that could be looked up."""

_PER: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rate:
    """`micros` micro-rupees for a million units of `meter`, a meter of `agents.voice.report.Usage`.

    Audio is metered in ms, speech in characters or in ms of audio made, models in tokens. Of a model that hears and
    speaks, the rates of `llm.tokens_*` are for text: what the report counts less its `llm.audio_*`; so it is with
    `stt.tokens_in` and `stt.audio_in` of a recogniser that counts tokens. `read` is the day on which somebody read the
    vendor's page.
    """

    meter: str
    micros: int
    read: str


def _rate(meter: str, dollars: float, read: str) -> Rate:
    """`dollars` for a million units."""
    return Rate(meter, round(dollars * USD_INR * 1_000_000), read)


def _a_minute(dollars: float, read: str) -> tuple[Rate, ...]:
    """Listening: `dollars` for a minute of audio."""
    return (_rate("stt.audio", dollars / 60_000 * _PER, read),)


def _characters(dollars: float, read: str) -> tuple[Rate, ...]:
    """Speaking: `dollars` for a million characters."""
    return (_rate("tts.characters", dollars, read),)


def _tokens(fresh: float, cached: float, out: float, read: str) -> tuple[Rate, ...]:
    """A model: dollars for a million tokens that it reads, reads again from its cache, and writes."""
    return (
        _rate("llm.tokens_in", fresh, read),
        _rate("llm.tokens_cached", cached, read),
        _rate("llm.tokens_out", out, read),
    )


def _heard_in_tokens(text: float, audio: float, out: float, read: str) -> tuple[Rate, ...]:
    """Listening: dollars for a million tokens of hints, of sound, and of words written down."""
    return (
        _rate("stt.tokens_in", text, read),
        _rate("stt.audio_in", audio, read),
        _rate("stt.tokens_out", out, read),
    )


def _speech(text: tuple[float, float, float], audio: tuple[float, float, float], read: str) -> tuple[Rate, ...]:
    """A model that hears and speaks: dollars for a million tokens in, cached and out, of text and of audio."""
    names = ("in", "cached", "out")
    return tuple(
        _rate(f"llm.{kind}_{name}", dollars, read)
        for kind, prices in (("tokens", text), ("audio", audio))
        for name, dollars in zip(names, prices, strict=True)
    )


_PRICES: Final[dict[tuple[StageName, str, str], tuple[Rate, ...]]] = {
    # Nova-3 with one language; with language switching on it costs 0.0058 dollars.
    ("stt", "deepgram", "nova-3"): _a_minute(0.0048, "2026-08-01"),
    ("stt", "deepgram", "flux-general-en"): _a_minute(0.0065, "2026-05-04"),
    ("stt", "deepgram", "flux-general-multi"): _a_minute(0.0078, "2026-11-04"),
    ("tts", "deepgram", "aura-2"): _characters(30, "2026-05-19"),
    # Three credits a second.
    ("stt", "cartesia", "ink-2"): _a_minute(0.009, "2026-11"),
    ("stt", "cartesia", "ink-2-manual"): _a_minute(0.009, "2026-11"),
    # One credit a character.
    ("tts", "cartesia", "sonic-3.6"): _characters(50, "2026-11"),
    ("tts", "cartesia", "sonic-3.5"): _characters(50, "2026-11"),
    ("tts", "cartesia", "sonic-3"): _characters(50, "2026-11"),
    ("stt", "openai", "gpt-live-transcribe"): _a_minute(0.017, "2026-11"),
    ("stt", "openai", "gpt-4o-transcribe"): _heard_in_tokens(2.50, 6.00, 10.00, "2026-11"),
    # The vendor's own estimate for a minute of speech; it bills 0.60 dollars for a million tokens of text, 12 of audio.
    ("tts", "openai", "gpt-4o-mini-tts"): (_rate("tts.audio", 0.015 / 60_000 * _PER, "2026-05-19"),),
    ("llm", "openai", "gpt-6.1-terra"): _tokens(1.00, 0.05, 5.00, "2026-10-26"),
    ("llm", "openai", "gpt-6-luna"): _tokens(0.10, 0.01, 0.50, "2026-09-22"),
    ("llm", "openai", "gpt-5.4-mini"): _tokens(0.75, 0.075, 4.50, "2026-11"),
    ("llm", "openai", "gpt-5.4-nano"): _tokens(0.20, 0.02, 1.25, "2026-11"),
    ("llm", "anthropic", "claude-haiku-5-5"): _tokens(0.10, 0.01, 0.50, "2026-10-16"),
    ("llm", "anthropic", "claude-sonnet-5-5"): _tokens(2.00, 0.10, 10.00, "2026-10-16"),
    ("llm", "anthropic", "claude-haiku-4-5"): _tokens(1.00, 0.10, 5.00, "2026-10"),
    ("realtime", "openai", "gpt-realtime-2.1"): _speech((4, 0.40, 24), (32, 0.40, 64), "2026-11"),
    ("realtime", "openai", "gpt-realtime-2.1-mini"): _speech((0.60, 0.06, 2.40), (10, 0.30, 20), "2026-11"),
    ("realtime", "openai", "gpt-realtime-1.5"): _speech((4, 0.40, 16), (32, 0.40, 64), "2026-11"),
    ("stt", "local", "pocketsphinx"): (),
    ("llm", "local", "builtin"): (),
    ("tts", "local", "espeak-ng"): (),
}

# A typical minute. The caller speaks 24 s of it and the agent 27 s, 15 characters a second, in three replies.
# Listening is billed for the whole minute, silence too. A model reads 1,500 tokens for each reply (instructions, tools
# and what was said), 1,000 of them from its cache, and writes 45. One that hears and speaks makes a token of 100 ms of
# the caller and of 50 ms of itself, and for each reply reads the conversation so far again, nine tenths from its cache.
# A recogniser that counts tokens is sent speech alone, at the same rate, and writes 90 for it.
_REPLIES: Final = 3
TYPICAL_MINUTE: Final[dict[str, int]] = {
    "stt.audio": 60_000,
    "stt.tokens_in": _REPLIES * 10,
    "stt.audio_in": 240,
    "stt.tokens_out": 90,
    "tts.audio": 27_000,
    "tts.characters": 405,
    "llm.tokens_in": _REPLIES * 500,
    "llm.tokens_cached": _REPLIES * 1_000,
    "llm.tokens_out": _REPLIES * 45,
}
TYPICAL_SPEECH: Final[dict[str, int]] = {
    "llm.tokens_in": _REPLIES * 100,
    "llm.tokens_cached": _REPLIES * 1_000,
    "llm.tokens_out": _REPLIES * 45,
    "llm.audio_in": 240 + _REPLIES * 100,
    "llm.audio_cached": _REPLIES * 900,
    "llm.audio_out": 540,
}
_WRITERS: Final = {"openai": "gpt-4o-transcribe"}
"""Who writes down the caller's words beside a model that hears and speaks (the adapter asks for it)."""
ASSUMPTIONS: Final = (
    "A typical minute: the caller speaks 24 s and the agent 27 s in three replies; a model reads 1,500 tokens for "
    "each, most of them from its cache, and writes 45. Vendors’ list prices of November 2026, a dollar at ₹90.40."
)
"""For the editor."""


def rates(stage: StageName, provider: str, model: str) -> tuple[Rate, ...] | None:
    """What is charged for. Empty where nothing is; None where no price could be found."""
    return _PRICES.get((stage, provider, model))


def per_minute(stage: StageName, provider: str, model: str) -> int | None:
    """Micro-rupees for a minute of a typical call; None where no price could be found."""
    found = rates(stage, provider, model)
    if found is None:
        return None
    amounts = TYPICAL_SPEECH if stage == "realtime" else TYPICAL_MINUTE
    alone = sum(rate.micros * amounts[rate.meter] for rate in found) // _PER
    writer = _WRITERS.get(provider) if stage == "realtime" else None
    return alone + ((per_minute("stt", provider, writer) or 0) if writer else 0)
