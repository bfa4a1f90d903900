"""A business with charged calls, and an operator's business that sends the invoices."""

from datetime import UTC, date, datetime, timedelta

import pytest

from billing import activities, charging, usage
from billing.meters import Amount
from billing.statements import closing, parties
from tenants.scope import platform_scope
from tests.billing.conftest import Business, minutes

OCTOBER = date(2026, 10, 1)
NOVEMBER = date(2026, 11, 1)
IN_OCTOBER = datetime(2026, 10, 14, 6, 0, tzinfo=UTC)
IN_NOVEMBER = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
OCTOBER_IS_OVER = datetime(2026, 11, 1, 8, 0, tzinfo=UTC)
NOVEMBER_IS_OVER = datetime(2026, 12, 1, 8, 0, tzinfo=UTC)
KARNATAKA = "29AAGCB7383J1Z4"
MAHARASHTRA = "27AAPFU0939F1ZV"


def calls(business: Business, source: str, talk: float = 2, began: datetime = IN_OCTOBER, **labels) -> int:
    """A charged call of so many minutes; what it cost, in micro-rupees."""
    with business.scope():
        activities.begin(source, labels.pop("kind", "call"), began, **labels)
        amounts = (Amount("carrier.leg", minutes(talk), "vobiz"), Amount("platform.minute", minutes(talk)))
        usage.close(source, amounts, began + timedelta(minutes=talk))
        return charging.charge(source, began + timedelta(minutes=talk + 1)).price_micros


def close(business: Business, month: date = OCTOBER, now: datetime = OCTOBER_IS_OVER):
    with business.scope():
        return closing.close(month, now)


@pytest.fixture
def operator(db):
    """In Karnataka, registered."""
    with platform_scope("the operator's business"):
        return parties.keep_issuer(
            None,
            legal_name="Switchboard Private Limited",
            address="1 Church Street\nBengaluru",
            place="29",
            gstin=KARNATAKA,
        )
