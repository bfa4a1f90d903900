"""Where the carrier's audio comes in: one consumer instance per call, one `TaskGroup` per consumer.

Channels routes here, but its `dispatch` is not used: it closes old database connections before every message, in the
one thread that all of a process's queries share, so that one slow query would silence every call. This consumer owns
its receive loop (in `StreamLine`), and asks the database twice: before it accepts, and when all is over.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, ParamSpec

import structlog
from channels.consumer import AsyncConsumer
from django.conf import settings
from django.utils import timezone

from agents import greetings
from agents.voice import session
from agents.voice.clock import Clock, SystemClock
from agents.voice.menu import Press
from agents.voice.report import CallReport, with_lookup
from agents.voice.resuming import Began, Resumption
from agents.voice.tools.lookup import prepare
from telephony import admission, metrics, opening, orders, recordings, stream_token, wrapup
from telephony.browser.feed import Feed
from telephony.browser.overhearing import overheard
from telephony.delivery import TEXTS, Texts
from telephony.journal import Journal, Stream
from telephony.line import StreamLine
from telephony.models import Outcome
from telephony.opening import Later, Opening
from telephony.pressing import press_in
from telephony.stream_token import Ticket
from telephony.takeover import here, loading
from telephony.takeover.here import Served
from telephony.vobiz.errors import StreamBroken
from tenants.db import call_db

GOING_AWAY: Final = 1012
FAILED: Final = 1011
HAND_OVER_S: Final = 3.0
"""How long the last notes may take before the call is handed over without them."""

P = ParamSpec("P")

log = structlog.get_logger(__name__)


def worker() -> str:
    """This process, for people who look for a call's log. Processes fork, so it is not a constant."""
    return f"{settings.ROLE or 'web'} {socket.gethostname()} {os.getpid()}"


class MediaConsumer(AsyncConsumer):
    """One media socket of one call."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.clock = clock or SystemClock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()  # websocket.connect
        ticket = stream_token.read(scope["url_route"]["kwargs"]["token"])
        if ticket is None:
            log.warning("media_token_refused")
            await _deny(send)
            return
        with structlog.contextvars.bound_contextvars(call=str(ticket.call_id)):
            try:
                with admission.place(again=ticket.again):
                    texts = scope.get("extensions", {}).get(TEXTS)
                    await self._serve(ticket, receive, send, texts)
            except admission.FullError as full:
                log.warning("media_socket_refused", reason=full.reason)
                await _deny(send)

    async def _serve(self, ticket: Ticket, receive: Any, send: Any, texts: Texts | None) -> None:
        found: Opening | Later | None = await opening.find(ticket, worker(), started=False)
        if found is None:
            log.warning("media_socket_without_call")
            await _deny(send)
            return
        ending, line = Ending(), StreamLine(receive, send, texts=texts)
        opened = found if isinstance(found, Opening) else None
        try:
            if opened is not None:
                ending.of(opened)
            if not await _accepted(send):
                ending.outcome = Outcome.CALLER_HUNG_UP
                return
            if isinstance(found, Later):
                opened = await _in_its_place(ticket, found, line)
            if opened is None:
                return
            ending.of(opened)
            with here.serving(opened.stream.call_id) as served:
                ending.report = await self._talk(opened, line, ending, served, Feed(send) if opened.is_test else None)
        except StreamBroken as broken:
            log.warning("stream_refused", kind=broken.kind)
            ending.error, line.close_code, ending.refused = f"{broken.kind}: {broken}", broken.close_code, True
        except asyncio.CancelledError:
            ending.outcome, line.close_code = Outcome.DRAINED, GOING_AWAY
            raise
        except Exception as error:
            log.exception("call_failed")
            ending.error, line.close_code = repr(error), FAILED
        finally:
            # The server may be cancelling us: the call must still get its end.
            await asyncio.shield(asyncio.create_task(ending.write()))
            await line.close()
            metrics.count_faults(line.counters)
        if opened is not None:
            await call_db(greetings.keep, opened.stream.tenant_id, opened.blueprint)

    async def _talk(
        self, found: Opening, line: StreamLine, ending: Ending, served: Served, feed: Feed | None
    ) -> CallReport | None:
        """Wait for the stream, then run the engine with the journal beside it. None: nobody was there.

        `feed` is the page of a test, which is told everything as it happens.
        """
        started = await line.wait_for_start()
        if started is None:
            ending.outcome = Outcome.CALLER_HUNG_UP
            return None
        log.info("stream_started", dialect=started.dialect.value, carrier_id=started.call_id)
        if started.call_id not in ("", found.carrier_id):
            raise StreamBroken("other_call", "the stream names another call than its address")
        book = Journal(found.stream)
        stream, before = found.stream, found.before
        line.before_stop = lambda: call_db(wrapup.stopping, stream.tenant_id, stream.call_id, stream.epoch)
        metrics.count_tasks(asyncio.get_running_loop())
        metrics.in_call.set(True)
        try:
            variables = before.began.variables if before is not None else None
            prepared = await prepare(found.blueprint, found.facts, before=variables)
            if prepared.lookup is not None and not prepared.lookup.ok:
                log.warning("lookup_failed", status=prepared.lookup.status)
            blueprint = prepared.blueprint
            if before is not None and variables is not None:
                began = before.began
            else:
                began_at = before.began.at if before is not None else timezone.now()
                began = Began(began_at, blueprint.variables, prepared.trouble, prepared.refused)
                book.note("began", began)
            async with orders.serving(found.stream.call_id) as box, asyncio.TaskGroup() as group:
                helpers = [
                    group.create_task(book.run()),
                    group.create_task(_end_when(book.overtaken, line, ending)),
                    group.create_task(_end_when(served.overtaken, line, ending)),
                ]
                resumption = None
                if before is not None:
                    resumption = before.resumption(timezone.now())
                if feed is not None:
                    helpers.append(group.create_task(feed.run()))
                    if began.trouble:
                        feed.tell("trouble", text=began.trouble)
                    feed.tell("greeting", text=blueprint.greeting)
                told = await session.run(
                    line,
                    blueprint,
                    overheard(found.providers, feed) if feed else found.providers,
                    self.clock,
                    on_turn=_both(book.turn, feed.turn) if feed else book.turn,
                    on_event=_both(_note, feed.event) if feed else _note,
                    recording_path=_spool_path(found, resumption),
                    orders=box,
                    press=_press(found),
                    notebook=book,
                    resumption=resumption,
                    leave=None if found.is_test else served.leave,  # a browser would not come back
                )
                report = with_lookup(told, began.trouble, began.refused)
                if report.outcome == session.LEFT:
                    await self._hand_over(book, line, ending)
                for helper in helpers:
                    helper.cancel()
        finally:
            metrics.in_call.set(False)
            book.close()
        return report

    async def _hand_over(self, book: Journal, line: StreamLine, ending: Ending) -> None:
        """Let the carrier ask what is next, when all is written that the next one must know."""
        book.note(loading.LEFT, {"at": timezone.now().isoformat(), "epoch": book.stream.epoch})
        await book.kept(HAND_OVER_S)
        ending.overtaken = True
        line.before_stop = None
        await line.stop()


class Ending:
    """What is known when the socket is done, written whatever happened. Nothing without a stream of a call."""

    def __init__(self) -> None:
        self.stream: Stream | None = None
        self.counts = False
        """Whether it is a caller's: the metrics tell of those alone."""
        self.report: CallReport | None = None
        self.outcome = Outcome.FAILED
        self.error = ""
        self.refused = False
        """Whether it was we who would not have the stream."""
        self.overtaken = False
        """Whether another stream has the call, or is to have it: then there is nothing to write but the audit."""

    def of(self, found: Opening) -> None:
        """Whose end it is."""
        self.stream, self.counts = found.stream, not found.is_test

    async def write(self) -> None:
        """Never raises: what cannot be written now, the sweep does."""
        stream, report = self.stream, self.report
        if stream is None:
            return
        try:
            if self.overtaken:
                if report is not None and report.refusals:
                    await call_db(wrapup.audit_refusals, stream.tenant_id, stream.call_id, report.refusals)
            elif report is None:
                await call_db(
                    wrapup.abandon,
                    stream.tenant_id,
                    stream.call_id,
                    self.outcome,
                    self.error,
                    stream.epoch,
                    refused=self.refused,
                )
            else:
                log.info("call_finished", outcome=report.outcome, turns=len(report.turns), ms=report.duration_ms)
                ours = await call_db(wrapup.finish, stream.tenant_id, stream.call_id, report, stream.epoch)
                if ours and self.counts:
                    wrapup.observe(report)
        except Exception:
            log.exception("wrapup_failed")


async def _in_its_place(ticket: Ticket, later: Later, line: StreamLine) -> Opening | None:
    """Take over a call that has had a stream, once the carrier has started this one: a socket that only opens, or
    brings something else, must not end a conversation. Raises `StreamBroken`."""
    started = await line.wait_for_start()
    if started is None:
        log.info("stream_never_started")
        return None
    if started.call_id not in ("", later.carrier_id):
        raise StreamBroken("other_call", "the stream names another call than its address")
    found = await opening.find(ticket, worker())
    return found if isinstance(found, Opening) else None


def _press(found: Opening) -> Press | None:
    """Only a call that we dialled meets a menu, and only the carrier can press its keys."""
    return press_in(found.stream.tenant_id, found.carrier_id) if found.blueprint.outbound else None


def _spool_path(found: Opening, resumption: Resumption | None) -> Path | None:
    stream = found.stream
    at_ms = resumption.elapsed_ms if resumption is not None else 0
    return recordings.spool_path(stream.call_id, stream.epoch, at_ms) if found.blueprint.record else None


def _both(one: Callable[P, None], other: Callable[P, None]) -> Callable[P, None]:
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        one(*args, **kwargs)
        other(*args, **kwargs)

    return call


async def _end_when(overtaken: asyncio.Event, line: StreamLine, ending: Ending) -> None:
    await overtaken.wait()
    log.warning("stream_overtaken")
    ending.overtaken = True
    line.interrupt("error")


def _note(kind: str, data: dict[str, object]) -> None:
    """Small facts of the engine while it runs."""
    if kind == "provider_error":
        log.warning("provider_error", provider=data["provider"], kind=data["kind"])
        metrics.provider_errors_total.labels(str(data["provider"]), str(data["kind"])).inc()


async def _accepted(send: Any) -> bool:
    """False when the carrier has not waited for it."""
    try:
        await send({"type": "websocket.accept"})
    except OSError:
        log.info("carrier_had_left")
        return False
    return True


async def _deny(send: Any) -> None:
    """Refuse the upgrade: servers answer 403 to a close before the accept."""
    await send({"type": "websocket.close", "code": 1008, "reason": ""})
