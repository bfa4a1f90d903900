"""A deploy under load: `make deploy-drill`. Each stream worker in turn is told to stop, waits for its calls, hands over
those that do not end, and is replaced. No call may be cut, and no caller should hear of it."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
import sys
import tempfile
from pathlib import Path

import psutil

from telephony.simulator.report import Report
from telephony.simulator.simulate import run_many
from tests.drills.judging import Verdict, judge
from tests.drills.stage import Stage, stage

DRAIN_S = 3
"""Shorter than the calls, so that most of them are handed over."""


def drill(
    stage: Stage, calls: int, seed: int, ramp_ms: int = 100, settle_s: float = 4.0, turns: tuple[int, ...] = (5, 6)
) -> Verdict:
    """Stop each worker once while the callers talk; the next when the last one's successor is there."""
    plans = [stage.plan(seed * 1_000 + number, turns) for number in range(calls)]

    async def play() -> tuple[list[Report], int]:
        talking = asyncio.ensure_future(run_many(plans, ramp_ms))
        await asyncio.sleep(calls * ramp_ms / 1000 + settle_s)
        told = 0
        for worker in await asyncio.to_thread(stage.workers):
            with contextlib.suppress(psutil.Error):
                worker.send_signal(signal.SIGTERM)
                told += 1
                await asyncio.to_thread(psutil.wait_procs, [worker], 60)
            await asyncio.sleep(settle_s)
        return await talking, told

    reports, told = asyncio.run(play())
    return judge(stage, reports, told, seed)


def failures(verdict: Verdict) -> list[str]:
    """Why the drill did not show what it must."""
    cut = [f"{one.report.call_id} was cut" for one in verdict.lived if not one.went_on]
    return cut + verdict.faults + ([] if verdict.hit else ["no call was handed over"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=40)
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="deploy-drill-"))
    with stage(home, given.calls, streams=given.streams, drain_s=DRAIN_S) as running:
        verdict = drill(running, given.calls, given.seed)
        print(f"Deploy drill: {given.calls} calls, SIGTERM to each of {given.streams} stream workers in turn")
        print(verdict.table())
        (home / "calls.json").write_text(verdict.as_json())
    wrong = failures(verdict)
    for line in wrong[:40]:
        print(f"  ! {line}")
    print(f"  logs in {home}" if wrong or given.keep else "  No call was cut.")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
