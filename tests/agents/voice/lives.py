"""Processes that take a call from one another: each is killed but for the last, and what it has noted is what the next
one knows."""

import asyncio

import msgspec

from agents.voice import resuming
from agents.voice.notebook import Kept
from agents.voice.phrases import PROCESS_CACHE
from agents.voice.session import run
from tests import virtual_time
from tests.agents.voice.conversing import BLUEPRINT
from tests.fakes.line import FakeLine


class Notebook:
    """What reached the database, as long as that answers with `kept`."""

    def __init__(self, kept=Kept.YES):
        self.notes = {}
        self.log = []
        self.usage, self.counters, self.underruns = (), {}, 0
        self.lasted_ms = 0
        self.kept = kept

    def note(self, key, value, *, lazy=False):
        self.notes[key] = msgspec.json.decode(msgspec.json.encode(value))
        self.log.append(key)

    def used(self, usage, lasted_ms, counters, underruns):
        self.usage, self.lasted_ms, self.counters, self.underruns = usage, lasted_ms, dict(counters), underruns

    async def commit(self, key, value):
        self.note(key, value)
        await asyncio.sleep(0.01)
        self.log.append("kept")
        return self.kept


class Life:
    """One process's part of a call."""

    def __init__(self, line, turns, report=None):
        self.line, self.turns, self.report = line, turns, report


def live(*parts, blueprint=BLUEPRINT, gap_s=1.0, book=None, **options):
    """Each part is (providers, tools, seconds until it is killed or None, what the line does)."""
    PROCESS_CACHE._kept.clear()
    book = book or Notebook()

    async def main(clock):
        turns, lives, resumption = [], [], None
        origin = clock.now()
        for providers, tools, dies_s, line in parts:
            telephone, first = FakeLine(clock, **line), len(turns)
            task = asyncio.ensure_future(
                run(
                    telephone,
                    blueprint,
                    providers,
                    clock,
                    on_turn=turns.append,
                    tools=tools,
                    notebook=book,
                    resumption=resumption,
                    **options,
                )
            )
            if dies_s is None:
                lives.append(Life(telephone, turns[first:], await task))
                lives[-1].turns = turns[first:]
                break
            await asyncio.sleep(dies_s)
            notes, known = dict(book.notes), tuple(turns)
            lost_ms = round((clock.now() - origin) * 1000)
            lives.append(Life(telephone, turns[first:]))
            task.cancel()
            await asyncio.wait([task])
            del turns[len(known) :]
            book.notes = notes
            await asyncio.sleep(gap_s)
            elapsed_ms = round((clock.now() - origin) * 1000)
            resumption = resuming.read(
                notes,
                elapsed_ms=elapsed_ms,
                lost_ms=lost_ms,
                turns=known,
                usage=book.usage,
                counters=book.counters,
                underruns=book.underruns,
            )
        assert len(asyncio.all_tasks()) == 1
        return lives, book

    return virtual_time.run(main)
