"""The elements of an answer document, as values. `xml.py` reads them; `program.py` and its helpers perform them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from telephony.simulator.dialects import Format

Track = Literal["inbound", "outbound", "both"]


@dataclass(frozen=True, slots=True)
class Stream:
    """Open a media socket. With `blocks` the document waits for its end. `extra` are pairs that come back in status
    callbacks only."""

    url: str
    bidirectional: bool
    blocks: bool
    format: Format
    timeout_s: int
    max_retries: int
    status_url: str
    status_method: str
    track: Track = "inbound"
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """Go on with another document."""

    url: str
    method: str


@dataclass(frozen=True, slots=True)
class Hangup:
    """End the call; as the first element, refuse it with `reason`."""

    reason: str
    schedule_s: int


@dataclass(frozen=True, slots=True)
class Speak:
    """The carrier's own voice. `loop` 0 is for ever."""

    text: str
    language: str
    loop: int


@dataclass(frozen=True, slots=True)
class Play:
    """A sound file. `loop` 0 is for ever."""

    url: str
    loop: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence; as the first element it delays the answer."""

    length_s: int


Sound = Speak | Play | Wait


@dataclass(frozen=True, slots=True)
class Record:
    """Record at the carrier: the whole session in the background, or here and now until silence or a key."""

    session: bool
    action: str
    action_method: str
    redirect: bool
    callback_url: str
    callback_method: str
    file_format: str
    max_length_s: int
    timeout_s: int
    beep: bool = True
    finish_keys: str = "0123456789*#"
    on_dial_answer: bool = False


@dataclass(frozen=True, slots=True)
class Gather:
    """Collect keys or words. `finish_key` is empty where no key finishes."""

    action: str
    method: str
    keys: bool
    speech: bool
    timeout_s: int
    digit_end_s: int
    speech_end_s: int
    finish_key: str
    most_digits: int
    redirect: bool
    prompts: tuple[Sound, ...] = ()


@dataclass(frozen=True, slots=True)
class Destination:
    """One `<Number>` or `<User>` of a `<Dial>`."""

    to: str
    send_digits: str = ""
    sip_headers: str = ""


@dataclass(frozen=True, slots=True)
class Dial:
    """Ring up to ten destinations at once and connect the first that answers."""

    destinations: tuple[Destination, ...]
    action: str
    method: str
    redirect: bool
    events_url: str
    events_method: str
    caller_id: str
    caller_name: str
    ring_s: int
    limit_s: int
    hangup_on_star: bool
    music: str
    confirm_sound: str
    confirm_key: str
    confirm_s: int
    digits: tuple[str, ...]
    digits_b: tuple[str, ...]
    sip_headers: str


@dataclass(frozen=True, slots=True)
class Conference:
    """Join a room."""

    room: str
    muted: bool
    starts: bool
    ends: bool
    stay_alone: bool
    wait_sound: str
    enter_sound: str
    exit_sound: str
    digits: tuple[str, ...]
    hangup_on_star: bool
    relay_keys: bool
    events_url: str
    events_method: str
    limit_s: int
    action: str
    method: str


@dataclass(frozen=True, slots=True)
class Dtmf:
    """Send keys to the person on the line."""

    digits: str
    waits: bool


@dataclass(frozen=True, slots=True)
class PreAnswer:
    """Sound before the call is answered."""

    sounds: tuple[Sound, ...]


Element = Stream | Redirect | Hangup | Sound | Record | Gather | Dial | Conference | Dtmf | PreAnswer


@dataclass(frozen=True, slots=True)
class Document:
    """What to do, in order, and what a careful reader would remark."""

    elements: tuple[Element, ...]
    warnings: tuple[str, ...] = ()
