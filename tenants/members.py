"""The people of a tenant: add, change a role, remove. All of it in the tenant's scope, one change at a time.

Changes of one tenant's members queue on the tenant's row, so that two owners cannot remove each other at once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from allauth.account.models import EmailAddress

from tenants import audit
from tenants.access import can
from tenants.models import Membership, Role, Tenant, User
from tenants.scope import current_tenant_id


class MemberError(Exception):
    """Why the team cannot be changed like this; the message is for the person who tried."""


class LastOwner(MemberError):
    """A tenant keeps at least one owner. Make somebody else owner first."""


class OwnersOnly(MemberError):
    """Only an owner can make, change or remove an owner."""


class NoLonger(MemberError):
    """The team has changed meanwhile: one of you is no longer on it, or no longer manages it."""


class AlreadyMember(MemberError):
    """This person is already on the team."""


class ClosedAccount(MemberError):
    """This person's account has been closed."""


@dataclass(frozen=True, slots=True)
class Added:
    """A new member, and the one-time password of a new person: to be shown once, kept nowhere."""

    membership: Membership
    password: str | None


def members() -> list[Membership]:
    """The tenant's members, owners first, then by name."""
    order = list(Role)
    found: list[Membership] = list(Membership.objects.select_related("user"))
    return sorted(found, key=lambda member: (order.index(Role(member.role)), str(member.user).casefold()))


def create_person(email: str, password: str, *, name: str = "", must_change_password: bool = False) -> User:
    """A user whose address counts as verified: somebody with the right to do so vouches for it."""
    user = User.objects.create_user(email, password, name=name, must_change_password=must_change_password)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


def add(actor: Membership, email: str, role: Role, name: str = "") -> Added:
    """Add the person with this address, who is made if there is none."""
    _begin(actor)
    if role == Role.OWNER:
        _owners_only(actor)
    password = None
    user = User.objects.filter(email__iexact=email.strip()).first()
    if user is None:
        password = secrets.token_urlsafe(12)
        user = create_person(email.strip().lower(), password, name=name, must_change_password=True)
    elif not user.is_active:
        raise ClosedAccount(ClosedAccount.__doc__)
    elif Membership.objects.filter(user=user).exists():
        raise AlreadyMember(AlreadyMember.__doc__)
    membership: Membership = Membership.objects.create(user=user, role=role)
    audit.record(actor.user, "added member", membership, user=str(user.pk), role=role.value)
    return Added(membership, password)


def change_role(actor: Membership, member: Membership, role: Role) -> None:
    """Give a member another role. Raises `OwnersOnly`, `LastOwner`."""
    _begin(actor, member)
    before = Role(member.role)
    if before == role:
        return
    if Role.OWNER in (before, role):
        _owners_only(actor)
    if before == Role.OWNER:
        _not_the_last(member)
    member.role = role
    member.save(update_fields=["role"])
    audit.record(actor.user, "changed role", member, user=str(member.user_id), before=before.value, after=role.value)


def remove(actor: Membership, member: Membership) -> None:
    """End a membership; the person's account stays. Raises `OwnersOnly`, `LastOwner`."""
    _begin(actor, member)
    if member.role == Role.OWNER:
        _owners_only(actor)
        _not_the_last(member)
    audit.record(actor.user, "removed member", member, user=str(member.user_id), role=member.role)
    member.delete()


def _begin(actor: Membership, *others: Membership) -> None:
    """Wait for the tenant's turn, then look again at whom this is about: the last one may have changed it."""
    Tenant.objects.select_for_update(no_key=True).get(pk=current_tenant_id())
    try:
        for member in (actor, *others):
            member.refresh_from_db(fields=["role"])
    except Membership.DoesNotExist as error:
        raise NoLonger(NoLonger.__doc__) from error
    if not can(actor, "manage members"):
        raise NoLonger(NoLonger.__doc__)


def _owners_only(actor: Membership) -> None:
    if actor.role != Role.OWNER:
        raise OwnersOnly(OwnersOnly.__doc__)


def _not_the_last(member: Membership) -> None:
    if not Membership.objects.filter(role=Role.OWNER).exclude(pk=member.pk).exists():
        raise LastOwner(LastOwner.__doc__)
