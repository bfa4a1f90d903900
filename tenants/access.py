"""Who may do what: roles to permissions, and the door of every page under `/t/<slug>/`.

A stranger and a wrong tenant get 404, so that nobody learns which tenants there are; a member without the right gets
403. Operators may read every tenant's pages, and change nothing there: inside a tenant only a membership gives power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, Literal, cast, get_args

from django.contrib.auth.models import AnonymousUser
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, resolve_url
from django.template.response import SimpleTemplateResponse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect

from tenants.models import Membership, Role, Tenant, User
from tenants.scope import tenant_scope, user_scope

Permission = Literal[
    "view agents",
    "edit agents",
    "publish agents",
    "view numbers",
    "edit numbers",
    "rent numbers",
    "view calls",
    "listen",
    "end calls",
    "make calls",
    "manage members",
    "manage keys",
    "view money",
    "manage money",
]

ALL: frozenset[Permission] = frozenset(get_args(Permission))
READ: frozenset[Permission] = frozenset(permission for permission in ALL if permission.startswith("view "))

MAY: dict[Role, frozenset[Permission]] = {
    Role.OWNER: ALL,
    Role.ADMIN: ALL,
    Role.BUILDER: ALL - {"rent numbers", "manage members", "manage keys", "view money", "manage money"},
    Role.ANALYST: READ - {"view money"} | {"listen"},
    Role.BILLING: frozenset({"view calls", "view money", "manage money"}),
}


_COLUMNS: dict[str, Permission] = {
    "Sees calls": "view calls",
    "Hears calls": "listen",
    "Ends calls": "end calls",
    "Places calls": "make calls",
    "Edits agents": "edit agents",
    "Edits numbers": "edit numbers",
    "Rents numbers": "rent numbers",
    "Manages people": "manage members",
    "Manages keys": "manage keys",
    "Sees money": "view money",
    "Pays and caps": "manage money",
}


def rights() -> dict[str, list[Any]]:
    """The table above in words, for the team's page: `columns` and `rows` of (role, yes or no per column)."""
    rows = [(role.label, [permission in MAY[role] for permission in _COLUMNS.values()]) for role in Role]
    return {"columns": list(_COLUMNS), "rows": rows}


@dataclass(frozen=True, slots=True)
class Admission:
    """How somebody stands to a tenant. `membership` is None for an operator who looks in."""

    tenant: Tenant
    membership: Membership | None
    permissions: frozenset[Permission]


class TenantRequest(HttpRequest):
    """What a view behind `tenant_view` is given. `permissions` is for templates too: `"edit agents" in …`."""

    user: User
    tenant: Tenant
    membership: Membership | None
    permissions: frozenset[Permission]
    htmx: Any


def can(membership: Membership | None, permission: Permission) -> bool:
    """Whether the member's role allows it. No membership, no right: what an operator may see is in `Admission`."""
    return membership is not None and permission in MAY[Role(membership.role)]


def admit(user: User | AnonymousUser, slug: str) -> Admission:
    """Let a person in. Raises `Http404` for strangers, and for a tenant that is not there."""
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None or not isinstance(user, User) or not user.is_active:
        raise Http404
    with tenant_scope(tenant.id):
        membership = Membership.objects.filter(user=user).first()
    if membership is None and not user.is_staff:
        raise Http404
    permissions = MAY[Role(membership.role)] if membership else frozenset()
    return Admission(tenant, membership, permissions | READ if user.is_staff else permissions)


def memberships_of(user: User) -> list[Membership]:
    """A person's memberships in all tenants, by the tenant's name."""
    with user_scope(user.id):
        return list(Membership._base_manager.filter(user=user).select_related("tenant").order_by("tenant__name"))


TenantPage = Callable[Concatenate[TenantRequest, ...], HttpResponseBase]


def tenant_view(
    permission: Permission, *, waits: bool = False
) -> Callable[[TenantPage], Callable[..., HttpResponseBase]]:
    """The door of a page of one tenant. The view runs, and its template renders, in its scope and one transaction.

    Sets `request.tenant`, `request.membership` and `request.permissions`, and keeps `slug` to itself. Times are shown
    in the tenant's time zone.

    `waits`: the view asks somebody outside, a vendor or a tenant's server, and no transaction may be open meanwhile.
    It opens `request.tenant`'s scope itself, before and after; its template renders in one of its own.
    """
    if permission not in ALL:
        raise ValueError(f"no such permission: {permission}")

    def decorate(view: TenantPage) -> Callable[..., HttpResponseBase]:
        @wraps(view)
        def page(request: HttpRequest, *args: Any, slug: str, **kwargs: Any) -> HttpResponseBase:
            if not isinstance(request.user, User):
                return _to_sign_in(request)
            if request.user.must_change_password:
                return redirect("account_change_password")
            admission = admit(request.user, slug)
            inside = cast("TenantRequest", request)
            inside.tenant, inside.membership = admission.tenant, admission.membership
            inside.permissions = admission.permissions
            if permission not in admission.permissions:
                raise PermissionDenied
            with timezone.override(admission.tenant.time_zone):
                if waits:
                    response = view(inside, *args, **kwargs)
                    with tenant_scope(admission.tenant.id):
                        _render(response)
                else:
                    with tenant_scope(admission.tenant.id):
                        response = view(inside, *args, **kwargs)
                        _render(response)
            patch_vary_headers(response, ["HX-Request", "Cookie"])
            response.headers.setdefault("Cache-Control", "private, no-cache")
            return response

        return page

    return decorate


def _render(response: HttpResponseBase) -> None:
    if isinstance(response, SimpleTemplateResponse):
        response.render()


def _to_sign_in(request: HttpRequest) -> HttpResponseBase:
    htmx = getattr(request, "htmx", None)
    if htmx:
        # A redirect would put the sign-in form into the fragment.
        back = htmx.current_url_abs_path or request.get_full_path()
        return HttpResponseClientRedirect(redirect_to_login(back, resolve_url("account_login")).url)
    return redirect_to_login(request.get_full_path(), resolve_url("account_login"))
