"""The carrier's strict reading of an answer document. Pure: bytes in, elements out, or `XmlRefused` with its code.

What Vobiz refuses is refused (8011): anything that is not well-formed XML (a bare `&` is enough), another root than
`<Response>`, an unknown element, more than 100 KB, a content type other than `application/xml` or `text/xml`. A
`<Stream>` that asks for both tracks and both directions ends the call with 4010.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from xml.etree import ElementTree

from telephony.simulator import attributes
from telephony.simulator.attributes import INVALID_ANSWER as INVALID_ANSWER
from telephony.simulator.dialects import Format
from telephony.simulator.elements import (
    Conference,
    Destination,
    Dial,
    Document,
    Dtmf,
    Element,
    Gather,
    Hangup,
    Play,
    PreAnswer,
    Record,
    Redirect,
    Sound,
    Speak,
    Stream,
    Track,
    Wait,
)
from telephony.simulator.errors import XmlRefused

MAX_BYTES = 100 * 1024
END_OF_INSTRUCTIONS = 4010
MOST_DESTINATIONS = 10

_FORMATS = {
    "audio/x-l16;rate=8000": Format("audio/x-l16", 8000),
    "audio/x-l16;rate=16000": Format("audio/x-l16", 16000),
    "audio/x-mulaw;rate=8000": Format("audio/x-mulaw", 8000),
}
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
    "Gather": """action method inputType executionTimeout digitEndTimeout speechEndTimeout finishOnKey numDigits
        speechModel hints language interimSpeechResultsCallback interimSpeechResultsCallbackMethod log redirect
        profanityFilter""",
    "Dial": """action method redirect callbackUrl callbackMethod callerId callerName timeout timeLimit hangupOnStar
        dialMusic confirmSound confirmKey confirmTimeout digitsMatch digitsMatchBLeg sipHeaders""",
    "Number": "sendDigits sendOnPreanswer",
    "User": "sendDigits sendOnPreanswer sipHeaders",
    "Conference": """muted beep startConferenceOnEnter endConferenceOnExit stayAlone maxParticipants maxMembers
        enterSound exitSound relayDTMF digitsMatch hangupOnStar waitSound waitMethod callbackUrl callbackMethod
        timeLimit record recordFileFormat action method""",
    "DTMF": "async",
    "PreAnswer": "",
}
_ATTRIBUTES = {name: frozenset(words.split()) for name, words in _KNOWN_ATTRIBUTES.items()}
_CHILDREN = {"Gather": {"Speak", "Play"}, "Dial": {"Number", "User"}, "PreAnswer": {"Speak", "Play", "Wait"}}
_SOUNDS = ("Speak", "Play", "Wait")
_EXTRA = re.compile(r"[A-Za-z0-9]+", re.ASCII)


def read(body: bytes, content_type: str) -> Document:
    """Read an answer document. `XmlRefused.code` is 8011, or 4010 for a `<Stream>` that cannot be."""
    root = _root(body, content_type)
    warnings: list[str] = []
    elements = tuple(_element(child, warnings) for child in root)
    for position, element in enumerate(elements[:-1]):
        if isinstance(element, Redirect) or (isinstance(element, Hangup) and not element.schedule_s):
            warnings.append(f"elements after element {position + 1} are never reached")
            break
    return Document(elements, tuple(warnings))


def read_sounds(body: bytes, content_type: str) -> tuple[Sound, ...]:
    """A document of `<Speak>`, `<Play>` and `<Wait>` only, as music and notices are."""
    elements = read(body, content_type).elements
    sounds = tuple(each for each in elements if isinstance(each, Speak | Play | Wait))
    if len(sounds) != len(elements):
        raise XmlRefused(INVALID_ANSWER, "only Speak, Play and Wait may be played here")
    return sounds


def _root(body: bytes, content_type: str) -> ElementTree.Element:
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
    return root


def _element(node: ElementTree.Element, warnings: list[str]) -> Element:
    name = node.tag
    if name not in _READERS:
        raise XmlRefused(INVALID_ANSWER, f"unknown element <{name}>")
    _remark(node, warnings)
    allowed = _CHILDREN.get(name, set())
    for child in node if name != "Speak" else ():
        if child.tag not in allowed:
            raise XmlRefused(INVALID_ANSWER, f"<{name}> takes no <{child.tag}>")
    return _READERS[name](node, warnings)


def _remark(node: ElementTree.Element, warnings: list[str]) -> None:
    name = node.tag
    warnings += [f"<{name}> has no attribute {key}" for key in node.attrib if key not in _ATTRIBUTES[name]]


def _sounds(node: ElementTree.Element, warnings: list[str]) -> tuple[Sound, ...]:
    found = tuple(_element(child, warnings) for child in node)
    return tuple(each for each in found if isinstance(each, Speak | Play | Wait))


def _text(node: ElementTree.Element) -> str:
    return "".join(node.itertext()).strip()


def _redirect(node: ElementTree.Element, _: list[str]) -> Redirect:
    return Redirect(attributes.url("Redirect", _text(node), "http"), attributes.method(node.attrib, "method"))


def _hangup(node: ElementTree.Element, _: list[str]) -> Hangup:
    reason = attributes.one_of("Hangup", node.attrib, "reason", "rejected", "busy")
    return Hangup(reason, attributes.whole("Hangup", node.attrib, "schedule", 0))


def _speak(node: ElementTree.Element, _: list[str]) -> Speak:
    if not _text(node):
        raise XmlRefused(INVALID_ANSWER, "<Speak> says nothing")
    loop = attributes.whole("Speak", node.attrib, "loop", 1)
    return Speak(" ".join(_text(node).split()), node.attrib.get("language", "en-US"), loop)


def _play(node: ElementTree.Element, _: list[str]) -> Play:
    return Play(attributes.url("Play", _text(node), "http"), attributes.whole("Play", node.attrib, "loop", 1))


def _wait(node: ElementTree.Element, _: list[str]) -> Wait:
    return Wait(attributes.whole("Wait", node.attrib, "length", 1))


def _dtmf(node: ElementTree.Element, _: list[str]) -> Dtmf:
    digits = _text(node)
    if not digits or set(digits) - set("0123456789*#ABCDwW"):
        raise XmlRefused(INVALID_ANSWER, "<DTMF> takes keys, w and W")
    return Dtmf(digits, not attributes.flag("DTMF", node.attrib, "async", True))


def _pre_answer(node: ElementTree.Element, warnings: list[str]) -> PreAnswer:
    return PreAnswer(_sounds(node, warnings))


def _stream(node: ElementTree.Element, warnings: list[str]) -> Stream:
    given = node.attrib
    both_ways = attributes.flag("Stream", given, "bidirectional", False)
    alive = attributes.flag("Stream", given, "keepCallAlive", False)
    track: Track = attributes.one_of("Stream", given, "audioTrack", "inbound", "outbound", "both")  # type: ignore[assignment]
    if both_ways and track != "inbound":
        raise XmlRefused(END_OF_INSTRUCTIONS, f"a bidirectional stream cannot carry the track {track}")
    if alive and not both_ways:
        warnings.append("keepCallAlive has no effect without bidirectional")
    if "contentType" not in given:
        warnings.append("<Stream> without contentType gets audio/x-l16;rate=8000")
    retries = attributes.whole("Stream", given, "maxRetries", 0)
    if retries > 10:
        raise XmlRefused(INVALID_ANSWER, "maxRetries goes from 0 to 10")
    return Stream(
        url=attributes.url("Stream", _text(node), "ws"),
        bidirectional=both_ways,
        blocks=alive and both_ways,
        format=stream_format(given.get("contentType", "audio/x-l16;rate=8000")),
        timeout_s=attributes.whole("Stream", given, "streamTimeout", 86400),
        max_retries=retries,
        status_url=given.get("statusCallbackUrl", ""),
        status_method=attributes.method(given, "statusCallbackMethod"),
        track=track,
        extra=extra_headers(given.get("extraHeaders", ""), warnings),
    )


def stream_format(content: str) -> Format:
    """`contentType` of a stream → its format. `XmlRefused` for one that is not offered."""
    found = _FORMATS.get(content.replace(" ", ""))
    if found is None:
        raise XmlRefused(INVALID_ANSWER, f"contentType {content} is not offered")
    return found


def extra_headers(text: str, warnings: list[str]) -> tuple[tuple[str, str], ...]:
    """`k1=v1,k2=v2` → pairs. Pairs beyond letters and digits, and everything beyond 512 bytes, are dropped."""
    if len(text) > 512:
        warnings.append("extraHeaders longer than 512 bytes are dropped")
        return ()
    pairs = [each.partition("=") for each in text.split(",") if each]
    good = [(key, value) for key, _, value in pairs if _EXTRA.fullmatch(key) and _EXTRA.fullmatch(value)]
    if len(good) != len(pairs):
        warnings.append("extraHeaders take letters and digits only")
    return tuple(good)


def _record(node: ElementTree.Element, warnings: list[str]) -> Record:
    given = node.attrib
    if "maxLength" not in given:
        warnings.append("<Record> without maxLength stops after 60 s")
    keys = given.get("finishOnKey", "0123456789*#")
    return Record(
        session=attributes.flag("Record", given, "recordSession", False),
        action=given.get("action", ""),
        action_method=attributes.method(given, "method"),
        redirect=attributes.flag("Record", given, "redirect", False),
        callback_url=given.get("callbackUrl", ""),
        callback_method=attributes.method(given, "callbackMethod"),
        file_format=attributes.one_of("Record", given, "fileFormat", "mp3", "wav"),
        max_length_s=attributes.whole("Record", given, "maxLength", 60),
        timeout_s=attributes.whole("Record", given, "timeout", 60),
        beep=attributes.flag("Record", given, "playBeep", True),
        finish_keys="" if keys == "none" else keys,
        on_dial_answer=attributes.flag("Record", given, "startOnDialAnswer", False),
    )


def _gather(node: ElementTree.Element, warnings: list[str]) -> Gather:
    given = node.attrib
    if "timeout" in given:
        warnings.append("<Gather> has executionTimeout, not timeout")
    kind = attributes.one_of("Gather", given, "inputType", "dtmf", "speech", "dtmf speech")
    finish = given.get("finishOnKey", "#")
    if finish not in ("", "none") and (len(finish) != 1 or finish not in "0123456789*#"):
        raise XmlRefused(INVALID_ANSWER, "<Gather> finishOnKey is one key or none")
    most = attributes.between("Gather", given, "numDigits", 32, 1, 32)
    return Gather(
        action=attributes.url("Gather action of", given.get("action", ""), "http"),
        method=attributes.method(given, "method"),
        keys="dtmf" in kind,
        speech="speech" in kind,
        timeout_s=attributes.between("Gather", given, "executionTimeout", 15, 5, 60),
        digit_end_s=attributes.end_timeout(given, "digitEndTimeout"),
        speech_end_s=attributes.end_timeout(given, "speechEndTimeout"),
        finish_key="" if finish == "none" else finish,
        most_digits=most,
        redirect=attributes.flag("Gather", given, "redirect", True),
        prompts=_sounds(node, warnings),
    )


def _dial(node: ElementTree.Element, warnings: list[str]) -> Dial:
    given = node.attrib
    if not len(node):
        raise XmlRefused(INVALID_ANSWER, "<Dial> takes <Number> and <User>")
    for child in node:
        warnings += [
            f"<{child.tag}> has no attribute {key}" for key in child.attrib if key not in _ATTRIBUTES[child.tag]
        ]
    destinations = tuple(_destination(child) for child in node)
    if len(destinations) > MOST_DESTINATIONS:
        warnings.append(f"only the first {MOST_DESTINATIONS} destinations ring")
        destinations = destinations[:MOST_DESTINATIONS]
    events, action = given.get("callbackUrl", ""), given.get("action", "")
    return Dial(
        destinations=destinations,
        action=attributes.url("Dial action of", action, "http") if action else "",
        method=attributes.method(given, "method"),
        redirect=attributes.flag("Dial", given, "redirect", True),
        events_url=attributes.url("Dial callbackUrl of", events, "http") if events else "",
        events_method=attributes.method(given, "callbackMethod"),
        caller_id=given.get("callerId", ""),
        caller_name=given.get("callerName", ""),
        ring_s=attributes.whole("Dial", given, "timeout", 120),
        limit_s=attributes.whole("Dial", given, "timeLimit", 14400),
        hangup_on_star=attributes.flag("Dial", given, "hangupOnStar", False),
        music=given.get("dialMusic", "real"),
        confirm_sound=given.get("confirmSound", ""),
        confirm_key=given.get("confirmKey", ""),
        confirm_s=attributes.whole("Dial", given, "confirmTimeout", 15),
        digits=attributes.matches(given, "digitsMatch"),
        digits_b=attributes.matches(given, "digitsMatchBLeg"),
        sip_headers=given.get("sipHeaders", ""),
    )


def _destination(node: ElementTree.Element) -> Destination:
    to, given = _text(node), node.attrib
    wanted = r"sips?:[^\s@]+@[^\s@]+" if node.tag == "User" else r"\+?[0-9]{3,15}"
    if not re.fullmatch(wanted, to, re.ASCII):
        raise XmlRefused(INVALID_ANSWER, f"<{node.tag}> does not take {to!r}")
    return Destination(to, given.get("sendDigits", ""), given.get("sipHeaders", ""))


def _conference(node: ElementTree.Element, warnings: list[str]) -> Conference:
    given, room = node.attrib, _text(node)
    if not room:
        raise XmlRefused(INVALID_ANSWER, "<Conference> needs a room")
    if "stayAlone" not in given:
        warnings.append("<Conference> without stayAlone ends for whoever is alone in it")
    if given.get("record", "false") != "false":
        warnings.append("<Conference record> writes nothing")
    return Conference(
        room=room,
        muted=attributes.flag("Conference", given, "muted", False),
        starts=attributes.flag("Conference", given, "startConferenceOnEnter", True),
        ends=attributes.flag("Conference", given, "endConferenceOnExit", False),
        stay_alone=attributes.flag("Conference", given, "stayAlone", False),
        wait_sound=given.get("waitSound", ""),
        enter_sound=given.get("enterSound", ""),
        exit_sound=given.get("exitSound", ""),
        digits=attributes.matches(given, "digitsMatch"),
        hangup_on_star=attributes.flag("Conference", given, "hangupOnStar", False),
        relay_keys=attributes.flag("Conference", given, "relayDTMF", False),
        events_url=given.get("callbackUrl", ""),
        events_method=attributes.method(given, "callbackMethod"),
        limit_s=attributes.whole("Conference", given, "timeLimit", 14400),
        action=given.get("action", ""),
        method=attributes.method(given, "method"),
    )


_READERS: Mapping[str, Callable[[ElementTree.Element, list[str]], Element]] = {
    "Stream": _stream,
    "Redirect": _redirect,
    "Hangup": _hangup,
    "Speak": _speak,
    "Play": _play,
    "Wait": _wait,
    "Record": _record,
    "Gather": _gather,
    "Dial": _dial,
    "Conference": _conference,
    "DTMF": _dtmf,
    "PreAnswer": _pre_answer,
}
