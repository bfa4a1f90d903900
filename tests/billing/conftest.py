"""A business with money, and something that it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from billing import activities, charging, funding, ledger, standing, usage
from billing.ledger import Account
from billing.meters import Amount
from billing.money import MICROS
from billing.standing import Ask
from tenants.models import Tenant
from tenants.scope import tenant_scope
from tests.cast import make_tenant

NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


def minutes(count: float) -> int:
    """In ms."""
    return round(count * 60_000)


@dataclass
class Business:
    """`tenant` with what is done to its money; each method opens the scope."""

    tenant: Tenant
    payments: int = 0

    def scope(self):
        return tenant_scope(self.tenant.id)

    def pays(self, rupees: int) -> None:
        self.payments += 1
        with self.scope():
            funding.top_up(rupees * MICROS, f"bank {self.payments}", now=NOON)

    def begins(self, source: str = "call:1", **fields) -> None:
        with self.scope():
            activities.begin(source, "call", fields.pop("began_at", NOON), **fields)

    def ends(self, *amounts: Amount, source: str = "call:1", now: datetime = NOON + timedelta(minutes=2)) -> bool:
        with self.scope():
            return usage.close(source, amounts, now)

    def is_charged(self, source: str = "call:1", now: datetime = NOON + timedelta(minutes=3)) -> charging.Charged:
        with self.scope():
            return charging.charge(source, now)

    def asks(self, source: str = "call:1", minute: int = MICROS, now: datetime = NOON, **fields) -> standing.Answer:
        with self.scope():
            return standing.admit(Ask(source, "call", fields.pop("began_at", now), minute, **fields), now)

    def balance(self, account: Account = Account.WALLET) -> int:
        with self.scope():
            return ledger.balance(account)


@pytest.fixture
def clinic(db) -> Business:
    return Business(make_tenant(name="Sanjeevani Clinic"))


@pytest.fixture
def garden(db) -> Business:
    return Business(make_tenant(name="Udupi Garden"))
