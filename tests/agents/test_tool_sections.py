"""The editor's sections for tools, servers, look-up and variables: what is kept, what is refused, what is a problem."""

import json
from dataclasses import replace

import pytest
from django.test import Client
from django.urls import reverse

from agents import publishing, tool_checks
from agents.comparison import compare
from agents.config import AgentConfig, as_json, read
from agents.models import Agent
from agents.seeding import seed_agents
from agents.tool_problems import tool_problems
from agents.tool_rows import EXAMPLE
from agents.voice import builtin
from agents.voice.blueprint import HttpTool, McpServer, Tongue
from agents.voice.tools.base import BUILT_IN
from tenants.scope import tenant_scope

TOOL = HttpTool(
    "find_slots",
    "When the caller asks for a day",
    "https://clinic.example/days/{day}?caller={{caller_number}}",
    "GET",
    EXAMPLE,
    (("Authorization", "Bearer {{secret.CRM}}"),),
    "read",
    4_000,
    "One moment.",
)
SERVER = McpServer("clinic", "https://mcp.clinic.example/mcp", (("X-Key", "{{secret.CRM}}"),), ("book",), 5_000)


@pytest.fixture
def asha(cast):
    return seed_agents(cast.tenant, None)[0]


@pytest.fixture
def owner(cast):
    client = Client()
    client.force_login(cast.owner)
    return client


def draft(agent):
    with tenant_scope(agent.tenant_id):
        return read(Agent.objects.get(id=agent.id).draft)


def address(agent, section):
    return reverse("agents:section", args=[agent.tenant.slug, agent.id, section])


def typed(section, *rows):
    data = {f"{section}-TOTAL_FORMS": str(len(rows)), f"{section}-INITIAL_FORMS": "0"}
    return data | {f"{section}-{index}-{key}": value for index, row in enumerate(rows) for key, value in row.items()}


def tool_row(**parts):
    return {
        "name": TOOL.name,
        "description": TOOL.description,
        "method": TOOL.method,
        "url": TOOL.url,
        "schema": EXAMPLE.replace("\n", "\r\n"),
        "headers": "Authorization: Bearer {{secret.CRM}}\r\n",
        "effect": "read",
        "timeout_s": "4",
        "excuse": "One moment.",
    } | parts


def problems(config, *secrets):
    return [(problem.field, problem.text, problem.severity) for problem in tool_problems(config, secrets)]


# Saving


def test_a_tool_is_kept_as_it_was_typed(owner, asha):
    answer = owner.post(address(asha, "tools"), typed("tools", tool_row()))

    assert answer.status_code == 302
    assert draft(asha).tools == (TOOL,)
    assert read(as_json(draft(asha))) == draft(asha)


def test_a_new_row_begins_with_an_example_of_a_schema_and_is_no_tool_until_something_is_typed(owner, asha):
    data = typed("tools", tool_row())
    shown = owner.post(address(asha, "tools"), data | {"row-add": "tools"}, headers={"HX-Request": "true"})
    page = shown.content.decode()

    assert 'id="tools-1-schema"' in page
    assert "The day that the caller wants" in page
    blank = tool_row(
        name="", description="", method="POST", url="", headers="", effect="write", timeout_s="10", excuse=""
    )
    assert owner.post(address(asha, "tools"), typed("tools", tool_row(), blank)).status_code == 302
    assert [tool.name for tool in draft(asha).tools] == ["find_slots"]


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("name", "find slots", "Begin with a letter"),
        ("name", "end_call", "is what every agent has already"),
        ("name", "", "Write something here."),
        ("description", "", "Write something here."),
        ("url", "http://clinic.example/", "the address is not https"),
        ("url", "https://127.0.0.1/", "127.0.0.1 is a loopback address"),
        ("url", "https://2130706433/", "is a loopback address"),
        ("url", "https://[fd00::1]/", "is a private address"),
        ("url", "https://169.254.169.254/latest/meta-data", "is a metadata address"),
        ("url", "https://localhost/", "localhost is a loopback name"),
        ("url", "https://crm.local/slots", "crm.local is a private name"),
        ("url", "https://metadata.google.internal/", "is a private name"),
        ("url", "https://{day}.example/", "The host cannot hold"),
        ("url", "https://{{host}}/", "The host cannot hold"),
        ("url", "https://clinic.example/{no_such}", "{no_such} is not an argument"),
        ("url", "https://clinic.example/?k={{secret.CRM}}", "A secret may stand in headers alone"),
        ("url", "https://me:word@clinic.example/", "the address holds a password"),
        ("schema", "{", "This is not JSON"),
        ("schema", '{"type": "array"}', "must begin with"),
        ("schema", '{"type": "object", "properties": {"day": {"type": "strin"}}}', "properties/day/type"),
        ("headers", "Authorization", "has no colon"),
        ("headers", "Bad Name: x", "is no name of a header"),
        ("headers", "Host: evil.example", "The header Host is set by Switchboard"),
        ("timeout_s", "31", "Write a number from 1 to 30."),
        ("effect", "explodes", "Choose one of the list."),
    ],
)
def test_what_cannot_work_is_named_at_its_field_and_nothing_is_lost(owner, asha, field, value, told):
    answer = owner.post(address(asha, "tools"), typed("tools", tool_row(**{field: value})))
    page = answer.content.decode()

    assert answer.status_code == 422
    assert told in page.replace("&quot;", '"').replace("&#x27;", "'")
    assert f'href="#tools-0-{field}"' in page
    assert "One moment." in page
    assert draft(asha).tools == ()


def test_a_server_a_look_up_and_variables_are_kept(owner, asha):
    server = {
        "name": "clinic",
        "url": SERVER.url,
        "headers": "X-Key: {{secret.CRM}}",
        "tools": "book",
        "timeout_s": "5",
    }
    lookup = {
        "lookup-method": "GET",
        "lookup-url": "https://crm.example/who?n={{caller_number}}",
        "lookup-headers": "",
        "lookup-timeout_s": "1.2",
    }
    owner.post(address(asha, "mcp"), typed("mcp", server))
    owner.post(address(asha, "lookup"), lookup)
    owner.post(address(asha, "variables"), typed("variables", {"name": "name", "value": "friend"}))

    made = draft(asha)
    assert made.mcp == (SERVER,)
    assert (made.lookup.url, made.lookup.timeout_ms, made.lookup.effect) == (lookup["lookup-url"], 1_200, "read")
    assert made.variables == (("name", "friend"),)
    owner.post(address(asha, "lookup"), lookup | {"lookup-url": ""})
    assert draft(asha).lookup is None


@pytest.mark.parametrize("name", ["caller_number", "two words", "1st", "a.b"])
def test_a_variable_has_a_name_of_its_own(owner, asha, name):
    answer = owner.post(address(asha, "variables"), typed("variables", {"name": name, "value": "x"}))

    assert answer.status_code == 422
    assert draft(asha).variables == ()


@pytest.mark.parametrize("wait", ["0", "1.6", "", "soon"])
def test_a_caller_does_not_wait_longer_for_a_look_up_than_is_bearable(owner, asha, wait):
    lookup = {"lookup-method": "GET", "lookup-url": "https://crm.example/", "lookup-timeout_s": wait}

    answer = owner.post(address(asha, "lookup"), lookup)

    assert answer.status_code == 422
    assert "Write a number from 0.2 to 1.5." in answer.content.decode()
    assert draft(asha).lookup is None


def test_who_may_only_read_sees_the_tools_and_no_way_to_try_them(cast, asha):
    with tenant_scope(asha.tenant_id):
        publishing.edit_draft(asha, tools=(TOOL,))
    client = Client()
    client.force_login(cast.analyst)

    page = client.get(reverse("agents:edit", args=[asha.tenant.slug, asha.id])).content.decode()

    assert "find_slots" in page
    assert "/try/" not in page
    assert "/secrets/" not in page


# Problems


def test_a_whole_set_of_tools_has_no_problem():
    config = AgentConfig(
        greeting="Hello {{name}}, it is {{today}}",
        tools=(TOOL,),
        mcp=(SERVER,),
        lookup=HttpTool("lookup", "", "https://crm.example/?n={{caller_number}}", "GET"),
        variables=(("name", "friend"),),
    )

    assert problems(config, "CRM") == []


@pytest.mark.parametrize(
    ("tool", "problem"),
    [
        (
            replace(TOOL, name="a b"),
            ("tools[0].name", "a b: begin with a letter; then only letters, digits, - and _, no spaces"),
        ),
        (
            replace(TOOL, description=" "),
            ("tools[0].description", "find_slots: say when to use it, or the model will not know"),
        ),
        (
            replace(TOOL, url="https://10.0.0.1/{day}"),
            ("tools[0].url", "find_slots: it must be a public https address: 10.0.0.1 is a private address"),
        ),
        (replace(TOOL, schema="{"), ("tools[0].schema", "find_slots: this is not JSON: Input data was truncated")),
        (
            replace(TOOL, url="https://clinic.example/{day}?{{nobody}}"),
            ("tools[0].url", "find_slots: nothing is called “nobody”; add it to the variables"),
        ),
        (
            replace(TOOL, headers=(("X-Key", "{{secret.GONE}}"),)),
            ("tools[0].headers", "find_slots: there is no secret called “GONE”"),
        ),
        (
            replace(TOOL, headers=(("Host", "x"),)),
            ("tools[0].headers", "find_slots: the header Host is set by Switchboard"),
        ),
    ],
)
def test_each_problem_of_a_tool_points_at_its_field(tool, problem):
    assert problems(AgentConfig(tools=(tool,)), "CRM") == [(*problem, "error")]


def test_two_of_a_name_are_a_problem():
    config = AgentConfig(tools=(TOOL, TOOL), mcp=(SERVER, SERVER), variables=(("a", "1"), ("a", "2")))

    found = [text for _, text, _ in problems(config, "CRM")]
    assert found.count("Two tools are called “find_slots”") == 2
    assert found.count("Two MCP servers are called “clinic”") == 2
    assert found.count("Two variables are called “a”") == 2


def test_a_password_that_everybody_can_read_is_a_warning():
    tool = replace(TOOL, headers=(("Authorization", "Bearer abc"),))

    [(field, text, severity)] = problems(AgentConfig(tools=(tool,)))
    assert (field, severity) == ("tools[0].headers", "warning")
    assert "Authorization" in text


def test_an_unknown_variable_is_an_error_unless_a_look_up_may_bring_it():
    config = AgentConfig(greeting="Hello {{first_name}}")
    assert problems(config) == [
        ("greeting", "First words: nothing is called “first_name”; add it to the variables", "error")
    ]

    config = replace(config, lookup=HttpTool("lookup", "", "https://crm.example/", "GET"))
    assert [severity for *_, severity in problems(config)] == ["warning"]


def test_a_secret_in_what_is_spoken_is_an_error():
    config = AgentConfig(greeting="It is {{secret.CRM}}", tongues=(Tongue("hi", AgentConfig().tts, "{{secret.CRM}}"),))

    assert [(field, severity) for field, _, severity in problems(config, "CRM")] == [
        ("greeting", "error"),
        ("tongues[0].greeting", "error"),
    ]


def test_an_agent_with_a_tool_to_the_inside_is_not_published(asha):
    with tenant_scope(asha.tenant_id):
        publishing.edit_draft(asha, tools=(replace(TOOL, url="https://127.0.0.1/{day}"),))
        with pytest.raises(publishing.NotReadyError, match="loopback"):
            publishing.publish(Agent.objects.get(id=asha.id), None)


def test_problems_point_at_controls_that_the_page_has(owner, asha):
    with tenant_scope(asha.tenant_id):
        publishing.edit_draft(
            asha,
            tools=(replace(TOOL, name="", description="", url="", schema="", headers=(("Host", "x"),)),),
            mcp=(replace(SERVER, name="", url=""),),
            lookup=HttpTool("lookup", "", "https://10.0.0.1/", "GET", headers=(("Host", "x"),)),
            variables=(("now", "x"),),
        )
    page = owner.get(reverse("agents:edit", args=[asha.tenant.slug, asha.id])).content.decode()

    for control in (
        *("tools-0-name", "tools-0-description", "tools-0-url", "tools-0-schema", "tools-0-headers"),
        *("mcp-0-name", "mcp-0-url", "lookup-url", "lookup-headers", "variables-0-name"),
    ):
        assert f'href="#{control}"' in page, control
        assert f'id="{control}"' in page, control


def test_the_names_that_are_taken_are_those_of_the_built_in_tools():
    assert builtin.NAMES == BUILT_IN


def test_hosts_of_the_operators_own_network_are_open_when_they_are_named(settings):
    assert tool_checks.address("https://crm.local:8443/")
    assert tool_checks.address("http://10.0.0.5:8080/")
    settings.REACHABLE_HOSTS = ["10.0.0.5:8080", "crm.local:8443"]
    assert tool_checks.address("https://crm.local:8443/") == ""
    assert tool_checks.address("http://10.0.0.5:8080/") == ""


# Comparison


def test_a_review_names_what_changed_in_a_tool():
    before = AgentConfig(tools=(TOOL,), variables=(("a", "1"),))
    after = AgentConfig(
        tools=(replace(TOOL, url="https://clinic.example/v2/{day}"),), mcp=(SERVER,), variables=(("a", "2"),)
    )

    changes = {(change.section, change.label) for change in compare(before, after)}

    assert changes == {("tools", "find_slots"), ("mcp", "clinic"), ("variables", "a")}


def test_what_a_review_shows_of_a_header_is_the_name_of_its_secret():
    [change] = compare(AgentConfig(), AgentConfig(tools=(TOOL,)))

    text = json.dumps([piece.text for line in change.lines for piece in line.pieces])
    assert "{{secret.CRM}}" in text
