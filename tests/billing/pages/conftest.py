"""A business with people, money and calls, seen through its pages."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.urls import reverse

from agents.seeding import seed_agents
from billing import activities, charging, usage
from billing.meters import Amount
from tests.billing.conftest import Business, minutes

NOW = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


@pytest.fixture
def business(cast):
    return Business(cast.tenant)


@pytest.fixture
def agent(cast):
    return seed_agents(cast.tenant, cast.owner)[0]


@pytest.fixture
def at_noon():
    """Noon of 20 November in Kolkata."""
    with time_machine.travel(NOW, tick=False):
        yield NOW


def talks(business, source, talk=2, began=NOW, **labels):
    """A charged call; what it cost in micro-rupees."""
    with business.scope():
        activities.begin(source, labels.pop("kind", "call"), began, **labels)
        amounts = (
            Amount("carrier.leg", minutes(talk), "vobiz"),
            Amount("platform.minute", minutes(talk)),
            Amount("stt.audio", minutes(talk), "deepgram", "nova-3"),
        )
        usage.close(source, amounts, began)
        return charging.charge(source, began).price_micros


@pytest.fixture
def see(client, cast, at_noon):
    """Open a page of the business as somebody; gives the response, which must be the status."""

    def open_page(name, *args, who="owner", status=200, data=None, **query):
        client.force_login(getattr(cast, who))
        address = reverse(f"billing:{name}", args=[cast.tenant.slug, *args])
        response = client.post(address, data) if data is not None else client.get(address, query)
        assert response.status_code == status, response.content.decode()[:2000]
        return response

    return open_page
