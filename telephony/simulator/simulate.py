"""Run calls: one, or many at once on one clock and one HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import httpx

from telephony.simulator.call import Call
from telephony.simulator.metronome import Metronome
from telephony.simulator.plan import CallPlan
from telephony.simulator.report import Report


class Simulator:
    """The carrier while it runs. Get one from `simulator()`."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._metronome = Metronome()

    def call(self, plan: CallPlan) -> Call:
        """A call that has not begun; `await call.run()`."""
        return Call(plan, self._client, self._metronome)

    async def run_many(self, plans: Iterable[CallPlan], ramp_ms: int = 20) -> list[Report]:
        """Dial all plans, one every `ramp_ms`, and wait for the last. Reports in the order of the plans."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._later(plan, index * ramp_ms)) for index, plan in enumerate(plans)]
        return [task.result() for task in tasks]

    async def _later(self, plan: CallPlan, wait_ms: int) -> Report:
        await asyncio.sleep(wait_ms / 1000)
        return await self.call(plan).run()


@asynccontextmanager
async def simulator() -> AsyncIterator[Simulator]:
    """A simulator with a connection pool for callbacks. Proxies of the environment are not used."""
    limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
    async with httpx.AsyncClient(trust_env=False, limits=limits) as client:
        yield Simulator(client)


async def run_call(plan: CallPlan) -> Report:
    """One call on its own."""
    async with simulator() as carrier:
        return await carrier.call(plan).run()


async def run_many(plans: Iterable[CallPlan], ramp_ms: int = 20) -> list[Report]:
    """Many calls at once."""
    async with simulator() as carrier:
        return await carrier.run_many(plans, ramp_ms)
