"""The team of a tenant: its rules, and the page about it."""

import asyncio
import re
import threading

import pytest

from tenants import members
from tenants.db import call_db
from tenants.models import AuditEntry, Membership, Role, User
from tenants.scope import tenant_scope
from tests.cast import make_member, make_tenant, make_user


def membership(cast, user):
    with tenant_scope(cast.tenant.id):
        return Membership.objects.filter(user=user).first()


def entries(cast):
    with tenant_scope(cast.tenant.id):
        return [(e.verb, e.actor) for e in AuditEntry.objects.order_by("created_at")]


@pytest.fixture
def team(cast):
    with tenant_scope(cast.tenant.id):
        yield {role: Membership.objects.select_related("user").get(role=role) for role in Role}


def test_an_existing_person_is_added_without_a_password(cast, team):
    added = members.add(team["owner"], cast.outsider.email.upper(), Role.BUILDER)

    assert (added.membership.user, added.membership.role, added.password) == (cast.outsider, Role.BUILDER, None)


def test_a_new_person_gets_a_password_that_must_be_changed(cast, team):
    added = members.add(team["admin"], "New@Example.test", Role.ANALYST, "New Person")

    user = User.objects.get(email="new@example.test")
    assert user.check_password(added.password)
    assert user.must_change_password
    assert user.name == "New Person"


def test_nobody_is_added_twice(cast, team):
    with pytest.raises(members.AlreadyMember):
        members.add(team["owner"], cast.analyst.email, Role.ADMIN)


def test_a_closed_account_is_not_added(cast, team):
    make_user("gone@example.test", is_active=False)

    with pytest.raises(members.ClosedAccount):
        members.add(team["owner"], "gone@example.test", Role.ANALYST)


@pytest.mark.parametrize("how", ["remove", "change"])
def test_the_last_owner_stays(cast, team, how):
    attempt = {
        "remove": lambda owner: members.remove(owner, owner),
        "change": lambda owner: members.change_role(owner, owner, Role.ADMIN),
    }[how]

    with pytest.raises(members.LastOwner):
        attempt(team["owner"])

    assert Membership.objects.get(user=cast.owner).role == Role.OWNER


def test_with_a_second_owner_the_first_may_go(cast, team):
    members.change_role(team["owner"], team["admin"], Role.OWNER)

    members.remove(team["owner"], team["owner"])

    assert not Membership.objects.filter(user=cast.owner).exists()


@pytest.mark.parametrize(
    "attempt",
    [
        lambda admin, owner: members.change_role(admin, admin, Role.OWNER),
        lambda admin, owner: members.add(admin, "somebody@example.test", Role.OWNER),
        lambda admin, owner: members.change_role(admin, owner, Role.ANALYST),
        members.remove,
    ],
    ids=["make", "add", "demote", "remove"],
)
def test_an_admin_has_no_power_over_owners(cast, team, attempt):
    with pytest.raises(members.OwnersOnly):
        attempt(team["admin"], team["owner"])


def test_every_change_is_written_down(cast, team):
    added = members.add(team["owner"], cast.outsider.email, Role.BUILDER)
    members.change_role(team["owner"], added.membership, Role.ANALYST)
    members.remove(team["admin"], added.membership)

    assert [entry for entry in entries(cast) if "member" in entry[0] or "role" in entry[0]] == [
        ("added member", cast.owner),
        ("changed role", cast.owner),
        ("removed member", cast.admin),
    ]


def test_who_was_removed_meanwhile_changes_nothing_any_more(cast, team):
    members.remove(team["owner"], team["admin"])

    with pytest.raises(members.NoLonger):
        members.add(team["admin"], cast.outsider.email, Role.BUILDER)


def test_who_was_demoted_meanwhile_changes_nothing_any_more(cast, team):
    stale = Membership.objects.get(user=cast.admin)
    members.change_role(team["owner"], team["admin"], Role.ANALYST)

    with pytest.raises(members.NoLonger):
        members.remove(stale, team["builder"])


@pytest.mark.django_db(transaction=True)
def test_two_owners_cannot_remove_each_other_at_once():
    tenant = make_tenant()
    owners = [make_member(tenant, Role.OWNER) for _ in range(2)]
    start = threading.Barrier(2)

    def remove(actor, other):
        with tenant_scope(tenant.id):
            actor, other = (Membership.objects.select_related("user").get(user=user) for user in (actor, other))
            start.wait()
            try:
                members.remove(actor, other)
            except members.MemberError as error:
                return type(error)

    async def both():
        return await asyncio.gather(call_db(remove, *owners), call_db(remove, *reversed(owners)))

    assert set(asyncio.run(both())) == {None, members.NoLonger}
    with tenant_scope(tenant.id):
        assert Membership.objects.count() == 1


# The page


def url(cast, rest=""):
    return f"/t/{cast.tenant.slug}/team/{rest}"


def test_the_page_lists_everybody_with_the_role(client, cast):
    client.force_login(cast.admin)

    page = client.get(url(cast)).content.decode()

    for user in cast.by_role.values():
        assert user.email in page
    assert cast.stranger.email not in page


@pytest.mark.parametrize(
    ("person", "status"),
    [
        *[("owner", 200), ("admin", 200), ("builder", 403), ("analyst", 403), ("billing", 403)],
        *[("stranger", 404), ("outsider", 404), ("operator", 403)],
    ],
)
def test_only_owners_and_admins_open_the_page(client, cast, person, status):
    client.force_login(getattr(cast, person))

    assert client.get(url(cast)).status_code == status


def test_adding_somebody_new_shows_the_password_once(client, cast):
    client.force_login(cast.owner)

    response = client.post(url(cast), {"email": "new@example.test", "role": "analyst", "name": ""})

    password = re.search(r'<code id="one-time">([^<]+)</code>', response.content.decode())[1]
    assert User.objects.get(email="new@example.test").check_password(password)
    assert "no-store" in response["Cache-Control"]
    assert password not in client.get(url(cast)).content.decode()


def test_the_one_time_password_opens_only_the_way_to_an_own_one(client, cast):
    client.force_login(cast.owner)
    response = client.post(url(cast), {"email": "new@example.test", "role": "analyst"})
    password = re.search(r'<code id="one-time">([^<]+)</code>', response.content.decode())[1]
    client.logout()

    client.post("/accounts/login/", {"login": "new@example.test", "password": password})
    assert client.get(f"/t/{cast.tenant.slug}/")["Location"] == "/accounts/password/change/"
    own = {"oldpassword": password, "password1": "my own and long", "password2": "my own and long"}
    assert client.post("/accounts/password/change/", own)["Location"] == "/"

    assert client.get(f"/t/{cast.tenant.slug}/")["Location"] == f"/t/{cast.tenant.slug}/calls/"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"email": "not an address", "role": "analyst"}, "Enter a valid email address."),
        ({"email": "someone@example.test", "role": "king"}, "is not one of the available choices"),
        ({"email": "analyst", "role": "builder"}, "already on the team"),
    ],
)
def test_a_form_with_errors_keeps_what_was_typed(client, cast, fields, said):
    client.force_login(cast.owner)
    if fields["email"] == "analyst":
        fields = {**fields, "email": cast.analyst.email}

    response = client.post(url(cast), fields)

    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert f'value="{fields["email"]}"' in page


def test_htmx_gets_the_part_and_a_toast(client, cast):
    client.force_login(cast.owner)
    member = membership(cast, cast.analyst)

    response = client.post(
        url(cast, f"{member.pk}/role/"), {"role": "builder"}, headers={"HX-Request": "true"}, follow=True
    )

    page = response.content.decode()
    assert "<html" not in page
    assert 'id="team"' in page
    assert "is now Builder." in page
    assert membership(cast, cast.analyst).role == Role.BUILDER


def test_removing_asks_first(client, cast):
    client.force_login(cast.owner)
    member = membership(cast, cast.analyst)

    assert client.get(url(cast, f"{member.pk}/remove/")).status_code == 200
    assert membership(cast, cast.analyst)
    client.post(url(cast, f"{member.pk}/remove/"))

    assert membership(cast, cast.analyst) is None


def test_another_tenants_member_is_not_there(client, cast):
    client.force_login(cast.owner)
    with tenant_scope(cast.other.id):
        theirs = Membership.objects.get(user=cast.stranger)

    for rest in ("role/", "remove/"):
        assert client.post(url(cast, f"{theirs.pk}/{rest}"), {"role": "builder"}).status_code == 404


def test_who_leaves_ends_up_at_the_start(client, cast):
    second = make_member(cast.tenant, Role.OWNER)
    client.force_login(second)

    response = client.post(url(cast, f"{membership(cast, second).pk}/remove/"))

    assert response["Location"] == "/"


def test_the_last_owner_is_told_why_it_does_not_work(client, cast):
    client.force_login(cast.owner)

    response = client.post(url(cast, f"{membership(cast, cast.owner).pk}/remove/"))

    assert response.status_code == 422
    assert "keeps at least one owner" in response.content.decode()
