"""A call that we place: its rows before the carrier is asked, asked once, and found again when nobody answered."""

from datetime import timedelta
from decimal import Decimal
from urllib.parse import urlencode

import pytest
from django.urls import reverse
from django.utils import timezone

from agents.models import Agent
from telephony import opening
from telephony.carrier import CarrierError, carrier_for
from telephony.models import Call, Direction, Outcome, Status
from telephony.outbound import dials, looking, placing
from telephony.outbound.models import Detection, Dial, DialState, DoNotCall, Result
from telephony.outbound.placing import CallRefusedError, Wanted
from telephony.simulator.cdr import Cdr
from telephony.simulator.people import Person
from telephony.simulator.rest import Trouble
from telephony.stream_token import Ticket
from telephony.vobiz import rest
from tenants.models import AuditEntry

PERSON = "+919876543210"


@pytest.fixture
def shop(acme, vobiz):
    acme.account()
    vobiz.world.people[PERSON] = Person("no_answer")
    return acme


def placed(vobiz):
    return [status for method, path, status in vobiz.requests if method == "POST" and path.endswith("/Call/")]


def asked(shop):
    with shop.scope():
        known = Dial.objects.select_related("call__number").get()
        return rest.place("MA_TEST", placing.placement(known, known.call.number)).body


def call(shop, **more):
    return placing.call(None, shop.tenant.id, Wanted(shop.agent.id, PERSON, **more))


def dial(shop):
    with shop.scope():
        return Dial.objects.select_related("call").get()


def tell(client, shop, known, **fields):
    """The carrier's word about a dial."""
    url = reverse("vobiz:dialled", args=[shop.number.token, known.id])
    body = {"From": shop.e164[1:], "To": PERSON[1:], "Direction": "outbound", **fields}
    return client.post(url, urlencode(body), content_type="application/x-www-form-urlencoded")


def hang_up(client, shop, known, uuid, code):
    return tell(client, shop, known, CallUUID=uuid, Event="Hangup", HangupCauseCode=code, HangupCause="X", Duration=0)


# --- asking -----------------------------------------------------------------------------------------------------------


def test_a_call_is_a_row_with_the_carriers_id_and_is_asked_for_once(shop, vobiz):
    row = call(shop, variables={"name": "Asha", "call_id": "no fact", "2bad": "x"}, ring_s=20)

    body, known = asked(shop), dial(shop)
    assert placed(vobiz) == [201]
    assert (body["from"], body["to"], body["ring_timeout"]) == (shop.e164, PERSON, "20")
    assert body["answer_url"] == body["hangup_url"] == body["ring_url"] == body["fallback_url"]
    assert str(known.id) in body["answer_url"]
    assert "machine_detection" not in body
    assert (row.direction, row.caller, row.called) == (Direction.OUTBOUND, shop.e164, PERSON)
    assert (row.status, row.version_id) == (Status.RINGING, shop.agent.published_id)
    assert not row.carrier_id.startswith(dials.UNBOUND)
    assert (known.state, known.variables) == (DialState.PLACED, {"name": "Asha"})
    with shop.scope():
        assert AuditEntry.objects.filter(verb="placed call", object_id=str(row.id)).exists()


@pytest.mark.parametrize(("detection", "mode"), [(Detection.CARRIER, "true"), (Detection.HANGUP, "hangup")])
def test_the_carrier_listens_for_machines_when_it_is_asked_to(shop, vobiz, detection, mode):
    call(shop, detection=detection)

    body = asked(shop)
    assert placed(vobiz) == [201]
    assert body["machine_detection"] == mode
    assert ("machine_detection_url" in body) == (detection is Detection.CARRIER)


def test_the_same_wish_twice_is_one_call(shop, vobiz):
    first, second = call(shop, key="wish-1"), call(shop, key="wish-1")

    assert first.id == second.id
    assert len(placed(vobiz)) == 1


@pytest.mark.parametrize(
    ("prepare", "code"),
    [
        (lambda shop: DoNotCall.objects.create(phone=PERSON, added_at=timezone.now()), "do_not_call"),
        (lambda shop: Agent.objects.update(published=None), "not_published"),
        (lambda shop: type(shop.number).objects.update(enabled=False), "no_number"),
        (lambda shop: type(shop.number).objects.create(e164=PERSON), "bad_number"),
        (lambda shop: type(shop.tenant).objects.update(max_calls=0), "tenant_full"),
    ],
)
def test_what_may_not_be_called_is_not_asked_for(shop, vobiz, prepare, code):
    with shop.scope():
        prepare(shop)

    with pytest.raises(CallRefusedError) as refused:
        call(shop)

    assert refused.value.code == code
    assert placed(vobiz) == []
    assert shop.calls() == []


def test_a_refusal_of_the_carrier_ends_the_call_and_is_told(shop, vobiz):
    vobiz.world.accounts["MA_TEST"].balance = Decimal(0)

    with pytest.raises(CallRefusedError) as refused:
        call(shop)

    known = dial(shop)
    assert refused.value.code == "balance"
    assert (known.state, known.result) == (DialState.REFUSED, Result.FAILED)
    assert (known.call.status, known.call.outcome) == (Status.ENDED, Outcome.FAILED)
    assert "no balance" in known.call.error


def test_a_wish_that_was_refused_may_be_sent_again(shop, vobiz):
    vobiz.world.accounts["MA_TEST"].balance = Decimal(0)
    with pytest.raises(CallRefusedError):
        call(shop, key="wish-1")
    vobiz.world.accounts["MA_TEST"].balance = Decimal(5000)

    assert call(shop, key="wish-1").status == Status.RINGING
    assert len(placed(vobiz)) == 2


def test_a_dial_is_never_fired_twice(shop, vobiz):
    call(shop)

    with pytest.raises(ValueError, match="fired before"):
        placing.fire(dial(shop), carrier_for(shop.tenant), timezone.now)

    assert len(placed(vobiz)) == 1


# --- what the carrier says -------------------------------------------------------------------------------------------


def test_the_agent_takes_an_answered_call_with_its_variables(shop, client):
    row = call(shop, variables={"name": "Asha"})

    reply = tell(client, shop, dial(shop), CallUUID=row.carrier_id, Event="StartApp", CallStatus="in-progress")
    found = opening.begin(Ticket(shop.tenant.id, row.id), "worker", ("phone",))

    assert b"<Stream" in reply.content
    assert found.blueprint.outbound
    assert found.blueprint.given == ("name",)
    assert dict(found.blueprint.variables)["name"] == "Asha"
    assert found.facts["called_number"] == PERSON


def test_a_ring_comes_before_the_reply_and_binds_the_dial(shop, vobiz, client):
    vobiz.trouble(Trouble("/Call/", status=502))
    call(shop)
    known = dial(shop)
    assert known.state == DialState.UNKNOWN

    tell(client, shop, known, CallUUID="uuid-late", Event="Ring", CallStatus="ringing")

    assert (dial(shop).state, dial(shop).call.carrier_id) == (DialState.PLACED, "uuid-late")


def test_a_second_call_that_claims_the_same_dial_is_hung_up(shop, client):
    row = call(shop)

    reply = tell(client, shop, dial(shop), CallUUID="another", Event="StartApp", CallStatus="in-progress")

    assert b"<Hangup" in reply.content
    assert dial(shop).call.carrier_id == row.carrier_id


@pytest.mark.parametrize(
    ("code", "result"),
    [(3010, Result.BUSY), (3000, Result.NO_ANSWER), (3050, Result.INVALID), (9100, Result.VOICEMAIL), (5000, "failed")],
)
def test_the_hang_up_settles_the_dial_once(shop, client, code, result):
    row = call(shop)
    known = dial(shop)

    for _ in range(2):
        assert hang_up(client, shop, known, row.carrier_id, code).status_code == 200

    settled = dial(shop)
    assert settled.result == result
    assert settled.settled_at is not None
    assert (settled.call.status, settled.call.outcome) == (Status.ENDED, Outcome.UNANSWERED)


def test_an_answer_that_comes_after_the_end_gets_no_agent(shop, client):
    row = call(shop)
    hang_up(client, shop, dial(shop), row.carrier_id, 3000)

    reply = tell(client, shop, dial(shop), CallUUID=row.carrier_id, Event="StartApp", CallStatus="in-progress")

    assert b"<Hangup" in reply.content


# --- looking ----------------------------------------------------------------------------------------------------------


class Dies(BaseException):
    """The process is gone."""


class Mortal:
    """A carrier whose client dies before or after it has asked."""

    def __init__(self, carrier, after):
        self.carrier, self.after = carrier, after

    def place(self, wanted):
        if self.after:
            self.carrier.place(wanted)
        raise Dies


def opened(shop):
    with shop.scope():
        return placing.open_dial(shop.agent, shop.number, Wanted(shop.agent.id, PERSON), timezone.now())


def look(minutes=2):
    return looking.look_due(timezone.now() + timedelta(minutes=minutes))


def test_a_call_whose_placer_died_after_asking_is_found_among_the_live_ones(shop, vobiz):
    with pytest.raises(Dies):
        placing.fire(opened(shop), Mortal(carrier_for(shop.tenant), after=True), timezone.now)
    assert dial(shop).state == DialState.PLACING

    look()

    known = dial(shop)
    assert known.state == DialState.PLACED
    assert known.call.carrier_id in carrier_for(shop.tenant).live_calls()
    assert len(placed(vobiz)) == 1


def test_a_call_whose_placer_died_before_asking_is_looked_for_and_given_up(shop, vobiz):
    with pytest.raises(Dies):
        placing.fire(opened(shop), Mortal(carrier_for(shop.tenant), after=False), timezone.now)
    look(0)
    assert dial(shop).state == DialState.PLACING

    for minutes in range(2, 40, 4):
        look(minutes)

    known = dial(shop)
    assert (known.state, known.result) == (DialState.NOT_PLACED, Result.FAILED)
    assert known.call.status == Status.ENDED
    assert placed(vobiz) == []


def test_a_call_that_is_over_already_is_found_by_its_record(shop, vobiz):
    vobiz.trouble(Trouble("/Call/", status=502))
    call(shop)
    fields = {
        "uuid": "u-9",
        "call_direction": "outbound",
        "caller_id_number": shop.e164,
        "destination_number": PERSON[1:],
        "bridge_uuid": None,
        "start_time": timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "end_time": timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ"),
        "duration": 9,
        "billsec": 0,
        "hangup_cause_code": 3010,
        "hangup_cause": "USER_BUSY",
        "hangup_disposition": "",
        "sip_call_id": "",
        "currency": "INR",
    }
    vobiz.switch.cdrs["u-9"] = Cdr("u-9", "MA_TEST", 0.0, 0, Decimal(0), (shop.e164[1:], PERSON[1:]), fields)

    look(1)
    assert dial(shop).call.carrier_id == "u-9"
    look(2)

    assert dial(shop).result == Result.BUSY


def test_a_record_of_another_dial_is_not_taken(shop, vobiz):
    first = call(shop)
    vobiz.trouble(Trouble("/Call/", status=502))
    call(shop)

    look()

    with shop.scope():
        rows = list(Call.objects.order_by("created_at"))
    assert rows[0].carrier_id == first.carrier_id
    assert rows[1].carrier_id.startswith(dials.UNBOUND)


def test_a_carrier_that_cannot_be_asked_is_asked_later(shop, settings):
    opened(shop)
    settings.VOBIZ_API_URL = "http://127.0.0.1:9/api/v1"

    look()

    assert dial(shop).state == DialState.PLACING
    assert dial(shop).next_look_at > timezone.now() + timedelta(minutes=2)


def test_a_refused_connection_is_no_call(shop, settings):
    settings.VOBIZ_API_URL = "http://127.0.0.1:9/api/v1"

    with pytest.raises(CallRefusedError) as refused:
        call(shop)

    assert refused.value.code == "unreachable"
    assert isinstance(refused.value.__cause__, CarrierError)
