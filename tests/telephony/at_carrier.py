"""A carrier with an account, one number of it, and two for sale. Fixtures for the folders that import them."""

from decimal import Decimal

import pytest

from telephony.simulator.server import CarrierServer
from telephony.simulator.world import Account, Number, World
from tests import cast as people
from tests.fakes.threaded import beside
from tests.telephony.conftest import AUTH_TOKEN

OWNED = "+918071387001"
FOR_SALE = "+918047180001"


@pytest.fixture
def vobiz(settings):
    """`vobiz.world` is what the carrier knows, `vobiz.requests` what it was asked."""
    world = World.of(
        [Account("MA_TEST", AUTH_TOKEN, balance=Decimal(5000))],
        [Number(OWNED, "MA_TEST", monthly_fee=Decimal("590")), Number(FOR_SALE), Number("+918047180002")],
    )
    with beside(lambda: CarrierServer(world)) as server:
        settings.VOBIZ_API_URL, settings.CARRIER_IN_REACH = server.api_url, True
        yield server


@pytest.fixture
def as_role(client, acme):
    def sign_in(role):
        client.force_login(people.make_member(acme.tenant, people.Role(role)))
        return client

    return sign_in


@pytest.fixture
def owner(as_role):
    return as_role("owner")
