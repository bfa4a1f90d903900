"""What others want of a running call, as values, and the box in which they lie until the brain takes them.

An order comes from outside of the engine: an operator hangs up, the carrier says that a machine has answered, the money
ends. No Django, no wire: `telephony.orders` brings them from other processes, `session.run` takes the box.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final, Literal

from msgspec import Meta, Struct

WAITING: Final = 32
"""Orders that a call holds before it has begun; more are refused."""

Text = Annotated[str, Meta(min_length=1, max_length=2_000)]
Name = Annotated[str, Meta(min_length=1, max_length=80)]


class Order(Struct, frozen=True, tag_field="kind"):
    """The base of all. Each is obeyed by the brain, between two events of the conversation."""


class MachineDetected(Order, frozen=True, tag="machine_detected"):
    """The carrier's verdict about who has answered a call that we dialled; ours may know better (`machine`)."""

    party: Literal["human", "machine"]


class HangUp(Order, frozen=True, tag="hang_up"):
    """Say goodbye and end the call; the caller cannot talk the agent out of it.

    `drained` and `failed` become the call's outcome; for any other reason the agent has hung up.
    """

    reason: Annotated[str, Meta(max_length=40)] = ""


class Say(Order, frozen=True, tag="say"):
    """Say this in the next silence, as it stands."""

    text: Text


class Instruct(Order, frozen=True, tag="instruct"):
    """From the next reply on the agent's instructions end with this; earlier additions stay."""

    text: Annotated[str, Meta(min_length=1, max_length=8_000)]


class Transfer(Order, frozen=True, tag="transfer"):
    """Put the caller through to the target of this name; one that the agent does not have is ignored."""

    target: Name


class TransferResult(Order, frozen=True, tag="transfer_result"):
    """What became of ringing somebody while the caller stayed with the agent. A failure is told to the model as the
    result of its `transfer`, so that it goes on with the caller."""

    status: Literal["ringing", "answered", "joined", "declined", "busy", "no_answer", "failed"]
    target: Annotated[str, Meta(max_length=80)] = ""
    detail: Annotated[str, Meta(max_length=500)] = ""


AnyOrder = MachineDetected | HangUp | Say | Instruct | Transfer | TransferResult


class Orders:
    """One call's box. From the loop's thread only."""

    def __init__(self) -> None:
        self._waiting: list[AnyOrder] = []
        self._tell: Callable[[AnyOrder], None] | None = None
        self._over = False

    def give(self, order: AnyOrder) -> bool:
        """Hand an order to the brain, or keep it until there is one; False: the call is over, or too many wait."""
        if self._over:
            return False
        if self._tell is not None:
            self._tell(order)
            return True
        if len(self._waiting) >= WAITING:
            return False
        self._waiting.append(order)
        return True

    def open(self, tell: Callable[[AnyOrder], None]) -> None:
        """The brain is there."""
        self._tell = tell
        waiting, self._waiting = self._waiting, []
        for order in waiting:
            tell(order)

    def close(self) -> None:
        """The call is over."""
        self._over, self._tell = True, None
