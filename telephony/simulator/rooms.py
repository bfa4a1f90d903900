"""Conferences: rooms of an account by name, who sits in them, who hears whom, and what the application is told.

A room exists while somebody is in it. Everybody hears the mix of the others; nobody hears anybody before a member with
`startConferenceOnEnter` has come. Whoever waits or is alone hears `waitSound`.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING

from telephony.simulator import sounds, xml
from telephony.simulator.elements import Conference
from telephony.simulator.endings import CALLEE_HUNG_UP, CARRIER_HUNG_UP, End
from telephony.simulator.errors import Unreachable, XmlRefused
from telephony.simulator.keys import KeyMatch
from telephony.simulator.leg import Feed, Leg, connect, disconnect

if TYPE_CHECKING:
    from telephony.simulator.switch import Switch

MOST_MEMBERS = 20


class Seat:
    """One member. `leave` resolves with why: `kick`, `star`, `alone`, `ended` or `limit`."""

    def __init__(self, member_id: str, leg: Leg, element: Conference) -> None:
        self.member_id = member_id
        self.leg = leg
        self.element = element
        self.muted = element.muted
        self.deaf = False
        self.leave: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.feeds: dict[str, tuple[Feed, Feed]] = {}
        self.music: asyncio.Task[None] | None = None

    def go(self, why: str) -> None:
        """Leave the room."""
        if not self.leave.done():
            self.leave.set_result(why)


class Room:
    """The members of one conference."""

    def __init__(self, name: str, room_id: str) -> None:
        self.name = name
        self.room_id = room_id
        self.seats: list[Seat] = []
        self.started = False

    def seat(self, member_id: str) -> Seat | None:
        """One member."""
        return next((seat for seat in self.seats if seat.member_id == member_id), None)

    def enter(self, seat: Seat) -> None:
        """Sit down; the others are connected with the new one."""
        for other in self.seats:
            feeds = connect(seat.leg, other.leg)
            seat.feeds[other.member_id] = feeds
            other.feeds[seat.member_id] = feeds[::-1]
        self.seats.append(seat)
        self.started = self.started or seat.element.starts
        self.settle()

    def exit(self, seat: Seat) -> None:
        """Stand up."""
        self.seats.remove(seat)
        for other in self.seats:
            disconnect(seat.leg, other.leg, seat.feeds.pop(other.member_id))
            del other.feeds[seat.member_id]
        self.settle()

    def settle(self) -> None:
        """Who hears whom, after any change."""
        for seat in self.seats:
            for member_id, (there, _) in seat.feeds.items():
                other = self.seat(member_id)
                there.open = self.started and not seat.muted and not (other is None or other.deaf)

    def waits(self, seat: Seat) -> bool:
        """Whether this member has nobody to talk with."""
        return not self.started or len(self.seats) < 2


class Rooms:
    """All rooms, by account and name."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._rooms: dict[tuple[str, str], Room] = {}
        self._members = 0

    def room(self, account: str, name: str) -> Room | None:
        """A room that somebody is in."""
        return self._rooms.get((account, name))

    def of(self, account: str) -> list[Room]:
        """An account's rooms."""
        return [room for (owner, _), room in self._rooms.items() if owner == account]

    async def sit(self, leg: Leg, element: Conference, switch: Switch) -> End | None:
        """Perform `<Conference>`: be in the room until something ends it. None goes on with the document."""
        account = leg.facts.account
        room = self._rooms.get((account, element.room))
        if room is None:
            room = self._rooms[account, element.room] = Room(element.room, self._uuid())
        if len(room.seats) >= MOST_MEMBERS:  # whatever maxParticipants says
            leg.notes.append(f"room {element.room} is full")
            return None
        self._members += 1
        seat = leg.seat = Seat(str(10_000 + self._members), leg, element)
        star = KeyMatch(("*",) if element.hangup_on_star else (), lambda _: seat.go("star"))
        match = KeyMatch(element.digits, lambda digits: self._tell(room, seat, "digits", ConferenceDigitsMatch=digits))
        leg.key_listeners += [star.key, match.key]
        room.enter(seat)
        self._entered(room, seat)
        self._music(room, switch)
        self._lonely(room)
        try:
            done, _ = await asyncio.wait({seat.leave}, timeout=element.limit_s)
            why = seat.leave.result() if done else "limit"
        finally:
            leg.key_listeners.remove(star.key)
            leg.key_listeners.remove(match.key)
            self._left(room, seat, account)
            self._music(room, switch)
        if why == "ended":
            return End("agent_hung_up", CALLEE_HUNG_UP)
        return End("agent_hung_up", CARRIER_HUNG_UP) if why == "alone" else None

    def _left(self, room: Room, seat: Seat, account: str) -> None:
        room.exit(seat)
        seat.leg.seat = None
        if seat.music is not None:
            seat.music.cancel()
            seat.music = None
        self._tell(room, seat, "exit", ConferenceLastMember="true" if not room.seats else "false")
        if seat.element.ends:
            for other in room.seats:
                other.go("ended")
        self._lonely(room)
        if not room.seats:
            self._rooms.pop((account, room.name), None)

    def _lonely(self, room: Room) -> None:
        if len(room.seats) == 1 and not room.seats[0].element.stay_alone:
            room.seats[0].go("alone")

    def _entered(self, room: Room, seat: Seat) -> None:
        leg = seat.leg
        common = leg.facts.common(leg.status)
        first = "true" if len(room.seats) == 1 else "false"
        self._tell(room, seat, "enter", **(common | {"ConferenceFirstMember": first}))

    def _tell(self, room: Room, seat: Seat, action: str, **more: str) -> None:
        events = {"enter": "ConferenceEnter", "exit": "ConferenceExit", "digits": "ConferenceDigitsMatch"}
        fields = {
            "ConferenceAction": action,
            "ConferenceUUID": room.room_id,
            "ConferenceName": room.name,
            "ConferenceMemberID": seat.member_id,
            "CallUUID": seat.leg.call_id,
        }
        element = seat.element
        seat.leg.courier.post(events[action], element.events_url, fields | more, element.events_method)

    def _music(self, room: Room, switch: Switch) -> None:
        """Start and stop what those who wait hear."""
        for seat in room.seats:
            if not seat.element.wait_sound:
                continue
            if room.waits(seat) and seat.music is None:
                seat.music = switch.start(self._waiting(room, seat, switch))
            elif not room.waits(seat) and seat.music is not None:
                seat.music.cancel()
                seat.music = None

    async def _waiting(self, room: Room, seat: Seat, switch: Switch) -> None:
        leg = seat.leg
        fields = {
            "ConferenceAction": "waitSound",
            "ConferenceUUID": "",
            "ConferenceName": room.name,
            "ConferenceMemberID": "",
            "CallUUID": leg.call_id,
        }
        while True:
            try:
                answered = await leg.courier.fetch(
                    "ConferenceRemoteSounds", seat.element.wait_sound, fields, "POST", 7012
                )
                found = xml.read_sounds(answered.body, answered.content_type)
            except (Unreachable, XmlRefused) as error:
                leg.notes.append(f"waitSound could not be had: {error}")
                return
            if not found:
                return
            await sounds.perform_all(leg, switch.client, found)
            await asyncio.sleep(0.02)

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def members(room: Room, wanted: str) -> Iterable[Seat]:
    """`all`, one id or several with commas → the seats that exist."""
    if wanted == "all":
        return tuple(room.seats)
    return tuple(seat for each in wanted.split(",") if (seat := room.seat(each)) is not None)
