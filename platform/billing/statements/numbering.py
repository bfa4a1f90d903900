"""Numbers of documents: consecutive within a financial year, at most 16 characters, none twice and none left out."""

from __future__ import annotations

from datetime import date
from typing import Final

from billing.statements.gst import financial_year
from billing.statements.models import InvoiceSeries

INVOICE: Final = "SB"
NOTE: Final = "CN"


def next_number(kind: str, day: date) -> str:
    """`SB/26-27/000042`. Keeps the series locked until the transaction's end: whoever fails gives the number back.
    Lock order: wallet, then series."""
    year = financial_year(day)
    InvoiceSeries.objects.bulk_create([InvoiceSeries(kind=kind, year=year)], ignore_conflicts=True)
    series = InvoiceSeries.objects.select_for_update().get(kind=kind, year=year)
    series.last += 1
    series.save(update_fields=["last"])
    return f"{kind}/{year}/{series.last:06}"
