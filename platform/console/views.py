"""The operator's first page, the staff session, tenants and what is done to one, and the log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, Sum
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import funding, ledger, limiting, standing, wallets
from billing.errors import BillingError
from billing.ledger import Account
from billing.models import Transaction
from billing.money import plain
from billing.pages import charting
from billing.pages.answers import refused
from billing.pages.queries import word_of
from billing.statements.models import Statement
from console import access, crediting, forms, queries
from console.access import StaffRequest, about, answer, staff_view
from console.models import AccessLog, CreditAsked
from tenants.models import AuditEntry
from tenants.scope import platform_scope, tenant_scope

SHOWN = 50


@require_http_methods(["GET", "HEAD", "POST"])
def session(request: HttpRequest) -> HttpResponseBase:
    """Begin a staff session: why, and for how long."""
    user = access.staff(request)
    if isinstance(user, HttpResponseBase):
        return user
    form = forms.Session(request.POST if request.method == "POST" else None)
    back = request.POST.get("next") or request.GET.get("next") or ""
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/console/"
    with platform_scope("staff session"):
        running = access.session_of(user, timezone.now())
        if form.is_bound and form.is_valid():
            access.begin(user, form.cleaned_data["reason"], int(form.cleaned_data["minutes"]), timezone.now())
            return redirect(back)
    context = {"form": form, "next": back, "running": running, "console_page": True, "session": running}
    return render(request, "console/session.html", context, status=422 if form.is_bound else 200)


@require_POST
def session_end(request: HttpRequest) -> HttpResponseBase:
    """End it."""
    user = access.staff(request)
    if isinstance(user, HttpResponseBase):
        return user
    with platform_scope("staff session"):
        access.end(user, timezone.now())
    messages.success(request, "The staff session has ended.")
    return redirect("tenants:start")


@require_safe
@staff_view
def home(request: StaffRequest) -> HttpResponse:
    """How the platform's money goes, and what needs a look."""
    now = timezone.now()
    today = timezone.localdate()
    month = today.replace(day=1)
    days = queries.days(today - timedelta(days=13), today)
    rows = queries.tenants(month)
    context = {
        "today": today,
        "month": month,
        "now": days[-1][1],
        "so_far": queries.Margin(sum(row.margin.revenue for row in rows), sum(row.margin.cost for row in rows)),
        "live": sum(row.live for row in rows),
        "held": sum(row.held for row in rows),
        "balance": sum(row.balance for row in rows),
        "chart": pairs(days),
        "days": days,
        "rows": rows[:10],
        "count": len(rows),
        "credits": list(
            CreditAsked.objects.filter(decision="").select_related("tenant", "asked_by").order_by("asked_at")
        ),
        "waiting": queries.waiting(now),
        "low": [row for row in rows if row.state["tone"] in ("bad", "wait")],
    }
    return answer(request, "console/home.html", context)


def pairs(days: list[tuple[Any, queries.Margin]]) -> charting.Chart:
    """Revenue and cost side by side."""
    return charting.bars(
        [
            charting.Day(
                str(day.day),
                f"{day:%-d %b}: revenue ₹{plain(one.revenue)}, cost ₹{plain(one.cost)}",
                (one.revenue, one.cost),
            )
            for day, one in days
        ]
    )


@require_safe
@staff_view
def tenants(request: StaffRequest) -> HttpResponse:
    """All of them, with their money and their month."""
    month = timezone.localdate().replace(day=1)
    rows = queries.tenants(month)
    asked = request.GET.get("q", "").strip().lower()
    if asked:
        rows = [row for row in rows if asked in row.tenant.name.lower() or asked in row.tenant.slug]
    return answer(request, "console/tenants.html", {"rows": rows, "month": month, "q": asked})


@require_safe
@staff_view
def tenant(request: StaffRequest) -> HttpResponse:
    """One tenant: money, terms, what was booked, and what an operator may do."""
    return _tenant(request)


def _tenant(request: StaffRequest, status: int = 200, **bound: Any) -> HttpResponse:
    found = about(request)
    month = timezone.localdate().replace(day=1)
    row = next(one for one in queries.tenants(month) if one.tenant.id == found.id)
    with tenant_scope(found.id):
        wallet, stands = wallets.wallet(), standing.standing()
        booked = Paginator(
            Transaction.objects.exclude(kind__in=ledger.MOVES_HOLDS)
            .annotate(wallet=Sum("entries__micros", filter=Q(entries__account=Account.WALLET.value)))
            .order_by("-created_at", "-booked_at", "-id"),
            SHOWN,
        ).get_page(request.GET.get("page"))
        lines = [{"row": one, "word": word_of(one.kind), "micros": -(one.wallet or 0)} for one in booked]
        statements = list(Statement.objects.order_by("-period")[:12])
        trail = list(AuditEntry.objects.select_related("actor").order_by("-created_at")[:12])
        waiting = list(CreditAsked.objects.filter(decision="").select_related("asked_by").order_by("asked_at"))
    context = {
        "row": row,
        "wallet": wallet,
        "standing": stands,
        "month": month,
        "booked": booked,
        "lines": lines,
        "statements": statements,
        "trail": trail,
        "waiting": waiting,
        "alone": crediting.ALONE_MICROS,
        "suspend": forms.Suspend(),
        "credit": forms.Credit(initial={"reference": uuid4()}, auto_id="credit_%s"),
        "payment": forms.Payment(auto_id="payment_%s"),
        "terms": forms.Terms(initial={"mode": wallet.mode, "credit_micros": wallet.credit_micros}, auto_id="terms_%s"),
    }
    return answer(request, "console/tenant.html", context | bound, status=status)


@require_POST
@staff_view
def suspend(request: StaffRequest) -> HttpResponse:
    """Refuse calls from now on, with a reason that the tenant reads; or lift it."""
    found = about(request)
    form = forms.Suspend(request.POST)
    lifted = request.POST.get("what") == "lift"
    if not lifted and not form.is_valid():
        return _tenant(request, 422, suspend=form, problem=form)
    with tenant_scope(found.id):
        reason = "" if lifted else form.cleaned_data["reason"]
        limiting.change(request.user, limiting.OPERATORS, suspended=reason)
    return _done(request, "The suspension is lifted." if lifted else f"{found.name} is suspended.")


@require_POST
@staff_view
def credit(request: StaffRequest) -> HttpResponse:
    """Give money, or ask a second person for it."""
    found = about(request)
    form = forms.Credit(request.POST, auto_id="credit_%s")
    if form.is_valid():
        told = form.cleaned_data
        try:
            given = crediting.give(
                found, told["amount"], told["reason"], str(told["reference"]), request.user, timezone.now()
            )
        except BillingError as error:
            refused(form, error, "amount")
        else:
            waits = isinstance(given, CreditAsked)
            return _done(request, "It waits for a second person." if waits else "The credit is in the wallet.")
    return _tenant(request, 422, credit=form, problem=form)


@require_POST
@staff_view
def decide(request: StaffRequest, asked_id: UUID) -> HttpResponse:
    """A second person's word on a credit."""
    found = about(request)
    with tenant_scope(found.id):
        get_object_or_404(CreditAsked, id=asked_id)
    try:
        asked = crediting.decide(found, asked_id, request.POST.get("what") == "give", request.user, timezone.now())
    except crediting.SamePersonError:
        messages.error(request, "Somebody else must decide: you asked for it.")
    except crediting.DecidedError:
        messages.error(request, "Somebody has decided already.")
    else:
        messages.success(
            request, "The credit is in the wallet." if asked.decision == "given" else "The credit is refused."
        )
    return redirect("console:tenant", found.slug)


@require_POST
@staff_view
def payment(request: StaffRequest) -> HttpResponse:
    """Book money that came in past Stripe."""
    found = about(request)
    form = forms.Payment(request.POST, auto_id="payment_%s")
    if form.is_valid():
        told = form.cleaned_data
        try:
            with tenant_scope(found.id):
                funding.top_up(
                    told["amount"],
                    told["reference"],
                    now=timezone.now(),
                    tax_micros=told["tax"] or 0,
                    actor=request.user,
                )
        except BillingError as error:
            refused(form, error, "amount")
        else:
            return _done(request, "The payment is booked.")
    return _tenant(request, 422, payment=form, problem=form)


@require_POST
@staff_view
def terms(request: StaffRequest) -> HttpResponse:
    """In advance, or by monthly statement with a line of credit."""
    found = about(request)
    form = forms.Terms(request.POST, auto_id="terms_%s")
    if form.is_valid():
        try:
            with tenant_scope(found.id):
                limiting.change(request.user, limiting.OPERATORS, **form.cleaned_data)
        except BillingError as error:
            refused(form, error, "credit_micros")
        else:
            return _done(request, "The terms hold from now on.")
    return _tenant(request, 422, terms=form, problem=form)


@require_safe
@staff_view
def log(request: StaffRequest) -> HttpResponse:
    """Every request of every operator, newest first."""
    rows = AccessLog.objects.select_related("session__user", "tenant").order_by("-created_at", "-id")
    return answer(request, "console/log.html", {"page": Paginator(rows, SHOWN).get_page(request.GET.get("page"))})


def _done(request: StaffRequest, text: str) -> HttpResponse:
    if request.about is None:
        raise Http404
    messages.success(request, text)
    response = redirect("console:tenant", request.about.slug)
    response.status_code = 303
    return response
