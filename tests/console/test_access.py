"""The door of the console: staff, in a session with a reason and an end, and nothing unwritten."""

from datetime import timedelta

import pytest
import time_machine
from django.db import transaction
from django.db.utils import DatabaseError
from django.urls import reverse

from console import access
from console.models import AccessLog, StaffSession
from tenants.scope import platform_scope
from tests.console.conftest import NOW


@pytest.mark.parametrize("person", ["owner", "billing", "stranger", "outsider"])
def test_for_everybody_else_there_is_no_console(client, cast, person):
    client.force_login(getattr(cast, person))

    for name in ("home", "session", "tenants", "log"):
        assert client.get(reverse(f"console:{name}")).status_code == 404


def test_without_a_session_the_way_leads_to_one_and_back(client, cast):
    client.force_login(cast.operator)

    response = client.get(reverse("console:usage"), {"by": "tenant"})

    assert response.status_code == 302
    assert response["Location"] == "/console/session/?next=%2Fconsole%2Fusage%2F%3Fby%3Dtenant"
    begun = client.post(
        response["Location"], {"reason": "ticket 12", "minutes": "30", "next": "/console/usage/?by=tenant"}
    )
    assert begun["Location"] == "/console/usage/?by=tenant"
    assert client.get(begun["Location"]).status_code == 200


@pytest.mark.parametrize("told", [{"reason": "", "minutes": "30"}, {"reason": "x", "minutes": "9999"}, {}])
def test_a_session_needs_a_reason_and_an_end(client, cast, told):
    client.force_login(cast.operator)

    assert client.post(reverse("console:session"), told).status_code == 422
    with platform_scope("test"):
        assert not StaffSession.objects.exists()


def test_nobody_is_sent_to_another_site(client, cast):
    client.force_login(cast.operator)

    response = client.post(
        reverse("console:session"), {"reason": "x", "minutes": "30", "next": "https://elsewhere.example/"}
    )

    assert response["Location"] == "/console/"


def test_a_session_ends_by_itself(see, client):
    see("home")

    with time_machine.travel(NOW + timedelta(minutes=61), tick=False):
        assert client.get(reverse("console:home")).status_code == 302


def test_a_session_ends_when_it_is_ended(see, client):
    see("home")

    client.post(reverse("console:session-end"))

    assert client.get(reverse("console:home")).status_code == 302


def test_a_new_session_ends_the_one_before(cast):
    with platform_scope("test"):
        first = access.begin(cast.operator, "one", 60, NOW)
        second = access.begin(cast.operator, "two", 60, NOW)

        first.refresh_from_db()
        assert first.ended_at == NOW
        assert access.session_of(cast.operator, NOW) == second


def test_every_request_is_written_down_with_whom_it_is_about(see, cast):
    see("home")
    see("tenant", cast.tenant.slug, q="x")
    see("suspend", cast.tenant.slug, data={"reason": ""}, status=422)

    with platform_scope("test"):
        rows = AccessLog.objects.order_by("id").values_list("method", "path", "tenant__slug", "session__reason")
        found = list(rows)
    assert found == [
        ("GET", "/console/", None, "ticket 12"),
        ("GET", f"/console/tenants/{cast.tenant.slug}/?q=x", cast.tenant.slug, "ticket 12"),
        ("POST", f"/console/tenants/{cast.tenant.slug}/suspend/", cast.tenant.slug, "ticket 12"),
    ]
    assert "ticket 12" in see("log").content.decode()


def test_the_log_cannot_be_changed_and_tenants_do_not_see_it(see, business):
    see("home")

    for change in (lambda rows: rows.delete(), lambda rows: rows.update(path="/")):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), platform_scope("test"):
            change(AccessLog.objects.all())
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), business.scope():
        AccessLog.objects.count()
