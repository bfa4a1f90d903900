"""The API over HTTP, as a program meets it."""

import json
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from agents.models import Agent
from api.models import Repeatable
from telephony.models import Call, PhoneNumber, Status
from tenants import keys
from tenants.access import ALL, READ
from tenants.models import ApiKey, AuditEntry
from tenants.scope import tenant_scope

ANSWERS = [{"question": "When are you open?", "answer": "From nine to five."}]


class Program:
    """Somebody else's program with a key."""

    def __init__(self, key):
        self.key, self._client = key, Client(raise_request_exception=False)

    def __call__(self, method, path, body=None, **headers):
        data = {} if body is None else {"data": body if isinstance(body, str) else json.dumps(body)}
        given = {"Authorization": f"Bearer {self.key}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        answer = self._client.generic(method, f"/api/v1{path}", content_type="application/json", headers=given, **data)
        answer.value = json.loads(answer.content) if "json" in answer.headers.get("Content-Type", "") else None
        return answer


def program(tenant, permissions=ALL, **options):
    key = keys.new_key()
    with tenant_scope(tenant.id):
        keys.store("Test", key, permissions, **options)
    return Program(key)


@pytest.fixture
def ask(cast):
    return program(cast.tenant)


def test_a_key_says_whose_it_is(cast, ask):
    answer = ask("GET", "/me")

    assert answer.status_code == 200
    assert answer.value["tenant"]["slug"] == cast.tenant.slug
    assert answer.value["permissions"] == sorted(ALL)
    assert answer.headers["RateLimit-Limit"] == "600"
    assert answer.headers["RateLimit-Remaining"] == "599"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer sb_00000000_nothing", "Basic abc", "Bearer \u00fc"])
def test_without_a_key_nothing_is_there(cast, header):
    answer = Client().get("/api/v1/me", headers={"Authorization": header})

    assert answer.status_code == 401
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_a_session_is_no_key(cast, client):
    client.force_login(cast.owner)

    assert client.get("/api/v1/me").status_code == 401


def test_a_key_ends_when_it_is_revoked_or_has_expired(cast):
    late = program(cast.tenant, expires_at=timezone.now() - timedelta(seconds=1))
    gone = program(cast.tenant)
    with tenant_scope(cast.tenant.id):
        ApiKey.objects.filter(prefix=gone.key[:11]).update(revoked_at=timezone.now())

    assert (late("GET", "/me").status_code, gone("GET", "/me").status_code) == (401, 401)


def test_a_key_does_what_it_may_and_nothing_else(cast):
    reads = program(cast.tenant, READ)

    refused = reads("POST", "/agents", {"config": {"name": "Asha"}})

    assert reads("GET", "/agents").status_code == 200
    assert (refused.status_code, refused.value["type"]) == (403, "urn:switchboard:problem:not_allowed")


def test_too_many_requests_are_refused_until_the_minute_is_over(cast, ask, settings):
    settings.API_REQUESTS_PER_MINUTE = 2

    codes = [ask("GET", "/me").status_code for _ in range(3)]
    refused = ask("GET", "/me")
    with tenant_scope(cast.tenant.id):
        ApiKey.objects.update(window_began_at=timezone.now() - timedelta(seconds=61))

    assert codes == [200, 200, 429]
    assert 1 <= int(refused.headers["Retry-After"]) <= 60
    assert ask("GET", "/me").status_code == 200


def test_an_agent_is_made_changed_published_and_brought_back(cast, ask):
    made = ask("POST", "/agents", {"config": {"name": "Asha", "greeting": "Hello.", "answers": ANSWERS}})
    place = f"/agents/{made.value['id']}"
    first = ask("POST", f"{place}/publish", {"note": "first"})
    changed = ask("PATCH", f"{place}/draft", {"config": {"greeting": "Good day."}})
    second = ask("POST", f"{place}/publish", {})
    again = ask("POST", f"{place}/publish", {})
    back = ask("POST", f"{place}/versions/1/restore")
    versions = ask("GET", f"{place}/versions")

    assert (made.status_code, first.status_code) == (201, 201), first.value
    assert made.value["draft"]["greeting"] == "Hello."
    assert (first.status_code, first.value["number"]) == (201, 1)
    assert changed.value["has_changes"] is True
    assert second.value["config"]["greeting"] == "Good day."
    assert (again.status_code, again.value["type"]) == (409, "urn:switchboard:problem:not_published")
    assert (back.value["number"], back.value["config"]["greeting"]) == (3, "Hello.")
    assert [version["number"] for version in versions.value["data"]] == [3, 2, 1]


def test_what_is_wrong_is_named_as_the_request_spells_it(ask):
    unknown = ask("POST", "/agents", {"config": {"name": "Asha", "greting": "Hi"}})
    odd = ask("POST", "/agents", {"config": {"name": "Asha", "targets": [{"name": 5}]}})
    made = ask("POST", "/agents", {"config": {"name": "Asha"}})
    changed = ask("PATCH", f"/agents/{made.value['id']}/draft", {"config": {"limits": {"max_call_s": "long"}, "x": 1}})
    extra = ask("POST", f"/agents/{made.value['id']}/publish", {"note": "", "force": True})

    def fields(answer):
        assert answer.status_code == 422
        return {error["field"] for error in answer.value["errors"]}

    assert fields(unknown) == {"config.greting"}
    assert "config.targets.0.name" in fields(odd)
    assert fields(changed) == {"config.x", "config.limits.max_call_s"}
    assert fields(extra) == {"force"}


def test_publishing_what_is_not_ready_names_the_problems(ask):
    made = ask("POST", "/agents", {"config": {"name": "Asha", "targets": [{"name": "Desk", "e164": "12"}]}})
    place = f"/agents/{made.value['id']}"

    refused = ask("POST", f"{place}/publish", {})
    listed = ask("GET", f"{place}/problems")

    assert refused.status_code == 409
    assert refused.value["errors"]
    named = {error["field"] for error in refused.value["errors"]}
    assert named == {problem["field"] for problem in listed.value if problem["severity"] == "error"}


@pytest.mark.parametrize(
    ("body", "status"),
    [("{", 400), ("[1]", 422), ('{"config": {"name": "a\\u0000"}}', 400), ('{"config": {"name": "\\ud800"}}', 400)],
)
def test_bodies_that_are_none_are_refused(ask, body, status):
    assert ask("POST", "/agents", body).status_code == status


def test_others_rows_are_not_there(cast, ask):
    stranger = program(cast.other)
    made = ask("POST", "/agents", {"config": {"name": "Asha"}}).value["id"]

    assert stranger("GET", f"/agents/{made}").status_code == 404
    assert stranger("PATCH", f"/agents/{made}/draft", {"config": {"name": "Mine"}}).status_code == 404
    assert stranger("GET", "/agents").value["data"] == []


def test_a_post_with_a_key_is_done_once(cast, ask):
    first = ask("POST", "/agents", {"config": {"name": "Asha"}}, Idempotency_Key="one")
    second = ask("POST", "/agents", {"config": {"name": "Asha"}}, Idempotency_Key="one")
    other = ask("POST", "/agents", {"config": {"name": "Ravi"}}, Idempotency_Key="one")

    assert second.value == first.value
    assert second.headers["Idempotent-Replayed"] == "true"
    assert (other.status_code, other.value["type"]) == (409, "urn:switchboard:problem:key_used")
    with tenant_scope(cast.tenant.id):
        assert Agent.objects.count() == 1


def test_a_post_under_way_is_not_begun_again(cast, ask):
    ask("POST", "/agents", {"config": {"name": "Asha"}}, Idempotency_Key="one")
    with tenant_scope(cast.tenant.id):
        Repeatable.objects.update(status=None)

    answer = ask("POST", "/agents", {"config": {"name": "Asha"}}, Idempotency_Key="one")

    assert (answer.status_code, answer.value["type"]) == (409, "urn:switchboard:problem:no_answer")


def test_lists_go_on_where_a_page_ended(cast, ask):
    for number in range(5):
        ask("POST", "/agents", {"config": {"name": f"Agent {number}"}})

    names, cursor = [], ""
    for _ in range(3):
        answer = ask("GET", f"/agents?limit=2&cursor={cursor}").value
        names += [agent["name"] for agent in answer["data"]]
        cursor = answer["next_cursor"]

    assert names == [f"Agent {number}" for number in (4, 3, 2, 1, 0)]
    assert cursor == ""
    assert ask("GET", "/agents?cursor=nonsense").status_code == 422
    assert ask("GET", "/agents?limit=0").status_code == 422


def test_numbers_are_led_to_agents(cast, ask):
    agent = ask("POST", "/agents", {"config": {"name": "Asha"}}).value["id"]
    with tenant_scope(cast.tenant.id):
        number = PhoneNumber.objects.create(e164="+918047182210")

    changed = ask("PATCH", f"/numbers/{number.id}", {"agent_id": agent, "label": "Front desk"})
    foreign = ask("PATCH", f"/numbers/{number.id}", {"agent_id": str(number.id)})

    assert (changed.value["agent_id"], changed.value["label"]) == (agent, "Front desk")
    assert foreign.value["errors"][0]["field"] == "agent_id"
    with tenant_scope(cast.tenant.id):
        assert AuditEntry.objects.filter(verb="changed number", detail__api_key=ask.key[:11]).exists()


def test_a_call_is_read_and_one_that_is_over_takes_no_orders(cast, ask):
    with tenant_scope(cast.tenant.id):
        call = Call.objects.create(
            carrier_id="uuid-1",
            caller="+919876500000",
            called="+918047182210",
            created_at=timezone.now(),
            status=Status.ENDED,
            ended_at=timezone.now(),
        )

    listed, one = ask("GET", "/calls"), ask("GET", f"/calls/{call.id}")
    refused = ask("POST", f"/calls/{call.id}/hang-up")

    assert [row["id"] for row in listed.value["data"]] == [str(call.id)]
    assert one.value["caller"] == "+919876500000"
    assert ask("GET", f"/calls/{call.id}/transcript").value == []
    assert ask("GET", f"/calls/{call.id}/recording").status_code == 404
    assert (refused.status_code, refused.value["type"]) == (409, "urn:switchboard:problem:call_over")
    assert ask("GET", "/calls?live=true").value["data"] == []
    assert ask("GET", "/calls?since=2026-01-01T00:00:00").status_code == 422


def test_a_call_that_cannot_be_placed_is_refused_by_field(cast, ask):
    agent = ask("POST", "/agents", {"config": {"name": "Asha"}}).value["id"]

    no_account = ask("POST", "/calls", {"agent_id": agent, "to": "+919876543210"})
    no_number = ask("POST", "/calls", {"agent_id": agent, "to": "0123"})

    assert (no_account.status_code, no_account.value["type"]) == (409, "urn:switchboard:problem:no_account")
    assert no_number.value["errors"][0]["field"] == "to"


def test_what_is_not_there_is_a_problem_too(ask):
    nothing, method = ask("GET", "/nothing"), ask("DELETE", "/me")

    assert (nothing.status_code, nothing.headers["Content-Type"]) == (404, "application/problem+json")
    assert (method.status_code, method.headers["Allow"], method.value["status"]) == (405, "GET", 405)


def test_the_document_is_open_and_tells_of_refusals(client):
    document = client.get("/api/v1/openapi.json").json()

    operation = document["paths"]["/api/v1/calls"]["post"]
    assert set(operation["responses"]) >= {"201", "401", "403", "409", "422", "429"}
    assert "AgentConfig" in document["components"]["schemas"]
