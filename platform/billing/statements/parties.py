"""Who sends an invoice and to whom it goes: kept, checked, and frozen as they are on the day."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from billing.errors import BadTaxProfileError
from billing.statements import gst
from billing.statements.models import Issuer, TaxProfile
from tenants import audit
from tenants.models import Tenant, User

RATE_BP: Final = 1800
"""18 %, the rate of telecommunication and information services."""
SAC: Final = "998319"
"""Other information technology services."""
MOST_BP: Final = 10_000


def profile() -> TaxProfile | None:
    """Of the tenant in scope."""
    found: TaxProfile | None = TaxProfile.objects.first()
    return found


def keep_profile(actor: User | None, *, legal_name: str, address: str, place: str, gstin: str = "") -> TaxProfile:
    """Whom the invoices of the tenant in scope go to from now on. Raises `BadTaxProfileError`, naming the field."""
    name, lines = _told(legal_name, "legal_name", 120), _told(address, "address", 300)
    known = gst.gstin(gstin)
    if place not in gst.PLACES:
        raise BadTaxProfileError("choose a state", "place")
    if known and place != known[:2]:
        raise BadTaxProfileError(f"begins with {known[:2]}, which is {gst.STATES[known[:2]]}", "gstin")
    with transaction.atomic():
        kept, _ = TaxProfile.objects.update_or_create(
            defaults={"legal_name": name, "address": lines, "place": place, "gstin": known}
        )
        audit.record(actor, "changed invoice details", kept, place=place, gstin=known)
        made: TaxProfile = kept
        return made


def issuer() -> Issuer | None:
    """The operator's business as it is now."""
    return Issuer.objects.order_by("-id").first()


def keep_issuer(
    actor: User | None,
    *,
    legal_name: str,
    address: str,
    place: str,
    gstin: str = "",
    sac: str = SAC,
    rate_bp: int = RATE_BP,
    lut: str = "",
) -> Issuer:
    """Who sends invoices from now on; those that are sent stay as they are. Raises `BadTaxProfileError`."""
    name, lines = _told(legal_name, "legal_name", 120), _told(address, "address", 300)
    known = gst.gstin(gstin)
    if place not in gst.STATES:
        raise BadTaxProfileError("choose a state", "place")
    if known and place != known[:2]:
        raise BadTaxProfileError(f"begins with {known[:2]}, which is {gst.STATES[known[:2]]}", "gstin")
    if not 0 <= rate_bp <= MOST_BP:
        raise BadTaxProfileError("must be from 0 to 100 percent", "rate")
    return Issuer.objects.create(
        legal_name=name,
        address=lines,
        place=place,
        gstin=known,
        sac=gst.sac(sac),
        rate_bp=rate_bp,
        lut=lut.strip()[:40],
        changed_by=actor,
    )


def frozen_issuer() -> dict[str, Any]:
    """For a document; without an issuer the product's name, and no tax."""
    row = issuer()
    if row is None:
        return {
            "legal_name": "Switchboard",
            "address": "",
            "place": "",
            "gstin": "",
            "sac": SAC,
            "rate_bp": 0,
            "lut": "",
        }
    return {
        "legal_name": row.legal_name,
        "address": row.address,
        "place": row.place,
        "gstin": row.gstin,
        "sac": row.sac,
        "rate_bp": row.rate_bp if row.gstin else 0,
        "lut": row.lut,
    }


def frozen_customer(tenant: Tenant, seller_place: str) -> dict[str, Any]:
    """For a document. Where no address is on record the supply is made where the seller is."""
    row = profile()
    if row is None:
        return {"legal_name": tenant.name, "address": "", "place": seller_place, "gstin": ""}
    return {"legal_name": row.legal_name, "address": row.address, "place": row.place, "gstin": row.gstin}


def tax_on(micros: int) -> int:
    """What a payment of the tenant in scope brings in besides, for the state: micro-rupees in whole paise."""
    seller = frozen_issuer()
    if not seller["rate_bp"]:
        return 0
    row = profile()
    return gst.split(micros, seller["rate_bp"], seller["place"], row.place if row else seller["place"]).total


def _told(text: str, field: str, most: int) -> str:
    plain = "\n".join(" ".join(line.split()) for line in text.strip().splitlines())
    if not plain:
        raise BadTaxProfileError("is missing", field)
    if len(plain) > most:
        raise BadTaxProfileError(f"must be {most} characters at most", field)
    return plain
