"""Live pages: who may watch, and what they are sent."""

import asyncio

import pytest
from channels.routing import URLRouter
from channels.testing import WebsocketCommunicator

from telephony import lifecycle, live
from telephony.models import Status
from telephony.routing import websocket_urlpatterns
from tenants.db import call_db
from tests import cast as people

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme(transactional_db):
    from tests.telephony.conftest import open_shop

    return open_shop("acme", "+918071387001")


def watch(user, slug, script=None, query=""):
    """Connect as `user`; returns what `script(socket)` says, or the close code."""

    async def main():
        socket = WebsocketCommunicator(URLRouter(websocket_urlpatterns), f"/live/{slug}/calls/{query}")
        socket.scope["user"] = user
        connected, _ = await socket.connect()
        assert connected
        if script is None:
            return (await socket.receive_output(5))["code"]
        try:
            return await script(socket)
        finally:
            await socket.disconnect()

    return asyncio.run(main())


async def greeted(socket):
    """Until the page has what it missed: the rows of live calls, then their number."""
    while "live-badge" not in (html := await socket.receive_from(5)):
        pass
    return html


@pytest.mark.parametrize("role", list(people.Role))
def test_a_member_of_any_role_may_watch(acme, role):
    assert watch(people.make_member(acme.tenant, role), "acme", greeted)


def test_an_operator_may_watch(acme):
    assert watch(people.make_user(is_staff=True), "acme", greeted)


def test_who_is_not_signed_in_is_closed(acme):
    assert watch(people_anonymous(), "acme") == 4401


def people_anonymous():
    from django.contrib.auth.models import AnonymousUser

    return AnonymousUser()


def test_a_stranger_and_a_wrong_tenant_learn_nothing(acme):
    stranger = people.make_member(people.make_tenant(), people.Role.OWNER)

    assert watch(stranger, "acme") == watch(stranger, "no-such-tenant") == 4404


def test_a_changed_call_arrives_as_its_row(acme):
    call = acme.call(carrier_id="uuid-1")

    async def script(socket):
        await greeted(socket)
        await call_db(_advance, acme, call)
        return await socket.receive_from(5), await socket.receive_from(5)

    row, badge = watch(people.make_member(acme.tenant, people.Role.ANALYST), "acme", script)

    assert row.startswith(f'<tr id="call-{call.id}" hx-swap-oob="true">')
    assert "Talking" in row
    assert 'id="live-badge"' in badge
    assert ">1<" in badge
    assert "calls-news" not in badge


def _advance(shop, call):
    with shop.scope():
        lifecycle.advance(call.id, "stream_started")


def test_a_new_call_makes_an_open_list_fetch_itself(acme):
    call = acme.call()

    async def script(socket):
        await greeted(socket)
        await live.send(acme.tenant.id, "call", {"id": str(call.id), "created": True})
        return await socket.receive_from(5)

    news = watch(people.make_member(acme.tenant, people.Role.OWNER), "acme", script)

    assert 'id="calls-news"' in news
    assert 'hx-trigger="load"' in news


def test_a_page_of_one_call_hears_of_that_call_only(acme):
    mine, other = acme.call(status=Status.STREAMING), acme.call(status=Status.STREAMING)

    async def script(socket):
        await socket.receive_from(5)
        for call in (other, mine):
            await live.send(acme.tenant.id, "call", {"id": str(call.id), "created": False})
        return await socket.receive_from(5), await socket.receive_nothing(0.05)

    html, quiet = watch(people.make_member(acme.tenant, people.Role.OWNER), "acme", script, f"?call={mine.id}")

    assert quiet
    assert html.count('hx-swap-oob="true"') == 3
    assert mine.carrier_id in html


def test_who_may_not_listen_is_sent_no_words(acme):
    call = acme.call(status=Status.STREAMING)
    with acme.scope():
        call.turns.create(
            tenant=acme.tenant, index=0, speaker="caller", kind="speech", text="My secret", started_ms=0, ended_ms=9
        )

    async def script(socket):
        return await socket.receive_from(5)

    html = watch(people.make_member(acme.tenant, people.Role.BILLING), "acme", script, f"?call={call.id}")

    assert "My secret" not in html


def test_another_tenants_calls_are_never_sent(acme):
    other = people.make_tenant()

    async def script(socket):
        await greeted(socket)
        await live.send(other.id, "call", {"id": str(other.id), "created": True})
        return await socket.receive_nothing(0.05)

    assert watch(people.make_member(acme.tenant, people.Role.OWNER), "acme", script)
