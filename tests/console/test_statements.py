"""Statements of all tenants, credit notes, and who sends them."""

from uuid import uuid4

import pytest

from billing.models import CreditNote, Statement
from billing.money import MICROS
from billing.statements import parties
from tenants.scope import platform_scope
from tests.billing.pages.conftest import talks
from tests.billing.statements.conftest import KARNATAKA
from tests.console.conftest import NOW, the_only

US = {
    "legal_name": "Switchboard Private Limited",
    "address": "1 Church Street, Bengaluru",
    "place": "29",
    "gstin": KARNATAKA,
    "sac": "998319",
    "rate": "18",
}


@pytest.fixture
def closed(see, business, cast):
    """October, with an invoice."""
    see("issuer", data=US, status=302)
    talks(business, "call:1", talk=30, began=NOW.replace(month=10))
    see("close", cast.tenant.slug, data={"month": "2026-10"}, status=302)
    return the_only(Statement)


def test_a_month_is_closed_and_found(see, closed, cast):
    rows = list(see("statements", q=closed.number).context["page"])

    assert rows == [closed]
    assert closed.tax_micros > 0
    page = see("statement", cast.tenant.slug, closed.id).content.decode()
    assert closed.number in page
    assert see("statement-file", cast.tenant.slug, closed.id, "pdf").content.startswith(b"%PDF")
    see("statement-file", cast.tenant.slug, closed.id, "exe", status=404)


def test_a_statement_is_found_under_its_own_tenant_only(see, closed, cast):
    see("statement", cast.other.slug, closed.id, status=404)


@pytest.mark.parametrize(
    ("month", "said"), [("2026-11", "has not ended"), ("", "Choose a month"), ("2026-13", "Choose a month")]
)
def test_a_wrong_month_is_refused(see, cast, business, month, said):
    business.pays(1)
    see("close", cast.tenant.slug, data={"month": month}, status=302)

    assert said in see("tenant", cast.tenant.slug).content.decode()


def test_part_of_an_invoice_is_taken_back_once(see, closed, cast, business):
    told = {"amount": "2", "reason": "counted twice", "reference": str(uuid4())}
    before = business.balance()

    for _ in range(2):
        see("note", cast.tenant.slug, closed.id, data=told, status=302)

    note = the_only(CreditNote)
    assert business.balance() == before + 2 * MICROS
    assert note.number in see("statements").content.decode()


def test_more_than_the_invoice_is_refused_and_kept(see, closed, cast):
    told = {"amount": "99999", "reason": "counted twice", "reference": str(uuid4())}

    response = see("note", cast.tenant.slug, closed.id, data=told, status=422)

    assert list(response.context["form"].errors) == ["amount"]
    assert 'value="99999"' in response.content.decode()


@pytest.mark.parametrize(
    ("change", "field"), [({"gstin": "29AAGCB7383J1Z5"}, "gstin"), ({"sac": "12"}, "sac"), ({"rate": "200"}, "rate")]
)
def test_a_wrong_issuer_is_refused_and_kept(see, change, field):
    response = see("issuer", data=US | change, status=422)

    assert list(response.context["form"].errors) == [field]
    with platform_scope("test"):
        assert parties.issuer() is None
