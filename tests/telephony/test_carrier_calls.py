"""Calls, digits, rooms and records over the carrier's API, against the simulated carrier: each does what it says."""

import asyncio

import pytest

from telephony.carrier import Carrier, CarrierError, Identity, Placement
from telephony.simulator.people import Person
from telephony.simulator.plan import CallPlan
from telephony.simulator.server import CarrierServer
from telephony.simulator.world import Account, Number, World
from tests.fakes.vendor import Reply, VendorFake

OWN, PHONE, BUSY = "+918071387001", "+919876543210", "+919876543211"


class Answers(VendorFake):
    """Our side of the callbacks: a document by path, and what was told."""

    documents = {
        "/wait": '<Response><Wait length="60"/></Response>',
        "/room": '<Response><Conference stayAlone="true">room 1</Conference></Response>',
    }

    def denied(self, request):
        return None

    async def http(self, request):
        document = self.documents.get(request.path)
        return Reply(document or "ok", 200, {"content-type": "application/xml" if document else "text/plain"})

    def told(self, path):
        return [request for request in self.requests if request.path == path]


@pytest.fixture
async def line():
    """`(carrier, vobiz, us)`: a phone that answers at once, one that is busy, and our callbacks."""
    world = World.of(
        [Account("MA_TEST", "token")],
        [Number(OWN, "MA_TEST")],
        {PHONE: Person(after_ms=0), BUSY: Person("busy", 0)},
    )
    async with CarrierServer(world, template=CallPlan("", speak_ms_per_letter=1)) as vobiz, Answers(key=None) as us:
        yield Carrier(Identity("MA_TEST", "token"), base_url=vobiz.api_url, pause=lambda seconds: None), vobiz, us


async def until(what):
    async with asyncio.timeout(10):
        while not (found := await what()):  # noqa: ASYNC110  the carrier tells nobody
            await asyncio.sleep(0.01)
        return found


async def placed(carrier, us, path="/wait", to=PHONE):
    call = Placement(OWN, to, f"{us.url}{path}", hangup_url=f"{us.url}/hangup")
    return await asyncio.to_thread(carrier.place, call)


async def test_a_call_is_live_until_it_is_hung_up_and_then_has_a_record(line):
    carrier, _, us = line
    call_uuid = await placed(carrier, us)

    live = await until(lambda: asyncio.to_thread(carrier.live_call, call_uuid))
    assert (live.call_uuid, live.direction) == (call_uuid, "outbound")
    assert call_uuid in await asyncio.to_thread(carrier.live_calls)

    await asyncio.to_thread(carrier.hang_up, call_uuid)
    await asyncio.to_thread(carrier.hang_up, call_uuid)

    record = await until(lambda: asyncio.to_thread(carrier.cdr, call_uuid))
    assert (record.uuid, record.direction) == (call_uuid, "outbound")
    assert call_uuid not in await asyncio.to_thread(carrier.live_calls)
    [listed] = await asyncio.to_thread(lambda: carrier.cdrs(to_number=PHONE))
    assert listed == record
    assert await asyncio.to_thread(lambda: carrier.cdrs(to_number="+910000000000")) == ()


async def test_a_line_that_is_busy_is_no_error_of_the_placing(line):
    carrier, _, us = line
    call_uuid = await placed(carrier, us, to=BUSY)

    record = await until(lambda: asyncio.to_thread(carrier.cdr, call_uuid))

    assert (record.hangup_code, record.billed_s) == (3010, 0)


async def test_a_live_call_takes_keys_and_words_and_another_document(line):
    carrier, _, us = line
    call_uuid = await placed(carrier, us)
    await until(lambda: asyncio.to_thread(carrier.live_call, call_uuid))

    await asyncio.to_thread(carrier.send_digits, call_uuid, "12w#")
    await asyncio.to_thread(carrier.speak, call_uuid, "One moment")
    await asyncio.to_thread(carrier.transfer, call_uuid, f"{us.url}/room")

    async def fetched():
        return us.told("/room")

    await until(fetched)


async def test_a_member_of_a_room_is_muted_and_put_out(line):
    carrier, vobiz, us = line
    call_uuid = await placed(carrier, us, "/room")

    async def seated():
        return [seat for room in vobiz.switch.rooms.of("MA_TEST") for seat in room.seats]

    [seat] = await until(seated)
    await asyncio.to_thread(carrier.mute, "room 1", seat.member_id)
    assert seat.muted
    await asyncio.to_thread(lambda: carrier.mute("room 1", seat.member_id, on=False))
    assert not seat.muted
    await asyncio.to_thread(carrier.kick, "room 1", seat.member_id)

    record = await until(lambda: asyncio.to_thread(carrier.cdr, call_uuid))
    assert record.hangup_code == 4010  # put out of the room, the member's document went on to its end
    await asyncio.to_thread(carrier.kick, "room 1", seat.member_id)
    await asyncio.to_thread(carrier.end_conference, "room 1")
    assert await asyncio.to_thread(carrier.conference_members, "room 1") == ()


async def test_what_is_over_cannot_be_transferred(line):
    carrier, _, us = line

    with pytest.raises(CarrierError) as caught:
        await asyncio.to_thread(carrier.transfer, "11111111-2222-4333-8444-555555555555", f"{us.url}/wait")

    assert caught.value.kind == "not_found"
