"""The page of a number's routes. Each part of it saves on its own: alone for htmx, with its page for a browser."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from telephony.models import PhoneNumber
from telephony.routes import editing
from telephony.routes.forms import HoursForm, MenuForm, RouteForm
from telephony.routes.models import Route, RoutePlan
from telephony.routes.plan import CLOSED, FALLBACK, KEYS, OPEN, place_of, word
from telephony.routes.reading import hours_of
from telephony.routes.telling import Told, told
from tenants.access import TenantRequest, tenant_view

HOURS: Final = "hours"
MENU: Final = "menu"
SETTINGS: Final[dict[str, type[HoursForm] | type[MenuForm]]] = {HOURS: HoursForm, MENU: MenuForm}
TITLES: Final = {
    OPEN: ("While open", "Every call, or those that press no key"),
    CLOSED: ("While closed", "Outside of the hours below. Without it callers hear that you are closed"),
    FALLBACK: ("When that fails", "All lines busy, an agent that cannot go on, a person who does not answer"),
}


@require_http_methods(["GET", "HEAD"])
@tenant_view("view numbers")
def routes(request: TenantRequest, number_id: UUID) -> HttpResponse:
    """All of it. `?key=3` adds an empty route for a key."""
    return _page(request, _number(number_id), new=place_of(request.GET.get("key", "")))


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit numbers")
def save(request: TenantRequest, number_id: UUID, part: str) -> HttpResponse:
    """Save one part, or take a route away."""
    number, place = _number(number_id), place_of(part)
    if not place and part not in SETTINGS:
        raise Http404
    if request.method != "POST":
        return _see(request, number, part)
    if place and "route-remove" in request.POST:
        editing.remove_route(number, place, request.user)
        messages.success(request, "Route removed.")
        return _gone(request, number, place)
    form = _posted(request, number, part, place)
    if not form.is_valid():
        return _section(request, number, form, part, status=422)
    if isinstance(form, RouteForm):
        editing.save_route(number, place, form.values(), form.weights(), request.user)
    else:
        editing.save_settings(_settings(number), form.values(), request.user)
    if not request.htmx:
        messages.success(request, "Saved.")
        return _see(request, number, part)
    return _section(request, _number(number_id), _form(_number(number_id), part, place), part, saved=True)


def _number(number_id: UUID) -> PhoneNumber:
    number: PhoneNumber = get_object_or_404(PhoneNumber.objects.select_related("agent__published"), id=number_id)
    return number


def _settings(number: PhoneNumber) -> RoutePlan:
    settings: RoutePlan | None = RoutePlan.objects.filter(number=number).first()
    zone = str(number.tenant.time_zone)
    return settings or RoutePlan(tenant_id=number.tenant_id, number=number, time_zone=zone)


def _route(number: PhoneNumber, place: str) -> Route | None:
    route: Route | None = Route.objects.filter(number=number, place=place).first()
    return route


Form = RouteForm | MenuForm | HoursForm


def _form(number: PhoneNumber, part: str, place: str, *, editable: bool = True) -> Form:
    if place:
        return RouteForm(number, place, route=_route(number, place), editable=editable)
    return SETTINGS[part](_settings(number), editable=editable)


def _posted(request: TenantRequest, number: PhoneNumber, part: str, place: str) -> Form:
    data = request.POST.dict()
    if place:
        return RouteForm(number, place, data, route=_route(number, place))
    return SETTINGS[part](_settings(number), data)


def _see(request: TenantRequest, number: PhoneNumber, part: str) -> HttpResponse:
    address = reverse("telephony:number-routes", args=[request.tenant.slug, number.id])
    response = HttpResponseRedirect(f"{address}#{part}")
    response.status_code = 303
    return response


def _gone(request: TenantRequest, number: PhoneNumber, place: str) -> HttpResponse:
    """A key's panel goes; the others stay, empty. A button called `remove` would hide its form's method from htmx."""
    if not request.htmx:
        return _see(request, number, MENU if place in KEYS else place)
    if place in KEYS:
        context = _context(request, number) | {"told": _told(number), "oob": True}
        return TemplateResponse(request, "telephony/routes.html#gone", context)
    number = _number(number.id)
    return _section(request, number, _form(number, place, place), word(place), saved=True)


def _context(request: TenantRequest, number: PhoneNumber) -> dict[str, Any]:
    return {
        "slug": request.tenant.slug,
        "permissions": request.permissions,
        "number": number,
        "editable": "edit numbers" in request.permissions,
    }


def _section(
    request: TenantRequest, number: PhoneNumber, form: Form, part: str, *, status: int = 200, saved: bool = False
) -> HttpResponse:
    if not request.htmx:
        return _page(request, number, replaced=form, part=part, status=status)
    context = _context(request, number) | _panel(form, part) | {"saved": saved, "oob": True}
    if saved:
        context["told"] = _told(number)
    return TemplateResponse(request, "telephony/routes.html#panel", context, status=status)


def _panel(form: Form, part: str) -> dict[str, Any]:
    """What one panel shows."""
    place = place_of(part)
    title, about = TITLES.get(place, (f"Key {place}", "")) if place else {HOURS: _HOURS, MENU: _MENU}[part]
    return {"form": form, "part": part, "place": place, "title": title, "about": about, "is_key": place in KEYS}


_HOURS: Final = ("Opening hours", "All empty: open around the clock")
_MENU: Final = ("Keypad menu", "Asked before the agent answers")


def _told(number: PhoneNumber) -> Told:
    return told(number, timezone.now())


def _page(
    request: TenantRequest,
    number: PhoneNumber,
    *,
    new: str = "",
    replaced: Form | None = None,
    part: str = "",
    status: int = 200,
) -> HttpResponse:
    """`replaced` stands in for the part that was posted."""
    context = _context(request, number)
    taken = set(Route.objects.filter(number=number).values_list("place", flat=True))
    posted = place_of(part)
    keys = [key for key in KEYS if key in taken or key in (new, posted)]
    parts = [OPEN, MENU, *(word(key) for key in keys), HOURS, CLOSED, FALLBACK]
    panels = [
        _panel(
            replaced
            if replaced is not None and name == part
            else _form(number, name, place_of(name), editable=context["editable"]),
            name,
        )
        for name in parts
    ]
    settings = _settings(number)
    context |= {
        "panels": panels,
        "told": _told(number),
        "free_keys": [key for key in KEYS if key not in keys],
        "open_now": hours_of(settings).open_at(timezone.now()),
        "posted": part,
    }
    return TemplateResponse(request, "telephony/routes.html", context, status=status)
