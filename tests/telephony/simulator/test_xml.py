"""What the carrier accepts, and with which code it refuses the rest."""

import pytest

from telephony.simulator import xml
from telephony.simulator.dialects import Format
from telephony.simulator.elements import Destination
from telephony.simulator.errors import XmlRefused

WSS = "wss://voice.example.in/media/token/"


def read(inside, content_type="application/xml"):
    return xml.read(f"<Response>{inside}</Response>".encode(), content_type)


def test_the_canonical_answer_is_read_in_order():
    document = read(
        '<Record recordSession="true" redirect="false" playBeep="false" fileFormat="mp3" maxLength="14400"'
        ' callbackUrl="https://x.example/rec" callbackMethod="POST"/>'
        '<Stream bidirectional="true" keepCallAlive="true" audioTrack="inbound" contentType="audio/x-mulaw;rate=8000"'
        ' streamTimeout="7200" maxRetries="2" statusCallbackUrl="https://x.example/st" statusCallbackMethod="POST">'
        f" {WSS}?a=1&amp;b=2 </Stream>"
        '<Redirect method="POST">https://x.example/after</Redirect>'
    )

    record, stream, redirect = document.elements
    assert isinstance(record, xml.Record)
    assert record.session
    assert stream == xml.Stream(
        WSS + "?a=1&b=2", True, True, Format("audio/x-mulaw", 8000), 7200, 2, "https://x.example/st", "POST"
    )
    assert redirect == xml.Redirect("https://x.example/after", "POST")
    assert document.warnings == ()


def test_a_refusal_in_words_is_read():
    document = read(
        '<Speak language="en-IN">Sorry &amp; goodbye.</Speak><Wait length="2"/><Hangup/>', "text/xml; charset=utf-8"
    )

    assert document.elements == (
        xml.Speak("Sorry & goodbye.", "en-IN", 1),
        xml.Wait(2),
        xml.Hangup("rejected", 0),
    )


def test_an_empty_response_has_nothing_to_do():
    assert read("").elements == ()


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/xml"),
        (b"hello", "application/xml"),
        (b"<Response><Hangup/></Response>", "text/html"),
        (b"<Response><Hangup/></Response>", "text/plain"),
        (b"<Response><Hangup/></Response>", ""),
        (b"<response><Hangup/></response>", "application/xml"),
        (b"<Answer><Hangup/></Answer>", "application/xml"),
        (b"<Response><Hangup></Response>", "application/xml"),
        (b"<Response><Redirect>https://x.example/?a=1&b=2</Redirect></Response>", "application/xml"),
        (b"<Response><Connect/></Response>", "application/xml"),
        (b"<Response><Say>hello</Say></Response>", "application/xml"),
        (b"<Response>hello<Hangup/></Response>", "application/xml"),
        (b"<Response><Hangup/>hello</Response>", "application/xml"),
        (b'<!DOCTYPE x [<!ENTITY a "b">]><Response>&a;</Response>', "application/xml"),
        (b"<Response>" + b"<Wait/>" * 20_000 + b"</Response>", "application/xml"),
        (b"<Response><Stream><b/></Stream></Response>", "application/xml"),
        (b"<Response><Speak/></Response>", "application/xml"),
        (b"\xff\xfe<Response/>", "application/xml"),
    ],
)
def test_what_is_not_an_answer_document_is_refused_with_8011(body, content_type):
    with pytest.raises(XmlRefused) as refused:
        xml.read(body, content_type)

    assert refused.value.code == 8011


@pytest.mark.parametrize(
    "attributes",
    [
        'bidirectional="True"',
        'keepCallAlive="yes"',
        'audioTrack="left"',
        'contentType="audio/x-mulaw;rate=16000"',
        'contentType="audio/x-l16;rate=24000"',
        'maxRetries="11"',
        'maxRetries="-1"',
        'streamTimeout="soon"',
        'statusCallbackMethod="PUT"',
    ],
)
def test_a_stream_with_a_wrong_attribute_is_refused(attributes):
    with pytest.raises(XmlRefused) as refused:
        read(f"<Stream {attributes}>{WSS}</Stream>")

    assert refused.value.code == 8011


@pytest.mark.parametrize("url", ["", "https://x.example", "/media/", "wss://x.example/a b"])
def test_a_stream_needs_the_address_of_a_socket(url):
    with pytest.raises(XmlRefused, match="absolute wss URL"):
        read(f"<Stream>{url}</Stream>")


@pytest.mark.parametrize("track", ["both", "outbound"])
def test_both_directions_with_another_track_than_the_callers_end_the_call_with_4010(track):
    with pytest.raises(XmlRefused) as refused:
        read(f'<Stream bidirectional="true" audioTrack="{track}">{WSS}</Stream>')

    assert refused.value.code == 4010


def test_defaults_are_the_carriers_and_are_remarked_upon():
    document = read(f'<Stream keepCallAlive="true" speed="9">{WSS}</Stream><Record/>')

    [stream, record] = document.elements
    assert (stream.format, stream.bidirectional, stream.blocks) == (Format("audio/x-l16", 8000), False, False)
    assert record.max_length_s == 60
    assert len(document.warnings) == 4


def test_a_dial_is_read_with_its_destinations():
    document = read(
        '<Dial callerId="+918071387001" timeout="25" action="https://x.example/r" hangupOnStar="true"'
        ' digitsMatch="1, 22">'
        '<Number sendDigits="ww2">+919800000001</Number><User sipHeaders="RefX-VH=1">sip:desk@registrar.vobiz.ai</User>'
        "</Dial>"
    )

    [dial] = document.elements
    assert dial.destinations == (
        Destination("+919800000001", send_digits="ww2"),
        Destination("sip:desk@registrar.vobiz.ai", sip_headers="RefX-VH=1"),
    )
    assert (dial.ring_s, dial.limit_s, dial.redirect, dial.hangup_on_star) == (25, 14_400, True, True)
    assert (dial.digits, dial.caller_id, dial.music) == (("1", "22"), "+918071387001", "real")


def test_defaults_that_bite_are_the_carriers():
    document = read("<Conference>ROOM</Conference>")
    [room] = document.elements
    [gather] = read('<Gather action="https://x.example/g"><Speak>Press one.</Speak></Gather>').elements

    assert (room.stay_alone, room.starts, room.ends, room.muted) == (False, True, False, False)
    assert any("alone" in warning for warning in document.warnings)
    assert (gather.timeout_s, gather.finish_key, gather.most_digits, gather.redirect) == (15, "#", 32, True)
    assert (gather.keys, gather.speech) == (True, False)
    assert [sound.text for sound in gather.prompts] == ["Press one."]


@pytest.mark.parametrize(
    "inside",
    [
        "<Dial/>",
        "<Dial>+919800000001</Dial>",
        "<Dial><Number>sip:a@b.c</Number></Dial>",
        "<Dial><User>+919800000001</User></Dial>",
        '<Dial timeout="soon"><Number>+919800000001</Number></Dial>',
        '<Dial action="/here"><Number>+919800000001</Number></Dial>',
        "<Dial><Speak>hello</Speak></Dial>",
        "<Conference/>",
        '<Conference stayAlone="yes">R</Conference>',
        "<Gather/>",
        '<Gather action="https://x.example/" executionTimeout="61"/>',
        '<Gather action="https://x.example/" finishOnKey="12"/>',
        '<Gather action="https://x.example/" numDigits="0"/>',
        '<Gather action="https://x.example/"><Wait/></Gather>',
        "<DTMF>12x</DTMF>",
        "<DTMF/>",
        "<PreAnswer><Redirect>https://x.example/</Redirect></PreAnswer>",
        "<Number>+919800000001</Number>",
        "<MultiPartyCall>R</MultiPartyCall>",
        "<GetDigits/>",
    ],
)
def test_an_element_that_makes_no_sense_costs_the_call(inside):
    with pytest.raises(XmlRefused) as refused:
        read(inside)

    assert refused.value.code == 8011


def test_music_is_made_of_sounds_only():
    body = b"<Response><Speak>la</Speak><Wait length='1'/></Response>"

    assert [type(each).__name__ for each in xml.read_sounds(body, "text/xml")] == ["Speak", "Wait"]
    with pytest.raises(XmlRefused):
        xml.read_sounds(b"<Response><Hangup/></Response>", "text/xml")


@pytest.mark.parametrize(
    ("text", "pairs", "warned"),
    [
        ("tenant=42,ref=a1", (("tenant", "42"), ("ref", "a1")), False),
        ("ref=order-4821,tenant=42", (("tenant", "42"),), True),
        ("k=" + "x" * 600, (), True),
        ("", (), False),
    ],
)
def test_extra_headers_take_letters_and_digits(text, pairs, warned):
    document = read(f'<Stream contentType="audio/x-mulaw;rate=8000" extraHeaders="{text}">{WSS}</Stream>')

    assert document.elements[0].extra == pairs
    assert bool(document.warnings) is warned
