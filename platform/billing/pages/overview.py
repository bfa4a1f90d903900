"""The billing page, and what a tenant changes there: money in, limits, automatic top-up, whom invoices go to."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from billing import activities, limiting, sheets, standing, wallets
from billing.errors import BadAmountError, BadTaxProfileError, BillingError
from billing.models import Activity, AgentCap
from billing.money import MICROS, Money
from billing.pages import charting, forms, queries
from billing.pages.answers import Rupees, done, page, refused, sheet
from billing.pages.naming import address_of, names, title_of
from billing.statements import gst, parties
from billing.statements.models import Statement
from billing.stripe import desk
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope

STATEMENTS_SHOWN = 12
PRESET = forms.PRESETS[1] * MICROS


@require_safe
@tenant_view("view money")
def overview(request: TenantRequest) -> HttpResponse:
    """Balance, how it goes, every line of the ledger, invoices, and the ways to pay."""
    return _overview(request)


def _overview(request: TenantRequest, form: forms.TopUp | None = None, status: int = 200) -> HttpResponse:
    now = timezone.now()
    today = activities.day_of(now)
    wallet, stands = wallets.wallet(), standing.standing()
    kind, month, number = _asked(request)
    lines = queries.ledger_page(stands.balance_micros, kind, month, number)
    agents = _agents(lines.rows)
    days = queries.days_of(queries.Asked(today.replace(day=1), today))
    context = {
        "wallet": wallet,
        "standing": stands,
        "pulse": queries.pulse(now),
        "today": today,
        "chart": charting.bars(
            [charting.Day(str(day.day), f"{day:%-d %b}", (micros,)) for day, micros in days], wallet.day_cap_micros
        ),
        "days": days,
        "lines": [
            {
                "row": row,
                "address": address_of(request.tenant.slug, row.source),
                "title": _title(row),
                "under": row.memo or agents.get(row.source, ""),
            }
            for row in lines.rows
        ],
        "ledger": lines,
        "kinds": [(name, words) for name, (words, _) in queries.KINDS.items()],
        "kind": kind,
        "months": _months(today),
        "month": month,
        "statements": list(Statement.objects.order_by("-period")[:STATEMENTS_SHOWN]),
        "profile": (known := parties.profile()),
        "place": gst.PLACES.get(known.place, "") if known else "",
        "form": form or forms.TopUp(initial={"preset": str(forms.PRESETS[1])}),
        "quote": desk.Quote(PRESET, parties.tax_on(PRESET)),
        "day_spent": queries.spent(today, today),
        "agent_caps": AgentCap.objects.count(),
        **paying(request),
    }
    return page(request, "billing/overview.html", context, status=status)


def paying(request: TenantRequest) -> dict[str, Any]:
    """How money can come in."""
    if not desk.available():
        return {"by_card": False, "without": desk.WITHOUT}
    return {"by_card": True, "cards": desk.cards(request.tenant), "automatic": desk.automatic_of(request.tenant)}


def _agents(rows: list[queries.LedgerRow]) -> dict[str, str]:
    """Which agent each activity was of, by name."""
    known = names().agents()
    found = Activity.objects.filter(source__in=[row.source for row in rows]).values_list("source", "agent")
    return {source: known.get(agent, agent) for source, agent in found}


def _title(row: queries.LedgerRow) -> str:
    if row.word == queries.WORDS["charge"]:
        return title_of(row.source)
    return row.word


def _asked(request: TenantRequest) -> tuple[str, date | None, int]:
    kind = request.GET.get("kind", "")
    try:
        month = datetime.strptime(request.GET.get("month", ""), "%Y-%m").date()  # noqa: DTZ007 - a month has no zone
    except ValueError:
        month = None
    number = request.GET.get("page", "1")
    return (
        kind if kind in queries.KINDS else "",
        month,
        int(number) if number.isdecimal() and 0 < int(number) < 10_000 else 1,
    )


def _months(today: date) -> list[date]:
    """This one and the eleven before it."""
    found = [today.replace(day=1)]
    while len(found) < 12:
        last = found[-1]
        found.append(last.replace(year=last.year - (last.month == 1), month=last.month - 1 or 12))
    return found


@require_POST
@tenant_view("manage money", waits=True)
def top_up(request: TenantRequest) -> HttpResponse:
    """On to Stripe's page for an amount. It comes back to the billing page."""
    form = forms.TopUp(request.POST)
    if form.is_valid():
        try:
            return HttpResponseRedirect(desk.checkout(request.tenant, form.cleaned_data["amount"], request.user))
        except BillingError as error:
            refused(form, error, "amount")
    with tenant_scope(request.tenant.id):
        return _overview(request, form, status=422).render()  # type: ignore[attr-defined, no-any-return]


@require_POST
@tenant_view("manage money", waits=True)
def cards(request: TenantRequest) -> HttpResponse:
    """On to Stripe's pages: a new card, or everything that is saved."""
    try:
        if request.POST.get("what") == "card":
            return HttpResponseRedirect(desk.card_page(request.tenant, request.user))
        return HttpResponseRedirect(desk.portal(request.tenant))
    except BillingError as error:
        form = forms.TopUp(request.POST)
        form.add_error(None, error.message)
        with tenant_scope(request.tenant.id):
            return _overview(request, form, status=422).render()  # type: ignore[attr-defined, no-any-return]


@require_safe
@tenant_view("view money", waits=True)
def back(request: TenantRequest) -> HttpResponse:
    """People come back from Stripe, mostly before its events do: look at once, and go on to the billing page."""
    try:
        if named := request.GET.get("payment"):
            found = desk.look_at_payment(request.tenant, UUID(named))
            if found is not None and found.state == "paid":
                return done(request, f"{Money(found.net_micros)} were paid in.", "billing:overview")
            return done(request, "The payment is on its way.", "billing:overview")
        desk.look_at_cards(request.tenant)
    except (BillingError, ValueError):
        pass
    return redirect("billing:overview", request.tenant.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("manage money")
def automatic(request: TenantRequest) -> HttpResponse:
    """Pay in by itself with a saved card."""
    known = desk.automatic_of(request.tenant) if desk.available() else None
    before = {"below_micros": known.below_micros, "amount_micros": known.amount_micros} if known else None
    form = forms.Automatic(request.POST) if request.method == "POST" else forms.Automatic(initial=before)
    if request.method == "POST":
        try:
            if request.POST.get("what") == "off":
                desk.automatic(request.tenant, None, 0, request.user)
                return done(request, "Nothing is paid in by itself any more.", "billing:overview")
            if form.is_valid():
                told = form.cleaned_data
                desk.automatic(request.tenant, told["below_micros"], told["amount_micros"], request.user)
                return done(request, "Money is paid in by itself from now on.", "billing:overview")
        except BillingError as error:
            refused(form, error, below="below_micros", amount="amount_micros")
    status = 422 if request.method == "POST" else 200
    return page(request, "billing/automatic.html", {"form": form, "known": known, **paying(request)}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("manage money")
def limits(request: TenantRequest) -> HttpResponse:
    """Caps of the account and of each agent, and when people are told."""
    wallet = wallets.wallet()
    agents = names().agents()
    caps = dict(AgentCap.objects.values_list("agent", "day_micros"))
    fields = {f"cap-{id_}": id_ for id_ in agents}
    initial = {name: getattr(wallet, name) for name in forms.Limits.base_fields}
    initial |= {field: caps.get(id_) for field, id_ in fields.items()}
    form = forms.Limits(request.POST if request.method == "POST" else None, initial=initial)
    for field, id_ in fields.items():
        form.fields[field] = Rupees(label=agents[id_], required=False)
    if request.method == "POST" and form.is_valid():
        try:
            limiting.change(request.user, **{name: form.cleaned_data[name] for name in forms.Limits.base_fields})
            for field, id_ in fields.items():
                limiting.cap_agent(request.user, id_, form.cleaned_data[field])
        except BadAmountError as error:
            refused(form, error)
        else:
            return done(request, "Limits saved.", "billing:overview")
    context = {"form": form, "agent_fields": [form[field] for field in fields]}
    return page(request, "billing/limits.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("manage money")
def details(request: TenantRequest) -> HttpResponse:
    """Whom the invoices go to from now on."""
    known = parties.profile()
    before = (
        {name: getattr(known, name) for name in forms.Details.base_fields}
        if known
        else {"legal_name": request.tenant.name}
    )
    form = forms.Details(request.POST if request.method == "POST" else None, initial=before)
    if form.is_bound and form.is_valid():
        try:
            parties.keep_profile(request.user, **form.cleaned_data)
        except BadTaxProfileError as error:
            refused(form, error)
        else:
            return done(request, "The next invoice goes there.", "billing:overview")
    return page(request, "billing/details.html", {"form": form}, status=422 if form.is_bound else 200)


@require_safe
@tenant_view("view money")
def ledger_csv(request: TenantRequest) -> HttpResponse:
    """The ledger as the page shows it, all of it."""
    kind, month, _ = _asked(request)
    head = ("booked", "what", "for", "memo", "key", "rupees")
    rows = [(*row[:-1], forms.shown(int(str(row[-1])))) for row in queries.ledger_rows(kind, month)]
    return sheet(sheets.written(head, rows), request.tenant.slug, "ledger", kind or "all")
