"""The people of the tests: two businesses, somebody in each role, and those who should stay outside.

A pytest plugin: ask for the fixture `cast`. All passwords are `PASSWORD`; pages need `client.force_login(cast.owner)`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import count

import pytest

from tenants.models import Membership, Role, Tenant, User
from tenants.scope import tenant_scope

PASSWORD = "correct horse battery staple"

_serial = count(1)


def make_tenant(slug: str = "", name: str = "") -> Tenant:
    """A business; each has a slug of its own unless told otherwise."""
    slug = slug or f"business-{next(_serial)}"
    return Tenant.objects.create(slug=slug, name=name or slug.replace("-", " ").title())


def make_user(email: str = "", **fields) -> User:
    """Somebody who belongs nowhere yet."""
    return User.objects.create_user(email or f"person-{next(_serial)}@example.test", PASSWORD, **fields)


def make_member(tenant: Tenant, role: Role, email: str = "", **fields) -> User:
    """Somebody with a role in a business."""
    user = make_user(email or f"{role.value}-{next(_serial)}@{tenant.slug}.example", **fields)
    with tenant_scope(tenant.id):
        Membership.objects.create(user=user, role=role)
    return user


@dataclass
class Cast:
    """`tenant` is the business in question; `stranger` owns `other`; `outsider` is in no team; `operator` is staff."""

    tenant: Tenant
    other: Tenant
    owner: User
    admin: User
    builder: User
    analyst: User
    billing: User
    stranger: User
    outsider: User
    operator: User
    by_role: dict[Role, User] = field(default_factory=dict)


def gather() -> Cast:
    """Everybody, made anew."""
    tenant, other = make_tenant(name="Sanjeevani Clinic"), make_tenant(name="Udupi Garden")
    by_role = {role: make_member(tenant, role) for role in Role}
    return Cast(
        tenant=tenant,
        other=other,
        stranger=make_member(other, Role.OWNER),
        outsider=make_user(),
        operator=make_user(is_staff=True),
        by_role=by_role,
        **{role.value: user for role, user in by_role.items()},
    )


@pytest.fixture
def cast(db) -> Cast:
    """Needs the database; a test of threads or commits asks for `transactional_db` besides."""
    return gather()
