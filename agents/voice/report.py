"""What comes up out of the engine: live facts while the call runs, one `CallReport` at its end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

Speaker = Literal["caller", "agent"]


@dataclass(frozen=True, slots=True)
class ReplyTiming:
    """Where the time of one reply went, in ms from the end of the caller's speech. Parts add up to `gap_ms`.

    `patience_ms` until the turn was taken as finished, `model_ms` until the first speakable piece, `voice_ms` until
    its first audio byte, `line_ms` until the first frame left for the carrier.

    `final_ms` is the share of `patience_ms` until the recogniser's last words, `token_ms` that of `model_ms` until the
    model's first token (0 for a draft that was ready); None where nobody said.
    """

    gap_ms: int
    patience_ms: int
    model_ms: int
    voice_ms: int
    line_ms: int
    final_ms: int | None = None
    token_ms: int | None = None


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """One finished turn. Times are ms since the stream started, the same axis as the recording.

    `text` is what was heard: of an interrupted agent turn only the words that were played; `unheard` holds the rest.
    `kind` is `speech`, `consent` (that the call is recorded), `greeting`, `idle`, `unheard`, `closing`, `goodbye`,
    `voicemail`, `notice` (said by an order), `filler` (said while a tool or the model took long), `digits` or `nod`
    ("mm-hmm" over the agent; no turn). Secret digits are dots.
    A caller's `speech` without text was heard and not understood.
    """

    index: int
    speaker: Speaker
    kind: str
    text: str
    started_ms: int
    ended_ms: int
    interrupted: bool = False
    unheard: str = ""
    barge_in_ms: int | None = None
    timing: ReplyTiming | None = None
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """One metered quantity. `meter` is e.g. `stt.seconds`, `tts.characters`, `llm.tokens_in`; `amount` a whole number
    of `unit` (seconds are metered in ms)."""

    provider: str
    model: str
    meter: str
    amount: int
    unit: str


@dataclass(frozen=True, slots=True)
class RecordingInfo:
    """A finished recording: stereo µ-law WAV at `path`, caller left, agent right."""

    path: str
    duration_ms: int
    bytes: int
    peaks: tuple[tuple[int, int], ...]
    """Up to 600 pairs (caller, agent) of peak levels 0 to 100, evenly over the call."""


@dataclass(frozen=True, slots=True)
class CallReport:
    """Everything the engine knows when the stream is over. `outcome` is `caller_hung_up`, `agent_hung_up`,
    `transfer`, `silence`, `max_duration`, `line_dead`, `drained`, `failed`, or `left` when another process is to go on
    with the call. Turns, usage and times are those of the whole call, earlier streams included."""

    outcome: str
    started_at: datetime
    duration_ms: int
    turns: tuple[TurnRecord, ...]
    usage: tuple[Usage, ...]
    recording: RecordingInfo | None
    transfer_to: str | None = None
    collected: tuple[tuple[str, str], ...] = ()
    """Filled slots, in order: what a form gathered."""
    underruns: int = 0
    errors: tuple[str, ...] = ()
    counters: tuple[tuple[str, int], ...] = ()
    refusals: tuple[tuple[str, str], ...] = ()
    """(tool or server, reason): requests that were not sent, because the address is not allowed."""


def with_lookup(report: CallReport, trouble: str, refused: str) -> CallReport:
    """The report, and what went wrong with the look-up before the greeting; both are empty where nothing did."""
    return replace(
        report,
        errors=(trouble, *report.errors) if trouble else report.errors,
        refusals=(("lookup", refused), *report.refusals) if refused else report.refusals,
    )
