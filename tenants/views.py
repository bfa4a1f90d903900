"""The front door (`/`), a person's own page, and the team of a tenant."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect

from tenants import members
from tenants.access import TenantRequest, memberships_of, rights, tenant_view
from tenants.forms import AddMemberForm, ProfileForm, RoleForm
from tenants.models import Membership, Role, Tenant, User


@require_GET
@login_required
def start(request: HttpRequest) -> HttpResponse:
    """To the only tenant, or a choice of them. Operators choose among all."""
    user = _user(request)
    memberships = memberships_of(user)
    if len(memberships) == 1 and not user.is_staff:
        return redirect("tenants:home", memberships[0].tenant.slug)
    own = {membership.tenant_id for membership in memberships}
    others = Tenant.objects.exclude(pk__in=own).order_by("name") if user.is_staff else []
    return render(request, "tenants/start.html", {"memberships": memberships, "others": others})


@require_http_methods(["GET", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """Name, theme, password, second factor."""
    user = _user(request)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return redirect("tenants:profile")
    if form.errors:
        user.refresh_from_db()
    context = {
        "form": form,
        "account_page": True,
        "second_factor": Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists(),
        "memberships": memberships_of(user),
    }
    return render(request, "tenants/profile.html", context, status=422 if form.errors else 200)


@require_POST
@login_required
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the choice of the rail's switch."""
    user = _user(request)
    if request.POST.get("theme") in User.Theme.values:
        user.theme = request.POST["theme"]
        user.save(update_fields=["theme"])
    back = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(back, {request.get_host()}, require_https=request.is_secure()):
        back = "/"
    return HttpResponseRedirect(back)


@require_GET
@tenant_view("view calls")
def home(request: TenantRequest) -> HttpResponse:
    """The tenant's first page: its calls."""
    return redirect("telephony:calls", request.tenant.slug)


@require_http_methods(["GET", "POST"])
@tenant_view("manage members")
def team(request: TenantRequest) -> HttpResponse:
    """Who is on the team; somebody joins."""
    actor = _member(request)
    form = AddMemberForm(request.POST or None, owner=actor.role == Role.OWNER)
    if request.method != "POST":
        return _team(request, form)
    if not form.is_valid():
        return _team(request, form, status=422)
    try:
        added = members.add(
            actor, form.cleaned_data["email"], Role(form.cleaned_data["role"]), form.cleaned_data["name"]
        )
    except members.MemberError as error:
        form.add_error("email" if not isinstance(error, members.OwnersOnly) else "role", str(error))
        return _team(request, form, status=422)
    # Answered without a redirect: the one-time password is on this page and nowhere else.
    return _team(request, AddMemberForm(owner=actor.role == Role.OWNER), added=added)


@require_POST
@tenant_view("manage members")
def change_role(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """Give a member another role."""
    actor, member = _member(request), get_object_or_404(Membership.objects.select_related("user"), pk=member_id)
    form = RoleForm(request.POST)
    if not form.is_valid():
        return _team(request, problem="Choose one of the roles.", status=422)
    try:
        members.change_role(actor, member, Role(form.cleaned_data["role"]))
    except members.MemberError as error:
        return _team(request, problem=str(error), status=422)
    return _done(request, actor, f"{member.user} is now {member.get_role_display()}.")


@require_http_methods(["GET", "POST"])
@tenant_view("manage members")
def remove(request: TenantRequest, member_id: UUID) -> HttpResponse:
    """Ask, then end a membership."""
    actor, member = _member(request), get_object_or_404(Membership.objects.select_related("user"), pk=member_id)
    if request.method == "GET":
        return render(request, "tenants/remove_member.html", {"member": member, "self": member.pk == actor.pk})
    try:
        members.remove(actor, member)
    except members.MemberError as error:
        return _team(request, problem=str(error), status=422)
    return _done(request, actor, f"{member.user} is no longer on the team.")


def _team(request: TenantRequest, form: AddMemberForm | None = None, status: int = 200, **context: Any) -> HttpResponse:
    actor = _member(request)
    people = members.members()
    factors = set(
        Authenticator.objects.filter(
            user__in=[member.user_id for member in people], type=Authenticator.Type.TOTP
        ).values_list("user_id", flat=True)
    )
    context |= {
        "form": form or AddMemberForm(owner=actor.role == Role.OWNER),
        "people": [(member, member.user_id in factors) for member in people],
        "roles": [role for role in Role if role != Role.OWNER or actor.role == Role.OWNER],
        "actor": actor,
        "rights": rights(),
    }
    template = "tenants/team.html#team" if request.htmx else "tenants/team.html"
    response = render(request, template, context, status=status)
    response["Cache-Control"] = "private, no-store"
    return response


def _done(request: TenantRequest, actor: Membership, sentence: str) -> HttpResponse:
    """Back to the page, unless one's own change has just ended the right to it."""
    messages.success(request, sentence)
    still = Membership.objects.filter(pk=actor.pk, role__in=[Role.OWNER, Role.ADMIN]).exists()
    if still:
        return redirect("tenants:team", request.tenant.slug)
    return HttpResponseClientRedirect(reverse("tenants:start")) if request.htmx else redirect("tenants:start")


def _user(request: HttpRequest) -> User:
    if not isinstance(request.user, User):
        raise TypeError("this page is for people who signed in")
    return request.user


def _member(request: TenantRequest) -> Membership:
    if request.membership is None:
        raise TypeError("an operator changes nothing inside a tenant")
    return request.membership
