"""What we answer a call with: values → the carrier's XML.

Every attribute that has a default at the carrier is written out: the defaults bite (one-way stream, 60 s recordings,
`redirect`), and differ between the carrier's own pages. A bare `&` in a URL costs the call, and only the carrier's call
record says why (8011), so the bytes come from an XML library. URLs must be absolute. A document ends the call when it
runs out of elements.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

from telephony.vobiz.errors import LocalError
from telephony.vobiz.media import MULAW_8K, MediaFormat

CONTENT_TYPE = "application/xml"
MAX_BYTES = 100_000

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_URL = re.compile(r"(?:https?|wss?)://[!-~]+", re.ASCII)
_NUMBER = re.compile(r"\+?[0-9]{3,15}", re.ASCII)
_KEYS = re.compile(r"[0-9*#]{1,12}", re.ASCII)
_SIP = re.compile(r"sips?:[!-~]+", re.ASCII)
_ROOM = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)


class Answer(ABC):
    """Something `xml()` turns into a whole document."""

    @abstractmethod
    def verbs(self) -> Sequence[Verb]:
        """The elements in the order the carrier runs them."""

    def xml(self) -> bytes:
        """The document, UTF-8, at most 100 KB (`LocalError` beyond that or for what XML cannot carry)."""
        root = Element("Response")
        for verb in self.verbs():
            root.append(verb.element())
        document: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
        if len(document) > MAX_BYTES:
            raise LocalError(f"an answer may have {MAX_BYTES} bytes, this one has {len(document)}")
        return document


class Verb(Answer):
    """One element; on its own it is a document of one."""

    @abstractmethod
    def element(self) -> Element:
        """The element with all its attributes."""

    def verbs(self) -> Sequence[Verb]:
        return (self,)


@dataclass(frozen=True, slots=True)
class Empty(Answer):
    """No instruction. Right for notifications; on the answer URL it ends the call (4010)."""

    def verbs(self) -> Sequence[Verb]:
        return ()


@dataclass(frozen=True, slots=True)
class Speak(Verb):
    """The carrier's own voice reads plain text. `en-IN` is the locale known to work on live calls."""

    text: str
    language: str = "en-IN"
    voice: Literal["WOMAN", "MAN"] = "WOMAN"

    def element(self) -> Element:
        if not self.text.strip():
            raise LocalError("nothing to speak")
        return _element("Speak", self.text, voice=self.voice, language=self.language, loop="1")


@dataclass(frozen=True, slots=True)
class Play(Verb):
    """A WAV or MP3 file, once."""

    url: str

    def element(self) -> Element:
        return _element("Play", _http(self.url), loop="1")


@dataclass(frozen=True, slots=True)
class Hangup(Verb):
    """End the call. With a `reason`, and as the first element of an inbound call, it is rejected unbilled."""

    reason: Literal["rejected", "busy"] | None = None

    def element(self) -> Element:
        return _element("Hangup") if self.reason is None else _element("Hangup", reason=self.reason)


@dataclass(frozen=True, slots=True)
class Wait(Verb):
    """Whole seconds of silence. As the first element of an inbound call it delays the pick-up."""

    length_s: int

    def element(self) -> Element:
        length = _count("length_s", self.length_s, 1, 60)
        return _element("Wait", length=length, silence="false", minSilence="2000", beep="false")


@dataclass(frozen=True, slots=True)
class Redirect(Verb):
    """Fetch the next document from `url`; what follows is never run."""

    url: str

    def element(self) -> Element:
        return _element("Redirect", _http(self.url), method="POST")


@dataclass(frozen=True, slots=True)
class Record(Verb):
    """The carrier records the whole call, transfers included: stereo, 8 kHz. Goes before what it records."""

    callback_url: str
    max_length_s: int = 14_400
    file_format: Literal["mp3", "wav"] = "mp3"

    def element(self) -> Element:
        return _element(
            "Record",
            recordSession="true",
            redirect="false",
            playBeep="false",
            fileFormat=self.file_format,
            maxLength=_count("max_length_s", self.max_length_s, 1, 86_400),
            callbackUrl=_http(self.callback_url),
            callbackMethod="POST",
        )


@dataclass(frozen=True, slots=True)
class TakeMessage(Verb):
    """Record here and now, after a tone, until a key, silence or the limit; then the next element runs.

    Without `action`: its reply would replace what follows. The file is told of at `callback_url`, perhaps when the
    call is over.
    """

    callback_url: str
    max_length_s: int = 180
    silence_s: int = 6
    finish_on: str = "#"
    file_format: Literal["mp3", "wav"] = "wav"

    def element(self) -> Element:
        return _element(
            "Record",
            recordSession="false",
            redirect="false",
            playBeep="true",
            fileFormat=self.file_format,
            maxLength=_count("max_length_s", self.max_length_s, 1, 3_600),
            timeout=_count("silence_s", self.silence_s, 2, 60),
            finishOnKey=_match(_KEYS, "finish_on", self.finish_on),
            callbackUrl=_http(self.callback_url),
            callbackMethod="POST",
        )


@dataclass(frozen=True, slots=True)
class Gather(Verb):
    """Ask for keys and go on at `action_url`, which is told `Digits` (none after `wait_s` of silence)."""

    prompt: Speak
    action_url: str
    digits: int = 1
    wait_s: int = 5

    def element(self) -> Element:
        gather = _element(
            "Gather",
            action=_http(self.action_url),
            method="POST",
            redirect="true",
            inputType="dtmf",
            executionTimeout=_count("wait_s", self.wait_s, 5, 60),
            digitEndTimeout="2",
            finishOnKey="none",
            numDigits=_count("digits", self.digits, 1, 32),
            log="true",
        )
        gather.append(self.prompt.element())
        return gather


@dataclass(frozen=True, slots=True)
class Stream(Verb):
    """Audio both ways over a WebSocket. Blocks until the stream ends, however it ends; then the next element runs."""

    url: str
    status_url: str
    format: MediaFormat = MULAW_8K
    max_retries: int = 2
    timeout_s: int = 7200

    def element(self) -> Element:
        if not self.url.startswith(("wss://", "ws://")):
            raise LocalError("a stream URL begins with wss:// (or ws:// in tests)")
        return _element(
            "Stream",
            _url(self.url),
            bidirectional="true",
            keepCallAlive="true",
            audioTrack="inbound",
            contentType=self.format.content_type,
            streamTimeout=_count("timeout_s", self.timeout_s, 1, 86_400),
            maxRetries=_count("max_retries", self.max_retries, 0, 10),
            statusCallbackUrl=_http(self.status_url),
            statusCallbackMethod="POST",
        )


@dataclass(frozen=True, slots=True)
class Connect(Answer):
    """Give the call to an agent. When the stream ends with the caller still there, `after_url` says what is next.

    `text` is said and `wait_s` waited before, where an earlier stream could not be opened.
    """

    stream_url: str
    status_url: str
    after_url: str
    record: Record | None = None
    max_retries: int = 2
    stream_timeout_s: int = 7200
    format: MediaFormat = MULAW_8K
    text: str = ""
    wait_s: int = 0

    def verbs(self) -> Sequence[Verb]:
        stream = Stream(self.stream_url, self.status_url, self.format, self.max_retries, self.stream_timeout_s)
        before: list[Verb] = [Speak(self.text)] if self.text else []
        if self.wait_s:
            before.append(Wait(self.wait_s))
        if self.record:
            before.append(self.record)
        return (*before, stream, Redirect(self.after_url))


@dataclass(frozen=True, slots=True)
class Goodbye(Answer):
    """A spoken sentence, then the end."""

    text: str
    language: str = "en-IN"

    def verbs(self) -> Sequence[Verb]:
        return (Speak(self.text, self.language), Hangup())


@dataclass(frozen=True, slots=True)
class Refuse(Answer):
    """Do not take the call: with `text` it is answered, told so and ended; without, rejected with `reason`."""

    text: str = ""
    reason: Literal["rejected", "busy"] = "rejected"
    language: str = "en-IN"

    def verbs(self) -> Sequence[Verb]:
        return (Speak(self.text, self.language), Hangup()) if self.text else (Hangup(self.reason),)


@dataclass(frozen=True, slots=True)
class Dial(Verb):
    """Ring up to ten destinations at once; `action_url` says what follows, bridged or not.

    `caller_id` must be a number of the account, else the carrier never rings (3030). A leg that nobody has answered yet
    cannot dial: put a short `Speak` before it (`Transfer`). `music_url` gives `Speak`, `Play` and `Wait` instead of the
    ringing tone.
    """

    to: tuple[str, ...]
    caller_id: str
    action_url: str
    events_url: str
    ring_s: int = 25
    limit_s: int = 3600
    music_url: str = ""

    def element(self) -> Element:
        if not 1 <= len(self.to) <= 10:
            raise LocalError("dial one to ten destinations")
        dial = _element(
            "Dial",
            action=_http(self.action_url),
            method="POST",
            redirect="true",
            callbackUrl=_http(self.events_url),
            callbackMethod="POST",
            callerId=_match(_NUMBER, "caller_id", self.caller_id),
            timeout=_count("ring_s", self.ring_s, 1, 120),
            timeLimit=_count("limit_s", self.limit_s, 1, 86_400),
            hangupOnStar="false",
            dialMusic=_http(self.music_url) if self.music_url else "real",
        )
        for target in self.to:
            if target.startswith("sip"):
                SubElement(dial, "User").text = _match(_SIP, "destination", target)
            else:
                SubElement(dial, "Number", sendOnPreanswer="false").text = _match(_NUMBER, "destination", target)
        return dial


@dataclass(frozen=True, slots=True)
class Conference(Verb):
    """Sit in a room until one of its members leaves: `ends` throws out all others with this one.

    Who is alone stays, and hears what `wait_url` gives (fetched by POST again and again). The carrier knows no start or
    end of a room, only members who come and go: `events_url`.
    """

    room: str
    events_url: str
    wait_url: str = ""
    ends: bool = True
    limit_s: int = 14_400

    def element(self) -> Element:
        more = {"waitSound": _http(self.wait_url)} if self.wait_url else {}
        return _element(
            "Conference",
            _match(_ROOM, "room", self.room),
            muted="false",
            beep="false",
            startConferenceOnEnter="true",
            endConferenceOnExit="true" if self.ends else "false",
            stayAlone="true",
            relayDTMF="false",
            hangupOnStar="false",
            timeLimit=_count("limit_s", self.limit_s, 1, 86_400),
            callbackUrl=_http(self.events_url),
            callbackMethod="POST",
            **more,
        )


@dataclass(frozen=True, slots=True)
class Transfer(Answer):
    """Say a sentence, then dial."""

    text: str
    dial: Dial

    def verbs(self) -> Sequence[Verb]:
        return (Speak(self.text), self.dial)


def _element(tag: str, text: str = "", /, **attributes: str) -> Element:
    for value in (text, *attributes.values()):
        if _NOT_XML.search(value):
            raise LocalError(f"<{tag}> cannot carry control characters")
    element = Element(tag, attributes)
    element.text = text or None
    return element


def _url(url: str) -> str:
    return _match(_URL, "URL", url)


def _http(url: str) -> str:
    if not url.startswith(("https://", "http://")):
        raise LocalError("a callback URL must be absolute")
    return _url(url)


def _match(shape: re.Pattern[str], name: str, value: str) -> str:
    if not shape.fullmatch(value):
        raise LocalError(f"{name} has the wrong shape")
    return value


def _count(name: str, value: int, low: int, high: int) -> str:
    if not low <= value <= high:
        raise LocalError(f"{name} must be from {low} to {high}")
    return str(value)
