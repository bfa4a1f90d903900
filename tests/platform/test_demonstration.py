"""`switchboard demo` in a house where people have been at work: whom it dials."""

import pytest

from agents import publishing
from agents.config import read
from agents.keyed_start import with_models
from agents.models import Agent, AgentVersion
from switchboard import demonstration
from telephony.models import PhoneNumber
from tenants.models import Tenant
from tenants.scope import tenant_scope


@pytest.fixture
def first(db, tmp_path, settings):
    """The number of the demo's first run."""
    settings.SWITCHBOARD_HOME = tmp_path / "home"
    return demonstration.seed().e164


@pytest.fixture
def in_clinic(first):
    """The scope of the tenant that the demo calls."""
    tenant = Tenant.objects.get(slug="sanjeevani-clinic")
    return lambda: tenant_scope(tenant.id)


def test_it_dials_the_published_agent_whatever_other_numbers_there_are(first, in_clinic):
    with in_clinic():
        config = read(PhoneNumber.objects.get(e164=first).agent.draft)
        draft = publishing.create(config, None)
        keyed = publishing.create(with_models(config, "en", "Sanjeevani Clinic"), None)
        keyed.published = AgentVersion.objects.create(agent=keyed, number=1, config=keyed.draft)
        keyed.save(update_fields=["published"])
        for index, agent in enumerate((None, draft, keyed)):
            PhoneNumber.objects.create(e164=f"+91000000000{index}", agent=agent)

    assert demonstration.seed().e164 == first


def test_without_such_an_agent_it_says_so(first, in_clinic):
    with in_clinic():
        Agent.objects.update(published=None)

    with pytest.raises(demonstration.DemoError, match="answered by a published agent"):
        demonstration.seed()
