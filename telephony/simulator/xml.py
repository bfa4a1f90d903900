"""The carrier's strict reading of an answer document. Pure: bytes in, elements out, or `XmlRefused` with its code.

What Vobiz refuses is refused (8011): anything that is not well-formed XML (a bare `&` is enough), another root than
`<Response>`, an unknown element, more than 100 KB, a content type other than `application/xml` or `text/xml`. A
`<Stream>` that asks for both tracks and both directions ends the call with 4010. Real elements that this simulator does
not perform are read as `NotSimulated`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from telephony.simulator.dialects import Format
from telephony.simulator.errors import XmlRefused

MAX_BYTES = 100 * 1024
INVALID_ANSWER = 8011
END_OF_INSTRUCTIONS = 4010

_FORMATS = {
    "audio/x-l16;rate=8000": Format("audio/x-l16", 8000),
    "audio/x-l16;rate=16000": Format("audio/x-l16", 16000),
    "audio/x-mulaw;rate=8000": Format("audio/x-mulaw", 8000),
}


@dataclass(frozen=True, slots=True)
class Stream:
    """Open a media socket. With `blocks` the document waits for its end."""

    url: str
    bidirectional: bool
    blocks: bool
    format: Format
    timeout_s: int
    max_retries: int
    status_url: str
    status_method: str


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
    """The carrier's own voice."""

    text: str
    language: str
    loop: int


@dataclass(frozen=True, slots=True)
class Play:
    """A sound file."""

    url: str
    loop: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Silence; as the first element it delays the answer."""

    length_s: int


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


@dataclass(frozen=True, slots=True)
class NotSimulated:
    """A real element of the carrier's that this simulator does not perform."""

    name: str


Element = Stream | Redirect | Hangup | Speak | Play | Wait | Record | NotSimulated

_KNOWN_ATTRIBUTES = {
    "Stream": """bidirectional keepCallAlive audioTrack contentType streamTimeout statusCallbackUrl statusCallbackMethod
        extraHeaders maxRetries""",
    "Redirect": "method",
    "Hangup": "reason schedule",
    "Speak": "voice language loop",
    "Play": "loop",
    "Wait": "length silence minSilence beep",
    "Record": """action method callbackUrl callbackMethod fileFormat redirect timeout maxLength playBeep finishOnKey
        recordSession startOnDialAnswer transcriptionType transcriptionUrl transcriptionMethod""",
}
_ATTRIBUTES = {name: frozenset(words.split()) for name, words in _KNOWN_ATTRIBUTES.items()}
_NOT_SIMULATED = frozenset({"Gather", "Dial", "Conference", "DTMF", "PreAnswer"})


@dataclass(frozen=True, slots=True)
class Document:
    """What to do, in order, and what a careful reader would remark."""

    elements: tuple[Element, ...]
    warnings: tuple[str, ...] = ()


def read(body: bytes, content_type: str) -> Document:
    """Read an answer document. `XmlRefused.code` is 8011, or 4010 for a `<Stream>` that cannot be."""
    kind = content_type.partition(";")[0].strip().lower()
    if kind not in ("application/xml", "text/xml"):
        raise XmlRefused(INVALID_ANSWER, f"content type {kind or 'missing'} is not XML")
    if len(body) > MAX_BYTES:
        raise XmlRefused(INVALID_ANSWER, f"the document is longer than {MAX_BYTES} bytes")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise XmlRefused(INVALID_ANSWER, "document type declarations are not accepted")
    try:
        root = ElementTree.fromstring(body)  # noqa: S314  entities were refused above, and the size is bounded
    except ElementTree.ParseError as error:
        raise XmlRefused(INVALID_ANSWER, f"not well-formed: {error}") from error
    if root.tag != "Response":
        raise XmlRefused(INVALID_ANSWER, f"the root is <{root.tag}>, not <Response>")
    if (root.text or "").strip() or any((child.tail or "").strip() for child in root):
        raise XmlRefused(INVALID_ANSWER, "text between the elements of <Response>")
    warnings: list[str] = []
    elements = tuple(_element(child, warnings) for child in root)
    for position, element in enumerate(elements[:-1]):
        if isinstance(element, Redirect) or (isinstance(element, Hangup) and not element.schedule_s):
            warnings.append(f"elements after element {position + 1} are never reached")
            break
    return Document(elements, tuple(warnings))


def _element(node: ElementTree.Element, warnings: list[str]) -> Element:
    name = node.tag
    if name in _NOT_SIMULATED:
        return NotSimulated(name)
    known = _ATTRIBUTES.get(name)
    if known is None:
        raise XmlRefused(INVALID_ANSWER, f"unknown element <{name}>")
    warnings += [f"<{name}> has no attribute {key}" for key in node.attrib if key not in known]
    if len(node) and name != "Speak":
        raise XmlRefused(INVALID_ANSWER, f"<{name}> takes no elements")
    text, given = "".join(node.itertext()).strip(), node.attrib
    match name:
        case "Stream":
            return _stream(text, given, warnings)
        case "Redirect":
            return Redirect(_url(name, text, "http"), _method(given, "method"))
        case "Hangup":
            reason = _one_of(name, given, "reason", "rejected", "busy")
            return Hangup(reason, _whole(name, given, "schedule", 0))
        case "Speak":
            if not text:
                raise XmlRefused(INVALID_ANSWER, "<Speak> says nothing")
            return Speak(" ".join(text.split()), given.get("language", "en-US"), _whole(name, given, "loop", 1))
        case "Play":
            return Play(_url(name, text, "http"), _whole(name, given, "loop", 1))
        case "Wait":
            return Wait(_whole(name, given, "length", 1))
    return _record(given, warnings)


def _stream(text: str, given: Mapping[str, str], warnings: list[str]) -> Stream:
    both_ways = _flag("Stream", given, "bidirectional", False)
    alive = _flag("Stream", given, "keepCallAlive", False)
    track = _one_of("Stream", given, "audioTrack", "inbound", "outbound", "both")
    if both_ways and track != "inbound":
        raise XmlRefused(END_OF_INSTRUCTIONS, f"a bidirectional stream cannot carry the track {track}")
    if alive and not both_ways:
        warnings.append("keepCallAlive has no effect without bidirectional")
    if "contentType" not in given:
        warnings.append("<Stream> without contentType gets audio/x-l16;rate=8000")
    content = given.get("contentType", "audio/x-l16;rate=8000").replace(" ", "")
    if content not in _FORMATS:
        raise XmlRefused(INVALID_ANSWER, f"contentType {content} is not offered")
    retries = _whole("Stream", given, "maxRetries", 0)
    if retries > 10:
        raise XmlRefused(INVALID_ANSWER, "maxRetries goes from 0 to 10")
    return Stream(
        url=_url("Stream", text, "ws"),
        bidirectional=both_ways,
        blocks=alive and both_ways,
        format=_FORMATS[content],
        timeout_s=_whole("Stream", given, "streamTimeout", 86400),
        max_retries=retries,
        status_url=given.get("statusCallbackUrl", ""),
        status_method=_method(given, "statusCallbackMethod"),
    )


def _record(given: Mapping[str, str], warnings: list[str]) -> Record:
    if "maxLength" not in given:
        warnings.append("<Record> without maxLength stops after 60 s")
    return Record(
        session=_flag("Record", given, "recordSession", False),
        action=given.get("action", ""),
        action_method=_method(given, "method"),
        redirect=_flag("Record", given, "redirect", False),
        callback_url=given.get("callbackUrl", ""),
        callback_method=_method(given, "callbackMethod"),
        file_format=_one_of("Record", given, "fileFormat", "mp3", "wav"),
        max_length_s=_whole("Record", given, "maxLength", 60),
        timeout_s=_whole("Record", given, "timeout", 60),
    )


def _url(name: str, text: str, scheme: str) -> str:
    if not text.startswith((f"{scheme}://", f"{scheme}s://")) or any(char.isspace() for char in text):
        raise XmlRefused(INVALID_ANSWER, f"<{name}> needs an absolute {scheme}s URL")
    return text


def _flag(name: str, given: Mapping[str, str], key: str, default: bool) -> bool:
    value = given.get(key, "true" if default else "false")
    if value not in ("true", "false"):
        raise XmlRefused(INVALID_ANSWER, f"<{name}> {key} is true or false, not {value!r}")
    return value == "true"


def _whole(name: str, given: Mapping[str, str], key: str, default: int) -> int:
    value = given.get(key, str(default))
    if not (value.isascii() and value.isdecimal() and len(value) <= 9):
        raise XmlRefused(INVALID_ANSWER, f"<{name}> {key} is a whole number, not {value!r}")
    return int(value)


def _one_of(name: str, given: Mapping[str, str], key: str, default: str, *others: str) -> str:
    value = given.get(key, default)
    if value not in (default, *others):
        raise XmlRefused(INVALID_ANSWER, f"<{name}> {key} cannot be {value!r}")
    return value


def _method(given: Mapping[str, str], key: str) -> str:
    return _one_of("an element", given, key, "POST", "GET")
