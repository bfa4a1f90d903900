"""The door of the operator's pages: staff only, in a session with a reason and an end, and every request is written
down before it is answered. For everybody else there is no console (404)."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import wraps
from typing import Any, Concatenate, Final, cast

from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, resolve_url
from django.template.response import SimpleTemplateResponse, TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from console.models import AccessLog, StaffSession
from tenants.models import Tenant, User
from tenants.scope import Scope, platform_scope

LONGEST: Final = timedelta(hours=4)
ZONE: Final = "Asia/Kolkata"


class StaffRequest(HttpRequest):
    """What a view behind `staff_view` is given. `about`: the tenant that the address names."""

    user: User
    staff_session: StaffSession
    about: Tenant | None
    htmx: Any


StaffPage = Callable[Concatenate[StaffRequest, ...], HttpResponseBase]


def session_of(user: User, now: datetime) -> StaffSession | None:
    """The one that runs."""
    return StaffSession.objects.filter(user=user, until__gt=now, ended_at=None).order_by("-began_at").first()


def begin(user: User, reason: str, minutes: int, now: datetime) -> StaffSession:
    """A session; one that runs ends. Raises `ValueError` without a reason, or for too long a time."""
    if not reason.strip():
        raise ValueError("say why")
    if not timedelta() < timedelta(minutes=minutes) <= LONGEST:
        raise ValueError("too long")
    end(user, now)
    return StaffSession.objects.create(
        user=user, reason=reason.strip()[:200], began_at=now, until=now + timedelta(minutes=minutes)
    )


def end(user: User, now: datetime) -> None:
    StaffSession.objects.filter(user=user, until__gt=now, ended_at=None).update(ended_at=now)


def staff(request: HttpRequest) -> User | HttpResponseBase:
    """The operator who asks, or the answer to anybody else."""
    if not isinstance(request.user, User):
        return redirect_to_login(request.get_full_path(), resolve_url("account_login"))
    if not request.user.is_staff or not request.user.is_active:
        raise Http404
    if request.user.must_change_password:
        return redirect("account_change_password")
    return request.user


def staff_view(view: StaffPage) -> Callable[..., HttpResponseBase]:
    """The view runs, and its template renders, across tenants in one transaction. A `slug` in the address becomes
    `request.about`. Without a session the way leads to the page that begins one."""
    return _door(view, waits=False)


def staff_view_that_waits(view: StaffPage) -> Callable[..., HttpResponseBase]:
    """The same for a view that asks somebody outside: no transaction is open meanwhile, and it opens `across`."""
    return _door(view, waits=True)


def across(request: StaffRequest) -> AbstractContextManager[Scope]:
    """The rows of all tenants, for the reason of the session."""
    return platform_scope(f"console: {request.staff_session.reason}")


def _door(view: StaffPage, *, waits: bool) -> Callable[..., HttpResponseBase]:

    @wraps(view)
    def page(request: HttpRequest, *args: Any, slug: str = "", **kwargs: Any) -> HttpResponseBase:
        user = staff(request)
        if not isinstance(user, User):
            return user
        with platform_scope("staff session"):
            session = session_of(user, timezone.now())
        if session is None:
            back = request.get_full_path() if request.method == "GET" else reverse("console:home")
            return redirect(f"{reverse('console:session')}?{urlencode({'next': back})}")
        tenant = get_object_or_404(Tenant, slug=slug) if slug else None
        with platform_scope("log of the console"):
            AccessLog.objects.create(
                session=session, tenant=tenant, method=request.method or "", path=request.get_full_path()[:500]
            )
        inside = cast("StaffRequest", request)
        inside.staff_session, inside.about = session, tenant
        with timezone.override(ZONE):
            if waits:
                response = view(inside, *args, **kwargs)
                with across(inside):
                    _render(response)
            else:
                with across(inside):
                    response = view(inside, *args, **kwargs)
                    _render(response)
        response.headers.setdefault("Cache-Control", "private, no-store")
        return response

    return page


def _render(response: HttpResponseBase) -> None:
    if isinstance(response, SimpleTemplateResponse):
        response.render()


def answer(request: StaffRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    """A page of the console."""
    common = {"session": request.staff_session, "about": request.about, "console_page": True}
    return TemplateResponse(request, template, common | context, status=status)


def about(request: StaffRequest) -> Tenant:
    """The tenant that the address names."""
    if request.about is None:
        raise Http404
    return request.about
