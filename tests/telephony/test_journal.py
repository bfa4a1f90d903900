"""What is saved while a call runs."""

import asyncio
from dataclasses import asdict
from uuid import uuid4

import msgspec
import pytest
from django.db import OperationalError
from prometheus_client import REGISTRY

from agents.voice.notebook import Kept
from agents.voice.providers.base import Message
from agents.voice.report import TurnRecord, Usage
from telephony import journal, wrapup
from telephony.journal import COMMIT_S, HEARTBEAT_S, LAZY_S, Batch, Journal, Stream
from telephony.models import Turn
from telephony.takeover.models import CallNote
from tests import virtual_time

STREAM = Stream(uuid4(), uuid4(), 1)
USED = (Usage("scripted", "scripted", "stt.audio", 4_000, "ms"),)


def turn(index):
    return TurnRecord(index, "caller", "speech", "Hello", 0, 1)


class Database:
    """Remembers what it was asked to write, and when; fails as often as it is told, and is another's if told so."""

    def __init__(self, failures=0, ours=True):
        self.batches = []
        self.failures = failures
        self.ours = ours

    def __call__(self, stream, batch, now):
        if self.failures:
            self.failures -= 1
            raise OperationalError("gone")
        self.batches.append(batch)
        return self.ours

    @property
    def turns(self):
        return [list(batch.turns) for batch in self.batches]

    @property
    def notes(self):
        return [dict(batch.notes) for batch in self.batches]


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

    assert database.turns == [[0, 1, 2], [3]]


def test_of_a_note_only_the_last_word_is_written():
    database = Database()

    async def script(book):
        book.note("state", 1)
        book.note("state", 2)
        await asyncio.sleep(1)

    keep(database, script)

    assert database.notes == [{"state": 2}]


def test_a_lazy_note_waits_for_company_but_not_for_long():
    database = Database()

    async def script(book):
        book.note("reply", 1, lazy=True)
        await asyncio.sleep(LAZY_S / 2)
        assert database.batches == []
        book.turn(turn(0))
        await asyncio.sleep(LAZY_S / 4)
        assert database.notes == [{"reply": 1}]
        book.note("reply", 2, lazy=True)
        await asyncio.sleep(LAZY_S * 1.5)

    keep(database, script)

    assert database.notes == [{"reply": 1}, {"reply": 2}]


def test_a_quiet_call_gives_a_sign_of_life_and_what_it_has_used():
    database = Database()

    async def script(book):
        book.used(USED, 4_000, {"barge_in": 2}, 1)
        await asyncio.sleep(3.5 * HEARTBEAT_S)

    keep(database, script)

    assert [(batch.used, len(batch)) for batch in database.batches] == [((USED, 4_000, {"barge_in": 2}, 1), 0)] * 3
    assert HEARTBEAT_S <= 10


def test_a_database_that_fails_is_tried_again_with_everything_and_the_newest():
    database = Database(failures=3)

    async def script(book):
        book.turn(turn(0))
        book.note("state", "old")
        await asyncio.sleep(1)
        book.turn(turn(1))
        book.note("state", "new")
        await asyncio.sleep(4 * HEARTBEAT_S)

    keep(database, script)

    assert database.turns[0] == [0, 1]
    assert database.notes[0] == {"state": "new"}


def test_a_full_box_drops_the_newest_and_counts_it():
    async def script(book):
        for index in range(5):
            book.turn(turn(index))
        book.turn(turn(0))

    book = keep(Database(), script, box=3)

    assert book.dropped == 2
    assert backlog() == 0


def test_what_waits_is_counted():
    async def script(book):
        book.turn(turn(0))
        book.note("state", 1)
        book.note("state", 2)
        assert backlog() == 2
        await asyncio.sleep(1)
        assert backlog() == 0

    keep(Database(), script)


def test_a_commit_waits_until_all_so_far_is_written_and_hurries_the_writer():
    database = Database()

    async def script(book):
        loop = asyncio.get_running_loop()
        began = loop.time()
        book.note("reply", 1, lazy=True)
        assert await book.commit("i0", 2) is Kept.YES
        assert loop.time() - began < LAZY_S / 2
        assert database.notes == [{"reply": 1, "i0": 2}]

    keep(database, script)


def test_what_is_not_written_in_time_is_not_committed():
    async def script(book):
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await book.commit("i0", 1) is Kept.LATE
        assert COMMIT_S <= loop.time() - began < COMMIT_S + 0.1

    keep(Database(failures=9), script)


def test_a_full_box_commits_what_it_has_room_for_and_says_what_it_has_not():
    async def script(book):
        for index in range(5):
            book.turn(turn(index))
        late = [await book.commit(f"i{number}", number) for number in range(5)]
        assert late == [Kept.LATE] * 5

    book = keep(Database(failures=99), script, box=3)

    assert book.dropped == 2 + 2, "turns beyond three, commits beyond six"


def test_dropped_notes_are_not_kept():
    async def script(book):
        for index in range(5):
            book.turn(turn(index))
        assert not await book.kept(1.0)

    keep(Database(), script, box=3)


def test_a_stream_that_was_overtaken_is_told():
    async def script(book):
        book.turn(turn(0))
        await asyncio.sleep(1)
        assert not await book.kept(1.0)
        assert await book.commit("i0", 1) is Kept.OVERTAKEN

    assert keep(Database(ours=False), script).overtaken.is_set()


# --- in the database --------------------------------------------------------------------------------------------------


def write(shop, call, epoch, batch):
    return journal._save(Stream(shop.tenant.id, call.id, epoch), batch, call.created_at)


@pytest.fixture
def second(acme):
    return acme.call(status="streaming", epoch=2)


def test_the_call_has_what_was_used_and_its_notes_are_encrypted(acme, second):
    message = Message("user", "My pin is 4711.")

    assert write(acme, second, 2, Batch({0: turn(0)}, {"m0": message, "reply": None}, USED, 4_000, {"barge_in": 2}, 3))
    assert write(acme, second, 2, Batch({}, {"m0": Message("user", "a\0b")}))

    with acme.scope():
        second.refresh_from_db()
        assert (second.usage, second.duration_ms) == ([asdict(used) for used in USED], 4_000)
        assert (second.counters, second.underruns) == ({"barge_in": 2}, 3)
        assert second.heartbeat_at == second.created_at
        notes = {note.key: msgspec.json.decode(note.value) for note in CallNote.objects.all()}
        assert (notes["m0"]["text"], notes["reply"]) == ("a\0b", None)
        raw = CallNote.objects.extra(select={"raw": "value"}).values_list("raw", flat=True)
        assert not any("user" in value for value in raw)


def test_who_was_overtaken_writes_nothing(acme, second):
    assert not write(acme, second, 1, Batch({0: turn(0)}, {"m0": 1}, USED, 4_000))

    with acme.scope():
        second.refresh_from_db()
        assert (second.usage, second.heartbeat_at) == ([], None)
        assert not Turn.objects.exists()
        assert not CallNote.objects.exists()


def test_turns_of_the_journal_are_those_of_the_report(acme, second):
    write(acme, second, 2, Batch({0: turn(0)}))

    with acme.scope():
        wrapup.write_turns(acme.tenant.id, second.id, [turn(0), turn(1)])
        assert [row.index for row in Turn.objects.filter(call=second)] == [0, 1]
