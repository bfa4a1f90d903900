"""The turns of one call, written down as they end."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from agents.voice.ledger import Heard, joined
from agents.voice.reply import Reply
from agents.voice.report import ReplyTiming, Speaker, TurnRecord
from agents.voice.resuming import Cut


class TurnBook:
    """`on_turn` gets each turn at once; `turns` are there already. Times are monotonic seconds."""

    def __init__(self, started: float, on_turn: Callable[[TurnRecord], None], turns: Sequence[TurnRecord] = ()) -> None:
        self.turns = list(turns)
        self._started = started
        self._on_turn = on_turn

    def caller(self, kind: str, text: str, began: float, ended: float, confidence: float | None = None) -> None:
        """What the caller said or keyed."""
        self._write("caller", kind, text, began, ended, confidence=confidence)

    def agent(
        self, reply: Reply, heard: Sequence[Heard], ended: float, *, cut: bool = False, barge_in_ms: int | None = None
    ) -> None:
        """What was heard of a reply; fillers in front of it are a turn of their own. Nothing heard at all is none."""
        began = reply.audible_at
        if began is None:
            return
        timing = reply.timing()
        fillers = [piece for piece in heard if reply.parts[piece.part].filler]
        words = [piece for piece in heard if not reply.parts[piece.part].filler]
        if fillers:
            next_at = min([ended, *(piece.at for piece in words if piece.at is not None)])
            text = joined(piece.heard for piece in fillers)
            if text:
                self._write("agent", "filler", text, began, next_at, timing=timing)
                timing = None
            began = next_at
            if not words:
                return
        last = max((piece.part for piece in heard), default=-1)
        left = [piece.unheard for piece in words] + [part.text for part in reply.parts[last + 1 :] if not part.filler]
        unheard = joined(left)
        self._write(
            "agent",
            reply.kind,
            joined(piece.heard for piece in words),
            began,
            ended,
            interrupted=cut or bool(unheard),
            unheard=unheard,
            barge_in_ms=barge_in_ms,
            timing=timing,
        )

    def lost(self, cut: Cut) -> None:
        """What was heard of a reply whose process is gone."""
        began, ended = (self._started + ms / 1000 for ms in (cut.started_ms, cut.ended_ms))
        self._write("agent", cut.kind, cut.heard, began, ended, interrupted=True, unheard=cut.unheard)

    def _write(
        self,
        speaker: Speaker,
        kind: str,
        text: str,
        began: float,
        ended: float,
        *,
        interrupted: bool = False,
        unheard: str = "",
        barge_in_ms: int | None = None,
        timing: ReplyTiming | None = None,
        confidence: float | None = None,
    ) -> None:
        record = TurnRecord(
            index=len(self.turns),
            speaker=speaker,
            kind=kind,
            text=text,
            started_ms=max(0, round((began - self._started) * 1000)),
            ended_ms=max(0, round((ended - self._started) * 1000)),
            interrupted=interrupted,
            unheard=unheard,
            barge_in_ms=barge_in_ms,
            timing=timing,
            confidence=confidence,
        )
        self.turns.append(record)
        self._on_turn(record)
