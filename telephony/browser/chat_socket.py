"""A test by typing: one socket per chat, on a stream worker, with the same signed address as a call's.

The page sends `{"say": "…"}`, one at a time; it is told what `Feed` tells, and `{"event": "live", "kind": "over"}` when
the agent ends the conversation.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import msgspec
import structlog
from channels.consumer import AsyncConsumer

from agents.voice.report import CallReport, TurnRecord, with_lookup
from agents.voice.tools.box import open_tools
from agents.voice.tools.lookup import Prepared, prepare
from telephony import opening, stream_token, wrapup
from telephony.browser import chatting
from telephony.browser.chatting import Conversation
from telephony.browser.feed import Feed, trouble_in_words
from telephony.journal import Journal
from telephony.media_socket import worker
from telephony.models import Kind, Outcome
from telephony.opening import Opening
from tenants.db import call_db

AT_ONCE: Final = 40
"""Chats of one process."""
IDLE_S: Final = 300.0
WAITING: Final = 2
"""Messages that wait for an answer to an earlier one; the page sends one at a time."""
IDLE: Final = 4008
DONE: Final = 1000

log = structlog.get_logger(__name__)
_open = 0


class _Say(msgspec.Struct):
    say: str


_read = msgspec.json.Decoder(_Say).decode


class ChatConsumer(AsyncConsumer):
    """One chat."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        global _open
        await receive()  # websocket.connect
        ticket = stream_token.read(scope["url_route"]["kwargs"]["token"])
        if ticket is None or _open >= AT_ONCE:
            await send({"type": "websocket.close", "code": 1008})
            return
        _open += 1
        try:
            with structlog.contextvars.bound_contextvars(call=str(ticket.call_id)):
                found = await opening.find(ticket, worker(), kinds=(Kind.CHAT,))
                if not isinstance(found, Opening):
                    log.warning("chat_without_call")
                    await send({"type": "websocket.close", "code": 1008})
                else:
                    await _Chat(found, receive, send).run()
        finally:
            _open -= 1


class _Chat:
    def __init__(self, found: Opening, receive: Any, send: Any) -> None:
        self.found = found
        self.receive, self.send = receive, send
        self.feed = Feed(send)
        self.journal = Journal(found.stream)
        self.code = DONE
        self.left = False
        self.said: asyncio.Queue[str] = asyncio.Queue(WAITING)

    async def run(self) -> None:
        """Until the page leaves, the agent ends it, or nobody writes."""
        report: CallReport | None = None
        error = ""
        try:
            await self.send({"type": "websocket.accept"})
            prepared = await self.prepared()
            blueprint = prepared.blueprint
            async with (
                open_tools(blueprint) as toolbox,
                chatting.opened(
                    blueprint, self.found.providers, tell=self.tell, on_turn=self.turn, toolbox=toolbox
                ) as chat,
            ):
                try:
                    await self.talk(chat)
                finally:
                    report = with_lookup(chat.report(Outcome.CALLER_HUNG_UP), prepared.trouble, prepared.refused)
        except Exception as broken:
            log.exception("chat_failed")
            error = repr(broken)
        finally:
            self.journal.close()
            # The server may be cancelling us: what was said must still be kept.
            await asyncio.shield(asyncio.create_task(self.write(report, error)))
            await self.close()

    async def prepared(self) -> Prepared:
        """With the look-up asked and the variables put in, as before a greeting on the phone."""
        done = await prepare(self.found.blueprint, self.found.facts)
        if done.trouble:
            self.feed.tell("trouble", text=done.trouble)
        return done

    async def talk(self, chat: Conversation) -> None:
        """The reader ends it; whoever answers stops with it."""
        async with asyncio.TaskGroup() as group:
            helpers = [
                group.create_task(self.journal.run()),
                group.create_task(self.feed.run()),
                group.create_task(self.answer(chat)),
            ]
            reader = group.create_task(self.read())
            await asyncio.wait({reader, helpers[-1]}, return_when=asyncio.FIRST_COMPLETED)
            for task in (reader, *helpers):
                task.cancel()
        if chat.over:
            self.feed.tell("over", text=chat.over)
        await self.feed.flush()

    async def read(self) -> None:
        """What is typed. Rubbish is skipped, and bounded by the silence that it makes."""
        try:
            async with asyncio.timeout(IDLE_S) as limit:
                while True:
                    message = await self.receive()
                    if message["type"] == "websocket.disconnect":
                        self.left = True
                        return
                    try:
                        said = _read(message.get("text") or b"").say
                        self.said.put_nowait(said)
                    except (msgspec.MsgspecError, ValueError):
                        continue
                    except asyncio.QueueFull:
                        self.feed.tell("remark", text="Not sent: wait for the answer first.")
                    limit.reschedule(asyncio.get_running_loop().time() + IDLE_S)
        except TimeoutError:
            self.code = IDLE

    async def answer(self, chat: Conversation) -> None:
        """One message after the other."""
        while not chat.over:
            words = await self.said.get()
            if not await chat.answer(words):
                self.feed.tell("remark", text="Your message is kept. Write again, and both are answered.")
            self.feed.tell("ready")

    def tell(self, kind: str, /, **data: object) -> None:
        """From the conversation to the page."""
        if kind == "trouble":
            data = {"text": trouble_in_words(str(data["provider"]), str(data["kind"]))}
        self.feed.tell(kind, **data)

    def turn(self, record: TurnRecord) -> None:
        """To the database and to the page."""
        self.journal.turn(record)
        self.feed.turn(record)

    async def write(self, report: CallReport | None, error: str) -> None:
        """Never raises: what cannot be written now, the sweep ends."""
        stream = self.found.stream
        try:
            if report is None:
                await call_db(wrapup.abandon, stream.tenant_id, stream.call_id, Outcome.FAILED, error)
            else:
                await call_db(wrapup.finish, stream.tenant_id, stream.call_id, report)
        except Exception:
            log.exception("chat_not_kept")

    async def close(self) -> None:
        if self.left:
            return
        try:
            await self.send({"type": "websocket.close", "code": self.code})
        except (OSError, RuntimeError):
            log.info("chat_had_left")
