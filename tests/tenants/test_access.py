"""Roles, permissions and the door of a tenant's pages."""

import pytest
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.template.response import TemplateResponse
from django.test import RequestFactory

from tenants.access import MAY, admit, can, memberships_of, tenant_view
from tenants.models import ApiKey, Membership, Role
from tenants.scope import ScopeError, current, tenant_scope

TABLE = {
    # permission: owner, admin, builder, analyst, billing
    "view agents": "yes yes yes yes no",
    "edit agents": "yes yes yes no no",
    "publish agents": "yes yes yes no no",
    "view numbers": "yes yes yes yes no",
    "edit numbers": "yes yes yes no no",
    "rent numbers": "yes yes no no no",
    "view calls": "yes yes yes yes yes",
    "listen": "yes yes yes yes no",
    "end calls": "yes yes yes no no",
    "make calls": "yes yes yes no no",
    "manage members": "yes yes no no no",
    "manage keys": "yes yes no no no",
    "view money": "yes yes no no yes",
    "manage money": "yes yes no no yes",
}

ROWS = [
    (permission, role, answer == "yes")
    for permission, answers in TABLE.items()
    for role, answer in zip(Role, answers.split(), strict=True)
]


@pytest.mark.parametrize(("permission", "role", "allowed"), ROWS)
def test_a_role_may_do_what_the_table_says(permission, role, allowed):
    assert can(Membership(role=role), permission) is allowed


def test_the_table_has_every_permission():
    assert set(TABLE) == MAY[Role.OWNER]


def test_without_a_membership_nothing_is_allowed():
    assert not can(None, "view calls")


@tenant_view("edit agents")
def editing(request, thing="none"):
    return HttpResponse(f"{request.tenant.slug} {thing} {request.membership.role}")


@tenant_view("view agents")
def viewing(request):
    return HttpResponse(f"{current().tenant_id} {request.membership}")


def get(view, user, slug, **kwargs):
    request = RequestFactory().get(f"/t/{slug}/here/")
    request.user = user
    return view(request, slug=slug, **kwargs)


@pytest.mark.parametrize("role", ["owner", "admin", "builder"])
def test_the_view_gets_the_tenant_and_not_the_slug(cast, role):
    response = get(editing, getattr(cast, role), cast.tenant.slug, thing="x")

    assert response.content.decode() == f"{cast.tenant.slug} x {role}"


@pytest.mark.parametrize("role", ["analyst", "billing"])
def test_a_member_without_the_right_is_told_so(cast, role):
    with pytest.raises(PermissionDenied):
        get(editing, getattr(cast, role), cast.tenant.slug)


@pytest.mark.parametrize("person", ["stranger", "outsider"])
def test_a_stranger_learns_nothing(cast, person):
    with pytest.raises(Http404):
        get(viewing, getattr(cast, person), cast.tenant.slug)


def test_a_tenant_that_is_not_there_looks_like_somebody_elses(cast):
    with pytest.raises(Http404):
        get(viewing, cast.owner, "no-such-tenant")


def test_an_operator_may_read_and_not_write(cast):
    response = get(viewing, cast.operator, cast.tenant.slug)

    assert response.content.decode() == f"{cast.tenant.id} None"
    with pytest.raises(PermissionDenied):
        get(editing, cast.operator, cast.tenant.slug)


def test_an_operator_does_not_listen(cast):
    assert "listen" not in admit(cast.operator, cast.tenant.slug).permissions


def test_a_closed_account_is_a_stranger(cast):
    cast.owner.is_active = False

    with pytest.raises(Http404):
        admit(cast.owner, cast.tenant.slug)


def test_the_scope_ends_with_the_view(cast):
    get(viewing, cast.owner, cast.tenant.slug)

    assert current() is None


def test_a_template_renders_inside_the_scope(cast):
    seen = []

    class Response(TemplateResponse):
        @property
        def rendered_content(self):
            seen.append(current().tenant_id)
            return ""

    get(tenant_view("view agents")(lambda request: Response(request, "x")), cast.owner, cast.tenant.slug)

    assert seen == [cast.tenant.id]


def test_an_error_in_a_view_takes_its_changes_back(cast):
    @tenant_view("view agents")
    def failing(request):
        ApiKey.objects.create(name="k", prefix="sb_x", digest=b"x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        get(failing, cast.owner, cast.tenant.slug)

    with tenant_scope(cast.tenant.id):
        assert not ApiKey.objects.exists()


def test_a_misspelt_permission_does_not_pass_unnoticed():
    with pytest.raises(ValueError):
        tenant_view("veiw agents")


def test_the_switcher_sees_all_memberships_of_one_person(cast):
    with tenant_scope(cast.other.id):
        Membership.objects.create(user=cast.owner, role=Role.ANALYST)

    assert [m.tenant for m in memberships_of(cast.owner)] == [cast.tenant, cast.other]
    with pytest.raises(ScopeError):
        Membership.objects.count()


@pytest.mark.parametrize("htmx", [False, True])
def test_somebody_signed_out_is_sent_to_sign_in_and_back(client, cast, htmx):
    path = f"/t/{cast.tenant.slug}/team/"
    headers = {"HX-Request": "true", "HX-Current-URL": f"http://testserver{path}"} if htmx else {}

    response = client.get(path, headers=headers)

    where = response["HX-Redirect"] if htmx else response["Location"]
    assert where == f"/accounts/login/?next={path}"
