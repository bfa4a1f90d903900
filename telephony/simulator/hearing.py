"""The caller's ear: from what was audible when, to turns, response gaps, barge-ins and underruns. Pure.

Definitions. *Audible* is a frame whose mean level is above line noise (`audio.is_audible`). An agent's *turn* runs over
pauses shorter than `turn_silence_ms` (the carrier's own voice makes turns of its own, and answers nobody); a turn that
the caller spoke into is over after `CUT_SILENCE_MS`, or at once when the application flushed it. A *response gap* is
from the caller's last audible moment to the first audible frame of the agent's next turn. An *underrun* is a playback
queue that was empty for 20 ms or more and went on within `UNDERRUN_MS`, although the application had put no mark at
that place, had not flushed, and the caller was not speaking; the same with the caller speaking is a *pause* (the agent
hesitated because of him), which is no fault.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from telephony.simulator.audio import FRAME_MS, is_audible
from telephony.simulator.playback import Pull
from telephony.simulator.report import BargeIn, Turn, Underrun

UNDERRUN_MS = 400
CUT_SILENCE_MS = 400
STILL_SPEAKING_MS = 300
HESITATION_MS = 500


@dataclass(slots=True)
class _Speech:
    """What the caller says, by its audible span."""

    label: str
    starts_ms: int
    ends_ms: int
    begun: bool = False
    answered: bool = False


@dataclass(slots=True)
class _AgentTurn:
    starts_ms: int
    ends_ms: int
    gap_ms: int | None = None
    spoken_into_by: _Speech | None = None
    flushed_ms: int | None = None
    open: bool = True
    carriers: bool = False


class Hearing:
    """Feed it the caller's speech and each 20 ms from the playback queue; ask it what the caller notices."""

    def __init__(self, turn_silence_ms: int = 900) -> None:
        self.turn_silence_ms = turn_silence_ms
        self.underruns: list[Underrun] = []
        self.pauses = 0
        self._speech: list[_Speech] = []
        self._turns: list[_AgentTurn] = []
        self._lead: Counter[int] = Counter()
        self._playing = False
        self._dry_since: int | None = None
        self._meant = False

    @property
    def turn_started_ms(self) -> int | None:
        """When the agent's latest turn became audible; None when it has never spoken."""
        return self._turns[-1].starts_ms if self._turns else None

    @property
    def last_audible_ms(self) -> int | None:
        """The end of the last audible frame of the agent."""
        return self._turns[-1].ends_ms if self._turns else None

    @property
    def utterances(self) -> int:
        """How often the caller has begun to speak."""
        return len(self._speech)

    @property
    def last_utterance(self) -> tuple[str, int]:
        """The caller's latest words and when they end; empty when there were none."""
        return (self._speech[-1].label, self._speech[-1].ends_ms) if self._speech else ("", 0)

    def agent_speaks(self, at_ms: int) -> bool:
        """Whether the agent is in the middle of a turn (a pause between words included)."""
        return bool(self._turns) and self._turns[-1].open and at_ms - self._turns[-1].ends_ms <= STILL_SPEAKING_MS

    def caller_says(self, label: str, starts_ms: int, ends_ms: int) -> None:
        """The caller begins an utterance that will be audible from `starts_ms` to `ends_ms`."""
        self._speech.append(_Speech(label, starts_ms, ends_ms))

    def flushed(self, at_ms: int) -> None:
        """The application threw its queue away."""
        if self._turns and self._turns[-1].open and self._turns[-1].flushed_ms is None:
            self._turns[-1].flushed_ms = at_ms

    def listen(self, at_ms: int, pull: Pull, heard: bytes | None = None, carriers: bool = False) -> None:
        """The 20 ms from `at_ms` on: what the stream's queue gave, and what was heard if that is more; `carriers` when
        only the carrier's own voice was in it."""
        frame = pull.frame if heard is None else heard
        self._follow_queue(at_ms, pull)
        turn = self._turns[-1] if self._turns and self._turns[-1].open else None
        if self._speech and not self._speech[-1].begun and self._speech[-1].starts_ms <= at_ms:
            self._caller_begins(self._speech[-1], turn, at_ms)
        if is_audible(frame):
            if turn is not None and turn.carriers != carriers:
                turn.open, turn = False, None
            if turn is None:
                turn = self._begins(at_ms, carriers)
            turn.ends_ms = at_ms + FRAME_MS
        elif turn is not None and at_ms + FRAME_MS - turn.ends_ms >= self._patience_ms(turn):
            turn.open = False

    def turns(self) -> tuple[Turn, ...]:
        """Both sides' turns in the order in which they began."""
        agent = [
            Turn(
                "carrier" if turn.carriers else "agent",
                "",
                turn.starts_ms,
                turn.ends_ms,
                turn.gap_ms,
                interrupted=turn.spoken_into_by is not None,
                cut=turn.spoken_into_by is not None and turn.flushed_ms is not None,
            )
            for turn in self._turns
        ]
        caller = [Turn("caller", said.label, said.starts_ms, said.ends_ms) for said in self._speech]
        return tuple(sorted(agent + caller, key=lambda turn: turn.started_ms))

    def barge_ins(self) -> tuple[BargeIn, ...]:
        """Every time the caller spoke into the agent's speech."""
        found = []
        for turn in self._turns:
            said = turn.spoken_into_by
            if said is not None:
                silence = None if turn.open else max(0, turn.ends_ms - said.starts_ms)
                clear = None if turn.flushed_ms is None else max(0, turn.flushed_ms - said.starts_ms)
                found.append(BargeIn(said.starts_ms, said.label, silence, clear))
        return tuple(found)

    def gaps_ms(self) -> tuple[int, ...]:
        """All response gaps in order."""
        return tuple(turn.gap_ms for turn in self._turns if turn.gap_ms is not None)

    def lead_ms(self) -> dict[str, int]:
        """Median and greatest depth of the playback queue while it played; empty when nothing did."""
        if not self._lead:
            return {}
        ordered = sorted(self._lead.elements())
        return {"p50": ordered[(len(ordered) - 1) // 2], "max": ordered[-1]}

    def _caller_begins(self, said: _Speech, turn: _AgentTurn | None, at_ms: int) -> None:
        said.begun = True
        if turn is None:
            return
        if at_ms - turn.ends_ms <= STILL_SPEAKING_MS:
            turn.spoken_into_by = turn.spoken_into_by or said
        else:
            turn.open = False

    def _begins(self, at_ms: int, carriers: bool) -> _AgentTurn:
        turn = _AgentTurn(at_ms, at_ms, carriers=carriers)
        self._turns.append(turn)
        if carriers:
            return turn
        said = self._speech[-1] if self._speech else None
        if said is not None and not said.answered and said.ends_ms <= at_ms:
            said.answered = True
            turn.gap_ms = at_ms - said.ends_ms
        return turn

    def _patience_ms(self, turn: _AgentTurn) -> int:
        if turn.spoken_into_by is None:
            return self.turn_silence_ms
        return FRAME_MS if turn.flushed_ms is not None else CUT_SILENCE_MS

    def _follow_queue(self, at_ms: int, pull: Pull) -> None:
        if pull.played_bytes:
            self._lead[pull.queued_ms] += 1
            if self._dry_since is not None:
                self._went_on(at_ms, self._dry_since)
            self._playing, self._dry_since = True, None
        elif self._playing:
            self._playing, self._dry_since, self._meant = False, at_ms, pull.at_boundary
        elif pull.at_boundary:
            self._meant = True

    def _went_on(self, at_ms: int, dry_since: int) -> None:
        gap = at_ms - dry_since
        if gap > UNDERRUN_MS or self._meant:
            return
        said = self._speech[-1] if self._speech else None
        if said is not None and said.starts_ms <= at_ms and said.ends_ms >= dry_since - HESITATION_MS:
            self.pauses += 1
        else:
            self.underruns.append(Underrun(dry_since, gap))
