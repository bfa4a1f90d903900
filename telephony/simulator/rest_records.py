"""REST: what is left of calls (records, recordings) and the moderation of rooms."""

from __future__ import annotations

import csv
import io
from typing import Any

from telephony.simulator import rooms, sounds
from telephony.simulator.cdr import Cdr
from telephony.simulator.elements import Play, Speak
from telephony.simulator.rest import Ask, Refused, Reply, Route, route
from telephony.simulator.rooms import Room, Seat
from telephony.simulator.tape import Recorded
from telephony.simulator.world import digits, stamp

MOST_PER_PAGE = 100


def one_cdr(ask: Ask) -> Reply:
    """`GET .../cdr/{uuid}`: by uuid, not by the numeric id; 404 until 120 ms after the hang-up."""
    found = ask.switch.readable(ask.parts["call_uuid"])
    if found is None or found.account != ask.account.auth_id:
        raise Refused(404, "CDR not found", shape="nested")
    return Reply(200, {"success": True, "data": found.fields})


def cdrs(ask: Ask) -> Reply:
    """`GET .../cdr` and `.../cdr/search`."""
    query = ask.request.query
    size = min(_whole(query.get("per_page", "20"), 20), MOST_PER_PAGE)
    page = max(1, _whole(query.get("page", "1"), 1))
    found = [each for each in ask.switch.records(ask.account.auth_id) if _fits(each, query)]
    begin = (page - 1) * size
    rows = [each.fields for each in found[begin : begin + size]]
    pagination = {"page": page, "per_page": size, "total": len(found), "pages": -(-len(found) // size)}
    summary = {"total_calls": len(found), "total_cost": float(sum(each.total for each in found))}
    body = {"success": True, "account_id": ask.account.auth_id, "count": len(rows), "data": rows}
    return Reply(200, body | {"pagination": pagination, "summary": summary})


def recent(ask: Ask) -> Reply:
    """`GET .../cdr/recent`."""
    limit = min(_whole(ask.request.query.get("limit", "10"), 10), MOST_PER_PAGE)
    rows = [each.fields for each in ask.switch.records(ask.account.auth_id)]
    return Reply(200, {"success": True, "data": rows[:limit]})


def export(ask: Ask) -> Reply:
    """`GET .../cdr/export`: CSV."""
    rows = [each.fields for each in ask.switch.records(ask.account.auth_id) if _fits(each, ask.request.query)]
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return Reply(200, text.getvalue().encode(), "text/csv")


def _fits(record: Cdr, query: Any) -> bool:
    fields = record.fields
    checks = (
        ("from_number", digits(fields["caller_id_number"])),
        ("to_number", digits(fields["destination_number"])),
    )
    if any(digits(query.get(name, "")) not in value for name, value in checks):
        return False
    for name, key in (
        ("call_direction", "call_direction"),
        ("bridge_uuid", "bridge_uuid"),
        ("hangup_cause", "hangup_cause"),
        ("hangup_disposition", "hangup_disposition"),
        ("sip_call_id", "sip_call_id"),
    ):
        if query.get(name) and query[name] != fields[key]:
            return False
    if query.get("min_duration") and fields["duration"] < _whole(query["min_duration"], 0):
        return False
    day = fields["start_time"][:10]
    return bool(query.get("start_date", "") <= day <= query.get("end_date", "9999"))


def recordings(ask: Ask) -> Reply:
    """`GET .../Recording/`."""
    query = ask.request.query
    mine = [each for each in ask.switch.recorder.kept.values() if each.account == ask.account.auth_id]
    mine = [each for each in mine if query.get("call_uuid", each.call_id) == each.call_id]
    limit, offset = _whole(query.get("limit", "20"), 20), _whole(query.get("offset", "0"), 0)
    meta = {"limit": limit, "offset": offset, "total_count": len(mine), "next": None, "previous": None}
    found = mine[::-1][offset : offset + min(limit, MOST_PER_PAGE)]
    return ask.told(200, meta=meta, objects=[_shown(ask, each) for each in found])


def recording(ask: Ask) -> Reply:
    """`GET .../Recording/{rid}/`; with `.mp3` or `.wav` instead of the slash, the file: a WAV under either name."""
    wanted = ask.parts["recording_id"]
    if wanted.endswith((".mp3", ".wav")):
        found = _recording(ask, wanted[:-4])
        return Reply(200, found.data, "audio/mpeg" if wanted.endswith(".mp3") else "audio/wav")
    return ask.told(200, **_shown(ask, _recording(ask, wanted)))


def drop_recording(ask: Ask) -> Reply:
    """`DELETE .../Recording/{rid}/`."""
    del ask.switch.recorder.kept[_recording(ask, ask.parts["recording_id"]).recording_id]
    return Reply(204)


def _recording(ask: Ask, recording_id: str) -> Recorded:
    found = ask.switch.recorder.kept.get(recording_id)
    if found is None or found.account != ask.account.auth_id:
        raise Refused(404, "recording not found")
    return found


def _shown(ask: Ask, found: Recorded) -> dict[str, Any]:
    minutes = -(-found.length_ms // 60_000)
    return {
        "recording_id": found.recording_id,
        "call_uuid": found.call_id,
        "conference_name": found.conference or None,
        "recording_url": ask.switch.recorder.url(found.account, found.recording_id, found.file_format),
        "recording_format": found.file_format,
        "recording_type": "call",
        "recording_duration_ms": f"{found.length_ms:.5f}",
        "recording_start_ms": f"{found.began_at.timestamp() * 1000:.5f}",
        "recording_end_ms": f"{found.began_at.timestamp() * 1000 + found.length_ms:.5f}",
        "rounded_recording_duration": minutes * 60,
        "recording_storage_rate": 0.005,
        "recording_storage_duration": 0,
        "add_time": stamp(found.began_at),
    }


def list_rooms(ask: Ask) -> Reply:
    """`GET .../Conference/`: always empty, whatever goes on, as at the carrier."""
    return ask.told(200, conferences=[])


def one_room(ask: Ask) -> Reply:
    """`GET .../Conference/{name}/`: of no use either."""
    return Reply(200, {"api_id": ask.new_api_id(), "error": "failed"})


def drop_rooms(ask: Ask) -> Reply:
    """`DELETE .../Conference/` and `.../Conference/{name}/`: everybody is hung up."""
    wanted = ask.parts.get("room")
    found = [each for each in ask.switch.rooms.of(ask.account.auth_id) if wanted in (None, each.name)]
    if wanted and not found:
        raise Refused(404, "conference not found")
    for each in found:
        for seat in tuple(each.seats):
            seat.go("ended")
    return Reply(204)


def mute(ask: Ask) -> Reply:
    """`POST .../Member/{mid}/Mute/`; of the leg itself, so a stream on it hears nothing either."""
    return _each(ask, "muted", lambda seat: _set(seat, muted=True))


def unmute(ask: Ask) -> Reply:
    """`DELETE .../Member/{mid}/Mute/`."""
    _each(ask, "unmuted", lambda seat: _set(seat, muted=False))
    return Reply(204)


def deafen(ask: Ask) -> Reply:
    """`POST .../Member/{mid}/Deaf/`."""
    return _each(ask, "deaf", lambda seat: _set(seat, deaf=True))


def undeafen(ask: Ask) -> Reply:
    """`DELETE .../Member/{mid}/Deaf/`."""
    _each(ask, "undeaf", lambda seat: _set(seat, deaf=False))
    return Reply(204)


def kick(ask: Ask) -> Reply:
    """`POST .../Member/{mid}/Kick/`: the member's document goes on."""
    return _each(ask, "kicked", lambda seat: seat.go("kick"))


def hang_up_member(ask: Ask) -> Reply:
    """`DELETE .../Member/{mid}/`: off the line."""
    _each(ask, "hung up", lambda seat: seat.go("ended"))
    return Reply(204)


def play_member(ask: Ask) -> Reply:
    """`POST .../Member/{mid}/Play/`."""
    url = ask.request.text("url")
    return _each(ask, "play started", lambda seat: _let_hear(ask, seat, Play(url, 1)))


def speak_member(ask: Ask) -> Reply:
    """`POST .../Member/{mid}/Speak/`."""
    text = ask.request.text("text")
    return _each(ask, "speak started", lambda seat: _let_hear(ask, seat, Speak(text, "en-US", 1)))


def stop_sound_member(ask: Ask) -> Reply:
    """`DELETE .../Member/{mid}/Play/`."""

    def stop(seat: Seat) -> None:
        for task in seat.leg.rest_sounds:
            task.cancel()
        seat.leg.rest_sounds.clear()

    _each(ask, "stopped", stop)
    return Reply(204)


def record_room(ask: Ask) -> Reply:
    """`POST .../Conference/{name}/Record/`: says yes and writes nothing, as at the carrier."""
    _room(ask)
    return ask.told(200, "async api spawned")


def stop_record_room(ask: Ask) -> Reply:
    """`DELETE .../Conference/{name}/Record/`."""
    _room(ask)
    return Reply(204)


def _room(ask: Ask) -> Room:
    room = ask.switch.rooms.room(ask.account.auth_id, ask.parts["room"])
    if room is None:
        raise Refused(404, "conference not found")
    return room


def _each(ask: Ask, message: str, do: Any) -> Reply:
    """Do it to the members meant; the reply lists their ids."""
    room = _room(ask)
    found = tuple(rooms.members(room, ask.parts["member_id"]))
    if not found:
        raise Refused(404, "member not found")
    for seat in found:
        do(seat)
    room.settle()
    return ask.told(202, message, member_id=[seat.member_id for seat in found])


def _set(seat: Seat, *, muted: bool | None = None, deaf: bool | None = None) -> None:
    seat.muted = seat.muted if muted is None else muted
    seat.deaf = seat.deaf if deaf is None else deaf


def _let_hear(ask: Ask, seat: Seat, sound: Play | Speak) -> None:
    work = sounds.perform_all(seat.leg, ask.switch.client, [sound])
    seat.leg.rest_sounds.append(ask.switch.start(work))


def _whole(text: str, default: int) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 8 else default


_CDR = "/Account/{auth_id}/cdr"
_ROOM = "/Account/{auth_id}/Conference/{room}/"
_MEMBER = _ROOM + "Member/{member_id}/"
ROUTES: tuple[Route, ...] = (
    route("GET", _CDR, cdrs),
    route("GET", _CDR + "/search", cdrs),
    route("GET", _CDR + "/recent", recent),
    route("GET", _CDR + "/export", export),
    route("GET", _CDR + "/{call_uuid}", one_cdr),
    route("GET", "/account/{auth_id}/cdr/{call_uuid}", one_cdr),
    route("GET", "/Account/{auth_id}/Recording/", recordings),
    route("GET", "/Account/{auth_id}/Recording/{recording_id}/?", recording),
    route("DELETE", "/Account/{auth_id}/Recording/{recording_id}/", drop_recording),
    route("GET", "/Account/{auth_id}/Conference/", list_rooms),
    route("DELETE", "/Account/{auth_id}/Conference/", drop_rooms),
    route("GET", _ROOM, one_room),
    route("DELETE", _ROOM, drop_rooms),
    route("POST", _MEMBER + "Mute/", mute),
    route("DELETE", _MEMBER + "Mute/", unmute),
    route("POST", _MEMBER + "Deaf/", deafen),
    route("DELETE", _MEMBER + "Deaf/", undeafen),
    route("POST", _MEMBER + "Kick/", kick),
    route("DELETE", _MEMBER, hang_up_member),
    route("POST", _MEMBER + "Play/", play_member),
    route("DELETE", _MEMBER + "Play/", stop_sound_member),
    route("POST", _MEMBER + "Speak/", speak_member),
    route("POST", _ROOM + "Record/", record_room),
    route("DELETE", _ROOM + "Record/", stop_record_room),
)
