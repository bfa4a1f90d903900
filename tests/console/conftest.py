"""An operator in a staff session, and businesses to look at."""

from datetime import UTC, datetime

import pytest
import time_machine
from django.urls import reverse

from console import access
from tenants.scope import platform_scope
from tests.billing.conftest import Business
from tests.cast import make_user

NOW = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)


@pytest.fixture
def at_noon():
    """Noon of 20 November in Kolkata."""
    with time_machine.travel(NOW, tick=False):
        yield NOW


@pytest.fixture
def business(cast):
    return Business(cast.tenant)


@pytest.fixture
def second(db):
    """Another operator."""
    return make_user(is_staff=True, email="second@platform.example")


@pytest.fixture
def see(client, cast, at_noon):
    """Open a page of the console as an operator in a session."""

    def open_page(name, *args, who=None, status=200, data=None, **query):
        user = who or cast.operator
        with platform_scope("test"):
            if access.session_of(user, NOW) is None:
                access.begin(user, "ticket 12", 60, NOW)
        client.force_login(user)
        address = reverse(f"console:{name}", args=args)
        response = client.post(address, data) if data is not None else client.get(address, query)
        assert response.status_code == status, response.content.decode()[:2000]
        return response

    return open_page


def the_only(model):
    """The one row that there is, of whichever business."""
    with platform_scope("test"):
        return model.objects.get()
