"""Pages that wait for somebody outside: meanwhile no transaction is open, and the database has its connection back."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg
import pytest
from django.db import connection, connections
from django.test import Client
from django.urls import reverse

from agents import publishing
from agents.models import ProviderKey
from agents.seeding import seed_agents
from agents.tool_rows import EXAMPLE
from agents.voice.blueprint import HttpTool
from tenants import outside
from tenants.scope import ScopeError, tenant_scope
from tests.cast import gather
from tests.fakes.anthropic import AnthropicFake
from tests.fakes.cartesia import VOICES, Cartesia
from tests.fakes.threaded import beside, serving
from tests.fakes.vendor import KEY
from tests.fakes.web import Answer, web

pytestmark = pytest.mark.django_db(transaction=True)


class Witness:
    """Sees what the database does while somebody else is being asked: the states of its other sessions."""

    def __init__(self):
        known = connection.get_connection_params()
        self.place = {name: known[name] for name in ("dbname", "user", "password", "host", "port") if name in known}
        self.seen = []

    def look(self):
        with psycopg.connect(**self.place) as session:
            rows = session.execute(
                "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchall()
        self.seen.append({state for (state,) in rows if state != "idle"})


@contextmanager
def watched(fake, witness):
    """A vendor that lets the witness look before it answers."""
    denied = fake.denied

    def look(request):
        witness.look()
        return denied(request)

    fake.denied = look
    with serving(fake):
        yield fake


@pytest.fixture
def witness():
    return Witness()


@pytest.fixture
def people():
    return gather()


@pytest.fixture
def owner(people):
    client = Client()
    client.force_login(people.owner)
    return client


def test_a_key_is_checked_without_a_transaction(owner, people, settings, witness):
    with watched(AnthropicFake(), witness) as vendor:
        settings.VENDORS = {**settings.VENDORS, "anthropic": (vendor.base_url, "")}
        slug = people.tenant.slug

        saved = owner.post(reverse("agents:key", args=[slug, "anthropic"]), {"key": KEY})
        checked = owner.post(reverse("agents:key-check", args=[slug, "anthropic"]))

    assert (saved.status_code, checked.status_code) == (302, 302)
    assert witness.seen == [set(), set()]
    with tenant_scope(people.tenant.id):
        assert ProviderKey.objects.get().checked_at is not None


def test_a_key_that_was_replaced_during_its_check_keeps_its_own_word(owner, people, settings, witness):
    slug = people.tenant.slug
    with watched(AnthropicFake(key="another-key-0123456789"), witness) as vendor:
        settings.VENDORS = {**settings.VENDORS, "anthropic": (vendor.base_url, "")}
        with tenant_scope(people.tenant.id):
            ProviderKey.objects.create(provider="anthropic", key=KEY, last_four="…-key")
        witness.look = lambda: elsewhere(replace_key, people.tenant)

        page = owner.post(reverse("agents:key-check", args=[slug, "anthropic"]), follow=True).content.decode()

    assert "was changed while the old one was being checked" in page
    with tenant_scope(people.tenant.id):
        assert ProviderKey.objects.get().problem == ""


def elsewhere(work, *about):
    """In another thread: with a connection of its own, and no event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(work, *about).result()
        pool.submit(connections.close_all).result()


def replace_key(tenant):
    with tenant_scope(tenant.id):
        row = ProviderKey.objects.get()
        row.key = "a-newer-key-0123456789"
        row.save()


def test_a_tool_is_tried_without_a_transaction(owner, people, settings, witness):
    with beside(web) as server:
        settings.REACHABLE_HOSTS = [f"127.0.0.1:{server.port}"]
        server.answer = lambda asked: (witness.look(), Answer(200, b"{}"))[1]
        agent = seed_agents(people.tenant, None)[0]
        tool = HttpTool("find_slots", "Slots", f"http://127.0.0.1:{server.port}/{{day}}", "GET", EXAMPLE)
        with tenant_scope(people.tenant.id):
            publishing.edit_draft(agent, tools=(tool,))

        address = reverse("agents:try", args=[people.tenant.slug, agent.id, "tool", "find_slots"])
        page = owner.post(address, {"try-tool-day": "today", "run": "1"})

    assert "status 200" in page.content.decode()
    assert witness.seen == [set()]


def test_voices_are_listed_and_heard_without_a_transaction(owner, people, settings, witness):
    agent = seed_agents(people.tenant, None)[0]
    with watched(Cartesia(), witness) as vendor:
        settings.VENDORS = {**settings.VENDORS, "cartesia": (vendor.url, KEY)}
        slug, voice = people.tenant.slug, f"cartesia/sonic-3/{VOICES[0]['id']}"

        listed = owner.get(reverse("agents:voices", args=[slug, agent.id]), {"language": ""})
        heard = owner.get(reverse("agents:preview", args=[slug]), {"voice": voice})

    assert VOICES[0]["name"] in listed.content.decode()
    assert heard["Content-Type"] == "audio/wav"
    assert set(map(frozenset, witness.seen)) == {frozenset()}


def test_asking_inside_of_a_scope_is_refused(people):
    asked = []

    async def question():
        asked.append(True)

    with tenant_scope(people.tenant.id), pytest.raises(ScopeError):
        outside.ask(question)

    assert asked == []
