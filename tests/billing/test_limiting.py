"""What a tenant may spend, and who may say so."""

import pytest

from billing import limiting
from billing.errors import BadAmountError
from billing.models import AgentCap, Mode
from billing.money import MICROS
from billing.standing import Obstacle
from tenants.models import AuditEntry


def change(business, *allowed, **wanted):
    with business.scope():
        return limiting.change(None, *allowed, **wanted)


def test_a_cap_is_set_counts_and_is_lifted(clinic):
    clinic.pays(100)
    change(clinic, day_cap_micros=MICROS)
    assert clinic.asks().obstacle is Obstacle.DAY_CAP

    change(clinic, day_cap_micros=None)

    assert clinic.asks().obstacle is None


def test_an_agents_cap_is_set_and_lifted(clinic):
    with clinic.scope():
        limiting.cap_agent(None, "a", 5)
        limiting.cap_agent(None, "a", 7)
        assert AgentCap.objects.get().day_micros == 7

        limiting.cap_agent(None, "a", None)

        assert not AgentCap.objects.exists()
        assert AuditEntry.objects.count() == 3


def test_each_change_is_audited_with_what_was_before(clinic):
    for micros in (5 * MICROS, 5 * MICROS, 7 * MICROS):
        change(clinic, low_micros=micros)

    with clinic.scope():
        details = [entry.detail for entry in AuditEntry.objects.order_by("created_at")]
    assert details == [
        {"before": {"low_micros": "200.00"}, "after": {"low_micros": "5.00"}},
        {"before": {"low_micros": "5.00"}, "after": {"low_micros": "7.00"}},
    ]


@pytest.mark.parametrize(
    ("wanted", "field"),
    [
        ({"low_micros": -1}, "low_micros"),
        ({"low_micros": None}, "low_micros"),
        ({"low_micros": 1.5}, "low_micros"),
        ({"day_cap_micros": True}, "day_cap_micros"),
        ({"month_cap_micros": limiting.MOST_MICROS + 1}, "month_cap_micros"),
        ({"low_micros": 5, "credit_micros": 5}, "credit_micros"),
        ({"suspended": ""}, "suspended"),
        ({"mode": "postpaid"}, "mode"),
        ({"tenant_id": 5}, "tenant_id"),
    ],
)
def test_what_a_tenant_may_not_set_is_refused_whole_by_its_name(clinic, wanted, field):
    with pytest.raises(BadAmountError) as refused:
        change(clinic, **wanted)

    assert refused.value.field == field
    with clinic.scope():
        assert not AuditEntry.objects.exists()


def test_the_operator_gives_credit_and_suspends(clinic):
    wallet = change(clinic, limiting.OPERATORS, mode="postpaid", credit_micros=2 * MICROS)
    assert (wallet.mode, clinic.asks().obstacle) == (Mode.POSTPAID, None)

    change(clinic, limiting.OPERATORS, suspended="unpaid invoice")

    assert clinic.asks("call:2").obstacle is Obstacle.SUSPENDED


@pytest.mark.parametrize(("mode", "suspended", "field"), [("later", "", "mode"), ("prepaid", "x" * 201, "suspended")])
def test_what_nobody_may_set_is_refused(clinic, mode, suspended, field):
    with pytest.raises(BadAmountError) as refused:
        change(clinic, limiting.OPERATORS, mode=mode, suspended=suspended)

    assert refused.value.field == field


def test_a_cap_needs_an_agent(clinic):
    with clinic.scope(), pytest.raises(BadAmountError, match="agent"):
        limiting.cap_agent(None, "", 5)
