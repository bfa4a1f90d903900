"""What is saved while a call runs."""

import asyncio
from uuid import uuid4

from django.db import OperationalError
from prometheus_client import REGISTRY

from agents.voice.report import TurnRecord
from telephony.journal import HEARTBEAT_S, Journal, Stream
from tests import virtual_time

STREAM = Stream(uuid4(), uuid4(), 1)


def turn(index):
    return TurnRecord(index, "caller", "speech", "Hello", 0, 1)


class Database:
    """Remembers what it was asked to write; fails as often as it is told, and lets go after `epochs` writes."""

    def __init__(self, failures=0, ours=True):
        self.writes = []
        self.failures = failures
        self.ours = ours

    def __call__(self, stream, turns, now):
        if self.failures:
            self.failures -= 1
            raise OperationalError("gone")
        self.writes.append([turn.index for turn in turns])
        return self.ours


def keep(database, script, **options):
    async def main(clock):
        book = Journal(STREAM, database, **options)
        writer = asyncio.ensure_future(book.run())
        await script(book)
        writer.cancel()
        book.close()
        return book

    return virtual_time.run(main)


def backlog():
    return REGISTRY.get_sample_value("switchboard_journal_backlog")


def test_a_turn_is_written_at_once_and_those_behind_it_together():
    database = Database()

    async def script(book):
        for index in range(3):
            book.turn(turn(index))
        await asyncio.sleep(1)
        book.turn(turn(3))
        await asyncio.sleep(1)

    keep(database, script)

    assert database.writes == [[0, 1, 2], [3]]


def test_a_quiet_call_gives_a_sign_of_life():
    database = Database()

    keep(database, lambda book: asyncio.sleep(3.5 * HEARTBEAT_S))

    assert database.writes == [[], [], []]


def test_a_database_that_fails_is_tried_again_with_everything():
    database = Database(failures=3)

    async def script(book):
        book.turn(turn(0))
        await asyncio.sleep(1)
        book.turn(turn(1))
        await asyncio.sleep(4 * HEARTBEAT_S)

    keep(database, script)

    assert database.writes[0] == [0, 1]


def test_a_full_queue_drops_the_newest_and_counts_it():
    async def script(book):
        for index in range(5):
            book.turn(turn(index))

    book = keep(Database(), script, queue=3)

    assert book.dropped == 2
    assert backlog() == 0


def test_a_stream_that_was_overtaken_is_told():
    async def script(book):
        book.turn(turn(0))
        await asyncio.sleep(1)

    assert keep(Database(ours=False), script).overtaken.is_set()
