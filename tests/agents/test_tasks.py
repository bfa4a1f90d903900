"""Publishing asks a worker to speak the fixed sentences: after the commit, by reference, and nothing hangs on it."""

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from kombu.exceptions import OperationalError

from agents import greetings, publishing, tasks
from agents.models import ProviderKey
from agents.starting_points import starting_point
from agents.voice.blueprint import Stage
from agents.voice.phrases import PROCESS_CACHE
from agents.voice.tongues import SENTENCES
from agents.voice.variables import facts, filled_in, with_facts
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.agents.voice import conversing
from tests.fakes.cartesia import VOICES, Cartesia
from tests.fakes.providers import fakes
from tests.fakes.threaded import serving
from tests.fakes.vendor import KEY

SONIC = Stage("cartesia", "sonic-3.6", VOICES[0]["id"])
CLINIC = starting_point("clinic").make("Asha", "Acme")
ASHA = replace(CLINIC, tts=SONIC)
SHOP = (("business", "the shop"),)


@pytest.fixture
def vendor():
    with serving(Cartesia()) as running:
        yield running


@pytest.fixture
def tenant(db, vendor):
    made = Tenant.objects.create(slug="acme", name="Acme")
    with tenant_scope(made.id):
        ProviderKey.objects.create(provider="cartesia", key=KEY, last_four="-key", base_url=vendor.url)
    return made


def publish(tenant, config):
    with tenant_scope(tenant.id):
        return publishing.publish(publishing.create(config, None), None)


@pytest.fixture
def sent(monkeypatch):
    """The messages that a broker would get, as it would get them."""
    messages = []

    def send(args, **options):
        messages.append(json.dumps([args, {name: str(value) for name, value in options.items()}]))

    monkeypatch.setattr(tasks.render_phrases, "apply_async", send)
    return messages


def test_a_worker_is_asked_after_the_commit_and_the_message_holds_references_alone(
    tenant, sent, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks() as callbacks:
        version = publish(tenant, ASHA)
        assert sent == []
    for callback in callbacks:
        callback()

    [message] = sent
    assert json.loads(message)[0] == [str(tenant.id), str(version.id)]
    assert KEY not in message


def test_nobody_is_asked_for_a_voice_of_this_machine(tenant, sent, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        publish(tenant, CLINIC)

    assert sent == []


def test_a_broker_that_is_away_stops_no_publishing(tenant, monkeypatch, django_capture_on_commit_callbacks):
    def away(**options):
        raise OperationalError("no broker")

    monkeypatch.setattr(tasks.render_phrases, "apply_async", away)
    with django_capture_on_commit_callbacks(execute=True):
        version = publish(tenant, ASHA)

    assert version.number == 1


def test_the_worker_speaks_with_the_tenants_own_key(tenant, vendor, sent):
    version = publish(tenant, ASHA)

    tasks.render_phrases(str(tenant.id), str(version.id))

    assert len(vendor.spoken) == 1 + len(SENTENCES)
    with tenant_scope(tenant.id):
        assert len(greetings._kept(greetings.name(tenant.id, publishing.blueprint(version)))) == len(vendor.spoken)


def test_a_version_that_is_gone_is_logged_and_nothing_else(tenant):
    tasks.render_phrases(str(tenant.id), str(tenant.id))


def test_a_vendor_that_refuses_is_logged_and_nothing_else(tenant, vendor, sent):
    with tenant_scope(tenant.id):
        key = ProviderKey.objects.get()
        key.key = "another"
        key.save()
    version = publish(tenant, ASHA)

    tasks.render_phrases(str(tenant.id), str(version.id))

    assert vendor.spoken == []


def test_the_first_call_after_publishing_needs_no_voice_for_its_first_words(tenant, vendor, sent):
    version = publish(tenant, replace(ASHA, greeting="Hello, this is {{agent_name}} of {{business}}.", variables=SHOP))
    tasks.render_phrases(str(tenant.id), str(version.id))
    with tenant_scope(tenant.id):
        blueprint = publishing.blueprint(version)
    PROCESS_CACHE._kept.clear()  # the worker was another process
    greetings._seen.clear()
    greetings.recall(tenant.id, blueprint)
    spoken, _ = filled_in(with_facts(blueprint, facts(call_id="c1", agent_name="Asha", now=datetime.now(UTC))))

    providers = fakes()
    outcome = conversing.call(providers, blueprint=spoken, hang_up_ms=20_000)

    assert outcome.said("agent")[:2] == ["Hello, this is Asha of the shop.", ASHA.phrases.idle]
    assert outcome.line.audible_ms()[0][0] <= 20
    assert providers.tts.said == []
