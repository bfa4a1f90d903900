"""What a worker buys when it speaks fixed sentences ahead is metered once, and calls play it for nothing."""

from dataclasses import replace

import pytest

from agents import greetings, publishing, tasks
from agents.models import ProviderKey
from agents.starting_points import starting_point
from agents.voice.blueprint import Stage
from agents.voice.phrases import PROCESS_CACHE
from agents.voice.spoken_forms import spoken
from billing.models import Activity, UsageRecord
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.agents.voice import conversing
from tests.fakes.cartesia import VOICES, Cartesia
from tests.fakes.providers import fakes
from tests.fakes.threaded import serving
from tests.fakes.vendor import KEY

SONIC = Stage("cartesia", "sonic-3.6", VOICES[0]["id"])
ASHA = replace(starting_point("clinic").make("Asha", "Acme"), tts=SONIC)


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


def used(tenant, version):
    """Amounts that were bought for the version."""
    with tenant_scope(tenant.id):
        records = UsageRecord.objects.filter(activity__source__startswith=f"phrases:{version.id}:")
        return [(one.provider, one.model, one.meter, one.amount, one.own_account) for one in records]


def test_what_was_bought_is_metered_with_the_version_as_its_source(tenant, vendor):
    version = publish(tenant, ASHA)

    tasks.render_phrases(str(tenant.id), str(version.id))

    characters = sum(len(text) for text in vendor.spoken)
    assert used(tenant, version) == [("cartesia", "sonic-3.6", "tts.characters", characters, True)]
    with tenant_scope(tenant.id):
        activity = Activity.objects.get(source__startswith=f"phrases:{version.id}:")
    assert (activity.kind, activity.agent) == ("phrases", str(version.agent_id))


def test_a_worker_that_is_asked_twice_buys_and_meters_once(tenant, vendor):
    version = publish(tenant, ASHA)
    tasks.render_phrases(str(tenant.id), str(version.id))
    before, asked = used(tenant, version), len(vendor.spoken)

    tasks.render_phrases(str(tenant.id), str(version.id))

    assert (used(tenant, version), len(vendor.spoken)) == (before, asked)


def test_what_a_second_worker_bought_in_addition_is_added(tenant, vendor, monkeypatch):
    monkeypatch.setattr(greetings, "SENTENCE_S", 0.5)
    version = publish(tenant, ASHA)
    vendor.faults.stall_after = 100
    tasks.render_phrases(str(tenant.id), str(version.id))
    first = sum(amount for *_, amount, _ in used(tenant, version))
    vendor.faults.stall_after = None

    tasks.render_phrases(str(tenant.id), str(version.id))

    both = sum(amount for *_, amount, _ in used(tenant, version))
    with tenant_scope(tenant.id):
        blueprint = publishing.blueprint(version)
    assert 0 < first < both == sum(len(spoken(text, "en")) for _, _, text in greetings.sentences(blueprint))


def test_a_call_that_plays_what_was_rendered_pays_nothing_for_it(tenant, vendor):
    version = publish(tenant, ASHA)
    tasks.render_phrases(str(tenant.id), str(version.id))
    with tenant_scope(tenant.id):
        blueprint = publishing.blueprint(version)
    PROCESS_CACHE._kept.clear()
    greetings._seen.clear()
    greetings.recall(tenant.id, blueprint)

    outcome = conversing.call(fakes(), blueprint=blueprint, hang_up_ms=6_000)

    assert outcome.kinds("agent") == ["greeting"]
    assert [line.meter for line in outcome.report.usage if line.meter.startswith("tts.")] == []
