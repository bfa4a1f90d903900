"""Signing, retrying and timing of callbacks, over an HTTP transport that is a function."""

from random import Random

import httpx
import pytest

from telephony.simulator.errors import Unreachable
from telephony.simulator.webhooks import Poster, Retries, Signer
from telephony.vobiz.signature import sign, sign_plivo

URL = "https://voice.example.in/vobiz/answer/7?tenant=42"
TOKEN, PARENT = "VBZ_TEST_TOKEN_0123456789abcdef", "PARENT_TOKEN"


def headers(mode):
    return Signer(mode, TOKEN, PARENT, Random(1)).headers(URL)


@pytest.mark.parametrize(
    ("mode", "names"),
    [
        ("none", set()),
        ("v2+v3", {"V2", "V2-Nonce", "V3", "V3-Nonce"}),
        ("v2", {"V2", "V2-Nonce"}),
        ("v3", {"V3", "V3-Nonce"}),
        ("ma", {"MA-V2", "MA-V3", "V2-Nonce", "V3-Nonce"}),
        ("rotated", {"V2", "V2-Nonce", "V3", "V3-Nonce"}),
        ("wrong", {"V2", "V2-Nonce", "V3", "V3-Nonce"}),
        ("missing-nonce", {"V2", "V3"}),
        ("plivo", {"V3", "V3-Nonce"}),
        ("v2+plivo", {"V2", "V2-Nonce", "V3", "V3-Nonce"}),
    ],
)
def test_each_mode_sends_its_headers(mode, names):
    prefix = "X-Vobiz-Signature-"

    found = {name.removeprefix(prefix) for name in headers(mode) if name.startswith(prefix)}

    assert found == names


def test_signatures_are_made_with_the_right_token():
    own, parent, wrong, rotated = headers("v2+v3"), headers("ma"), headers("wrong"), headers("rotated")
    nonce = own["X-Vobiz-Signature-V3-Nonce"]
    good = sign("V3", TOKEN, URL, nonce)

    assert len(nonce) == 20
    assert nonce.isdecimal()
    assert own["X-Vobiz-Signature-V3"] == good
    assert parent["X-Vobiz-Signature-MA-V3"] == sign("V3", PARENT, URL, nonce)
    assert wrong["X-Vobiz-Signature-V3"] != good
    assert rotated["X-Vobiz-Signature-V3"].split(",")[1] == good


def test_the_old_form_covers_the_fields():
    fields = {"From": "91", "CallUUID": "1"}
    signed = Signer("v2+plivo", TOKEN, "", Random(1)).headers(URL, fields)
    nonce = signed["X-Vobiz-Signature-V3-Nonce"]

    assert signed["X-Vobiz-Signature-V3"] == sign_plivo(TOKEN, URL, nonce, fields)
    assert signed["X-Vobiz-Signature-V2"] == sign("V2", TOKEN, URL, nonce)


def test_signed_callbacks_leak_the_tokens_as_the_carriers_do():
    assert headers("v2+v3")["auth-token"] == TOKEN
    assert headers("v2+v3")["parent-auth-token"] == PARENT
    assert headers("none") == {}


def test_each_request_has_a_nonce_of_its_own():
    signer = Signer("v3", TOKEN, "", Random(1))

    assert signer.headers(URL) != signer.headers(URL)


def poster(answers, asked):
    def handler(request):
        asked.append(request)
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    client = httpx.AsyncClient(transport=httpx.MockTransport(handler))
    return Poster(client, Signer("none", "", "", Random(1)), Retries(tries=3, first_pause_s=0.0))


async def test_a_failed_fetch_is_tried_again_and_noted_once():
    asked = []
    carrier = poster(
        [httpx.ConnectError("refused"), httpx.Response(500), httpx.Response(200, text="<Response/>")], asked
    )

    answered = await carrier.fetch("StartApp", URL, {"CallUUID": "1"}, "POST", 7011)

    assert answered.body == b"<Response/>"
    [hook] = carrier.log
    assert (hook.event, hook.status, hook.tries, hook.error) == ("StartApp", 200, 3, "")
    assert asked[0].content == b"Event=StartApp&CallUUID=1"


async def test_a_fetch_that_never_succeeds_is_unreachable_with_its_code():
    carrier = poster([httpx.Response(404)] * 3, [])

    with pytest.raises(Unreachable, match="404") as error:
        await carrier.fetch("Redirect", URL, {}, "POST", 7014)

    assert error.value.code == 7014


async def test_telling_never_raises():
    carrier = poster([httpx.ReadTimeout("slow")] * 3, [])

    await carrier.tell("Hangup", URL, {})
    await carrier.tell("Hangup", "https://[::1", {})

    assert [hook.status for hook in carrier.log] == [0, 0]


async def test_get_puts_the_fields_into_the_query_beside_what_is_there():
    asked = []
    carrier = poster([httpx.Response(200)], asked)

    await carrier.fetch("StartApp", URL, {"From": "91 98"}, "GET", 7011)

    assert asked[0].url.query == b"tenant=42&Event=StartApp&From=91+98"


async def test_a_long_answer_is_cut_after_100_kb():
    carrier = poster([httpx.Response(200, content=b"x" * 5_000_000)], [])

    answered = await carrier.fetch("StartApp", URL, {}, "POST", 7011)

    assert len(answered.body) > 100 * 1024
