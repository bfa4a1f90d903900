"""What the carrier posts to us: form fields → values.

Fields we do not know are ignored. A field that is missing where it must be there, or makes no sense, raises `BadField`
with its name, and never repeats the value. The carrier strips the leading `+` of numbers; it is put back. In one and
the same callback `SessionStart` is UTC while `StartTime`, `AnswerTime` and `EndTime` are Indian time, all without a
zone: here every time is aware UTC. `Duration` counts answered seconds only, `BillDuration` is rounded up to whole
minutes, and money in callbacks is always zero, so it is not read at all.

Callbacks come late, twice and in any order; whoever works on these values must not mind.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from telephony.vobiz.fields import Form
from telephony.vobiz.hangup_codes import HangupCode, explain

Direction = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True)
class IncomingCall:
    """The carrier asks what to do: on the answer URL (`StartApp`), after a stream (`Redirect`), on a transfer.

    `forwarded_from` comes only when the network tells, and perhaps not again on later fetches.
    """

    event: str
    call_id: str
    from_number: str
    to_number: str
    direction: Direction
    status: str
    forwarded_from: str
    caller_name: str
    request_id: str
    session_start: datetime | None
    sip_headers: Mapping[str, str]
    """Custom SIP headers, both spellings of their prefix (`X-VH-`, `X-PH-`) removed."""


@dataclass(frozen=True, slots=True)
class CallEnded:
    """The end of the call's first leg: the only word on it that counts. Legs we dial out to have none."""

    call_id: str
    from_number: str
    to_number: str
    direction: Direction
    status: str
    cause: str
    cause_code: int | None
    source: str
    duration_s: int | None
    billed_s: int | None
    session_start: datetime | None
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None

    @property
    def reason(self) -> HangupCode:
        """The code explained."""
        return explain(self.cause_code)


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """News of a media stream: `StartStream`, `PlayedStream`, `ClearedAudio`, `DegradedStream`, `DroppedStream`, …

    `DroppedStream` also follows when we close the socket ourselves; `StopStream` only when we send `stop`.
    """

    event: str
    call_id: str
    stream_id: str
    name: str
    error: str

    @property
    def over(self) -> bool:
        """Whether the stream is no more."""
        return self.event in ("DroppedStream", "StopStream")


@dataclass(frozen=True, slots=True)
class MachineVerdict:
    """Who has answered a call that we dialled, as far as the carrier can hear it."""

    call_id: str
    machine: bool


@dataclass(frozen=True, slots=True)
class RecordingDone:
    """The carrier's recording is ready (`RecordStop`), or has begun (`Record`: no URL, no length)."""

    event: str
    call_id: str
    recording_id: str
    url: str
    duration_ms: int | None
    end_reason: str


@dataclass(frozen=True, slots=True)
class KeysPressed:
    """What `<Gather>` has collected; no digits when nobody pressed a key in time."""

    call_id: str
    digits: str


@dataclass(frozen=True, slots=True)
class DialResult:
    """How `<Dial>` went; the reply is the next document."""

    call_id: str
    status: str
    cause: str
    leg_id: str

    @property
    def bridged(self) -> bool:
        """Whether the two sides talked."""
        return self.status == "completed"


@dataclass(frozen=True, slots=True)
class DialNews:
    """A dialled leg was answered, connected, pressed a digit or hung up."""

    action: str
    call_id: str
    leg_id: str
    leg_from: str
    leg_to: str
    leg_status: str
    digits: str
    pressed_by: str
    duration_s: int | None
    cause_code: int | None
    position: int | None = None
    """Which of the dial's destinations it is, from 1."""


@dataclass(frozen=True, slots=True)
class RoomNews:
    """Somebody came into a conference or left it (`enter`, `exit`), pressed keys, or waits. Told in any order."""

    action: str
    call_id: str
    room: str
    member_id: str


def read_answer(fields: Mapping[str, str]) -> IncomingCall | CallEnded:
    """A fetch of the answer URL. Without a hang-up URL of its own, an application sends the end here too."""
    return read_hangup(fields) if fields.get("Event") == "Hangup" else read_fetch(fields)


def read_fetch(fields: Mapping[str, str]) -> IncomingCall:
    """A fetch of any URL that answers with XML. What is asked is known by the URL, not by `Event`."""
    form = Form(fields)
    return IncomingCall(
        event=form.text("Event") or "StartApp",
        call_id=form.call_id("CallUUID"),
        from_number=form.number("From") or "anonymous",
        to_number=form.number("To", required=True),
        direction=_direction(form),
        status=form.word("CallStatus"),
        forwarded_from=form.number("ForwardedFrom"),
        caller_name=form.text("CallerName"),
        request_id=form.text("RequestUUID"),
        session_start=form.utc("SessionStart"),
        sip_headers=form.headers(),
    )


def read_hangup(fields: Mapping[str, str]) -> CallEnded:
    """A post to the hang-up URL."""
    form = Form(fields)
    return CallEnded(
        call_id=form.call_id("CallUUID"),
        from_number=form.number("From") or "anonymous",
        to_number=form.number("To"),
        direction=_direction(form),
        status=form.word("CallStatus"),
        cause=form.text("HangupCause"),
        cause_code=form.count("HangupCauseCode"),
        source=form.text("HangupSource"),
        duration_s=form.count("Duration"),
        billed_s=form.count("BillDuration"),
        session_start=form.utc("SessionStart"),
        started_at=form.indian("StartTime"),
        answered_at=form.indian("AnswerTime"),
        ended_at=form.indian("EndTime"),
    )


def read_stream_status(fields: Mapping[str, str]) -> StreamStatus:
    """A post to the stream's status URL."""
    form = Form(fields)
    return StreamStatus(
        event=form.text("Event", required=True),
        call_id=form.call_id("CallUUID"),
        stream_id=form.text("StreamID"),
        name=form.text("Name"),
        error=form.text("Error"),
    )


def read_machine(fields: Mapping[str, str]) -> MachineVerdict:
    """A post to the address for machine detection (`Event=MachineDetection`)."""
    form = Form(fields)
    said = form.word("Machine", required=True, among=("true", "false"))
    return MachineVerdict(form.call_id("CallUUID", "ALegUUID", "RequestUUID"), said == "true")


def read_recording(fields: Mapping[str, str]) -> RecordingDone:
    """A post about a recording. Fetching the file needs the account's credentials, and a `.mp3` may be a WAV."""
    form = Form(fields)
    duration_ms = form.count("RecordingDurationMs")
    if duration_ms is None and (seconds := form.count("RecordingDuration")) is not None:
        duration_ms = seconds * 1000
    return RecordingDone(
        event=form.text("Event") or "RecordStop",
        call_id=form.call_id("CallUUID"),
        recording_id=form.text("RecordingID", required=True),
        url=form.url("RecordUrl") or form.url("RecordFile"),
        duration_ms=duration_ms,
        end_reason=form.text("RecordingEndReason"),
    )


def read_keys(fields: Mapping[str, str]) -> KeysPressed:
    """A fetch of a gather's action URL, or of the same URL by the redirect after it."""
    form = Form(fields)
    return KeysPressed(call_id=form.call_id("CallUUID"), digits=form.text("Digits", limit=32))


def read_dial_result(fields: Mapping[str, str]) -> DialResult:
    """A fetch of a dial's action URL."""
    form = Form(fields)
    return DialResult(
        call_id=form.call_id("CallUUID", "DialALegUUID"),
        status=form.word("DialStatus", required=True),
        cause=form.text("DialHangupCause"),
        leg_id=form.text("DialBLegUUID"),
    )


def read_dial_news(fields: Mapping[str, str]) -> DialNews:
    """A post to a dial's callback URL."""
    form = Form(fields)
    return DialNews(
        action=form.word("DialAction", required=True),
        call_id=form.call_id("CallUUID", "DialALegUUID"),
        leg_id=form.text("DialBLegUUID"),
        leg_from=form.number("DialBLegFrom"),
        leg_to=form.number("DialBLegTo"),
        leg_status=form.word("DialBLegStatus"),
        digits=form.text("DialDigitsMatch"),
        pressed_by=form.word("DialDigitsPressedBy"),
        duration_s=form.count("DialBLegDuration"),
        cause_code=form.count("DialBLegHangupCauseCode"),
        position=form.count("DialBLegPosition"),
    )


def read_room_news(fields: Mapping[str, str]) -> RoomNews:
    """A post to a conference's callback URL."""
    form = Form(fields)
    return RoomNews(
        action=form.word("ConferenceAction", required=True),
        call_id=form.call_id("CallUUID"),
        room=form.text("ConferenceName", required=True),
        member_id=form.text("ConferenceMemberID"),
    )


def _direction(form: Form) -> Direction:
    return "outbound" if form.word("Direction", among=("inbound", "outbound")) == "outbound" else "inbound"
