"""What `/metrics` says about calls. Gauges are summed over the processes that are alive.

Tests from the editor count where they use something up (`live_calls`, `tasks`, vendors' errors), and not in what
callers met with: the ends of calls, response gaps, barge-ins, underruns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Iterable, Mapping
from contextvars import Context, ContextVar
from itertools import product
from typing import Any, Final

from prometheus_client import Counter, Gauge, Histogram

live_calls = Gauge("switchboard_live_calls", "Calls with an open media socket.", multiprocess_mode="livesum")
tasks = Gauge("switchboard_tasks", "Tasks that work for a call.", multiprocess_mode="livesum")
journal_backlog = Gauge("switchboard_journal_backlog", "Records waiting to be written.", multiprocess_mode="livesum")
calls_total = Counter("switchboard_calls_total", "Calls that are over, tests from the editor aside.", ["outcome"])
REFUSALS = (
    *("wrong_number", "disabled", "no_agent", "not_published", "tenant_full", "no_capacity", "draining", "over"),
    *("closed", "not_taken"),
    *("suspended", "no_money", "day_cap", "month_cap", "agent_cap"),
)
"""Why a call is not taken: the reasons of `dispatch` and of `admission`."""

calls_refused_total = Counter("switchboard_calls_refused_total", "Calls that were not taken.", ["reason"])
resumed_calls_total = Counter("switchboard_resumed_calls_total", "Calls taken over by a second stream.")
playout_underruns_total = Counter("switchboard_playout_underruns_total", "Times the agent's audio ran dry.")
provider_errors_total = Counter("switchboard_provider_errors_total", "Failures of vendors.", ["provider", "kind"])
webhooks_refused_total = Counter("switchboard_webhooks_refused_total", "Callbacks that were not taken.", ["status"])
ORDERS = ("machine_detected", "hang_up", "say", "instruct", "transfer", "transfer_result", "unknown")
orders_total = Counter(
    "switchboard_orders_total", "Orders to running calls, by what became of them.", ["kind", "outcome"]
)
"""`taken`, `refused` and `malformed` where the call is, `undelivered` where the order was sent."""
stream_faults_total = Counter("switchboard_stream_faults_total", "Frames of a media socket that were no use.", ["kind"])
response_gap_seconds = Histogram(
    "switchboard_response_gap_seconds",
    "From the end of the caller's speech to the agent's first frame.",
    buckets=(0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 5.0, 10.0),
)
barge_in_seconds = Histogram(
    "switchboard_barge_in_seconds",
    "From the caller's first sound to the agent's silence.",
    buckets=(0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 1.0, 2.0),
)

SHOWN_AFTER_S: Final = 0.1

in_call: ContextVar[bool] = ContextVar("in_call", default=False)
"""Set in the task of a media socket; what it starts inherits it and is counted."""


def begin_at_zero(counter: Counter, *values: Iterable[str]) -> None:
    """Show a counter from the start, with these values of its labels: of processes that share their figures it is
    otherwise missing until the first event, and the first event is then no increase."""
    for labels in product(*values):
        counter.labels(*labels)


def count_tasks(loop: asyncio.AbstractEventLoop) -> None:
    """Count in `tasks` whatever a call starts on this loop, its vendors' own tasks included: a leak then shows."""
    if loop.get_task_factory() is None:
        loop.set_task_factory(_counted)


def _counted(
    loop: asyncio.AbstractEventLoop,
    work: Coroutine[Any, Any, Any] | Generator[Any, None, Any],
    *,
    context: Context | None = None,
    **options: Any,
) -> asyncio.Task[Any]:
    task: asyncio.Task[Any] = asyncio.Task(work, loop=loop, context=context, **options)
    if in_call.get():
        _running.change(1)
        task.add_done_callback(_gone)
    return task


def _gone(task: asyncio.Task[Any]) -> None:
    _running.change(-1)


class _Tally:
    """A gauge's value while it changes often: it is shown 0.1 s later, once for all changes since; nothing at once."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge
        self._value = 0
        self._showing: asyncio.AbstractEventLoop | None = None

    def change(self, by: int) -> None:
        """From the loop's thread."""
        self._value += by
        loop = asyncio.get_running_loop()
        if not self._value:
            self._gauge.set(0)
        elif self._showing is not loop:
            self._showing = loop
            loop.call_later(SHOWN_AFTER_S, self._show)

    def _show(self) -> None:
        self._showing = None
        self._gauge.set(self._value)


_running = _Tally(tasks)


def count_faults(counters: Mapping[str, int]) -> None:
    """What a socket sent that was no use, by kind; see `StreamProtocol.counters`."""
    for kind, number in counters.items():
        if number and kind not in ("messages", "gap_ms"):
            stream_faults_total.labels(kind).inc(number)
