"""The scope and row-level security, with the application's own role."""

import pytest
from django.apps import apps
from django.db import ProgrammingError, connection, transaction

from tenants.models import ApiKey, AuditEntry, Membership, TenantModel
from tenants.scope import APP_ROLE, ScopeError, current, platform_scope, tenant_scope, user_scope
from tests.cast import make_tenant

pytestmark = pytest.mark.django_db


@pytest.fixture
def two_tenants():
    tenants = [make_tenant(slug) for slug in ("acme", "bazaar")]
    for tenant in tenants:
        with tenant_scope(tenant.id):
            ApiKey.objects.create(name="k", prefix=f"sb_{tenant.slug}", digest=b"x")
    return tenants


def ask(sql, *params):
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def rows() -> int:
    [(count, user)] = ask("SELECT count(*), current_user FROM tenants_apikey")
    assert user in ("switchboard_app", "switchboard_platform")
    return count


def visible() -> list[str]:
    return sorted(prefix for (prefix,) in ask("SELECT prefix FROM tenants_apikey"))


def test_connections_work_as_a_role_without_ownership():
    [(user, superuser, bypass)] = ask(
        "SELECT current_user, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )
    [(owned,)] = ask("SELECT count(*) FROM pg_tables WHERE tableowner = %s", APP_ROLE)

    assert (user, superuser, bypass, owned) == (APP_ROLE, False, False, 0)


def test_a_query_without_a_scope_raises(two_tenants):
    with pytest.raises(ScopeError):
        ApiKey.objects.count()


@pytest.mark.parametrize("tenant", [None, ""])
def test_the_database_itself_shows_nothing_without_a_scope(two_tenants, tenant):
    if tenant is not None:
        ask("SELECT set_config('app.tenant', %s, true)", tenant)

    assert rows() == 0


def test_a_scope_shows_its_own_rows_only(two_tenants):
    with tenant_scope(two_tenants[0].id):
        assert rows() == 1
        assert ApiKey.objects.get().prefix == "sb_acme"
        assert ask("SELECT 1 FROM tenants_apikey WHERE tenant_id = %s", two_tenants[1].id) == []
    assert rows() == 0


def test_a_platform_scope_sees_all_and_ends(two_tenants):
    with platform_scope("test"):
        assert rows() == ApiKey.objects.count() == 2
    assert rows() == 0


@pytest.mark.parametrize(
    "attempt",
    [
        lambda other: ApiKey.objects.create(tenant=other, name="k", prefix="sb_new", digest=b"x"),
        lambda other: ApiKey.objects.update(tenant=other),
    ],
    ids=["insert", "update"],
)
def test_no_row_can_be_put_into_another_tenant(two_tenants, attempt):
    acme, bazaar = two_tenants

    with tenant_scope(acme.id), pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        attempt(bazaar)


@pytest.mark.parametrize("sql", ["UPDATE tenants_apikey SET name = 'mine'", "DELETE FROM tenants_apikey"])
def test_other_tenants_rows_cannot_be_changed(two_tenants, sql):
    with tenant_scope(two_tenants[0].id), connection.cursor() as cursor:
        cursor.execute(sql)
        assert cursor.rowcount == 1

    with tenant_scope(two_tenants[1].id):
        assert ApiKey.objects.get().name == "k"


def test_a_scope_inside_another_tenants_is_refused(two_tenants):
    acme, bazaar = two_tenants

    with tenant_scope(acme.id):
        for inner in (lambda: tenant_scope(bazaar.id), lambda: platform_scope("test")):
            with pytest.raises(ScopeError), inner():
                pass
        assert visible() == ["sb_acme"]


def test_a_scope_inside_its_own_tenants_is_the_same(two_tenants):
    with tenant_scope(two_tenants[0].id) as outer:
        with tenant_scope(two_tenants[0].id) as inner:
            assert inner is outer
        assert visible() == ["sb_acme"]


def test_after_an_inner_scope_the_outer_one_is_back(two_tenants):
    acme, bazaar = two_tenants

    with platform_scope("test"):
        with tenant_scope(acme.id):
            assert visible() == ["sb_acme"]
        with tenant_scope(bazaar.id):
            assert visible() == ["sb_bazaar"]
        assert visible() == ["sb_acme", "sb_bazaar"]
        assert current().reason == "test"


def test_after_an_error_in_an_inner_scope_the_outer_one_is_back(two_tenants):
    with platform_scope("test"):
        with pytest.raises(ZeroDivisionError), tenant_scope(two_tenants[0].id):
            _ = 1 / 0
        assert visible() == ["sb_acme", "sb_bazaar"]
    assert visible() == []
    assert current() is None


def test_after_a_database_error_in_an_inner_scope_the_outer_one_is_back(two_tenants):
    with platform_scope("test"):
        with pytest.raises(ProgrammingError), tenant_scope(two_tenants[0].id):
            ask("SELECT nonsense")
        assert visible() == ["sb_acme", "sb_bazaar"]
    assert visible() == []


def test_a_failed_scope_leaves_nothing_written(two_tenants):
    def change_and_fail():
        with tenant_scope(two_tenants[0].id):
            ApiKey.objects.update(name="changed")
            raise LookupError

    with pytest.raises(LookupError):
        change_and_fail()

    with tenant_scope(two_tenants[0].id):
        assert ApiKey.objects.get().name == "k"


@pytest.mark.django_db(transaction=True)
def test_a_connection_carries_nothing_over_to_the_next_transaction(two_tenants):
    with tenant_scope(two_tenants[0].id):
        assert rows() == 1

    assert ask("SELECT coalesce(current_setting('app.tenant', true), ''), current_user") == [("", APP_ROLE)]
    assert rows() == 0


def test_rows_get_the_scopes_tenant_however_they_are_made(two_tenants):
    acme = two_tenants[0]

    with tenant_scope(acme.id):
        ApiKey.objects.get_or_create(prefix="sb_1", defaults={"name": "k", "digest": b"x"})
        ApiKey.objects.update_or_create(prefix="sb_2", defaults={"name": "k", "digest": b"x"})
        ApiKey.objects.bulk_create([ApiKey(prefix="sb_3", name="k", digest=b"x")])
        ApiKey.objects.filter(name="k").create(prefix="sb_4", digest=b"x")

        assert {key.tenant_id for key in ApiKey.objects.all()} == {acme.id}
        assert ApiKey.objects.count() == 5


def test_a_row_made_in_a_platform_scope_names_its_tenant(two_tenants):
    with platform_scope("test"):
        with pytest.raises(ScopeError):
            ApiKey.objects.create(name="k", prefix="sb_new", digest=b"x")
        ApiKey.objects.create(tenant=two_tenants[0], name="k", prefix="sb_new", digest=b"x")


def test_a_person_sees_the_own_memberships_and_changes_none(cast):
    with user_scope(cast.owner.id):
        [membership] = Membership._base_manager.all()
        assert membership.user_id == cast.owner.id
        assert Membership._base_manager.update(role="billing") == 0
    assert not Membership._base_manager.exists()


def test_an_audit_entry_cannot_be_changed_or_removed(two_tenants):
    with tenant_scope(two_tenants[0].id):
        AuditEntry.objects.create(verb="v", object_type="o", object_id="1")
        for sql in ("UPDATE tenants_auditentry SET verb = 'w'", "DELETE FROM tenants_auditentry"):
            with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
                ask(sql)


TENANT_TABLES = sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel))


@pytest.mark.parametrize("table", TENANT_TABLES)
def test_every_tenants_table_is_guarded(table):
    [(enabled, forced)] = ask(
        "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass", table
    )
    policies = {
        name: (roles, command, using, check)
        for name, roles, command, using, check in ask(
            "SELECT policyname, roles::text[], cmd, qual, with_check FROM pg_policies WHERE tablename = %s", table
        )
    }

    assert (enabled, forced) == (True, True)
    roles, command, using, check = policies["tenant_rows"]
    assert (roles, command, using) == (["switchboard_app"], "ALL", check)
    assert using.startswith("(tenant_id = ")
    assert "app.tenant" in using
    assert policies["platform_rows"] == (["switchboard_platform"], "ALL", "true", "true")
    assert set(policies) - {"tenant_rows", "platform_rows"} <= {"own_memberships"}


def test_every_table_with_a_tenant_belongs_to_a_guarded_model():
    found = {
        table for (table,) in ask("SELECT table_name FROM information_schema.columns WHERE column_name = 'tenant_id'")
    }

    assert found == set(TENANT_TABLES)
