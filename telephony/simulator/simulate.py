"""Run calls: one, or many at once on one clock and one HTTP client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from telephony.simulator.call import Call
from telephony.simulator.plan import CallPlan
from telephony.simulator.report import Report
from telephony.simulator.switch import Switch, switch
from telephony.simulator.world import World


class Simulator:
    """The carrier while it runs. Get one from `simulator()`."""

    def __init__(self, running: Switch) -> None:
        self.switch = running

    def call(self, plan: CallPlan) -> Call:
        """A call that has not begun; `await call.run()`."""
        return self.switch.call(plan)

    async def run_many(self, plans: Iterable[CallPlan], ramp_ms: int = 20) -> list[Report]:
        """Dial all plans, one every `ramp_ms`, and wait for the last. Reports in the order of the plans."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._later(plan, index * ramp_ms)) for index, plan in enumerate(plans)]
        return [task.result() for task in tasks]

    async def _later(self, plan: CallPlan, wait_ms: int) -> Report:
        await asyncio.sleep(wait_ms / 1000)
        return await self.call(plan).run()


@asynccontextmanager
async def simulator(world: World | None = None) -> AsyncIterator[Simulator]:
    """A simulator without REST; `world` has the people whom a `<Dial>` reaches."""
    async with switch(world) as running:
        yield Simulator(running)


async def run_call(plan: CallPlan, world: World | None = None) -> Report:
    """One call on its own."""
    async with simulator(world) as carrier:
        return await carrier.call(plan).run()


async def run_many(plans: Iterable[CallPlan], ramp_ms: int = 20, world: World | None = None) -> list[Report]:
    """Many calls at once."""
    async with simulator(world) as carrier:
        return await carrier.run_many(plans, ramp_ms)
