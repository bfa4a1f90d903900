"""Row-level security on every table of a tenant's money, with the application's own role."""

from datetime import timedelta

import pytest
from django.apps import apps
from django.db import DatabaseError, connection

from billing import books
from billing.meters import Amount
from billing.models import (
    Activity,
    AgentCap,
    Balance,
    ChargeLine,
    Entry,
    Hold,
    PriceOverride,
    Transaction,
    UsageCheckpoint,
    UsageRecord,
    Wallet,
)
from billing.rating import Override, Tariff, Tier
from billing.statements import closing, crediting
from billing.statements.models import CreditNote, Statement, StatementItem, TaxProfile
from tenants.models import TenantModel
from tenants.scope import ScopeError, platform_scope
from tests.billing.conftest import NOON

MODELS = [Activity, AgentCap, Balance, ChargeLine, Entry, Hold, PriceOverride, Transaction]
MODELS += [UsageCheckpoint, UsageRecord, Wallet, CreditNote, Statement, StatementItem, TaxProfile]


@pytest.fixture
def full(clinic):
    """At least one row of everything."""
    clinic.pays(10)
    clinic.asks()
    clinic.ends(Amount("carrier.leg", 1))
    clinic.is_charged()
    clinic.begins("call:2")
    with clinic.scope():
        open_one = Activity.objects.get(source="call:2")
        UsageCheckpoint.objects.create(activity=open_one, source="call:2", meter="stt.audio", amount=1, seen_at=NOON)
        AgentCap.objects.create(agent="a", day_micros=1)
        TaxProfile.objects.create(legal_name="Clinic", address="Somewhere", place="29")
        later = NOON + timedelta(days=45)
        crediting.give_back(closing.close(NOON.date(), later), 10_000, "note", "why not", now=later)
        books.add_override(Override("carrier.leg", Tariff(1, (Tier(0, 1),))), NOON, None, "a large customer", NOON)
    return clinic


def count(model) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*), current_user FROM {model._meta.db_table}")
        number, user = cursor.fetchone()
    assert user == "switchboard_app"
    return number


def test_the_table_of_models_is_whole():
    models = apps.get_app_config("billing").get_models()

    assert {model for model in models if issubclass(model, TenantModel)} == set(MODELS)


@pytest.mark.parametrize("model", MODELS)
def test_a_row_is_seen_by_its_tenant_alone(full, garden, model):
    assert count(model) == 0
    with pytest.raises(ScopeError):
        model.objects.count()
    with garden.scope():
        assert count(model) == 0
    with full.scope():
        assert count(model) > 0


@pytest.mark.parametrize(
    ("model", "fields", "constraint"),
    [
        (UsageRecord, {"source": "s", "meter": "m", "amount": 1}, "record_activity_of_tenant"),
        (UsageCheckpoint, {"source": "s", "meter": "m", "amount": 1, "seen_at": NOON}, "checkpoint_activity_of_tenant"),
        (Hold, {"minute_micros": 1, "micros": 1, "renewed_at": NOON}, "hold_activity_of_tenant"),
    ],
)
def test_nothing_of_one_tenant_points_to_anothers_activity(full, garden, model, fields, constraint):
    with full.scope():
        theirs = Activity.objects.get(source="call:2")

    with pytest.raises(DatabaseError, match=constraint), garden.scope():
        model.objects.create(activity=theirs, **fields)


def test_no_entry_of_one_tenant_belongs_to_anothers_transaction(full, garden):
    with full.scope():
        theirs = Transaction.objects.first()

    with (
        pytest.raises(DatabaseError, match=r"entry_transaction_of_tenant|a correction is a new transaction"),
        garden.scope(),
    ):
        Entry.objects.create(transaction=theirs, account="bank", micros=1)


def test_the_operators_scope_sees_all(full, garden):
    garden.pays(1)

    with platform_scope("test"):
        assert set(Transaction.objects.values_list("tenant_id", flat=True)) == {full.tenant.id, garden.tenant.id}
