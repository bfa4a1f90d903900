"""Orders to a running call, from any process: a webhook, a page, the API, a worker.

`send` (and `asend`, from async code) puts an order on the channel layer, in one group that all processes with live
calls listen to, each with one subscription. The one that serves the call hands it to the call's brain and answers; the
others let it lie. Nobody needs to know where a call is, and a call that has moved is found all the same.

An order is no hint: it is answered, or reported as not delivered. It is not stored either; who needs it to happen in
any case keeps a row of their own.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import Context
from enum import Enum
from typing import Any, Final
from uuid import UUID

import msgspec
import structlog
from asgiref.sync import async_to_sync
from channels.layers import BaseChannelLayer, get_channel_layer

from agents.voice.orders import (
    AnyOrder,
    HangUp,
    Instruct,
    MachineDetected,
    Order,
    Orders,
    Say,
    Transfer,
    TransferResult,
)
from telephony import metrics

__all__ = [
    "Delivery",
    "HangUp",
    "Instruct",
    "MachineDetected",
    "Orders",
    "Say",
    "Transfer",
    "TransferResult",
    "asend",
    "send",
    "serving",
]

GROUP: Final = "orders"
ANSWER_S: Final = 1.5
"""Without an answer by then nobody serves the call."""
SAY_S: Final = 1.0
"""How long an answer may take on its way to the channel layer."""
AGAIN_S: Final = 1.0

log = structlog.get_logger(__name__)


class Delivery(Enum):
    """What became of an order."""

    TAKEN = "taken"
    """The call's brain has it."""
    REFUSED = "refused"
    """The call is ending, has too many already, or its worker does not know this order."""
    NOBODY = "undelivered"
    """No process serves this call, or the channel layer is not there."""


class _Envelope(msgspec.Struct, frozen=True):
    id: UUID
    call: UUID
    back: str
    order: msgspec.Raw


class _Kind(msgspec.Struct):
    kind: str = ""


class _Answer(msgspec.Struct, frozen=True):
    id: UUID
    taken: bool


_write = msgspec.json.Encoder().encode
_read_envelope = msgspec.json.Decoder(_Envelope).decode
_read_order: Any = msgspec.json.Decoder(AnyOrder).decode
_read_answer = msgspec.json.Decoder(_Answer).decode


# --- who sends -------------------------------------------------------------------------------------------------------


def send(call_id: UUID, order: AnyOrder) -> Delivery:
    """`asend` from code that is not async. Not in a transaction: it may take `ANSWER_S`."""
    return async_to_sync(asend)(call_id, order)


async def asend(call_id: UUID, order: AnyOrder, *, within_s: float = ANSWER_S) -> Delivery:
    """Give a running call an order. Never raises; takes `within_s` at most, and a moment to clear up."""
    kind = str(order.__struct_config__.tag)
    delivery = Delivery.NOBODY
    layer = get_channel_layer()
    if layer is not None:
        try:
            async with asyncio.timeout(within_s):
                delivery = await _ask(layer, call_id, order)
        except TimeoutError:
            pass
        except Exception as error:
            log.warning("order_not_sent", call=str(call_id), order=kind, error=repr(error))
    if delivery is Delivery.NOBODY:
        metrics.orders_total.labels(kind, delivery.value).inc()
    if delivery is not Delivery.TAKEN:
        log.info("order_not_taken", call=str(call_id), order=kind, outcome=delivery.value)
    return delivery


async def _ask(layer: BaseChannelLayer, call_id: UUID, order: Order) -> Delivery:
    number = uuid.uuid4()
    back = _Channel(layer, await layer.new_channel())
    try:
        envelope = _Envelope(number, call_id, back.name, msgspec.Raw(_write(order)))
        await layer.group_send(GROUP, {"type": "order", "body": _write(envelope).decode()})
        while True:
            answer = _read_answer((await back.next())["body"])
            if answer.id == number:
                return Delivery.TAKEN if answer.taken else Delivery.REFUSED
    finally:
        await back.close()


class _Channel:
    """A channel of our own. Layers close one when its reader is cancelled, and know no other way."""

    def __init__(self, layer: BaseChannelLayer, name: str) -> None:
        self.name = name
        self._layer = layer
        self._open = True

    async def next(self) -> dict[str, Any]:
        """The next message."""
        try:
            message: dict[str, Any] = await self._layer.receive(self.name)
        except BaseException:
            self._open = False
            raise
        return message

    async def close(self, *groups: str) -> None:
        """Leave these groups, and be gone within `SAY_S`. Never raises: somebody may be cancelling us."""
        try:
            async with asyncio.timeout(SAY_S):
                for group in groups:
                    await self._layer.group_discard(group, self.name)
                while self._open:
                    reader = asyncio.ensure_future(self._layer.receive(self.name))
                    await asyncio.sleep(0)
                    if reader.cancel():
                        await asyncio.wait([reader])
                        self._open = False
        except Exception as error:
            log.warning("channel_not_closed", error=repr(error))


# --- who serves ------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def serving(call_id: UUID) -> AsyncIterator[Orders]:
    """The box of a call that this process serves; orders for it come until the block is left."""
    post, box = _Post.here(), Orders()
    post.enter(call_id, box)
    try:
        yield box
    finally:
        box.close()
        await post.leave(call_id, box)


async def listening() -> None:
    """Until this process hears orders. For tests; a call does not wait for it."""
    await _Post.here().hears.wait()


class _Post:
    """The calls of one event loop, and the one subscription that they share while there are any."""

    _of_loop: tuple[asyncio.AbstractEventLoop, _Post] | None = None

    def __init__(self) -> None:
        self.hears = asyncio.Event()
        self._boxes: dict[UUID, list[Orders]] = {}
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    def here(cls) -> _Post:
        """This loop's."""
        loop = asyncio.get_running_loop()
        if cls._of_loop is None or cls._of_loop[0] is not loop:
            cls._of_loop = (loop, cls())
        return cls._of_loop[1]

    def enter(self, call_id: UUID, box: Orders) -> None:
        """One more call. Of two streams of one call the later one gets the orders."""
        self._boxes.setdefault(call_id, []).append(box)
        if self._reader is None:
            # The task is all calls', so that it must not carry what is known of one: log lines, and metrics.
            self._reader = asyncio.get_running_loop().create_task(self._read(), name="orders", context=Context())

    async def leave(self, call_id: UUID, box: Orders) -> None:
        """One call fewer; after the last nobody listens."""
        self._boxes[call_id].remove(box)
        if not self._boxes[call_id]:
            del self._boxes[call_id]
        if not self._boxes and self._reader is not None:
            reader, self._reader = self._reader, None
            reader.cancel()
            await asyncio.wait([reader])

    async def _read(self) -> None:
        """Hear orders until cancelled, whatever becomes of the channel layer."""
        while True:
            try:
                await self._listen(get_channel_layer())
            except Exception as error:
                log.warning("orders_not_heard", error=repr(error), again_in_s=AGAIN_S)
            await asyncio.sleep(AGAIN_S)

    async def _listen(self, layer: BaseChannelLayer | None) -> None:
        if layer is None:
            return
        channel = _Channel(layer, await layer.new_channel())
        try:
            await layer.group_add(GROUP, channel.name)
            self.hears.set()
            while True:
                await self._take(layer, await channel.next())
        finally:
            self.hears.clear()
            await channel.close(GROUP)

    async def _take(self, layer: BaseChannelLayer, message: dict[str, Any]) -> None:
        try:
            envelope = _read_envelope(message["body"])
        except (KeyError, TypeError, msgspec.DecodeError):
            metrics.orders_total.labels("unknown", "malformed").inc()
            return
        boxes = self._boxes.get(envelope.call)
        if not boxes:
            return
        taken = _give(boxes[-1], envelope)
        answer = _write(_Answer(envelope.id, taken)).decode()
        try:
            async with asyncio.timeout(SAY_S):
                await layer.send(envelope.back, {"type": "answer", "body": answer})
        except TimeoutError:
            log.warning("order_not_answered", call=str(envelope.call))


def _give(box: Orders, envelope: _Envelope) -> bool:
    """To the call's brain, if the order makes sense."""
    try:
        kind = msgspec.json.decode(envelope.order, type=_Kind).kind
    except msgspec.DecodeError:
        kind = ""
    kind = kind if kind in metrics.ORDERS else "unknown"
    try:
        order: AnyOrder = _read_order(envelope.order)
    except msgspec.DecodeError as error:
        metrics.orders_total.labels(kind, "malformed").inc()
        log.warning("order_malformed", call=str(envelope.call), order=kind, error=str(error))
        return False
    taken = box.give(order)
    metrics.orders_total.labels(kind, "taken" if taken else "refused").inc()
    return taken
