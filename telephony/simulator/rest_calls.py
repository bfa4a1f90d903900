"""REST: calls and what is done to them: place, transfer, hang up, keys, play, speak, record, fork a stream."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from telephony.simulator import sounds
from telephony.simulator.elements import Play, Record, Speak, Stream, Track
from telephony.simulator.errors import XmlRefused
from telephony.simulator.leg import Leg
from telephony.simulator.plan import CallPlan, Detection, Outbound, Target
from telephony.simulator.rest import Ask, Refused, Reply, Route, route
from telephony.simulator.tape import Tape
from telephony.simulator.world import digits
from telephony.simulator.xml import stream_format

MOST_IN_BULK = 1_000
LONGEST_CALL_S = 86_400


def place(ask: Ask) -> Reply:
    """`POST .../Call/`: 201, queued and not answered; several destinations joined by `<` give a list of ids."""
    account, world = ask.account, ask.switch.world
    caller, wanted = ask.request.text("from"), ask.request.text("to")
    targets = [each for each in wanted.split("<") if each]
    if not targets or len(targets) > MOST_IN_BULK or not all(map(_dialable, targets)):
        raise Refused(400, "invalid to", shape="details", field="to")
    if not digits(caller) and not caller.startswith("sip:"):
        raise Refused(400, "invalid from", shape="details", field="from")
    if account.kyc_calls_blocked or (account.trial and len(targets) > 1):
        raise Refused(403, "calls are blocked for this account", shape="nested")
    plan, outbound = _plan(ask, caller), _outbound(ask)
    payer = world.payer(account.auth_id) or account
    if payer.balance <= 0:
        raise Refused(402, "Insufficient balance", shape="nested")
    if ask.switch.legs_of(account.auth_id) + len(targets) > account.max_concurrent:
        raise Refused(429, "concurrent call limit reached", shape="nested")
    if ask.switch.too_fast(account):
        raise Refused(429, "CPS limit reached", shape="nested")
    ids = [ask.switch.place(replace(plan, number=to), outbound).call_id for to in targets]
    found: str | list[str] = ids[0] if len(ids) == 1 else ids
    return ask.told(201, "call fired", request_uuid=found)


def _plan(ask: Ask, caller: str) -> CallPlan:
    request, account = ask.request, ask.account
    parent = ask.switch.world.accounts.get(account.parent)
    target = Target(
        answer_url=_http(ask, "answer_url", required=True),
        hangup_url=_http(ask, "hangup_url"),
        fallback_url=_http(ask, "fallback_url"),
        auth_id=account.auth_id,
        auth_token=account.auth_token,
        parent_auth_token=parent.auth_token if parent else "",
        fallback_method=request.text("fallback_method", "POST"),
    )
    return replace(
        ask.switch.template,
        caller=caller,
        target=target,
        out=None,
        answer_method=request.text("answer_method"),
        hangup_method=request.text("hangup_method", "POST"),
    )


def _outbound(ask: Ask) -> Outbound:
    request = ask.request
    detection = None
    asked = str(request.fields().get("machine_detection", "")).lower()
    if asked not in ("", "true", "false", "hangup"):
        raise Refused(400, "machine_detection is true or hangup", shape="details", field="machine_detection")
    if asked in ("true", "hangup"):
        detection = Detection(
            hangup=asked == "hangup",
            limit_ms=_whole(ask, "machine_detection_time", 5_000, 2_000, 10_000),
            url=_http(ask, "machine_detection_url"),
            method=request.text("machine_detection_method", "POST"),
        )
    return Outbound(
        ring_url=_http(ask, "ring_url"),
        ring_method=request.text("ring_method", "POST"),
        ring_timeout_s=_whole(ask, "ring_timeout", 120, 1, 600),
        time_limit_s=_whole(ask, "time_limit", 14_400, 1, LONGEST_CALL_S),
        detection=detection,
        send_digits=request.text("send_digits", ""),
        hangup_on_ring_s=_whole(ask, "hangup_on_ring", -1, -1, 600),
        sip_headers=request.text("sip_headers", ""),
        caller_name=request.text("caller_name", "")[:50],
    )


def transfer(ask: Ask) -> Reply:
    """`POST .../Call/{uuid}/`: the leg leaves its document for the one at the URL given."""
    request, leg = ask.request, _leg(ask)
    if not leg.answered:
        raise Refused(404, "call is not in progress")
    legs = request.text("legs", "aleg")
    if legs not in ("aleg", "bleg", "both"):
        raise Refused(400, "legs is aleg, bleg or both", shape="details", field="legs")
    call = ask.switch.call_of(leg)
    a = call.leg if call else leg
    b = ask.switch.leg(a.bridged_to)
    moves: list[tuple[Leg, str, str]] = []
    for name, each in (("bleg", b), ("aleg", a)):
        if legs not in (name, "both"):
            continue
        if each is None or call is None:
            raise Refused(404, f"there is no {name}")
        moves.append((each, _http(ask, f"{name}_url", required=True), request.text(f"{name}_method", "POST")))
    if call is not None:
        for each, url, method in moves:
            call.give_program(each, url, method)
    return ask.told(202, "call transferred", call_uuid=leg.call_id, call_uuids=[each.call_id for each, _, _ in moves])


def hang_up(ask: Ask) -> Reply:
    """`DELETE .../Call/{uuid}`."""
    _leg(ask).hang_up_by_api()
    return Reply(204)


def calls(ask: Ask) -> Reply:
    """`GET .../Call?status=live` or `queued`."""
    status = ask.request.query.get("status", "")
    if status not in ("live", "queued"):
        raise Refused(400, "status is live or queued", shape="details", field="status")
    found = [leg for leg in ask.switch.live(ask.account.auth_id) if _queued(ask, leg) == (status == "queued")]
    return ask.told(200, calls=[leg.call_id for leg in found][: 20 if status == "queued" else None])


def one_call(ask: Ask) -> Reply:
    """`GET .../Call/{uuid}?status=live` or `queued`."""
    status = ask.request.query.get("status", "")
    if status not in ("live", "queued"):
        raise Refused(400, "status is live or queued", shape="details", field="status")
    leg = _leg(ask)
    if _queued(ask, leg) != (status == "queued"):
        raise Refused(404, "call not found")
    facts = leg.facts
    return ask.told(
        200,
        call_status=leg.status,
        call_uuid=leg.call_id,
        caller_name=facts.caller,
        direction=facts.direction,
        **{"from": facts.caller.lstrip("+"), "to": facts.called.lstrip("+")},
        request_uuid=leg.call_id,
        session_start=f"{facts.session_start:%Y-%m-%d %H:%M:%S}",
        stir_attestation="",
        stir_verification="Not Applicable",
    )


def play(ask: Ask) -> Reply:
    """`POST .../Play/`: files, heard over what goes on."""
    urls = ask.request.fields().get("urls")
    wanted = urls.split(",") if isinstance(urls, str) else urls
    if not isinstance(wanted, list) or not wanted:
        raise Refused(400, "urls is required", shape="details", field="urls")
    loop = 0 if ask.request.fields().get("loop") is True else 1
    return _let_hear(ask, [Play(str(url), loop) for url in wanted], "play started")


def speak(ask: Ask) -> Reply:
    """`POST .../Speak/`."""
    text = ask.request.text("text")
    loop = 0 if ask.request.fields().get("loop") is True else 1
    return _let_hear(ask, [Speak(text, ask.request.text("language", "en-US"), loop)], "speak started")


def _let_hear(ask: Ask, heard: list[Play | Speak], message: str) -> Reply:
    for leg in _legs(ask, ask.request.text("legs", "aleg")):
        leg.rest_sounds.append(ask.switch.start(sounds.perform_all(leg, ask.switch.client, heard)))
    return ask.told(202, message)


def stop_sound(ask: Ask) -> Reply:
    """`DELETE .../Play/` and `.../Speak/`."""
    leg = _leg(ask)
    for task in leg.rest_sounds:
        task.cancel()
    leg.rest_sounds.clear()
    return Reply(204)


def keys(ask: Ask) -> Reply:
    """`POST .../DTMF/`: `w` and `W` are pauses."""
    pressed = ask.request.text("digits")
    if not pressed or set(pressed) - set("0123456789*#ABCDwW"):
        raise Refused(400, "digits are 0-9 * # A-D w W", shape="details", field="digits")
    for leg in _legs(ask, ask.request.text("leg", "aleg")):
        leg.hear_keys(pressed)
    return ask.told(202, "digits sent")


def record(ask: Ask) -> Reply:
    """`POST .../Record/`: both sides, until stopped, `time_limit` or the end."""
    leg, request = _leg(ask), ask.request
    limit = _whole(ask, "time_limit", 60, 1, LONGEST_CALL_S)
    file_format = request.text("file_format", "mp3")
    if file_format not in ("mp3", "wav"):
        raise Refused(400, "file_format is mp3 or wav", shape="details", field="file_format")
    method = request.text("callback_method", "POST")
    element = Record(True, "", "POST", False, _http(ask, "callback_url"), method, file_format, limit, limit, False, "")
    tape = Tape(ask.switch.new_uuid(), leg.now_ms, limit * 1000)
    leg.tapes.append(tape)
    ask.switch.recorder.keep(leg, tape, element)
    url = ask.switch.recorder.url(ask.account.auth_id, tape.recording_id, file_format)
    return ask.told(202, "call recording started", recording_id=tape.recording_id, url=url)


def stop_record(ask: Ask) -> Reply:
    """`DELETE .../Record/`, all of them or that of `URL`."""
    url = str(ask.request.fields().get("URL", ""))
    recording_id = url.rpartition("/")[2].partition(".")[0]
    if not ask.switch.recorder.stop(_leg(ask), recording_id):
        raise Refused(404, "no recording is running")
    return Reply(204)


def fork(ask: Ask) -> Reply:
    """`POST .../Stream/`: both ways only with the string "true"; JSON `true` is taken for one way."""
    leg, request = _leg(ask), ask.request
    url = request.text("service_url")
    if urlsplit(url).scheme not in ("ws", "wss"):
        raise Refused(400, "service_url is a wss URL", shape="details", field="service_url")
    both_ways = request.fields().get("bidirectional") == "true"
    track = request.text("audio_track", "both")
    if track not in ("inbound", "outbound", "both"):
        raise Refused(400, "audio_track", shape="details", field="audio_track")
    try:
        audio_format = stream_format(request.text("content_type", "audio/x-l16;rate=8000"))
    except XmlRefused:
        raise Refused(400, "content_type", shape="details", field="content_type") from None
    tracks: dict[str, Track] = {"inbound": "inbound", "outbound": "outbound", "both": "both"}
    element = Stream(
        url=url,
        bidirectional=both_ways,
        blocks=False,
        format=audio_format,
        timeout_s=_whole(ask, "stream_timeout", 86_400, 1, 86_400),
        max_retries=0,
        status_url=_http(ask, "status_callback_url"),
        status_method=request.text("status_callback_method", "POST"),
        track="inbound" if both_ways else tracks[track],
    )
    stream_id = ask.switch.new_uuid()
    ask.switch.start(leg.streams.perform(element, leg.now, stream_id))
    return ask.told(202, "audio streaming started", stream_id=stream_id)


def streams(ask: Ask) -> Reply:
    """`GET .../Stream/`."""
    return ask.told(200, stream_ids=[each.stream_id for each in _leg(ask).streams.live])


def one_stream(ask: Ask) -> Reply:
    """`GET .../Stream/{stream_id}/`."""
    found = _leg(ask).streams.find(ask.parts["stream_id"])
    if found is None:
        raise Refused(404, "stream not found")
    element = found.element
    return ask.told(200, stream_id=found.stream_id, service_url=element.url, bidirectional=element.bidirectional)


def stop_streams(ask: Ask) -> Reply:
    """`DELETE .../Stream/` and `.../Stream/{stream_id}/`."""
    leg, stream_id = _leg(ask), ask.parts.get("stream_id", "")
    ending = [each for each in leg.streams.live if stream_id in ("", each.stream_id)]
    if stream_id and not ending:
        raise Refused(404, "stream not found")
    for each in ending:
        each.stop("stop")
    return Reply(204)


def _leg(ask: Ask) -> Leg:
    leg = ask.switch.leg(ask.parts["call_uuid"])
    if leg is None or leg.facts.account != ask.account.auth_id:
        raise Refused(404, "call not found")
    return leg


def _legs(ask: Ask, wanted: str) -> list[Leg]:
    """`aleg`, `bleg` or `both` of a live call."""
    leg = _leg(ask)
    other = ask.switch.leg(leg.bridged_to)
    if wanted not in ("aleg", "bleg", "both"):
        raise Refused(400, "aleg, bleg or both", shape="details", field="legs")
    found = [each for name, each in (("aleg", leg), ("bleg", other)) if wanted in (name, "both")]
    live = [each for each in found if each is not None and each.answered]
    if not live:
        raise Refused(404, "call not found")
    return live


def _queued(ask: Ask, leg: Leg) -> bool:
    call = ask.switch.call_of(leg)
    return call is not None and call.queued


def _dialable(to: str) -> bool:
    return to.startswith("sip:") or 3 <= len(digits(to)) <= 15


def _http(ask: Ask, name: str, *, required: bool = False) -> str:
    url = ask.request.text(name, None if required else "")
    if (url or required) and urlsplit(url).scheme not in ("http", "https"):
        raise Refused(400, f"{name} is not a URL", shape="details", field=name)
    return url


def _whole(ask: Ask, name: str, default: int, low: int, high: int) -> int:
    value: Any = ask.request.fields().get(name, default)
    try:
        number = int(value)
    except (TypeError, ValueError):
        number = low - 1
    if not low <= number <= high:
        raise Refused(400, f"{name} goes from {low} to {high}", shape="details", field=name)
    return number


_CALL = "/Account/{auth_id}/Call"
_ONE = _CALL + "/{call_uuid}"
ROUTES: tuple[Route, ...] = (
    route("POST", _CALL + "/", place),
    route("GET", _CALL + "/?", calls),
    route("POST", _ONE + "/", transfer),
    route("DELETE", _ONE + "/?", hang_up),
    route("GET", _ONE + "/?", one_call),
    route("POST", _ONE + "/Play/", play),
    route("DELETE", _ONE + "/Play/", stop_sound),
    route("POST", _ONE + "/Speak/", speak),
    route("DELETE", _ONE + "/Speak/", stop_sound),
    route("POST", _ONE + "/DTMF/", keys),
    route("POST", _ONE + "/Record/", record),
    route("DELETE", _ONE + "/Record/", stop_record),
    route("POST", _ONE + "/Stream/", fork),
    route("GET", _ONE + "/Stream/", streams),
    route("DELETE", _ONE + "/Stream/", stop_streams),
    route("GET", _ONE + "/Stream/{stream_id}/", one_stream),
    route("DELETE", _ONE + "/Stream/{stream_id}/", stop_streams),
)
