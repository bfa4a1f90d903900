"""A shop whose calls are paid for, seen from both sides."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from billing import charging, ledger
from billing.ledger import Account
from billing.models import Activity, ChargeLine, UsageRecord
from telephony import dispatch, lifecycle
from telephony.metering import admitting, course
from telephony.models import Call, Outcome, Status
from telephony.vobiz.callbacks import read_fetch
from tests.telephony.at_carrier import vobiz  # noqa: F401
from tests.telephony.conftest import Shop

MINUTE = timedelta(minutes=1)
LEG, STREAM, PLATFORM = 450_000, 200_000, 500_000
"""What a minute of each costs by the shipped book."""


@dataclass
class Till:
    """The shop's calls and its money."""

    shop: Shop

    def ring(self, call_id="uuid-1"):
        fields = {"CallUUID": call_id, "From": "919876543210", "To": self.shop.e164[1:], "Direction": "inbound"}
        return dispatch.decide(self.shop.number, read_fetch(fields))

    def talked(self, call: Call, began: datetime, *, seconds=30, usage=(), **facts) -> None:
        """A stream of `seconds`, and its end as the engine and the carrier tell it."""
        ended = began + timedelta(seconds=seconds)
        with self.shop.scope():
            lifecycle.advance(call.id, "stream_started", answered_at=began, stream_started_at=began)
            channel = {"provider": "carrier", "model": "stream", "meter": "channel", "unit": "ms"}
            used = [*usage, {**channel, "amount": seconds * 1000}]
            lifecycle.advance(
                call.id, "finished", outcome=Outcome.AGENT_HUNG_UP, usage=used, duration_ms=seconds * 1000,
                stream_ended_at=ended, ended_at=ended,
            )  # fmt: skip
            lifecycle.advance(call.id, "hung_up", carrier_duration_s=seconds, **facts)

    def closes(self, call: Call, now: datetime) -> bool:
        return course.close(self.shop.tenant.id, call.id, now)

    def charges(self, call: Call, now: datetime) -> int:
        with self.shop.scope():
            return charging.charge(admitting.source_of(call.id), now).price_micros

    def pays(self, call: Call, now: datetime) -> int:
        """Close and charge."""
        self.closes(call, now)
        return self.charges(call, now)

    def lines(self, call: Call) -> dict[str, int]:
        with self.shop.scope():
            rows = ChargeLine.objects.filter(activity__source=admitting.source_of(call.id), replaced_by=None)
            return {row.record.meter: row.price_micros for row in rows.select_related("record")}

    def used(self, call: Call) -> dict[str, int]:
        with self.shop.scope():
            rows = UsageRecord.objects.filter(activity__source=admitting.source_of(call.id), replaced_by=None)
            return {row.source.partition("/")[2] + row.meter: row.amount for row in rows}

    def balance(self, account=Account.WALLET) -> int:
        with self.shop.scope():
            return ledger.balance(account)

    def activities(self) -> list[Activity]:
        with self.shop.scope():
            return list(Activity.objects.order_by("began_at"))

    def spends_all(self) -> None:
        """Nothing is left."""
        with self.shop.scope():
            left = ledger.balance(Account.WALLET)
            ledger.post("gone", "charge", {Account.WALLET: left, Account.REVENUE: -left}, booked_at=NOON)

    def live(self, **fields) -> Call:
        """A call that talks, admitted as it should be."""
        self.ring(fields.pop("carrier_id", "uuid-1"))
        call = self.shop.calls()[-1]
        with self.shop.scope():
            Call.objects.filter(id=call.id).update(**{"status": Status.STREAMING, **fields})
            call.refresh_from_db()
        return call


NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)


@pytest.fixture
def till(acme) -> Till:
    return Till(acme)


@pytest.fixture(autouse=True)
def no_remembered_prices():
    admitting._minutes.clear()
