"""MCP servers as a source of tools, against one built with the protocol's own package."""

import asyncio
import json
import subprocess
import sys
import threading

import pytest

from agents.voice.blueprint import Blueprint, McpServer, Stage
from agents.voice.providers.base import ToolCall
from agents.voice.tools.box import open_tools
from tests.fakes.mcp_server import Clinic, mcp_server
from tests.fakes.web import Answer, web

LOCAL = Stage("local", "x")
SECRET = "mcp-secret-0042"


def blueprint(url, *, reachable=None, hidden=(), **parts) -> Blueprint:
    server = McpServer("clinic", url, **{"timeout_ms": 5_000, **parts})
    hosts = (url.split("/")[2],) if reachable is None else reachable
    return Blueprint("Asha", 1, "en", "", "", LOCAL, LOCAL, LOCAL, mcp=(server,), reachable=hosts, hidden=hidden)


async def settled(box):
    """Every server has listed its tools, or failed."""
    async with asyncio.timeout(10):
        while not box.specs and not box.troubles:  # noqa: ASYNC110  (it has no event)
            await asyncio.sleep(0.01)
    return box


@pytest.fixture
async def clinic():
    async with mcp_server() as one:
        yield one


def call(name, **arguments):
    return ToolCall("t1", name, json.dumps(arguments))


async def test_a_servers_tools_are_offered_under_its_name(clinic):
    async with open_tools(blueprint(clinic.url)) as box:
        await settled(box)

        assert [spec.name for spec in box.specs] == [
            f"clinic_{name}" for name in ("free_slots", "book", "broken", "slow", "long")
        ]
        assert box.specs[0].description == "Free times of a day."
        assert json.loads(box.specs[0].schema)["required"] == ["day"]
        assert (box.facts("clinic_free_slots").effect, box.facts("clinic_book").effect) == ("read", "write")
        assert box.facts("clinic_book").timeout_s == 5.0


async def test_only_the_tools_that_the_tenant_allowed_are_offered(clinic):
    async with open_tools(blueprint(clinic.url, tools=("book", "no_such"))) as box:
        await settled(box)

        assert [spec.name for spec in box.specs] == ["clinic_book"]
        assert not (await box.run(call("clinic_free_slots", day="x"), key="k")).ok


async def test_a_call_reaches_the_server_with_nested_arguments_and_its_key(clinic):
    async with open_tools(blueprint(clinic.url)) as box:
        await settled(box)

        result = await box.run(call("clinic_book", patient={"name": "Ravi", "age": 40}), key="call-1:t1")

    assert (result.ok, result.text) == (True, "Booked for Ravi.")
    assert result.request == 'clinic: book {"patient":{"name":"Ravi","age":40}}'
    assert [patient.name for patient in clinic.booked] == ["Ravi"]
    assert clinic.metas[0]["idempotency-key"] == "call-1:t1"


async def test_arguments_that_do_not_fit_stay_here(clinic):
    async with open_tools(blueprint(clinic.url)) as box:
        await settled(box)

        result = await box.run(call("clinic_book", patient={"age": 40}), key="k")

    assert result.text == (
        "The arguments are wrong: patient: 'name' is a required property. Correct them and call again."
    )
    assert clinic.booked == []


async def test_calls_run_beside_each_other(clinic):
    async with open_tools(blueprint(clinic.url)) as box:
        await settled(box)
        slow = asyncio.create_task(box.run(call("clinic_slow"), key="k"))

        quick = await box.run(call("clinic_free_slots", day="Monday"), key="k")

        assert quick.ok
        assert not slow.done()
        clinic.released.set()
        assert (await slow).text == "at last"


async def test_a_tool_that_fails_says_why(clinic):
    async with open_tools(blueprint(clinic.url)) as box:
        await settled(box)

        result = await box.run(call("clinic_broken"), key="k")
        after = await box.run(call("clinic_free_slots", day="Monday"), key="k")

    assert not result.ok
    assert "the calendar is closed" in result.text
    assert after.ok


async def test_a_tool_that_takes_too_long_is_given_up(clinic):
    async with open_tools(blueprint(clinic.url, timeout_ms=600)) as box:
        await settled(box)

        result = await box.run(call("clinic_slow"), key="k")
        after = await box.run(call("clinic_free_slots", day="Monday"), key="k")

    assert result.text == "There was no answer within 0.6 seconds. It is not known whether it was done."
    assert after.ok


async def test_a_long_result_is_cut(clinic):
    async with open_tools(blueprint(clinic.url)) as box:
        await settled(box)

        result = await box.run(call("clinic_long"), key="k")

    assert len(result.text) < 17_000
    assert result.text.endswith("(cut off here: the reply is longer)")


async def test_headers_of_the_tenant_are_sent_and_never_shown(clinic, caplog):
    caplog.set_level("DEBUG")
    one = blueprint(clinic.url, headers=(("Authorization", f"Bearer {SECRET}"),), hidden=(SECRET,))
    async with open_tools(one) as box:
        await settled(box)
        result = await box.run(call("clinic_free_slots", day=SECRET), key="k")

    assert all(headers["authorization"] == f"Bearer {SECRET}" for headers in clinic.headers)
    assert "••••" in result.text
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("agents"))
    assert SECRET not in repr(result) + repr(one) + ours


async def test_a_server_that_comes_back_is_found_again(clinic):
    async with mcp_server() as first:
        box_of = open_tools(blueprint(first.url))
        box = await box_of.__aenter__()
        await settled(box)

    gone = await box.run(call("clinic_free_slots", day="Monday"), key="k")
    async with mcp_server(Clinic(), first.port):
        for _ in range(3):
            back = await box.run(call("clinic_free_slots", day="Monday"), key="k")
            if back.ok:
                break
        await box_of.__aexit__(None, None, None)

    assert not gone.ok
    assert "10:00" in back.text


@pytest.mark.parametrize("url", ["https://127.0.0.1:{}/mcp", "http://127.0.0.1:{}/mcp", "https://localhost:{}/mcp"])
async def test_a_server_inside_is_refused(clinic, url):
    async with open_tools(blueprint(url.format(clinic.port), reachable=())) as box:
        await settled(box)

        assert box.specs == ()
        [(name, trouble)] = box.troubles
        assert name == "clinic"
        assert trouble.startswith("The server's address is not allowed: ")
        [(refused, reason)] = box.refusals
        assert refused == "clinic"
        assert reason in trouble
    assert clinic.headers == []


async def test_a_redirect_to_the_inside_is_not_followed(clinic):
    async with web() as outer:
        outer.answer = lambda asked: Answer(307, headers={"Location": clinic.url})
        async with open_tools(blueprint(f"http://127.0.0.1:{outer.port}/mcp")) as box:
            await settled(box)

            assert box.specs == ()
            [(name, _)] = box.refusals
            assert name == "clinic"
    assert clinic.headers == []


async def test_a_server_that_does_not_answer_delays_neither_the_beginning_nor_the_end(clinic):
    clinic.hangs = True
    loop = asyncio.get_running_loop()
    began = loop.time()
    async with open_tools(blueprint(clinic.url, timeout_ms=30_000)) as box:
        assert loop.time() - began < 1.0
        assert box.specs == ()
        await asyncio.sleep(0.3)
        leaving = loop.time()
    assert loop.time() - leaving < 3.0


async def test_a_server_that_answers_rubbish_is_a_trouble_in_words():
    async with web() as other:
        other.answer = lambda asked: Answer(200, b"<html>", {"Content-Type": "text/html"})
        async with open_tools(blueprint(f"http://127.0.0.1:{other.port}/mcp", timeout_ms=1_000)) as box:
            await settled(box)

            [(_, trouble)] = box.troubles
            assert trouble


async def test_a_list_without_an_end_is_left(clinic):
    async with web() as other:
        other.answer = lambda asked: Answer(200, chunks=(b"[" * 65_536,) * 100)
        async with open_tools(blueprint(f"http://127.0.0.1:{other.port}/mcp", timeout_ms=3_000)) as box:
            await settled(box)

            assert box.specs == ()


async def test_nothing_is_left_behind(clinic):
    async with open_tools(blueprint(clinic.url)) as box:
        await settled(box)
    before = {task for task in asyncio.all_tasks() if not task.done()}
    threads = threading.active_count()
    for _ in range(5):
        async with open_tools(blueprint(clinic.url)) as box:
            await settled(box)
            asyncio.get_running_loop().call_later(0.02, clinic.released.set)
            await box.run(call("clinic_slow"), key="k")

    await asyncio.sleep(0.1)
    left = {task for task in asyncio.all_tasks() if not task.done()} - before
    assert {task.get_name() for task in left if task.get_name().startswith("mcp")} == set()
    assert not [task for task in left if "agents" in repr(task.get_coro()) or "mcp/client" in repr(task.get_coro())]
    assert threading.active_count() <= threads + 1


def test_the_protocols_library_is_loaded_for_a_server_alone():
    code = "import sys, agents.voice.tools.box, agents.voice.tools.lookup; print('mcp' in sys.modules)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert run.stdout.strip() == "False"
