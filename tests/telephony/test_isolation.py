"""Row-level security on every table of this app, with the application's own role."""

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction

from telephony.keeping.models import CarrierRecording
from telephony.models import Call, CarrierAccount, PhoneNumber, Recording, Turn, UsedNonce, WebhookEvent
from telephony.numbers.models import NumberOrder, Rental
from telephony.outbound.models import Campaign, Contact, Dial, DoNotCall, Pace
from telephony.routes.models import Route, RoutePlan, RouteShare, RouteStep
from telephony.settling.models import CarrierCdr
from telephony.takeover.models import CallNote
from telephony.transfers.models import Transfer, TransferLeg
from tenants.models import TenantModel
from tenants.scope import ScopeError, tenant_scope

MODELS = [CarrierAccount, PhoneNumber, Call, Turn, Recording, WebhookEvent, UsedNonce]
MODELS += [Route, RouteShare, RoutePlan, RouteStep, CarrierRecording]
MODELS += [CallNote]
MODELS += [Rental, NumberOrder, CarrierCdr]
MODELS += [Campaign, Contact, Dial, DoNotCall, Pace]
MODELS += [Transfer, TransferLeg]


@pytest.fixture
def full(acme):
    """One row of everything."""
    call = acme.call()
    acme.account()
    with acme.scope():
        Turn.objects.create(call=call, index=0, speaker="caller", kind="speech", started_ms=0, ended_ms=1)
        Recording.objects.create(call=call, name="x", duration_ms=1, bytes=1)
        event = WebhookEvent.objects.create(number=acme.number, kind="answer")
        UsedNonce.objects.create(event=event, nonce="1")
        route = Route.objects.create(number=acme.number, place="open", kind="agent", agent=acme.agent)
        RouteShare.objects.create(route=route, weight=1)
        RoutePlan.objects.create(number=acme.number)
        CarrierRecording.objects.create(call=call, purpose="message", recording_id="1", url="https://x.example")
        RouteStep.objects.create(call=call, place="open", kind="agent", began_at=call.created_at)
        CallNote.objects.create(call=call, key="m0", value="{}")
        Rental.objects.create(number=acme.number)
        NumberOrder.objects.create(
            e164="+911111111", setup_micros=0, monthly_micros=0, currency="INR", created_at=call.created_at
        )
        CarrierCdr.objects.create(call=call, uuid="u-1")
        campaign = Campaign.objects.create(agent=acme.agent, number=acme.number, created_at=call.created_at)
        contact = Contact.objects.create(campaign=campaign, line=1)
        Dial.objects.create(call=call, contact=contact, asked_at=call.created_at)
        DoNotCall.objects.create(phone="+919876543210", added_at=call.created_at)
        Pace.objects.create(filled_at=call.created_at)
        transfer = Transfer.objects.create(call=call, epoch=1, kind="warm", target="Desk", began_at=call.created_at)
        TransferLeg.objects.create(transfer=transfer, position=0, destination="+918041234567", brief=call)
    return acme


def count(model) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), current_user FROM {model._meta.db_table}")
        number, user = cursor.fetchone()
    assert user == "switchboard_app"
    return number


def test_the_table_of_models_is_whole():
    models = apps.get_app_config("telephony").get_models()

    assert {model for model in models if issubclass(model, TenantModel)} == set(MODELS)
    assert all(issubclass(model, TenantModel) for model in apps.get_app_config("telephony").get_models())


@pytest.mark.parametrize("model", MODELS)
def test_without_a_scope_there_is_no_row(full, model):
    assert count(model) == 0
    with pytest.raises(ScopeError):
        model.objects.count()


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_scope_shows_no_row(full, model):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant', '', true)")
        assert count(model) == 0


@pytest.mark.parametrize("model", MODELS)
def test_another_tenants_scope_shows_its_own_rows_only(full, bazaar, model):
    own = 1 if model is PhoneNumber else 0

    with tenant_scope(bazaar.tenant.id):
        assert count(model) == own
        assert model._base_manager.count() == own
    with full.scope():
        assert count(model) == 1


@pytest.mark.parametrize("model", MODELS)
def test_a_row_cannot_be_written_for_another_tenant(full, bazaar, model):
    with full.scope():
        row = model.objects.get()
    row.tenant = bazaar.tenant

    with pytest.raises(DatabaseError), full.scope():
        row.save(force_update=True)


def _with_version_alone(mine, version_id):
    mine.call(agent=None, version_id=version_id)


def _with_version(mine, version_id):
    call = mine.call()
    call.version_id = version_id
    call.save()


def _campaign(agent, number):
    Campaign.objects.create(agent=agent, number=number, created_at=agent.created_at)


def _dial(call):
    Dial.objects.create(call=call, asked_at=call.created_at)


def _route(number, agent=None, share=None):
    route = Route.objects.create(number=number, place="open", kind="agent", agent=agent)
    if share:
        RouteShare.objects.create(route=route, version_id=share, weight=1)


@pytest.mark.parametrize(
    ("make", "constraint"),
    [
        (lambda mine, theirs: PhoneNumber.objects.create(e164="+911111111", agent_id=theirs.agent.id), "number_agent"),
        (lambda mine, theirs: mine.call(number=theirs.number), "call_number"),
        (lambda mine, theirs: mine.call(agent=theirs.agent, version=None), "call_agent"),
        (lambda mine, theirs: _with_version(mine, theirs.agent.published_id), "call_version"),
        (lambda mine, theirs: _with_version_alone(mine, theirs.agent.published_id), "call_version_has_agent"),
        (lambda mine, theirs: WebhookEvent.objects.create(kind="answer", number=theirs.number), "webhook_number"),
        (lambda mine, theirs: Rental.objects.create(number=theirs.number), "rental_number"),
        (lambda mine, theirs: CarrierCdr.objects.create(uuid="u-1", call=theirs.extra["call"]), "record_call"),
        (lambda mine, theirs: _campaign(theirs.agent, mine.number), "campaign_agent"),
        (lambda mine, theirs: _campaign(mine.agent, theirs.number), "campaign_number"),
        (lambda mine, theirs: _dial(theirs.extra["call"]), "dial_call"),
        (lambda mine, theirs: _route(theirs.number), "route_number"),
        (lambda mine, theirs: _route(mine.number, agent=theirs.agent), "route_agent"),
        (lambda mine, theirs: _route(mine.number, share=theirs.agent.published_id), "share_version"),
        (lambda mine, theirs: RoutePlan.objects.create(number=theirs.number), "plan_number"),
    ],
)
def test_nothing_of_one_tenant_points_to_another(acme, bazaar, make, constraint):
    bazaar.extra["call"] = bazaar.call()

    with pytest.raises(DatabaseError, match=constraint), acme.scope():
        make(acme, bazaar)
