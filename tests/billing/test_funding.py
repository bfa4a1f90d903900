"""Money that the operator books by hand."""

import pytest

from billing import funding, ledger
from billing.errors import BadAmountError
from billing.ledger import Account
from billing.money import MICROS
from tenants.models import AuditEntry
from tests.billing.conftest import NOON


def pay(business, rupees="1180.00", reference="UTR 1", **fields):
    micros = round(float(rupees) * MICROS)
    with business.scope():
        return funding.top_up(micros, reference, now=NOON, **fields)


def test_of_a_payment_the_tax_is_the_states(clinic):
    pay(clinic, tax_micros=180 * MICROS)

    balances = {account: clinic.balance(account) for account in (Account.BANK, Account.WALLET, Account.TAX)}
    assert balances == {Account.BANK: 1180 * MICROS, Account.WALLET: 1000 * MICROS, Account.TAX: 180 * MICROS}


def test_the_same_reference_is_the_same_payment(clinic):
    assert pay(clinic) == pay(clinic, reference=" UTR 1 ")

    assert clinic.balance() == 1180 * MICROS
    with clinic.scope():
        assert AuditEntry.objects.get().verb == "topped up by hand"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"rupees": "0"}, "amount"),
        ({"rupees": "0.99"}, "amount"),
        ({"rupees": "-5"}, "amount"),
        ({"rupees": "1.001"}, "amount"),
        ({"rupees": "10000001"}, "amount"),
        ({"tax_micros": -1}, "tax"),
        ({"tax_micros": 1180 * MICROS}, "tax"),
        ({"tax_micros": 5}, "tax"),
        ({"reference": " "}, "reference"),
        ({"reference": "x" * 81}, "reference"),
    ],
)
def test_what_is_wrong_with_a_payment_is_named_and_nothing_is_booked(clinic, fields, field):
    with pytest.raises(BadAmountError) as refused:
        pay(clinic, **fields)

    assert refused.value.field == field
    assert clinic.balance() == 0


def test_a_reference_with_another_amount_is_refused(clinic):
    pay(clinic)

    with pytest.raises(BadAmountError, match=r"^reference: "):
        pay(clinic, "5")


def test_a_gift_says_why_and_from_whom(cast):
    from tenants.scope import tenant_scope

    with tenant_scope(cast.tenant.id):
        row = funding.give_credit(5 * MICROS, "sorry-1", "a day without calls", now=NOON, actor=cast.operator)

        assert (row.memo, row.actor) == ("a day without calls", cast.operator)
        assert ledger.balance(Account.WALLET) == ledger.balance(Account.CREDITS) == 5 * MICROS
        with pytest.raises(BadAmountError, match="reason"):
            funding.give_credit(5 * MICROS, "sorry-2", "", now=NOON)
