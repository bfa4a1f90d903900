"""Row-level security on what is kept of Stripe, with the application's own role."""

import pytest
from django.apps import apps
from django.db import DatabaseError, connection

from billing.money import MICROS
from billing.stripe import desk
from billing.stripe.models import AutomaticTopUp, Card, Customer, Dispute, Event, Payment, Refund, Request
from tenants.models import TenantModel

MODELS = [AutomaticTopUp, Card, Customer, Dispute, Payment, Refund, Request]


@pytest.fixture
def full(clinic):
    """At least one row of everything."""
    for _ in range(2):
        clinic.pays(keep_card=True)
        payment = clinic.payment()
    desk.automatic(clinic.tenant, MICROS, 100 * MICROS, clinic.owner)
    desk.refund(clinic.tenant, payment.id, MICROS, "a wish", clinic.owner)
    clinic.works()
    clinic.stripe.dispute(payment.intent)
    clinic.hears()
    return clinic


def count(model):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {model._meta.db_table}")
        [number] = cursor.fetchone()
    return number


def test_the_table_of_models_is_whole():
    models = apps.get_app_config("billing_stripe").get_models()

    assert {model for model in models if issubclass(model, TenantModel)} == set(MODELS)


def test_a_row_is_seen_by_its_tenant_alone(full, garden):
    for model in MODELS:
        assert count(model) == 0
        with garden.scope():
            assert count(model) == 0
        with full.scope():
            assert count(model) > 0


def test_no_tenant_reads_or_writes_events(full):
    with pytest.raises(DatabaseError, match="permission denied"), full.scope():
        count(Event)


@pytest.mark.parametrize("model", [Payment, Refund, Dispute, Request, Customer])
def test_what_was_paid_and_asked_is_never_deleted(full, model):
    with pytest.raises(DatabaseError, match="permission denied"), full.scope(), connection.cursor() as cursor:
        cursor.execute(f"DELETE FROM {model._meta.db_table}")


@pytest.mark.parametrize("model", [Refund, Dispute, Request])
def test_nothing_of_one_tenant_points_to_anothers_payment(full, garden, model):
    with full.scope():
        theirs = Payment.objects.first()
    fields = (
        {"key": "x", "kind": "refund", "body": {}}
        if model is Request
        else {"stripe_id": "x", "micros": 1, "tax_micros": 0}
    )

    with pytest.raises(DatabaseError, match="payment_of_tenant"), garden.scope():
        model.objects.create(payment=theirs, created_at=full.now, **fields)
