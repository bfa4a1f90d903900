"""The pages about numbers: the list, one number, and what is done with it at the carrier."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, transaction
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from telephony.addresses import callback_url
from telephony.carrier import CarrierError, carrier_for
from telephony.forms import ConnectNumber, EditNumber
from telephony.models import Call, CarrierAccount, PhoneNumber
from telephony.numbers import account as accounts
from telephony.numbers import attaching, readiness, renting, showing
from telephony.numbers.forms import RingMe
from telephony.numbers.models import NumberOrder, Rental
from telephony.routes import telling
from telephony.vobiz.rest_values import Application, Me, OwnedNumber
from tenants import audit, outside
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("view numbers")
def index(request: TenantRequest) -> HttpResponse:
    """Who answers which number; a posted form connects one by hand."""
    connect = ConnectNumber()
    if request.method == "POST":
        must(request, "edit numbers")
        connect = ConnectNumber(request.POST, instance=PhoneNumber(tenant=request.tenant))
        if connect.is_valid() and (number := _connect(connect)):
            audit.record(request.user, "connected number", number, e164=number.e164)
            return done(request, "Number connected. Now tell Vobiz.", "telephony:number", number.id)
    account = CarrierAccount.objects.first()
    context = {
        "rows": _rows(),
        "connect": connect,
        "account": account,
        "may_rent": accounts.may_rent(account) and "rent numbers" in request.permissions,
        "platform_offers": accounts.platform_offers(),
        "orders": _orders(),
    }
    return page(request, "telephony/numbers.html", context, status=422 if connect.is_bound else 200)


def _rows() -> list[dict[str, Any]]:
    week_ago = timezone.now() - timedelta(days=7)
    counts = dict(Call.objects.filter(created_at__gte=week_ago).values_list("number").annotate(Count("id")).order_by())
    rentals = {rental.number_id: rental for rental in Rental.objects.all()}
    numbers = list(PhoneNumber.objects.select_related("agent__published"))
    elsewhere = telling.answers(numbers)
    return [
        {
            "number": number,
            "calls": counts.get(number.id, 0),
            "rental": (rental := rentals.get(number.id)),
            "at_carrier": showing.at_carrier(rental),
            "route": elsewhere.get(number.id, ""),
        }
        for number in numbers
    ]


def _orders() -> list[NumberOrder]:
    """Purchases that are open, and those of today that came to nothing."""
    today = timezone.now() - timedelta(days=1)
    return [order for order in NumberOrder.objects.filter(created_at__gte=today) if order.is_open or order.problem]


def _connect(form: ConnectNumber) -> PhoneNumber | None:
    """None when the number is connected already, here or elsewhere: a number has one place on the whole platform."""
    try:
        with transaction.atomic():
            number: PhoneNumber = form.save()
            return number
    except IntegrityError:
        form.add_error("e164", "This number is connected already.")
        return None


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("view numbers")
def one(request: TenantRequest, number_id: UUID) -> HttpResponse:
    """One number: who answers, whether it is ready, what the carrier says of it, and the addresses to paste there."""
    number = get_object_or_404(PhoneNumber.objects.select_related("agent__published"), id=number_id)
    form = EditNumber(instance=number)
    if request.method == "POST":
        must(request, "edit numbers")
        form = EditNumber(request.POST, instance=number)
        if form.is_valid():
            form.save()
            audit.record(request.user, "changed number", number, fields=form.changed_data)
            return done(request, "Number saved.", "telephony:number", number.id)
        number.refresh_from_db()
    account = CarrierAccount.objects.first()
    rental = Rental.objects.filter(number=number).first()
    context = {
        "number": number,
        "form": form,
        "account": account,
        "rental": rental,
        "told": telling.told(number, timezone.now()),
        "route": telling.answers([number]).get(number.id, ""),
        "at_carrier": showing.at_carrier(rental),
        "ring": RingMe(),
        "may_rent": accounts.may_rent(account) and "rent numbers" in request.permissions,
        "titles": readiness.TITLES,
        "urls": {kind: callback_url(kind, number) for kind in ("answer", "hangup", "fallback")},
    }
    return page(request, "telephony/number.html", context, status=422 if form.is_bound else 200)


@require_safe
@tenant_view("view numbers", waits=True)
def tick(request: TenantRequest, number_id: UUID, name: str) -> HttpResponse:
    """One line of the checklist, looked at now; `all` for the whole list."""
    with tenant_scope(request.tenant.id):
        known = readiness.facts(get_object_or_404(PhoneNumber, id=number_id))
    context = {"number": known.number, "awaited": readiness.AWAITED}
    if name == "all":
        context["ticks"] = outside.wait(readiness.look, known)
        return page(request, "telephony/number_ready.html", context)
    if name not in readiness.TICKS:
        raise Http404
    context["tick"] = outside.wait(readiness.TICKS[name], known)
    return page(request, "telephony/number_ready.html#tick", context)


@require_safe
@tenant_view("view numbers", waits=True)
def health(request: TenantRequest, number_id: UUID) -> HttpResponse:
    """What the networks think of a number."""
    with tenant_scope(request.tenant.id):
        number = get_object_or_404(PhoneNumber, id=number_id)
    context: dict[str, Any] = {"number": number}
    try:
        if settings.CARRIER_IN_REACH:
            context["health"] = outside.wait(lambda: carrier_for(request.tenant).health(number.e164))
    except CarrierError as error:
        context["problem"] = str(error)
    return page(request, "telephony/number_health.html", context)


@require_POST
@tenant_view("edit numbers", waits=True)
def sync(request: TenantRequest) -> HttpResponse:
    """Fetch the numbers that the account rents."""
    try:
        owned, applications, me = outside.wait(_at_carrier, request)
    except CarrierError as error:
        messages.error(request, str(error))
        return back(request, "telephony:numbers")
    with tenant_scope(request.tenant.id):
        synced = renting.sync(request.user, owned, applications, timezone.now())
        accounts.accepted(me, timezone.now())
    messages.success(request, _told(synced))
    if synced.elsewhere:
        numbers = ", ".join(synced.elsewhere)
        messages.warning(request, f"Connected to another business here: {numbers}. Ask the operator.")
    return back(request, "telephony:numbers")


def _at_carrier(request: TenantRequest) -> tuple[tuple[OwnedNumber, ...], tuple[Application, ...], Me]:
    carrier = carrier_for(request.tenant)
    return carrier.numbers(), carrier.applications(), carrier.me()


def _told(synced: renting.Synced) -> str:
    parts = [f"Vobiz lists {synced.known} of your numbers"]
    if synced.added:
        parts.append(f"{len(synced.added)} new here")
    if synced.gone:
        parts.append(f"{len(synced.gone)} not there any more")
    return ", ".join(parts) + "."


@require_POST
@tenant_view("edit numbers", waits=True)
def attach(request: TenantRequest, number_id: UUID) -> HttpResponse:
    """Have the carrier send a number's calls here."""
    with tenant_scope(request.tenant.id):
        number = get_object_or_404(PhoneNumber, id=number_id)
    try:
        outside.wait(lambda: attaching.attach(request.user, number, carrier_for(request.tenant)))
    except CarrierError as error:
        messages.error(request, f"Not attached. {error}")
    else:
        messages.success(request, "Vobiz sends its calls here.")
    return back(request, "telephony:number", number.id)


def must(request: TenantRequest, permission: str) -> None:
    """Raises `PermissionDenied`."""
    if permission not in request.permissions:
        raise PermissionDenied


def done(request: TenantRequest, text: str, view: str, *args: object) -> HttpResponse:
    """On to another page, which says that it worked."""
    messages.success(request, text)
    return back(request, view, *args)


def back(request: TenantRequest, view: str, *args: object) -> HttpResponse:
    """On to another page of the tenant's."""
    response = redirect(view, request.tenant.slug, *args)
    response.status_code = 303
    return response


def page(request: TenantRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page, or a part of one."""
    common = {"slug": request.tenant.slug, "permissions": request.permissions}
    return TemplateResponse(request, template, common | context, status=status)
