"""Trying a tool from the editor, and secrets: the real request, the real reply, and never a value on a page."""

import json
import logging
from dataclasses import replace

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from agents import publishing, secrets
from agents.models import Agent, Secret
from agents.seeding import seed_agents
from agents.tool_rows import EXAMPLE
from agents.voice.blueprint import HttpTool, McpServer
from tenants.models import AuditEntry
from tenants.scope import tenant_scope
from tests.fakes.mcp_server import mcp_server
from tests.fakes.threaded import beside
from tests.fakes.web import Answer, web

VALUE = "sk-live-9f3c-do-not-show-4242"


@pytest.fixture
def server(settings):
    with beside(web) as one:
        settings.REACHABLE_HOSTS = [f"127.0.0.1:{one.port}"]
        yield one


@pytest.fixture
def asha(cast):
    return seed_agents(cast.tenant, None)[0]


@pytest.fixture
def builder(cast):
    client = Client()
    client.force_login(cast.builder)
    return client


def change(agent, **parts):
    with tenant_scope(agent.tenant_id):
        publishing.edit_draft(agent, **parts)


def tool(server, path="/days/{day}", **parts):
    return HttpTool("find_slots", "Slots", f"http://127.0.0.1:{server.port}{path}", "GET", EXAMPLE, **parts)


def panel(agent, kind="tool", name="find_slots"):
    return reverse("agents:try", args=[agent.tenant.slug, agent.id, kind, name])


def audited(agent):
    with tenant_scope(agent.tenant_id):
        return [(entry.verb, entry.detail) for entry in AuditEntry.objects.order_by("created_at")]


def plain(answer):
    text = answer.content.decode()
    for entity, character in (("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&"), ("&gt;", ">")):
        text = text.replace(entity, character)
    return text


# Trying


def test_the_panel_asks_for_each_argument(builder, server, asha):
    change(asha, tools=(tool(server),))

    page = plain(builder.get(panel(asha)))

    assert 'name="try-tool-day"' in page
    assert "The day that the caller wants" in page
    assert server.asked == []


def test_the_real_request_and_reply_are_shown_and_audited(builder, server, asha):
    change(
        asha, tools=(tool(server, "/days/{day}?from={{caller_number}}&for={{clinic}}"),), variables=(("clinic", "7"),)
    )
    server.answer = lambda asked: Answer(200, b'{"free": ["10:00"]}')

    page = plain(builder.post(panel(asha), {"try-tool-day": "2026-11-23", "run": "1"}))

    assert server.asked[0].target == "/days/2026-11-23?from=%2B919800000000&for=7"
    assert f"GET http://127.0.0.1:{server.port}/days/2026-11-23?from=%2B919800000000&for=7" in page
    assert '{"free":["10:00"]}' in page
    assert "status 200" in page
    assert audited(asha)[-1] == (
        "tried tool",
        {"kind": "tool", "tool": "find_slots", "ok": True, "status": 200, "refused": ""},
    )


def test_a_refusal_is_shown_and_audited(builder, server, asha):
    change(asha, tools=(HttpTool("find_slots", "Slots", "https://127.0.0.1:1/", "GET"),))

    page = plain(builder.post(panel(asha), {"run": "1"}))

    assert "Refused" in page
    assert "127.0.0.1 is a loopback address" in page
    [(verb, detail)] = [entry for entry in audited(asha) if "tool" in entry[0]]
    assert (verb, detail["refused"]) == ("refused tool", "127.0.0.1 is a loopback address")


def test_arguments_that_do_not_fit_are_told_as_to_a_model_and_stay_typed(builder, server, asha):
    schema = '{"type": "object", "properties": {"count": {"type": "integer"}, "sure": {"type": "boolean"}}}'
    change(asha, tools=(HttpTool("find_slots", "Slots", f"http://127.0.0.1:{server.port}/", "POST", schema),))

    page = plain(builder.post(panel(asha), {"try-tool-count": "many", "try-tool-sure": "true", "run": "1"}))

    assert "The arguments are wrong: count: 'many' is not of type 'integer'" in page
    assert 'value="many"' in page
    assert server.asked == []
    builder.post(panel(asha), {"try-tool-count": "3", "try-tool-sure": "true", "run": "1"})
    assert json.loads(server.asked[0].body) == {"count": 3, "sure": True}


def test_a_look_up_shows_which_variables_it_filled(builder, server, asha):
    lookup = HttpTool("lookup", "", f"http://127.0.0.1:{server.port}/who?n={{{{caller_number}}}}", "GET")
    change(asha, lookup=lookup, variables=(("name", "friend"),))
    server.answer = lambda asked: Answer(200, b'{"name": "Ravi"}')

    page = plain(builder.post(panel(asha, "lookup", "lookup"), {"run": "1"}))

    assert server.asked[0].target == "/who?n=%2B919800000000"
    assert "<dt><code>name</code></dt><dd>Ravi</dd>" in page


def test_a_server_lists_its_tools_and_one_of_them_is_called(builder, settings, asha):
    with beside(mcp_server) as clinic:
        settings.REACHABLE_HOSTS = [f"127.0.0.1:{clinic.port}"]
        change(asha, mcp=(McpServer("clinic", clinic.url),))
        address = panel(asha, "server", "clinic")

        listed = plain(builder.post(address, {}))
        chosen = plain(builder.post(address, {"tool": "clinic_free_slots", "choose": "1"}))
        called = plain(builder.post(address, {"tool": "clinic_free_slots", "try-server-day": "Monday", "run": "1"}))

    assert "clinic_book: Book for a patient." in listed
    assert 'name="try-server-day"' in chosen
    assert "Monday 10:00" in called
    assert audited(asha)[-1][1]["tool"] == "clinic_free_slots"


def test_a_server_inside_is_a_trouble_in_the_panel(builder, asha):
    change(asha, mcp=(McpServer("clinic", "https://127.0.0.1:1/mcp"),))

    page = plain(builder.post(panel(asha, "server", "clinic"), {}))

    assert "The server's address is not allowed: 127.0.0.1 is a loopback address." in page
    verb, detail = audited(asha)[-1]
    assert verb == "refused tool"
    assert (detail["kind"], detail["tool"]) == ("server", "clinic")
    assert detail["refused"] == "127.0.0.1 is a loopback address"


@pytest.mark.parametrize("who", ["analyst", "billing", "operator", "outsider", "stranger"])
def test_who_may_not_edit_sends_no_request(cast, server, asha, who):
    change(asha, tools=(tool(server),))
    client = Client()
    client.force_login(getattr(cast, who))

    status = client.post(panel(asha), {"try-tool-day": "x", "run": "1"}).status_code

    assert status in (403, 404)
    assert server.asked == []


@pytest.mark.parametrize(
    ("kind", "name"), [("tool", "other"), ("server", "find_slots"), ("lookup", "lookup"), ("x", "y")]
)
def test_what_the_draft_does_not_have_cannot_be_tried(builder, server, asha, kind, name):
    change(asha, tools=(tool(server),))

    assert builder.post(panel(asha, kind, name), {"run": "1"}).status_code == 404


# Secrets


def test_a_secret_goes_out_in_the_header_and_is_on_no_page_and_in_no_log(builder, server, asha, caplog):
    caplog.set_level(logging.DEBUG)
    listing = reverse("agents:secrets", args=[asha.tenant.slug])
    assert builder.post(listing, {"name": "CRM", "value": VALUE}).status_code == 302
    change(asha, tools=(tool(server, headers=(("Authorization", "Bearer {{secret.CRM}}"),)),))
    server.answer = lambda asked: Answer(200, json.dumps(asked.headers).encode())

    answer = builder.post(panel(asha), {"try-tool-day": "x", "run": "1"})

    assert server.asked[0].headers["authorization"] == f"Bearer {VALUE}"
    page = plain(answer)
    assert "Authorization: Bearer ••••" in page
    pages = [
        page,
        plain(builder.get(listing)),
        plain(builder.get(reverse("agents:edit", args=[asha.tenant.slug, asha.id]))),
    ]
    with tenant_scope(asha.tenant_id):
        row = Secret.objects.get()
        made = publishing.equipped(publishing.blueprint_of(Agent.objects.get(id=asha.id).draft, "Asha", 1))
    pages += [
        plain(builder.get(reverse(f"agents:{name}", args=[asha.tenant.slug, row.id])))
        for name in ("secret", "secret-remove")
    ]
    for text in (*pages, caplog.text, repr(audited(asha)), repr(made), repr(row)):
        assert VALUE not in text
        assert "do-not-show" not in text
    assert "…4242" in pages[1]


def test_a_secret_is_encrypted_in_the_database(builder, asha):
    with tenant_scope(asha.tenant_id):
        secrets.keep("CRM", VALUE, None)
        with connection.cursor() as cursor:
            cursor.execute("SELECT value FROM agents_secret")
            [(stored,)] = cursor.fetchall()

    assert VALUE not in stored
    assert len(stored) > 60


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("two words", VALUE, "Begin with a letter"),
        ("", VALUE, "Write something here."),
        ("CRM", "", "Paste the value here."),
        ("CRM", "short", "Write at least 8 characters"),
        ("CRM", f"{VALUE}\x07", "without control characters"),
        ("CRM", "{{caller_number}}", "A value cannot hold {{"),
        ("TAKEN", VALUE, "There is a secret called TAKEN"),
    ],
)
def test_a_secret_that_cannot_be_kept_is_told_and_not_sent_back(builder, asha, name, value, told):
    with tenant_scope(asha.tenant_id):
        secrets.keep("TAKEN", "another-value-1", None)

    answer = builder.post(reverse("agents:secrets", args=[asha.tenant.slug]), {"name": name, "value": value})

    assert answer.status_code == 422
    assert told in plain(answer)
    assert VALUE not in plain(answer)
    with tenant_scope(asha.tenant_id):
        assert secrets.names() == {"TAKEN"}


def test_a_secret_is_replaced_and_removed_with_a_trace(builder, asha):
    with tenant_scope(asha.tenant_id):
        row = secrets.keep("CRM", VALUE, None)
    change(asha, tools=(HttpTool("t", "d", "https://x.example/", headers=(("X-Key", "{{secret.CRM}}"),)),))

    builder.post(reverse("agents:secret", args=[asha.tenant.slug, row.id]), {"value": "another-value-0007"})

    with tenant_scope(asha.tenant_id):
        row = Secret.objects.get()
        assert (row.value, row.last_four) == ("another-value-0007", "…0007")
        assert publishing.equipped(publishing.blueprint_of(Agent.objects.get(id=asha.id).draft, "Asha", 1)).tools[
            0
        ].headers == (("X-Key", "another-value-0007"),)
    gone = reverse("agents:secret-remove", args=[asha.tenant.slug, row.id])
    assert "Asha" in plain(builder.get(gone))
    builder.post(gone)
    verbs = [verb for verb, _ in audited(asha) if "secret" in verb]
    assert verbs == ["added secret", "replaced secret", "removed secret"]
    with tenant_scope(asha.tenant_id):
        assert secrets.names() == set()
        made = publishing.equipped(publishing.blueprint_of(Agent.objects.get(id=asha.id).draft, "Asha", 1))
        assert made.tools[0].headers == (("X-Key", ""),)


def test_a_secret_of_another_tenant_is_not_here(builder, cast, asha):
    with tenant_scope(cast.other.id):
        theirs = secrets.keep("CRM", VALUE, None)
    change(asha, tools=(HttpTool("t", "d", "https://x.example/", headers=(("X-Key", "{{secret.CRM}}"),)),))

    assert builder.get(reverse("agents:secret", args=[asha.tenant.slug, theirs.id])).status_code == 404
    with tenant_scope(asha.tenant_id):
        made = publishing.equipped(publishing.blueprint_of(Agent.objects.get(id=asha.id).draft, "Asha", 1))
        assert made.tools[0].headers == (("X-Key", ""),)
        assert made.hidden == ()


def test_variables_in_a_header_wait_for_the_call():
    from tests.agents.voice.tools.test_lookup import BLUEPRINT

    headers = (("X-Key", "{{secret.CRM}} {{caller_number}} {{secret.GONE}}!"),)
    made = secrets.resolve(
        replace(BLUEPRINT, tools=(HttpTool("t", "d", "https://x.example/", headers=headers),)), {"CRM": VALUE}
    )

    assert made.tools[0].headers == (("X-Key", f"{VALUE} {{{{caller_number}}}} !"),)
    assert made.hidden == (VALUE,)
