"""The agent that answered a number before there were routes is its first route."""

from importlib import import_module

import pytest
from django.db import connection, transaction

from telephony.models import PhoneNumber
from telephony.routes.models import Route
from tenants.scope import APP_ROLE, platform_scope

AGENTS_TO_ROUTES = import_module("telephony.migrations.0005_routes").AGENTS_TO_ROUTES


@pytest.fixture
def migrate(db):
    def run():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(AGENTS_TO_ROUTES)
            cursor.execute(f"SET ROLE {APP_ROLE}")

    return run


def routes():
    with platform_scope("test"):
        return {(row.number.e164, row.place, row.kind, row.agent_id) for row in Route.objects.select_related("number")}


def test_every_tenants_numbers_get_the_agent_that_they_have(acme, bazaar, migrate):
    with acme.scope():
        PhoneNumber.objects.create(e164="+918071387009")

    migrate()

    assert routes() == {
        (acme.number.e164, "open", "agent", acme.agent.id),
        (bazaar.number.e164, "open", "agent", bazaar.agent.id),
    }


def test_it_may_run_twice_and_leaves_what_was_changed_since(acme, migrate):
    migrate()
    with acme.scope():
        Route.objects.update(kind="voicemail", agent=None)

    migrate()

    assert routes() == {(acme.number.e164, "open", "voicemail", None)}
