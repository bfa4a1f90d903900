"""Dialling at a carrier that runs in another process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import httpx
import msgspec

from telephony.simulator.errors import BadScript
from telephony.simulator.files import plan_as_json, report_from_json
from telephony.simulator.plan import CallPlan
from telephony.simulator.report import Report


async def dial_at(url: str, plans: Iterable[CallPlan], ramp_ms: int = 20) -> list[Report]:
    """Have the carrier at `url` dial all plans, one every `ramp_ms`. A plan without a target goes where that carrier's
    number leads. `BadScript` when the carrier cannot be reached or will not."""
    async with httpx.AsyncClient(trust_env=False, timeout=None) as client:  # noqa: S113  a call lasts as it lasts

        async def dial(plan: CallPlan, wait_ms: int) -> Report:
            await asyncio.sleep(wait_ms / 1000)
            try:
                answer = await client.post(
                    url.rstrip("/") + "/simulator/dial", content=plan_as_json(replace(plan, out=None))
                )
            except (httpx.HTTPError, httpx.InvalidURL) as error:
                raise BadScript(f"the carrier at {url} cannot be reached: {error}") from error
            if answer.status_code != 200:
                raise BadScript(f"the carrier at {url} will not: {answer.text}")
            try:
                return report_from_json(answer.content)
            except msgspec.DecodeError as error:
                raise BadScript(f"{url} is no carrier of ours: {error}") from error

        tasks = [asyncio.create_task(dial(plan, index * ramp_ms)) for index, plan in enumerate(plans)]
        return list(await asyncio.gather(*tasks))
