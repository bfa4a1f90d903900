"""A closed month as a page, and as the files to keep."""

from __future__ import annotations

from uuid import UUID

from django.core.paginator import Paginator
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from billing.pages.answers import page, pdf, sheet
from billing.pages.naming import address_of, names, title_of
from billing.statements import breakdown, documents, gst
from billing.statements.models import CreditNote, Statement
from tenants.access import TenantRequest, tenant_view

CALLS_SHOWN = 50


@require_safe
@tenant_view("view money")
def statement(request: TenantRequest, statement_id: UUID) -> HttpResponse:
    """What was charged, by service and by call, the tax on it, and what was taken back since."""
    found = get_object_or_404(Statement, id=statement_id)
    agents = names().agents()
    calls = Paginator(list(breakdown.by_call(found)), CALLS_SHOWN).get_page(request.GET.get("page"))
    rate = found.issuer["rate_bp"]
    context = {
        "statement": found,
        "title": "Invoice" if found.number else "Statement",
        "meters": breakdown.by_meter(found),
        "corrections": breakdown.corrections(found),
        "calls": calls,
        "rows": [
            {
                "row": row,
                "title": title_of(row.source),
                "address": address_of(request.tenant.slug, row.source),
                "agent": agents.get(row.agent, row.agent),
            }
            for row in calls
        ],
        "notes": list(CreditNote.objects.filter(statement=found).order_by("created_at")),
        "place": gst.PLACES.get(found.customer["place"], ""),
        "state_tax": gst.state_tax_name(found.customer["place"]),
        "percent": documents.percent(rate),
        "half_percent": documents.percent(rate / 2),
    }
    return page(request, "billing/statement.html", context)


@require_safe
@tenant_view("view money")
def statement_file(request: TenantRequest, statement_id: UUID, form: str) -> HttpResponse:
    """`pdf`, `calls` (CSV by call) or `services` (CSV by meter)."""
    found = get_object_or_404(Statement, id=statement_id)
    return file_of(found, request.tenant.slug, form)


def file_of(found: Statement, slug: str, form: str) -> HttpResponse:
    """In the scope of the statement's tenant."""
    name = (slug, found.number or "statement", f"{found.period:%Y-%m}")
    if form == "pdf":
        return pdf(documents.statement_pdf(found), *name)
    if form == "calls":
        return sheet(documents.statement_csv(found), *name, form)
    if form == "services":
        return sheet(documents.meters_csv(found), *name, form)
    raise Http404


@require_safe
@tenant_view("view money")
def note_pdf(request: TenantRequest, note_id: UUID) -> HttpResponse:
    """A credit note to keep."""
    found = get_object_or_404(CreditNote.objects.select_related("statement"), id=note_id)
    return pdf(documents.note_pdf(found), request.tenant.slug, found.number)
