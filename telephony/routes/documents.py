"""What the carrier is told for each way that a call may go. Reads nothing, changes nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from telephony import stream_token
from telephony.addresses import callback_url
from telephony.models import Call, PhoneNumber
from telephony.routes.plan import Kind, Menu, Way, word
from telephony.stream_token import Ticket
from telephony.vobiz import answers

ONE_MOMENT: Final = "One moment, please."
SORRY: Final = "I am sorry, we have a technical problem. Please stay on the line."
LEAVE_A_MESSAGE: Final = "Please leave a message after the tone. When you have finished, hang up or press the hash key."
THANKS: Final = "Thank you. Goodbye."
NO_SUCH_KEY: Final = "Sorry, that is not one of the choices."
MESSAGE_S: Final = 180
DIAL_S: Final = 14_400

_DEVANAGARI = re.compile("[\u0900-\u097f]")
_PLACEHOLDER = re.compile(r"\{(caller|called|call_id)\}")


@dataclass(frozen=True, slots=True)
class InOrder(answers.Answer):
    """Elements one after the other."""

    elements: tuple[answers.Verb, ...]

    def verbs(self) -> Sequence[answers.Verb]:
        return self.elements


Tape = tuple[str, answers.Record]
"""What is said before the carrier records, and the element that makes it do so."""


def agent(
    number: PhoneNumber,
    ticket: Ticket,
    *,
    tape: Tape | None = None,
    wait_s: int = 0,
    text: str = "",
    worker: str = "",
) -> answers.Answer:
    """An agent of ours. No carrier retries: those would go to the same worker, after a pause that nobody documents; a
    stream that is over comes back at once, for the next document, and that names a worker who lives."""
    connect = answers.Connect(
        stream_url=stream_token.address(ticket, worker),
        status_url=callback_url("stream-status", number),
        after_url=callback_url("after-stream", number),
        max_retries=0,
        text=text,
        wait_s=wait_s,
    )
    if tape is None:
        return connect
    consent, record = tape
    return InOrder((speak(consent), record, *connect.verbs()))


def way(number: PhoneNumber, call: Call, chosen: Way) -> answers.Answer:
    """Any way but an agent of ours."""
    match chosen.kind:
        case Kind.SOCKET:
            return _socket(number, call, chosen)
        case Kind.SIP | Kind.PERSON:
            return _dial(number, chosen)
        case Kind.VOICEMAIL:
            return _voicemail(number, chosen)
        case Kind.REFUSAL:
            return InOrder((speak(chosen.say), answers.Hangup())) if chosen.say else answers.Hangup("rejected")
        case Kind.AGENT:
            raise ValueError("an agent of ours needs a ticket")


def menu(number: PhoneNumber, asked: Menu, attempt: int) -> answers.Answer:
    """Ask for a key, and come back with it. Without a key the carrier comes back too."""
    url = callback_url("menu", number, attempt)
    prompt = asked.prompt if attempt == 1 else f"{NO_SUCH_KEY} {asked.prompt}"
    return InOrder((answers.Gather(speak(prompt), url, wait_s=asked.wait_s), answers.Redirect(url)))


def speak(text: str) -> answers.Speak:
    """The carrier's own voice. English is known to work on live calls, Hindi is not (vobiz.md 3.2)."""
    return answers.Speak(text, language="hi-IN" if _DEVANAGARI.search(text) else "en-IN")


def sorry(document: answers.Answer) -> answers.Answer:
    """A word to the caller whose agent has failed, before they go another way."""
    return InOrder((speak(SORRY), *document.verbs()))


def goodbye(text: str) -> answers.Answer:
    """A last sentence."""
    return InOrder((speak(text), answers.Hangup()))


def _socket(number: PhoneNumber, call: Call, chosen: Way) -> answers.Answer:
    """No retries: their agents hang up by closing the socket, which the carrier may take for a loss (vobiz.md 4.6), and
    that must not begin a second conversation."""
    facts = {"caller": call.caller, "called": number.e164, "call_id": call.carrier_id}
    url = _PLACEHOLDER.sub(lambda found: quote(facts[found[1]], safe=""), chosen.targets[0])
    connect = answers.Connect(
        stream_url=url,
        status_url=callback_url("elsewhere", number, word(chosen.place)),
        after_url=callback_url("routed", number, word(chosen.place)),
        max_retries=0,
    )
    return InOrder((speak(chosen.say), *connect.verbs())) if chosen.say else connect


def _dial(number: PhoneNumber, chosen: Way) -> answers.Answer:
    """The sentence is not a courtesy alone: an incoming leg that nobody has answered yet cannot dial."""
    dial = answers.Dial(
        to=chosen.targets[:10],
        caller_id=number.e164,
        action_url=callback_url("routed", number, word(chosen.place)),
        events_url=callback_url("stream-status", number),
        ring_s=chosen.ring_s,
        limit_s=DIAL_S,
    )
    return InOrder((speak(chosen.say or ONE_MOMENT), dial))


def _voicemail(number: PhoneNumber, chosen: Way) -> answers.Answer:
    message = answers.TakeMessage(callback_url("recording", number, "message"), max_length_s=MESSAGE_S)
    return InOrder((speak(chosen.say or LEAVE_A_MESSAGE), message, speak(THANKS), answers.Hangup()))
