"""Every operation of the API, by whoever may knock: nobody, a person who is signed in, a key that may do nothing, a
key of another business, and one that may."""

import json

import pytest
from django.test import Client
from django.utils import timezone

from agents.seeding import seed_agents
from api.site import document
from telephony.models import Call, PhoneNumber
from tenants import keys
from tenants.access import ALL
from tenants.scope import tenant_scope

TABLE = """
                                            nobody person powerless other owner
get_me                                      401    401    200       200   200
list_agents                                 401    401    403       200   200
create_agent                                401    401    403       201   201
get_agent                                   401    401    403       404   200
change_draft                                401    401    403       404   200
discard_draft                               401    401    403       404   200
list_problems                               401    401    403       404   200
publish_agent                               401    401    403       404   409
list_versions                               401    401    403       404   200
get_version                                 401    401    403       404   200
restore_version                             401    401    403       404   409
list_calls                                  401    401    403       200   200
place_call                                  401    401    403       409   409
get_call                                    401    401    403       404   200
get_transcript                              401    401    403       404   200
get_recording                               401    401    403       404   404
hang_up                                     401    401    403       404   409
say                                         401    401    403       404   409
instruct                                    401    401    403       404   409
transfer                                    401    401    403       404   409
list_numbers                                401    401    403       200   200
get_number                                  401    401    403       404   200
change_number                               401    401    403       404   200
"""
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:]]
BODIES = {
    "create_agent": {"config": {"name": "Asha"}},
    "place_call": {"agent_id": "00000000-0000-0000-0000-000000000000", "to": "+919876543210"},
    "change_draft": {"config": {}},
    "publish_agent": {},
    "say": {"text": "Hello."},
    "instruct": {"text": "Be brief."},
    "transfer": {"target": "Desk"},
    "change_number": {},
}


def operations():
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield operation["operationId"], method, path


def test_every_operation_is_in_the_table():
    assert {name for name, _, _ in operations()} == {row[0] for row in ROWS}


@pytest.fixture
def knock(cast):
    agent = seed_agents(cast.tenant, cast.owner)[0]
    bearers = {}
    with tenant_scope(cast.tenant.id):
        number = PhoneNumber.objects.create(e164="+918047182210", agent=agent)
        call = Call.objects.create(carrier_id="uuid-1", number=number, created_at=timezone.now(), status="ended")
        keys.store("None", bearers.setdefault("powerless", keys.new_key()), ())
        keys.store("All", bearers.setdefault("owner", keys.new_key()), ALL)
    with tenant_scope(cast.other.id):
        keys.store("All", bearers.setdefault("other", keys.new_key()), ALL)
    ids = {"agent_id": agent.id, "call_id": call.id, "number_id": number.id, "number": 1}

    def ask(who, name, method, path):
        client = Client()
        if who == "person":
            client.force_login(cast.owner)
        headers = {"Authorization": f"Bearer {bearers[who]}"} if who in bearers else {}
        body = json.dumps(BODIES.get(name))
        answer = client.generic(
            method.upper(), path.format(**ids), body, content_type="application/json", headers=headers
        )
        return answer.status_code

    return ask


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_who_may_do_what(row, knock):
    [(name, method, path)] = [found for found in operations() if found[0] == row[0]]
    people = ("nobody", "person", "powerless", "other", "owner")

    assert [knock(who, name, method, path) for who in people] == [int(status) for status in row[1:]]
