"""Statements and invoices of all tenants, credit notes, and the business that sends them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing.errors import BadTaxProfileError, BillingError
from billing.pages.answers import refused
from billing.pages.invoices import file_of
from billing.statements import breakdown, closing, crediting, documents, gst, parties
from billing.statements.models import CreditNote, Statement
from console import forms
from console.access import StaffRequest, about, answer, staff_view
from tenants.scope import tenant_scope

SHOWN = 50


@require_safe
@staff_view
def index(request: StaffRequest) -> HttpResponse:
    """All of them, newest first; `q` finds by number or tenant."""
    asked = request.GET.get("q", "").strip()
    rows = Statement.objects.select_related("tenant").order_by("-period", "-number")
    if asked:
        rows = rows.filter(
            Q(number__icontains=asked) | Q(tenant__name__icontains=asked) | Q(tenant__slug__icontains=asked)
        )
    notes = CreditNote.objects.select_related("tenant", "statement").order_by("-created_at")[:20]
    page = Paginator(rows, SHOWN).get_page(request.GET.get("page"))
    context = {"page": page, "notes": list(notes), "q": asked, "issuer": parties.issuer()}
    return answer(request, "console/statements.html", context)


@require_safe
@staff_view
def statement(request: StaffRequest, statement_id: UUID) -> HttpResponse:
    """One, with the form that takes part of it back."""
    return _statement(request, statement_id)


def _statement(
    request: StaffRequest, statement_id: UUID, form: forms.Note | None = None, status: int = 200
) -> HttpResponse:
    with tenant_scope(about(request).id):
        found = get_object_or_404(Statement.objects.select_related("tenant"), id=statement_id)
        rate = found.issuer["rate_bp"]
        context = {
            "statement": found,
            "meters": breakdown.by_meter(found),
            "corrections": breakdown.corrections(found),
            "notes": list(CreditNote.objects.filter(statement=found).order_by("created_at")),
            "place": gst.PLACES.get(found.customer["place"], ""),
            "state_tax": gst.state_tax_name(found.customer["place"]),
            "percent": documents.percent(rate),
            "half_percent": documents.percent(rate / 2),
            "left": crediting.left(found),
            "form": form or forms.Note(initial={"reference": uuid4()}),
            "slug": found.tenant.slug,
        }
    return answer(request, "console/statement.html", context, status=status)


@require_safe
@staff_view
def statement_file(request: StaffRequest, statement_id: UUID, form: str) -> HttpResponse:
    """`pdf`, `calls` or `services`."""
    with tenant_scope(about(request).id):
        found = get_object_or_404(Statement, id=statement_id)
        return file_of(found, about(request).slug, form)


@require_POST
@staff_view
def credit(request: StaffRequest, statement_id: UUID) -> HttpResponse:
    """A credit note."""
    form = forms.Note(request.POST)
    if form.is_valid():
        told = form.cleaned_data
        try:
            with tenant_scope(about(request).id):
                found = get_object_or_404(Statement, id=statement_id)
                note = crediting.give_back(
                    found,
                    told["amount"],
                    str(told["reference"]),
                    told["reason"],
                    now=timezone.now(),
                    actor=request.user,
                )
        except BillingError as error:
            refused(form, error, "amount")
        else:
            messages.success(request, f"Credit note {note.number} is issued.")
            return redirect("console:statement", about(request).slug, statement_id)
    return _statement(request, statement_id, form, 422)


@require_POST
@staff_view
def close(request: StaffRequest) -> HttpResponse:
    """Close a month of a tenant now, not in the hour after its end."""
    try:
        month = datetime.strptime(request.POST.get("month", ""), "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
        with tenant_scope(about(request).id):
            made = closing.close(month, timezone.now())
    except ValueError as error:
        words = error.message if isinstance(error, BillingError) else "Choose a month."
        messages.error(request, words[:1].upper() + words[1:])
        return redirect("console:tenant", about(request).slug)
    return redirect("console:statement", about(request).slug, made.id)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view
def issuer(request: StaffRequest) -> HttpResponse:
    """Who sends invoices from now on."""
    known = parties.issuer()
    before = (
        {name: getattr(known, name) for name in ("legal_name", "address", "place", "gstin", "sac", "lut")}
        if known
        else {}
    )
    rate = known.rate_bp if known else parties.RATE_BP
    form = forms.Issuer(
        request.POST if request.method == "POST" else None,
        initial={"sac": parties.SAC, **before, "rate": Decimal(rate) / 100},
    )
    if form.is_bound and form.is_valid():
        told = dict(form.cleaned_data)
        try:
            parties.keep_issuer(request.user, rate_bp=int(told.pop("rate") * 100), **told)
        except BadTaxProfileError as error:
            refused(form, error)
        else:
            messages.success(request, "The next invoice says so.")
            return redirect("console:statements")
    return answer(request, "console/issuer.html", {"form": form, "known": known}, status=422 if form.is_bound else 200)
