from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.vobiz import answers
from telephony.vobiz.errors import LocalError
from telephony.vobiz.media import L16_16K

STREAM = "wss://voice.example.in/ws/vobiz/TOKEN"
STATUS = "https://voice.example.in/vobiz/stream-status/TOKEN"
AFTER = "https://voice.example.in/vobiz/after-stream/TOKEN"

CANONICAL = """<?xml version="1.0" encoding="UTF-8"?>
<Response>
  <Record recordSession="true" redirect="false" playBeep="false" fileFormat="mp3" maxLength="14400"
          callbackUrl="https://voice.example.in/vobiz/rec/TOKEN" callbackMethod="POST"/>
  <Stream bidirectional="true" keepCallAlive="true" audioTrack="inbound" contentType="audio/x-mulaw;rate=8000"
          streamTimeout="7200" maxRetries="2"
          statusCallbackUrl="https://voice.example.in/vobiz/stream-status/TOKEN" statusCallbackMethod="POST"
          >wss://voice.example.in/ws/vobiz/TOKEN</Stream>
  <Redirect method="POST">https://voice.example.in/vobiz/after-stream/TOKEN</Redirect>
</Response>"""


def meaning(document: bytes | str) -> object:
    def walk(node: ElementTree.Element) -> object:
        return node.tag, dict(node.attrib), (node.text or "").strip(), [walk(child) for child in node]

    return walk(ElementTree.fromstring(document))


def test_connecting_an_agent_gives_the_canonical_document() -> None:
    answer = answers.Connect(
        STREAM, STATUS, AFTER, record=answers.Record("https://voice.example.in/vobiz/rec/TOKEN")
    ).xml()

    assert answer.startswith(b"<?xml")
    assert meaning(answer) == meaning(CANONICAL)


def test_the_format_and_the_limits_of_a_stream_are_written_out() -> None:
    answer = answers.Connect(STREAM, STATUS, AFTER, max_retries=0, stream_timeout_s=60, format=L16_16K).xml()

    stream = ElementTree.fromstring(answer).find("Stream")
    assert stream is not None
    assert (stream.get("contentType"), stream.get("maxRetries"), stream.get("streamTimeout")) == (
        "audio/x-l16;rate=16000",
        "0",
        "60",
    )


def test_a_stream_may_be_waited_for() -> None:
    root = ElementTree.fromstring(answers.Connect(STREAM, STATUS, AFTER, text="One moment.", wait_s=3).xml())

    assert [element.tag for element in root] == ["Speak", "Wait", "Stream", "Redirect"]
    assert root[1].attrib == {"length": "3", "silence": "false", "minSilence": "2000", "beep": "false"}


def test_ampersands_quotes_and_angles_survive() -> None:
    stream, status = STREAM + "?a=1&b=\"'<>", STATUS + "?a=1&b=\"'<>"

    answer = answers.Connect(stream, status, AFTER + "?x=1&y=2").xml()

    root = ElementTree.fromstring(answer)
    assert root.findtext("Stream") == stream
    assert root.find("Stream").get("statusCallbackUrl") == status  # type: ignore[union-attr]
    assert root.findtext("Redirect") == AFTER + "?x=1&y=2"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (answers.Empty(), "<Response/>"),
        (answers.Hangup(), "<Response><Hangup/></Response>"),
        (answers.Refuse(), '<Response><Hangup reason="rejected"/></Response>'),
        (answers.Refuse(reason="busy"), '<Response><Hangup reason="busy"/></Response>'),
        (
            answers.Refuse("Nobody is here."),
            '<Response><Speak voice="WOMAN" language="en-IN" loop="1">Nobody is here.</Speak><Hangup/></Response>',
        ),
        (
            answers.Goodbye("Tom & <Jerry> नमस्ते"),
            '<Response><Speak voice="WOMAN" language="en-IN" loop="1">Tom &amp; &lt;Jerry&gt; नमस्ते</Speak>'
            "<Hangup/></Response>",
        ),
        (answers.Redirect(AFTER), f'<Response><Redirect method="POST">{AFTER}</Redirect></Response>'),
    ],
)
def test_small_answers(answer: answers.Answer, expected: str) -> None:
    assert meaning(answer.xml()) == meaning(expected)


def test_a_transfer_speaks_first_and_dials_with_every_attribute_set() -> None:
    dial = answers.Dial(("+919800000000", "sip:agent@registrar.vobiz.ai"), "+918000000000", AFTER, STATUS)

    answer = answers.Transfer("One moment.", dial).xml()

    assert meaning(answer) == meaning(
        f"""<Response><Speak voice="WOMAN" language="en-IN" loop="1">One moment.</Speak>
        <Dial action="{AFTER}" method="POST" redirect="true" callbackUrl="{STATUS}" callbackMethod="POST"
              callerId="+918000000000" timeout="25" timeLimit="3600" hangupOnStar="false" dialMusic="real">
          <Number sendOnPreanswer="false">+919800000000</Number><User>sip:agent@registrar.vobiz.ai</User>
        </Dial></Response>"""
    )


DIAL = ("+919800000000",), "+918000000000", AFTER, STATUS


@pytest.mark.parametrize(
    "answer",
    [
        answers.Connect("https://voice.example.in/", STATUS, AFTER),
        answers.Connect("/media/x/", STATUS, AFTER),
        answers.Connect(STREAM, "/relative", AFTER),
        answers.Connect(STREAM, STATUS, "ftp://voice.example.in/"),
        answers.Connect(STREAM, STATUS, "https://voice.example.in/with blank"),
        answers.Connect(STREAM, STATUS, "https://voice.example.in/\n"),
        answers.Connect(STREAM, STATUS, AFTER, max_retries=11),
        answers.Connect(STREAM, STATUS, AFTER, wait_s=61),
        answers.Connect(STREAM, STATUS, AFTER, stream_timeout_s=0),
        answers.Connect(STREAM, STATUS, AFTER, record=answers.Record("nowhere")),
        answers.Goodbye(""),
        answers.Goodbye("bell \x07"),
        answers.Goodbye("half \ud800"),
        answers.Dial((), *DIAL[1:]),
        answers.Dial(("+919800000000",) * 11, *DIAL[1:]),
        answers.Dial(("not a number",), *DIAL[1:]),
        answers.Dial(DIAL[0], "anonymous", AFTER, STATUS),
        answers.Dial(*DIAL, ring_s=0),
    ],
)
def test_what_cannot_be_said_is_our_own_error(answer: answers.Answer) -> None:
    with pytest.raises(LocalError):
        answer.xml()


def test_more_than_a_hundred_kilobytes_are_refused() -> None:
    assert len(answers.Goodbye("x" * 99_000).xml()) < answers.MAX_BYTES
    with pytest.raises(LocalError):
        answers.Goodbye("x" * 100_001).xml()


@given(st.text(min_size=1))
def test_any_text_is_either_refused_or_read_back_as_it_was(text: str) -> None:
    try:
        document = answers.Goodbye(text).xml()
    except LocalError:
        return

    spoken = ElementTree.fromstring(document).findtext("Speak")
    assert spoken == text.replace("\r\n", "\n").replace("\r", "\n")
