"""`switchboard seed`: the shape that people and scripts rely on, and that it may run again."""

import json
import stat
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from agents.models import Agent
from telephony.models import PhoneNumber
from tenants.models import ApiKey, AuditEntry, Membership, Tenant, User
from tenants.scope import platform_scope


@pytest.fixture
def home(tmp_path, settings):
    settings.SWITCHBOARD_HOME = tmp_path / "home"
    return settings.SWITCHBOARD_HOME


def seed(*arguments):
    out = StringIO()
    call_command("seed", *arguments, stdout=out)
    return out.getvalue()


def counts():
    with platform_scope("test"):
        return [m.objects.count() for m in (User, Tenant, Membership, ApiKey, Agent, PhoneNumber, AuditEntry)]


def test_the_document_has_the_agreed_shape(db, home):
    document = json.loads(seed("--json"))

    assert set(document) == {"operator", "tenants"}
    assert set(document["operator"]) == {"email", "password"}
    assert [tenant["slug"] for tenant in document["tenants"]] == ["sanjeevani-clinic", "udupi-garden-restaurants"]
    for tenant in document["tenants"]:
        assert set(tenant) == {"slug", "name", "users", "api_key", "carrier", "agents", "numbers"}
        assert [user["role"] for user in tenant["users"]] == ["owner", "admin", "builder", "analyst", "billing"]
        assert all(set(user) == {"email", "password", "role"} for user in tenant["users"])
        assert set(tenant["carrier"]) == {"auth_id", "auth_token"}
        assert tenant["agents"]
        assert all(set(agent) == {"id", "name"} for agent in tenant["agents"])
        assert tenant["numbers"]
        for number in tenant["numbers"]:
            assert set(number) == {"e164", "agent", "answer_url", "hangup_url"}
            assert "/vobiz/answer/" in number["answer_url"]


def test_the_second_run_says_the_same_and_makes_nothing(db, home):
    first = json.loads(seed("--json"))
    before = counts()

    assert json.loads(seed("--json")) == first
    assert counts() == before


def test_everybody_can_sign_in_with_the_printed_password(client, db, home):
    document = json.loads(seed("--json", "--tenants", "1"))
    [tenant] = document["tenants"]

    for person in [document["operator"], *tenant["users"]]:
        assert client.login(username=person["email"], password=person["password"])
    assert User.objects.get(email=document["operator"]["email"]).is_staff
    assert User.objects.filter(is_staff=True).count() == 1


def test_a_changed_password_is_put_back(db, home):
    document = json.loads(seed("--json", "--tenants", "1"))
    user = User.objects.get(email=document["operator"]["email"])
    user.set_password("something else")
    user.save()

    seed("--json", "--tenants", "1")

    user.refresh_from_db()
    assert user.check_password(document["operator"]["password"])


def test_more_tenants_join_the_first_ones(db, home):
    two = json.loads(seed("--json"))

    nine = json.loads(seed("--json", "--tenants", "9"))

    assert nine["tenants"][:2] == two["tenants"]
    assert len({number["e164"] for tenant in nine["tenants"] for number in tenant["numbers"]}) >= 9


def test_the_secrets_are_kept_for_their_user_alone(db, home):
    seed()

    assert stat.S_IMODE((home / "demo.json").stat().st_mode) == 0o600


def test_another_installation_has_other_secrets(db, settings, tmp_path):
    documents = []
    for name in ("one", "two"):
        settings.SWITCHBOARD_HOME = tmp_path / name
        documents.append(json.loads(seed("--json", "--tenants", "1")))

    one, two = (document["tenants"][0] for document in documents)
    assert one["api_key"] != two["api_key"]
    assert one["users"][0]["password"] != two["users"][0]["password"]
    assert one["carrier"]["auth_token"] != two["carrier"]["auth_token"]


def test_without_json_it_is_a_table_for_people(db, home):
    text = seed("--tenants", "1")

    assert "Sign in at http://127.0.0.1:8000/" in text
    assert "owner@sanjeevani-clinic.example" in text


@pytest.mark.parametrize("number", ["0", "501"])
def test_a_strange_number_of_tenants_is_refused(db, home, number):
    with pytest.raises(CommandError, match="from 1 to"):
        seed("--tenants", number)
