"""Calls whose end nobody told, found at the carrier. Its record ends them; what it does not know goes on."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from telephony.carrier import CarrierError
from telephony.models import Outcome, Status
from telephony.routes.models import RouteStep
from telephony.settling import ends
from telephony.transfers.models import Transfer, TransferLeg
from telephony.vobiz.rest_values import Cdr, LiveCall

LONG_AGO = timedelta(minutes=5)


def record(uuid, **fields):
    now = timezone.now()
    known = {
        "uuid": uuid,
        "bridge_uuid": "",
        "direction": "inbound",
        "from_number": "+919876543210",
        "to_number": "+918071387001",
        "started_at": now - LONG_AGO,
        "answered_at": now - LONG_AGO,
        "ended_at": now - timedelta(minutes=2),
        "billed_s": 180,
        "hangup_cause": "NORMAL_CLEARING",
        "hangup_code": 4000,
        "hangup_source": "Caller",
    }
    names = Cdr.__dataclass_fields__
    return Cdr(**dict.fromkeys(names) | known | fields)


class Line:
    """A carrier that knows these."""

    def __init__(self, live=(), records=(), error=None):
        self.live, self.records, self.error = set(live), {each.uuid: each for each in records}, error
        self.asked = []

    def live_calls(self):
        self.asked.append("live")
        if self.error:
            raise self.error
        return tuple(self.live)

    def live_call(self, uuid):
        self.asked.append(uuid)
        return LiveCall(uuid, "in-progress", "inbound", "", "") if uuid in self.live else None

    def cdr(self, uuid):
        return self.records.get(uuid)


@pytest.fixture(autouse=True)
def in_reach(settings):
    settings.CARRIER_IN_REACH = True


@pytest.fixture
def through(acme):
    """A call that was put through five minutes ago."""

    def make(uuid="u-1", **fields):
        then = timezone.now() - LONG_AGO
        known = {"status": Status.TRANSFERRING, "created_at": then, "answered_at": then, "epoch": 1}
        return acme.call(**{"carrier_id": uuid, "stream_started_at": then, "stream_ended_at": then, **known, **fields})

    return make


def look(line):
    return ends.look(timezone.now(), lambda tenant_id: line)


def test_a_call_that_was_put_through_ends_with_the_carriers_cause(acme, through):
    through(outcome="transfer")
    found = record("u-1")

    assert look(Line(records=[found])) == 1
    assert look(Line(records=[found])) == 0

    [call] = acme.calls()
    assert (call.status, call.hangup_code, call.hangup_source) == (Status.ENDED, 4000, "Caller")
    assert (call.ended_at, call.carrier_duration_s) == (found.ended_at, 180)


@pytest.mark.parametrize(
    "line",
    [
        Line(live=["u-1"], records=[record("u-1")]),
        Line(),
        Line(records=[record("u-1", ended_at=None)]),
        Line(records=[record("u-1", ended_at=datetime(2099, 1, 1, tzinfo=UTC))]),
    ],
)
def test_a_call_that_goes_on_or_of_which_nothing_is_known_is_left_alone(acme, through, line):
    through()

    assert look(line) == 0
    assert acme.calls()[0].status == Status.TRANSFERRING


@pytest.mark.parametrize(
    "fields",
    [
        {"created_at": 20},
        {"stream_ended_at": 5},
        {"status": Status.STREAMING},
        {"kind": "test"},
        {"carrier_id": "placing-1"},
    ],
)
def test_nobody_is_asked_about_others(through, fields):
    """Numbers are seconds ago."""
    now = timezone.now()
    through(**{name: now - timedelta(seconds=it) if isinstance(it, int) else it for name, it in fields.items()})
    line = Line()

    assert look(line) == 0
    assert line.asked == []


def test_one_question_tells_of_all_calls_of_an_account(through):
    for number in range(4):
        through(f"u-{number}")
    line = Line(live=[f"u-{number}" for number in range(4)])

    look(line)

    assert line.asked == ["live"]


def test_who_sat_in_the_menu_has_left(acme, through):
    call = through(status=Status.ANSWERED, stream_started_at=None, stream_ended_at=None, epoch=0)
    with acme.scope():
        RouteStep.objects.create(call=call, place="menu", kind="menu", began_at=call.created_at)

    assert look(Line(records=[record("u-1")])) == 1

    assert acme.calls()[0].outcome == Outcome.CALLER_HUNG_UP


@pytest.mark.parametrize(("bridge", "outcome"), [("leg-1", "served"), ("", "left")])
def test_the_record_says_whether_a_dialled_route_was_bridged(acme, through, bridge, outcome):
    call = through(stream_started_at=None, stream_ended_at=None, epoch=0)
    with acme.scope():
        RouteStep.objects.create(call=call, place="open", kind="person", began_at=call.created_at)

    look(Line(records=[record("u-1", bridge_uuid=bridge), record("leg-1", billed_s=42)]))

    with acme.scope():
        step = RouteStep.objects.get()
        assert (step.outcome, step.leg_id, step.leg_s) == (outcome, bridge, 42 if bridge else None)


@pytest.mark.parametrize(("bridge", "state", "result"), [("leg-1", "done", "transfer"), ("", "left", "caller_hung_up")])
def test_the_record_says_whether_a_transfer_was_bridged(acme, through, bridge, state, result):
    call = through(outcome="transfer")
    with acme.scope():
        transfer = Transfer.objects.create(
            call=call, epoch=1, kind="blind", target="Desk", state="ringing", began_at=call.created_at
        )
        TransferLeg.objects.create(transfer=transfer, position=0, destination="+918041234567", state="ringing")

    look(Line(records=[record("u-1", bridge_uuid=bridge), record("leg-1", billed_s=42)]))

    with acme.scope():
        leg = TransferLeg.objects.get()
        assert (Transfer.objects.get().state, leg.state, leg.talked_s) == (state, state, 42 if bridge else None)
    assert acme.calls()[0].outcome == result


def test_one_call_that_cannot_be_written_stops_no_other(acme, through):
    for number in range(3):
        through(f"u-{number}", created_at=timezone.now() - LONG_AGO)
    bad = record("u-1", hangup_code=10**12)  # no column holds that

    assert look(Line(records=[record("u-0"), bad, record("u-2")])) == 2

    assert {call.carrier_id: str(call.status) for call in acme.calls()} == {
        "u-0": "ended",
        "u-1": "transferring",
        "u-2": "ended",
    }


def test_a_tenant_whose_carrier_does_not_answer_holds_up_nobody(acme, bazaar, through):
    through()
    then = timezone.now() - LONG_AGO
    bazaar.call(carrier_id="b-1", status=Status.TRANSFERRING, created_at=then, answered_at=then)
    lines = {
        acme.tenant.id: Line(error=CarrierError("unreachable")),
        bazaar.tenant.id: Line(records=[record("b-1")]),
    }

    assert ends.look(timezone.now(), lines.__getitem__) == 1
    assert bazaar.calls()[0].status == Status.ENDED


def test_over_rest_the_simulated_carrier_ends_a_call(acme, through, vobiz):
    from tests.telephony.settling.test_settle import recorded

    acme.account()
    then = datetime(2026, 11, 21, 10, tzinfo=UTC)
    through(created_at=then, stream_ended_at=then)
    recorded(vobiz, "u-1", bridge_uuid="")

    assert ends.look(datetime(2026, 11, 21, 10, 10, tzinfo=UTC)) == 1
    assert acme.calls()[0].hangup_code == 4000
