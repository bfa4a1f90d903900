"""A tenant's request as a tool, against a real server."""

import asyncio
import gzip
import json
import logging
import zlib
from contextlib import asynccontextmanager

import pytest

from agents.voice.blueprint import Blueprint, HttpTool, Stage
from agents.voice.providers.base import ToolCall
from agents.voice.tools.box import open_tools
from agents.voice.tools.guard import Gate
from tests.fakes.web import Answer, certify, web

LOCAL = Stage("local", "x")
SLOTS = json.dumps(
    {
        "type": "object",
        "properties": {"day": {"type": "string", "minLength": 1}, "count": {"type": "integer", "minimum": 1}},
        "required": ["day"],
    }
)
SECRET = 'sk-"very"-secret-0042'


def blueprint(*tools: HttpTool, reachable=(), hidden=()) -> Blueprint:
    return Blueprint("Asha", 1, "en", "Hello", "", LOCAL, LOCAL, LOCAL, tools=tools, reachable=reachable, hidden=hidden)


def tool(server, path="/slots", **parts) -> HttpTool:
    host = parts.pop("host", "127.0.0.1")
    scheme = parts.pop("scheme", "http")
    return HttpTool(
        "find_slots",
        "Free slots",
        f"{scheme}://{host}:{server.port}{path}",
        **{"schema": SLOTS, "timeout_ms": 5_000} | parts,
    )


async def run(one: HttpTool, arguments='{"day": "Monday"}', *, key="call-1:t1", gate=None, **parts):
    parts.setdefault("reachable", (one.url.split("/")[2],))
    async with open_tools(blueprint(one, **parts), gate) as box:
        return await box.run(ToolCall("t1", one.name, arguments), key=key)


@pytest.fixture
async def server():
    async with web() as one:
        yield one


def resolver(*answers):
    """Names mean what the test says; the last answer stays."""
    left, asked = list(answers), []

    async def resolve(host, port):
        asked.append(host)
        return left.pop(0) if len(left) > 1 else left[0]

    resolve.asked = asked
    return resolve


# What is sent


async def test_arguments_go_as_a_json_body_with_the_key_of_the_call(server):
    server.answer = lambda asked: Answer(body=b'{ "free" : [ "10:00" ] }')

    result = await run(tool(server), '{"day": "Monday", "count": 2}')

    [asked] = server.asked
    assert (asked.method, asked.target, json.loads(asked.body)) == ("POST", "/slots", {"day": "Monday", "count": 2})
    assert asked.headers["idempotency-key"] == "call-1:t1"
    assert asked.headers["content-type"] == "application/json"
    assert (result.ok, result.status, result.text) == (True, 200, '{"free":["10:00"]}')


async def test_arguments_of_a_get_go_into_path_and_query_encoded(server):
    one = tool(server, "/days/{day}/slots?clinic=7", method="GET")

    await run(one, '{"day": "21 Nov & a?b#c%", "count": 2}')

    [asked] = server.asked
    assert asked.method == "GET"
    assert asked.target == "/days/21%20Nov%20%26%20a%3Fb%23c%25/slots?clinic=7&count=2"
    assert asked.body == b""


@pytest.mark.parametrize("day", ["..", ".", "", "../../admin", "a/b", "a\\\\b"])
async def test_an_argument_cannot_leave_its_place_in_the_path(server, day):
    one = tool(server, "/days/{day}/slots", method="GET", schema='{"type": "object"}')

    result = await run(one, f'{{"day": "{day}"}}')

    assert not result.ok
    assert "must not" in result.text
    assert server.asked == []


async def test_headers_of_the_tenant_are_sent_and_ours_cannot_be_replaced(server):
    one = tool(server, headers=(("Authorization", "Bearer abc"), ("Host", "evil.example"), ("Bad Name", "x")))

    await run(one)

    headers = server.asked[0].headers
    assert headers["authorization"] == "Bearer abc"
    assert headers["host"] == f"127.0.0.1:{server.port}"
    assert "bad name" not in headers


# What the model is told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("{}", "'day' is a required property"),
        ('{"day": 5}', "day: 5 is not of type 'string'"),
        ('{"day": "x", "count": 0}', "count: 0 is less than the minimum of 1"),
        ("[]", "they are not a JSON object"),
        ('{"day": ', "they are not JSON"),
        ('{"day": "' + "x" * 9_000 + '"}', "they are longer than 8,192 characters"),
        ('{"day": "x", "list": [' + "1," * 400 + "1]}", "they hold more than 300 values"),
    ],
)
async def test_arguments_that_do_not_fit_go_back_to_the_model_unsent(server, arguments, told):
    result = await run(tool(server), arguments)

    assert result.text == f"The arguments are wrong: {told}. Correct them and call again."
    assert not result.ok
    assert server.asked == []


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        ('{"type": "object", "properties": {"a": {"$ref": "http://127.0.0.1/"}}}', "references may go to"),
        (
            '{"type": "object", "properties": {"a": {"$ref": "#/$defs/A"}},'
            ' "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}, {"$ref": "#/$defs/A"}]}}}',
            "refers to itself",
        ),
        ('{"type": "array"}', 'must begin with "type": "object"'),
        ("{", "not JSON"),
    ],
)
async def test_a_broken_schema_is_a_result_and_nothing_is_sent(server, schema, told):
    result = await run(tool(server, schema=schema))

    assert told in result.text
    assert server.asked == []


async def test_a_pattern_that_would_take_forever_is_not_tried(server):
    schema = '{"type": "object", "properties": {"day": {"type": "string", "pattern": "^(a+)+$"}}}'

    result = await run(tool(server, schema=schema), json.dumps({"day": "a" * 5_000 + "!"}))

    assert result.ok


async def test_a_schema_that_is_laborious_to_check_does_not_hold_up_other_calls(server):
    choices = [{"type": "integer", "minimum": number} for number in range(200)]
    schema = json.dumps({"type": "object", "additionalProperties": {"anyOf": choices}})
    loop, late = asyncio.get_running_loop(), []

    async def other_call():
        while True:
            began = loop.time()
            await asyncio.sleep(0.02)
            late.append(loop.time() - began)

    other = asyncio.create_task(other_call())
    result = await run(tool(server, schema=schema), json.dumps({f"k{number}": "x" for number in range(290)}))
    other.cancel()

    assert result.ok  # the server judges it
    assert max(late) < 2.0  # checking it all takes 6 s


async def test_a_tool_that_does_not_exist_is_a_result(server):
    async with open_tools(blueprint(tool(server))) as box:
        result = await box.run(ToolCall("t1", "no_such_tool", "{}"), key="k")
        facts = box.facts("no_such_tool")

    assert result.text == "There is no tool called no_such_tool."
    assert (facts.effect, facts.timeout_s) == ("write", 10.0)


@pytest.mark.parametrize("status", [400, 404, 422, 429, 500, 503])
async def test_a_refusal_of_the_server_is_told_with_its_text(server, status):
    server.answer = lambda asked: Answer(status, b'{"error": "no such day"}')

    result = await run(tool(server))

    assert (result.ok, result.status) == (False, status)
    assert result.text == f'The server answered with status {status}. {{"error":"no such day"}}'


async def test_an_empty_answer_is_a_success_in_words(server):
    server.answer = lambda asked: Answer(204, b"", {})

    assert (await run(tool(server))).text == "Done; there is no text in the answer."


async def test_what_is_not_text_is_named_and_left_out(server):
    server.answer = lambda asked: Answer(200, b"\x89PNG\x00", {"Content-Type": "image/png"})

    assert (await run(tool(server))).text == "(not text: image/png, 5 bytes)"


async def test_control_characters_and_bad_bytes_do_not_reach_the_model(server):
    server.answer = lambda asked: Answer(200, b"a\x00b\x1b[2Jc\xff\xe2\x80\xaed", {"Content-Type": "text/plain"})

    assert (await run(tool(server))).text == "ab[2Jc\ufffdd"


# Limits


async def test_a_long_answer_is_cut_with_a_note(server):
    server.answer = lambda asked: Answer(200, b"x" * 100_000, {"Content-Type": "text/plain"})

    result = await run(tool(server))

    assert result.text == "x" * 16_384 + " … (cut off here: the reply is longer)"
    assert result.ok


async def test_an_endless_answer_is_left_when_there_is_enough(server):
    server.answer = lambda asked: Answer(200, headers={"Content-Type": "text/plain"}, chunks=(b"y" * 4_096,) * 10_000)

    result = await run(tool(server))

    assert result.text.endswith("(cut off here: the reply is longer)")
    assert len(result.text) < 17_000


@pytest.mark.parametrize(("encoding", "squeeze"), [("gzip", gzip.compress), ("deflate", zlib.compress)])
async def test_a_small_reply_that_unpacks_to_a_giant_stays_small(server, encoding, squeeze):
    bomb = squeeze(b"z" * 20_000_000)
    server.answer = lambda asked: Answer(200, bomb, {"Content-Type": "text/plain", "Content-Encoding": encoding})

    result = await run(tool(server))

    assert len(result.text) < 17_000
    assert server.asked[0].headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(("encoding", "body"), [("br", b"x"), ("gzip", b"not gzip at all")])
async def test_a_reply_in_a_foreign_encoding_is_not_read(server, encoding, body):
    server.answer = lambda asked: Answer(200, body, {"Content-Encoding": encoding})

    assert (await run(tool(server))).text.startswith("The answer cannot be read")


@pytest.mark.parametrize(
    ("effect", "told"),
    [
        ("read", "There was no answer within 0.2 seconds."),
        ("write", "There was no answer within 0.2 seconds. It is not known whether it was done."),
    ],
)
async def test_a_body_that_drips_does_not_outlast_the_tools_time(server, effect, told):
    server.answer = lambda asked: Answer(chunks=(b"{",) * 1_000, pause_s=0.05)

    result = await run(tool(server, timeout_ms=200, effect=effect))

    assert (result.ok, result.text) == (False, told)


async def test_a_name_server_that_hangs_does_not_outlast_the_tools_time(server):
    async def hang(host, port):
        await asyncio.sleep(60)

    result = await run(tool(server, timeout_ms=100), gate=Gate((f"127.0.0.1:{server.port}",), resolver=hang))

    assert "no answer within 0.1 seconds" in result.text


async def test_nobody_listening_is_a_result():
    async with web() as gone:
        one = tool(gone)

    assert (await run(one)).text == "The server cannot be reached."


async def test_a_server_that_hangs_up_is_a_result(server):
    server.answer = lambda asked: Answer(200, headers={"Content-Length": "50"}, chunks=(b"{",))

    assert (await run(tool(server, effect="read"))).text == "The connection to the server failed."


async def test_giving_up_a_call_closes_its_connection(server):
    reached = asyncio.Event()

    async def slow(asked):
        reached.set()
        await asyncio.sleep(30)
        return Answer()

    server.answer = slow
    one = tool(server, timeout_ms=30_000)
    async with open_tools(blueprint(one, reachable=(f"127.0.0.1:{server.port}",))) as box:
        asking = asyncio.create_task(box.run(ToolCall("t1", one.name, '{"day": "x"}'), key="k"))
        await reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_leaving_the_tools_ends_a_request_that_is_under_way(server):
    reached = asyncio.Event()

    async def slow(asked):
        reached.set()
        await asyncio.sleep(30)
        return Answer()

    server.answer = slow
    one = tool(server, timeout_ms=30_000)
    async with asyncio.timeout(5):
        async with open_tools(blueprint(one, reachable=(f"127.0.0.1:{server.port}",))) as box:
            asking = asyncio.create_task(box.run(ToolCall("t1", one.name, '{"day": "x"}'), key="k"))
            await reached.wait()
        result = await asking

    assert result.text.startswith("The connection to the server failed.")


# The guard


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0177.0.0.1", "[::1]"])
async def test_the_machine_itself_is_refused_in_every_spelling(server, host):
    result = await run(tool(server, host=host, scheme="https"), reachable=())

    assert result.refused
    assert "loopback" in result.refused
    assert result.text == f"This tool's address is not allowed: {result.refused}."
    assert server.asked == []


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fd00::1", "64:ff9b::7f00:1"]
)
async def test_a_name_that_means_an_inner_address_is_refused(server, address):
    gate = Gate(resolver=resolver([address]))

    result = await run(tool(server, host="tools.example", scheme="https"), gate=gate)

    assert result.refused.startswith("tools.example is a ")
    assert address not in result.text
    assert server.asked == []


async def test_a_redirect_to_the_inside_is_refused(server):
    async with web() as inner:
        server.answer = lambda asked: Answer(302, headers={"Location": f"http://127.0.0.1:{inner.port}/meta"})

        result = await run(tool(server))

        assert result.refused == "the address is not https"
        server.answer = lambda asked: Answer(307, headers={"Location": f"https://127.0.0.1:{inner.port}/meta"})
        assert (await run(tool(server))).refused == "127.0.0.1 is a loopback address"
        assert inner.asked == []


async def test_a_redirect_to_a_name_of_the_inside_is_refused(server):
    async with web() as inner:
        server.answer = lambda asked: Answer(302, headers={"Location": f"https://meta.example:{inner.port}/"})
        gate = Gate((f"tools.example:{server.port}",), resolver=resolver(["127.0.0.1"], ["169.254.169.254"]))

        result = await run(tool(server, host="tools.example"), gate=gate)

        assert result.refused == "meta.example is a metadata address"
        assert inner.asked == []


async def test_a_name_is_looked_up_once_and_the_connection_goes_where_it_pointed_then(server):
    """The second answer is what a rebinding name server gives. 2000::1 is public, and nobody's."""
    names = resolver(["2000::1"], ["127.0.0.1"])

    result = await run(tool(server, host="tools.example", scheme="https", timeout_ms=500), gate=Gate(resolver=names))

    assert names.asked == ["tools.example"]
    assert not result.ok
    assert server.asked == []


async def test_a_name_that_turns_inwards_later_is_refused_at_its_next_connection(server):
    server.answer = lambda asked: Answer(200, headers={"Connection": "close"}, chunks=(b"{}",))
    names = resolver(["127.0.0.1"], ["10.0.0.7"])
    one = tool(server, host="tools.example")
    gate = Gate((f"tools.example:{server.port}",), resolver=names)
    async with open_tools(blueprint(one), gate) as box:
        first = await box.run(ToolCall("t1", one.name, '{"day": "x"}'), key="k")
        gate.reachable = frozenset()
        second = await box.run(ToolCall("t2", one.name, '{"day": "x"}'), key="k")

    assert first.ok
    assert second.refused == "the address is not https"
    assert len(server.asked) == 1


async def test_redirects_are_followed_three_times_and_no_more(server):
    server.answer = lambda asked: (
        Answer() if asked.target == "/3" else Answer(302, headers={"Location": f"/{int(asked.target[1:] or 0) + 1}"})
    )

    result = await run(tool(server, "/0"))

    assert result.ok
    assert [asked.method for asked in server.asked] == ["POST", "GET", "GET", "GET"]
    server.answer = lambda asked: Answer(307, headers={"Location": "/again"})
    assert (await run(tool(server))).refused == "the server redirects more than 3 times"


async def test_another_host_gets_neither_the_tenants_headers_nor_the_key(server):
    async with web() as other:
        server.answer = lambda asked: Answer(303, headers={"Location": f"http://other.example:{other.port}/x"})
        gate = Gate((f"tools.example:{server.port}", f"other.example:{other.port}"), resolver=resolver(["127.0.0.1"]))
        one = tool(server, host="tools.example", headers=(("Authorization", "Bearer abc"), ("X-Key", "k")))

        result = await run(one, gate=gate)

        assert result.ok
        assert server.asked[0].headers["authorization"] == "Bearer abc"
        [asked] = other.asked
        assert not {"authorization", "x-key", "idempotency-key"} & set(asked.headers)
        assert asked.headers["host"] == f"other.example:{other.port}"


async def test_another_host_does_not_get_what_the_first_was_told(server):
    async with web() as other:
        server.answer = lambda asked: Answer(307, headers={"Location": f"http://other.example:{other.port}/x"})
        gate = Gate((f"tools.example:{server.port}", f"other.example:{other.port}"), resolver=resolver(["127.0.0.1"]))

        result = await run(tool(server, host="tools.example"), gate=gate)

        assert result.refused == "the server sends what it was told on to another server"
        assert other.asked == []


async def test_the_same_host_keeps_the_tenants_headers_over_a_redirect(server):
    server.answer = lambda asked: Answer() if asked.target == "/b" else Answer(307, headers={"Location": "/b"})

    await run(tool(server, headers=(("X-Key", "k"),)))

    assert [asked.headers["x-key"] for asked in server.asked] == ["k", "k"]
    assert server.asked[1].body == b'{"day":"Monday"}'


async def test_proxies_of_the_environment_are_not_used(server, monkeypatch):
    async with web() as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

        assert (await run(tool(server))).ok
        assert proxy.asked == []


# TLS


@asynccontextmanager
async def secure(name, folder):
    certificate = certify(name, folder)
    async with web(certificate) as one:
        yield one, certificate


async def test_over_tls_the_name_stays_the_name_although_an_address_is_dialled(tmp_path):
    async with secure("tools.example", tmp_path) as (server, certificate):
        gate = Gate(
            (f"tools.example:{server.port}",), resolver=resolver(["127.0.0.1"]), certificates=certificate.client
        )

        result = await run(tool(server, host="tools.example", scheme="https"), gate=gate)

        assert result.ok, result.text
        assert server.names == ["tools.example"]
        assert server.asked[0].headers["host"] == f"tools.example:{server.port}"


async def test_a_certificate_of_another_name_is_not_accepted(tmp_path):
    async with secure("other.example", tmp_path) as (server, certificate):
        gate = Gate(
            (f"tools.example:{server.port}",), resolver=resolver(["127.0.0.1"]), certificates=certificate.client
        )

        result = await run(tool(server, host="tools.example", scheme="https"), gate=gate)

        assert result.text == "The server's certificate is not valid."
        assert server.asked == []


# Secrets


async def test_a_secret_reaches_the_server_and_nothing_else(server, caplog):
    caplog.set_level(logging.DEBUG)
    server.answer = lambda asked: Answer(
        500, json.dumps({"you sent": asked.headers["authorization"], "plain": SECRET}).encode()
    )
    one = tool(server, headers=(("Authorization", f"Bearer {SECRET}"),))

    result = await run(one, hidden=(SECRET,))

    assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"
    assert "Authorization: Bearer ••••" in result.request
    assert "Bearer ••••" in result.text
    for text in (repr(result), caplog.text, repr(blueprint(one, hidden=(SECRET,)))):
        assert SECRET not in text
        assert "very" not in text


async def test_the_request_is_shown_as_it_was_sent(server):
    result = await run(tool(server, "/slots?c=1", method="PUT", headers=(("X-Clinic", "7"),)))

    assert result.request.splitlines() == [
        f"PUT http://127.0.0.1:{server.port}/slots?c=1",
        "User-Agent: Switchboard",
        "Accept: application/json, text/plain;q=0.9, */*;q=0.1",
        "Content-Type: application/json",
        "Idempotency-Key: call-1:t1",
        "X-Clinic: 7",
        "",
        '{"day":"Monday"}',
    ]


async def test_a_refusal_is_logged_with_the_tool_and_without_the_secret(server, caplog):
    one = tool(server, host="127.0.0.1", scheme="https", headers=(("Authorization", SECRET),))

    await run(one, reachable=(), hidden=(SECRET,))

    assert "tool_refused tool=find_slots reason=127.0.0.1 is a loopback address" in caplog.text
    assert SECRET not in caplog.text
