"""A business that pays by card, and Stripe on a local port: the real SDK talks to it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from billing import ledger
from billing.ledger import Account
from billing.money import MICROS
from billing.statements import parties
from billing.stripe import desk, inbox, outbox, reconciling, sweeping
from billing.stripe.models import Event, EventState, Payment, Request
from tenants.models import Role, Tenant, User
from tenants.scope import platform_scope, tenant_scope
from tests.cast import make_member, make_tenant
from tests.fakes.stripe import StripeFake
from tests.fakes.threaded import serving
from tests.fakes.vendor import KEY


@dataclass
class Payer:
    """`tenant` with `owner`, what they do at Stripe, and what comes back. Amounts in rupees, without tax."""

    tenant: Tenant
    owner: User
    stripe: StripeFake
    later: timedelta = timedelta()

    @property
    def now(self) -> datetime:
        return timezone.now() + self.later

    def scope(self):
        return tenant_scope(self.tenant.id)

    def goes_to_pay(self, rupees=100, **fields):
        """The payment's id, and Stripe's of the page."""
        url = desk.checkout(self.tenant, rupees * MICROS, self.owner, **fields)
        return self.payment().id, page_of(url)

    def pays(self, rupees=100, number="4242424242424242", **fields):
        """On the page, and the news of it arrives."""
        payment, page = self.goes_to_pay(rupees, **fields)
        assert self.stripe.pay(page, number) is None
        self.hears()
        return payment

    def saves_a_card(self, number="4242424242424242", month=12, year=2040):
        """Without paying."""
        page = page_of(desk.card_page(self.tenant, self.owner))
        assert self.stripe.pay(page, number, month, year) is None
        self.hears()

    def hears(self, **order):
        """Stripe's events reach the webhook, and a worker handles them."""
        for body, mark in self.stripe.deliveries(**order):
            assert tell(body, mark).status_code == 200
            self.works()

    def works(self):
        """What Celery would have been told: events and requests that are due."""
        with platform_scope("test"):
            events = list(Event.objects.filter(inbox.due(self.now)).values_list("id", flat=True))
            requests = list(Request.objects.filter(outbox.due(self.now)).values_list("tenant_id", "id"))
        for event in events:
            inbox.handle(event, self.now)
        for tenant, request in requests:
            outbox.send(tenant, request, self.now)

    def sweeps(self, after=timedelta(), **fields):
        """The sweep comes, some time later."""
        self.later += after
        return sweeping.sweep(self.now, **fields)

    def payment(self) -> Payment:
        """The newest."""
        with self.scope():
            return Payment.objects.order_by("-created_at").first()

    def shown(self, payment):
        """As a page shows it."""
        return next(view for view in desk.payments(self.tenant) if view.id == payment)

    def balance(self, account=Account.WALLET):
        """In rupees."""
        with self.scope():
            return ledger.balance(account) / MICROS

    def balances(self):
        """Of what is not zero."""
        found = {account.value: self.balance(account) for account in Account}
        return {name: rupees for name, rupees in found.items() if rupees}

    def differs(self, after=timedelta(hours=2)):
        """What reconciliation shows, some time later."""
        return reconciling.reconcile(timezone.now() + after)


def page_of(url):
    return urlsplit(url).path.rsplit("/", 1)[1]


def tell(body, mark, client=None):
    """Post an event as Stripe does."""
    headers = {"Stripe-Signature": mark} if mark is not None else {}
    return (client or Client()).post("/stripe/events/", body, content_type="application/json", headers=headers)


def event_states():
    with platform_scope("test"):
        return set(Event.objects.values_list("type", "state"))


def handled(kind):
    return (kind, EventState.HANDLED)


@pytest.fixture
def fake(settings):
    """Stripe, and settings that point to it."""
    with serving(StripeFake()) as stripe:
        settings.STRIPE_API_KEY = KEY
        settings.STRIPE_API_BASE = stripe.url
        settings.STRIPE_WEBHOOK_SECRETS = list(stripe.secrets)
        yield stripe


def make_payer(fake, name):
    tenant = make_tenant(name=name)
    return Payer(tenant, make_member(tenant, Role.OWNER), fake)


@pytest.fixture
def registered(db):
    """The operator takes GST."""
    with platform_scope("the operator's business"):
        parties.keep_issuer(
            None, legal_name="Switchboard Private Limited", address="Bengaluru", place="29", gstin="29AAGCB7383J1Z4"
        )


@pytest.fixture
def clinic(registered, fake) -> Payer:
    return make_payer(fake, "Sanjeevani Clinic")


@pytest.fixture
def garden(registered, fake) -> Payer:
    return make_payer(fake, "Udupi Garden")
