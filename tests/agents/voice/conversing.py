"""A whole call on virtual time, and what came of it: the real engine and voice detector, the rest by script."""

import asyncio
from dataclasses import dataclass

from agents.voice.blueprint import Blueprint, Limits, Stage
from agents.voice.orders import Orders
from agents.voice.report import CallReport
from agents.voice.session import run
from tests import virtual_time
from tests.fakes.line import FakeLine

STAGE = Stage("fake", "fake", "v")
GREETING = "Hello, this is the clinic."
BLUEPRINT = Blueprint("Asha", 1, "en", GREETING, "Be kind.", STAGE, STAGE, STAGE, limits=Limits(max_call_s=120))
LONG = "We are open from nine to five on all weekdays and from ten to one on Saturdays. On Sundays we are closed."


@dataclass
class Outcome:
    report: CallReport
    line: FakeLine
    tasks_left: int
    told: list

    def said(self, speaker: str) -> list[str]:
        return [turn.text for turn in self.report.turns if turn.speaker == speaker]

    def kinds(self, speaker: str) -> list[str]:
        return [turn.kind for turn in self.report.turns if turn.speaker == speaker]

    @property
    def facts(self) -> list[tuple[str, dict]]:
        """What `on_event` was told."""
        return [fact for fact in self.told if isinstance(fact, tuple)]

    def counter(self, name: str) -> int:
        return dict(self.report.counters).get(name, 0)

    def usage(self, meter: str, provider: str = "fake") -> int:
        return sum(line.amount for line in self.report.usage if line.meter == meter and line.provider == provider)


def call(providers, *, blueprint=BLUEPRINT, recording=None, tools=None, orders=(), press=None, **line) -> Outcome:
    """`orders`: (at_ms, order), as another process would send them."""

    async def main(clock):
        telephone, told, box = FakeLine(clock, **line), [], Orders()
        for at_ms, order in orders:
            asyncio.get_running_loop().call_later(at_ms / 1000, box.give, order)
        report = await run(
            telephone,
            blueprint,
            providers,
            clock,
            on_turn=told.append,
            on_event=lambda kind, data: told.append((kind, data)),
            recording_path=recording,
            tools=tools,
            orders=box,
            press=press,
        )
        return Outcome(report, telephone, len(asyncio.all_tasks()) - 1, told)

    outcome = virtual_time.run(main)
    assert outcome.tasks_left == 0
    assert [turn for turn in outcome.told if not isinstance(turn, tuple)] == list(outcome.report.turns)
    return outcome
