"""Who takes a call, and what happens to those that nobody takes."""

import pytest

from telephony import dispatch
from telephony.dispatch import Connect, Refuse
from telephony.models import Status
from telephony.vobiz.callbacks import read_fetch


def ring(shop, call_id="uuid-1", to=None):
    fields = {"CallUUID": call_id, "From": "919876543210", "To": to or shop.number.e164[1:], "Direction": "inbound"}
    return dispatch.decide(shop.number, read_fetch(fields))


def test_a_published_agent_takes_the_call(acme):
    decision = ring(acme)

    [call] = acme.calls()
    assert decision == Connect(acme.tenant.id, call.id)
    assert (call.status, call.caller, call.called) == (Status.RINGING, "+919876543210", acme.number.e164)
    assert call.version_id == acme.agent.published_id


def test_a_repeated_webhook_finds_the_same_call_and_gives_the_same_answer(acme):
    assert ring(acme) == ring(acme)
    assert len(acme.calls()) == 1


def test_a_repeated_webhook_of_a_refused_call_is_refused_again(acme):
    with acme.scope():
        acme.number.enabled = False
        acme.number.save()
    first = ring(acme)
    with acme.scope():
        acme.number.enabled = True
        acme.number.save()

    assert ring(acme) == first
    assert first.reason == "disabled"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda shop: setattr(shop.number, "enabled", False), "disabled"),
        (lambda shop: setattr(shop.number, "agent", None), "no_agent"),
        (lambda shop: setattr(shop.number.agent, "published_id", None), "not_published"),
    ],
)
def test_a_number_that_cannot_answer_refuses_with_a_reason_and_a_row(acme, change, reason):
    change(acme)

    decision = ring(acme)

    [call] = acme.calls()
    assert decision == Refuse(reason, call.id)
    assert (call.status, call.error) == (Status.REFUSED, reason)
    assert decision.sentence.startswith("Sorry")


def test_a_call_for_another_number_is_refused_without_a_row(acme):
    assert ring(acme, to="918099999999") == Refuse("wrong_number")
    assert acme.calls() == []


@pytest.mark.parametrize("written", ["918071387001", "+918071387001", "08071387001", "+91 80713 87001"])
def test_a_number_is_recognised_however_it_is_written(written):
    assert dispatch.same_number(written, "+918071387001")


@pytest.mark.parametrize("written", ["", "anonymous", "918071387002", "sip:918071387001@x"])
def test_another_number_is_not(written):
    assert not dispatch.same_number(written, "+918071387001")


def test_a_tenant_has_only_so_many_calls_at_once(acme):
    acme.tenant.max_calls = 2
    acme.tenant.save()
    ring(acme, "uuid-1")
    ring(acme, "uuid-2")

    assert ring(acme, "uuid-3").reason == "tenant_full"


def test_a_busy_neighbour_takes_no_place_of_the_tenant(acme, bazaar):
    acme.tenant.max_calls = bazaar.tenant.max_calls = 1
    acme.tenant.save()
    bazaar.tenant.save()
    ring(acme, "uuid-1")

    assert isinstance(ring(bazaar, "uuid-1"), Connect)


def test_a_call_that_ended_frees_its_place(acme):
    acme.tenant.max_calls = 1
    acme.tenant.save()
    acme.call(status=Status.ENDED)

    assert isinstance(ring(acme), Connect)


def test_calls_of_all_tenants_together_fill_the_stream_workers(acme, bazaar, settings):
    settings.CALLS_PER_PROCESS = 1
    settings.STREAM_URLS = ["ws://127.0.0.1:9001"]
    bazaar.call(status=Status.STREAMING)

    assert ring(acme).reason == "no_capacity"
