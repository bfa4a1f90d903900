"""The pages that spend money: looking for numbers, renting one, giving one back; and a call to hear oneself."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from telephony.addresses import callback_url
from telephony.carrier import CarrierError, Placement, carrier_for
from telephony.models import CarrierAccount, PhoneNumber
from telephony.numbers import account as accounts
from telephony.numbers import renting
from telephony.numbers.echoing import LONGEST_S
from telephony.numbers.forms import RingMe
from telephony.numbers.models import RELEASING, NumberOrder, OrderState, Rental
from telephony.numbers.pages import back, done, must, page
from telephony.outbound import placing
from telephony.settling import settle
from telephony.settling.models import LegRole
from telephony.vobiz.rest import INVENTORY_PAGE
from telephony.vobiz.rest_values import OfferedNumber
from tenants import audit, outside
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope

RING_AGAIN_S = 30
ECHOED_BY = timedelta(minutes=2)
"""A phone rings, and hears itself for half a minute: then it is over."""
NOT_YOURS = "Numbers on Switchboard’s account are rented by its operator."


@require_safe
@tenant_view("rent numbers", waits=True)
def search(request: TenantRequest) -> HttpResponse:
    """Numbers for rent, by the digits that they should have."""
    asked = "".join(filter(str.isdigit, request.GET.get("q", "")))[:15]
    shown = request.GET.get("page", "")
    shown_page = int(shown) if shown.isdecimal() and 0 < int(shown) < 1_000 else 1
    context: dict[str, Any] = {"asked": asked, "offers": [], "searched": bool(request.GET), "page": shown_page}
    if obstacle := _obstacle(request):
        context["problem"] = obstacle
    elif context["searched"]:
        try:
            context["offers"] = outside.wait(
                lambda: carrier_for(request.tenant).search_inventory(asked, page=shown_page)
            )
            context["more"] = len(context["offers"]) == INVENTORY_PAGE
        except CarrierError as error:
            context["problem"] = str(error)
    return page(request, "telephony/numbers_rent.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("rent numbers", waits=True)
def rent(request: TenantRequest, digits: str) -> HttpResponse:
    """Confirm the price of a number, and rent it. A price that changed since is shown again."""
    if obstacle := _obstacle(request):
        messages.error(request, obstacle)
        return back(request, "telephony:numbers")
    try:
        offer = outside.wait(lambda: renting.offered_one(carrier_for(request.tenant), f"+{digits}"))
    except CarrierError as error:
        messages.error(request, str(error))
        return back(request, "telephony:numbers-rent")
    if offer is None:
        messages.error(request, "Nobody can rent this number any more.")
        return back(request, "telephony:numbers-rent")
    context = {"offer": offer, "agreed": _agreement(offer), "problem": ""}
    if request.method != "POST":
        return page(request, "telephony/number_buy.html", context)
    if request.POST.get("agreed") != context["agreed"]:
        context["problem"] = "The price has changed since you saw it. Look again."
        return page(request, "telephony/number_buy.html", context, status=422)
    order = outside.wait(lambda: renting.order(request.user, request.tenant.id, offer))
    return _ordered(request, order)


def _agreement(offer: OfferedNumber) -> str:
    """What is confirmed with the button."""
    return f"{offer.setup_micros} {offer.monthly_micros} {offer.currency}"


def _ordered(request: TenantRequest, order: NumberOrder) -> HttpResponse:
    if order.state == OrderState.BOUGHT:
        with tenant_scope(request.tenant.id):
            number = PhoneNumber.objects.filter(e164=order.e164).first()
        if number is not None:
            return done(request, "The number is yours. Say who answers, and attach it.", "telephony:number", number.id)
        messages.warning(request, order.problem)
    elif order.state == OrderState.REFUSED:
        messages.error(request, f"Not rented. {order.problem}")
        return back(request, "telephony:numbers-rent")
    else:
        messages.warning(request, "Vobiz has not said whether it was rented. We keep looking: do not rent it again.")
    return back(request, "telephony:numbers")


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("rent numbers", waits=True)
def release(request: TenantRequest, number_id: UUID) -> HttpResponse:
    """Confirm that a number is given back, or that it stays after all."""
    with tenant_scope(request.tenant.id):
        number = get_object_or_404(PhoneNumber, id=number_id)
        rental = Rental.objects.filter(number=number).first()
    if obstacle := _obstacle(request):
        messages.error(request, obstacle)
        return back(request, "telephony:number", number.id)
    leaving = rental is not None and rental.status == RELEASING
    if request.method != "POST":
        return page(request, "telephony/number_release.html", {"number": number, "rental": rental, "leaving": leaving})
    if request.POST.get("act") != ("keep" if leaving else "release"):
        messages.info(request, "Nothing was changed: the number had changed meanwhile, as you see here.")
        return back(request, "telephony:number", number.id)
    act = renting.keep if leaving else renting.release
    try:
        outside.wait(lambda: act(request.user, number, carrier_for(request.tenant)))
    except CarrierError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, "The number stays yours." if leaving else "The number ends within 24 hours.")
    return back(request, "telephony:number", number.id)


@require_POST
@tenant_view("edit numbers", waits=True)
def ring(request: TenantRequest, number_id: UUID) -> HttpResponse:
    """Ring a phone and play back what it hears: the proof that sound goes over the carrier."""
    must(request, "make calls")
    with tenant_scope(request.tenant.id):
        number = get_object_or_404(PhoneNumber, id=number_id)
    form = RingMe(request.POST)
    phone = form.cleaned_data["phone"] if form.is_valid() else ""
    with tenant_scope(request.tenant.id):
        listed = placing.is_listed(phone)
    if listed:
        messages.error(request, "This number is on your do-not-call list.")
        return back(request, "telephony:number", number.id)
    if not cache.add(f"ring.{number.id}", 1, RING_AGAIN_S):
        messages.error(request, "It has just rung somebody. Wait half a minute.")
        return back(request, "telephony:number", number.id)
    if not phone:
        messages.error(request, " ".join(map(str, form.errors["phone"])))
        return back(request, "telephony:number", number.id)
    call = Placement(
        from_number=number.e164,
        to=phone,
        answer_url=callback_url("echo", number),
        hangup_url=callback_url("hangup", number),
        limit_s=2 * LONGEST_S,
    )
    try:
        uuid = outside.wait(lambda: carrier_for(request.tenant).place(call))
    except CarrierError as error:
        messages.error(request, f"Not rung. {error}")
        return back(request, "telephony:number", number.id)
    with tenant_scope(request.tenant.id):
        settle.note_leg(None, uuid, LegRole.ECHO, at=timezone.now() + ECHOED_BY)
        audit.record(request.user, "rang for an echo", number, to=call.to)
    return done(request, "Your phone rings in a moment. Speak, and hear yourself.", "telephony:number", number.id)


def _obstacle(request: TenantRequest) -> str:
    """Why this business cannot rent numbers; empty when it can."""
    with tenant_scope(request.tenant.id):
        account = CarrierAccount.objects.first()
    if account is None or not account.auth_token:
        return "Add your Vobiz account first."
    return "" if accounts.may_rent(account) else NOT_YOURS
