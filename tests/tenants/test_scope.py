"""The scope and row-level security, with the application's own role."""

import pytest
from django.db import connection

from tenants.models import ApiKey, Tenant
from tenants.scope import ScopeError, platform_scope, tenant_scope

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_tenants():
    tenants = [Tenant.objects.create(slug=slug, name=slug) for slug in ("acme", "bazaar")]
    for tenant in tenants:
        with tenant_scope(tenant.id):
            ApiKey.objects.create(name="k", prefix=f"sb_{tenant.slug}", digest=b"x")
    return tenants


def rows() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), current_user FROM tenants_apikey")
        count, user = cursor.fetchone()
    assert user in ("switchboard_app", "switchboard_platform")
    return count


def test_a_query_without_a_scope_raises(two_tenants):
    with pytest.raises(ScopeError):
        ApiKey.objects.count()


def test_the_database_itself_shows_nothing_without_a_scope(two_tenants):
    assert rows() == 0


def test_a_scope_shows_its_own_rows_only(two_tenants):
    with tenant_scope(two_tenants[0].id):
        assert rows() == 1
        assert ApiKey.objects.get().prefix == "sb_acme"
    assert rows() == 0


def test_a_platform_scope_sees_all_and_ends(two_tenants):
    with platform_scope("test"):
        assert rows() == ApiKey.objects.count() == 2
    assert rows() == 0
