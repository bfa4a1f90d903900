"""kill -9 under load: `make crash-drill`. Real processes, real sockets, scripted providers.

Callers talk while every few seconds a random stream worker of those that live is killed, whether another is away or
not; how many of the losses came in the middle of a tool or of an interruption is counted.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import sys
import tempfile
from pathlib import Path

import psutil

from telephony.simulator.report import Report
from telephony.simulator.simulate import run_many
from tests.drills.judging import Verdict, judge
from tests.drills.stage import Stage, stage

TURNS = (3, 4, 5, 6)
EVERY_S = (3.0, 6.0)
SHARE, MEDIAN_MS, P95_MS = 0.99, 2_000, 4_000


def drill(
    stage: Stage, calls: int, seed: int, every: tuple[float, float] = EVERY_S, ramp_ms: int = 200, most: int = 1_000
) -> Verdict:
    """Kill a random stream worker every few seconds until the last caller has hung up."""
    plans = [stage.plan(seed * 1_000 + number, TURNS) for number in range(calls)]
    kills = 0

    async def play() -> list[Report]:
        nonlocal kills
        talking = asyncio.ensure_future(run_many(plans, ramp_ms))
        chance = random.Random(seed)
        while True:
            done, _ = await asyncio.wait([talking], timeout=chance.uniform(*every))
            if done:
                return talking.result()
            workers = await asyncio.to_thread(stage.workers)
            if workers and kills < most:
                with contextlib.suppress(psutil.Error):
                    chance.choice(sorted(workers, key=lambda worker: worker.pid)).kill()
                    kills += 1

    return judge(stage, asyncio.run(play()), kills, seed)


def failures(verdict: Verdict) -> list[str]:
    """Why the drill did not show what it must."""
    gaps, found = verdict.gaps_ms, list(verdict.faults)
    if not verdict.hit:
        found.append("no call lost its worker")
        return found
    if verdict.share < SHARE:
        found.append(f"only {verdict.share:.1%} went on")
    if gaps and gaps[len(gaps) // 2] > MEDIAN_MS:
        found.append(f"the median gap is {gaps[len(gaps) // 2]} ms")
    if gaps and gaps[round((len(gaps) - 1) * 0.95)] > P95_MS:
        found.append(f"the p95 gap is {gaps[round((len(gaps) - 1) * 0.95)]} ms")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--streams", type=int, default=2)
    parser.add_argument("--seed", type=int, default=random.randrange(10_000))
    parser.add_argument("--keep", action="store_true", help="keep the folder with the logs")
    given = parser.parse_args()
    home = Path(tempfile.mkdtemp(prefix="crash-drill-"))
    with stage(home, given.calls, streams=given.streams) as running:
        verdict = drill(running, given.calls, given.seed)
        least, most = EVERY_S
        print(f"Crash drill: {given.calls} calls over {given.streams} stream workers, kill -9 every {least}-{most} s")
        print(verdict.table())
        (home / "calls.json").write_text(verdict.as_json())
    wrong = failures(verdict)
    for line in wrong[:40]:
        print(f"  ! {line}")
    print(f"  logs in {home}" if wrong or given.keep else "  All of it held.")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
