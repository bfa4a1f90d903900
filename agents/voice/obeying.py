"""What the brain does with an order (`agents.voice.orders`). Synchronous; called between two events of the floor."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Final

from agents.voice.blueprint import Blueprint
from agents.voice.conversation import Conversation
from agents.voice.events import Event, Finish, TakeFloor
from agents.voice.floor import Agent, Caller, Floor
from agents.voice.floor.overlap import HARD_ENDINGS
from agents.voice.orders import HangUp, Instruct, MachineDetected, Order, Say, Transfer, TransferResult
from agents.voice.outbound import Outbound

MOST_WAITING: Final = 4
"""Sentences that wait for a silence."""
ORDERED: Final = "ordered"
_FAILURES: Final = {
    "declined": "refused the call",
    "busy": "is busy",
    "no_answer": "did not answer",
    "failed": "could not be reached",
}


class Obeying:
    """One call's. What cannot be done is counted as `order_ignored`."""

    def __init__(
        self,
        blueprint: Blueprint,
        talk: Conversation,
        floor: Floor,
        outbound: Outbound | None,
        tell: Callable[[Event], None],
        on_event: Callable[[str, dict[str, object]], None],
    ) -> None:
        self._blueprint, self._talk, self._floor, self._outbound = blueprint, talk, floor, outbound
        self._tell, self._on_event = tell, on_event
        self._to_say: deque[str] = deque()

    def obey(self, order: Order) -> None:
        """One order. What it does comes back to the brain as an event, or waits for `due`."""
        if not self._done(order):
            self._talk.count("order_ignored")

    def due(self) -> Iterator[Event]:
        """What to do in a silence, for the floor. Take it when all other events have been handled."""
        floor = self._floor
        if self._to_say and floor.agent is Agent.IDLE and floor.caller is Caller.QUIET and floor.collecting is None:
            yield TakeFloor()
            self._talk.say("notice", self._to_say.popleft())

    def _done(self, order: Order) -> bool:
        match order:
            case MachineDetected(party=party):
                if self._outbound is None:
                    return False
                self._outbound.carrier(machine=party == "machine")
            case HangUp(reason=reason):
                self._tell(Finish(reason if reason in HARD_ENDINGS else ORDERED))
            case Say(text=text):
                if len(self._to_say) >= MOST_WAITING:
                    return False
                self._to_say.append(text)
            case Instruct(text=text):
                self._talk.dialogue.instruct(text)
            case Transfer(target=target):
                return self._put_through(target)
            case TransferResult():
                return self._rang(order)
        return True

    def _put_through(self, wanted: str) -> bool:
        for target in self._blueprint.targets:
            if target.name.casefold() == wanted.casefold():
                self._talk.put_through(target.name)
                return True
        return False

    def _rang(self, result: TransferResult) -> bool:
        self._on_event("transfer", {"status": result.status, "target": result.target})
        why = _FAILURES.get(result.status)
        if why is None:
            return True
        detail = f" ({result.detail})" if result.detail else ""
        return self._talk.transfer_failed(
            f"Not done: {result.target or 'the person'} {why}{detail}. The caller is still there: tell them, and go on."
        )
