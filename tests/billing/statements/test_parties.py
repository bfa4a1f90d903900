"""Who sends an invoice, and to whom it goes."""

import pytest

from billing.errors import BadTaxProfileError
from billing.money import MICROS
from billing.statements import parties
from tenants.models import AuditEntry
from tenants.scope import platform_scope
from tests.billing.statements.conftest import KARNATAKA, MAHARASHTRA, calls, close

GOOD = {"legal_name": "Clinic LLP", "address": "Pune", "place": "27", "gstin": MAHARASHTRA}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"legal_name": " "}, "legal_name"),
        ({"address": ""}, "address"),
        ({"place": "99"}, "place"),
        ({"gstin": "27AAPFU0939F1ZX"}, "gstin"),
        ({"place": "29"}, "gstin"),
        ({"address": "x" * 301}, "address"),
    ],
)
def test_wrong_details_are_refused_with_the_field(clinic, change, field):
    with clinic.scope(), pytest.raises(BadTaxProfileError) as refused:
        parties.keep_profile(None, **GOOD | change)

    assert refused.value.field == field


def test_details_are_kept_and_audited(clinic, cast):
    with clinic.scope():
        parties.keep_profile(cast.owner, **GOOD)

        assert parties.profile().gstin == MAHARASHTRA
        assert AuditEntry.objects.get().verb == "changed invoice details"


def test_an_invoice_keeps_the_details_of_its_day(clinic, operator):
    calls(clinic, "call:1")
    statement = close(clinic)
    with clinic.scope():
        parties.keep_profile(None, **GOOD)

        statement.refresh_from_db()
    assert statement.customer["legal_name"] == clinic.tenant.name


def test_the_tax_on_a_payment_is_that_of_the_invoice(clinic, operator):
    with clinic.scope():
        assert parties.tax_on(1000 * MICROS) == 180 * MICROS


def test_without_an_issuer_there_is_no_tax_on_a_payment(clinic):
    with clinic.scope():
        assert parties.tax_on(1000 * MICROS) == 0


@pytest.mark.parametrize(
    ("change", "field"), [({"sac": "12"}, "sac"), ({"rate_bp": 10_001}, "rate"), ({"gstin": MAHARASHTRA}, "gstin")]
)
def test_a_wrong_issuer_is_refused_with_the_field(db, change, field):
    told = {"legal_name": "Switchboard", "address": "Bengaluru", "place": "29", "gstin": KARNATAKA}

    with platform_scope("test"), pytest.raises(BadTaxProfileError) as refused:
        parties.keep_issuer(None, **told | change)

    assert refused.value.field == field
