"""The audit trail."""

import pytest
from django.contrib.auth.models import AnonymousUser

from tenants import audit
from tenants.models import AuditEntry
from tenants.scope import ScopeError, tenant_scope


def test_an_entry_says_who_did_what_to_which_thing(cast):
    with tenant_scope(cast.tenant.id):
        audit.record(cast.owner, "renamed", cast.tenant, before="A", after="B")

        entry = AuditEntry.objects.get()
    assert (entry.actor, entry.verb, entry.object_type, entry.object_id) == (
        cast.owner,
        "renamed",
        "tenant",
        str(cast.tenant.pk),
    )
    assert entry.detail == {"before": "A", "after": "B"}


@pytest.mark.parametrize("actor", [None, AnonymousUser()])
def test_the_program_itself_may_be_the_actor(cast, actor):
    with tenant_scope(cast.tenant.id):
        assert audit.record(actor, "swept", cast.tenant).actor is None


def test_there_is_no_entry_without_a_tenant(cast):
    with pytest.raises(ScopeError):
        audit.record(cast.owner, "renamed", cast.tenant)


def test_an_entry_goes_away_with_the_change_that_failed(cast):
    def change_and_fail():
        with tenant_scope(cast.tenant.id):
            audit.record(cast.owner, "renamed", cast.tenant)
            raise LookupError

    with pytest.raises(LookupError):
        change_and_fail()

    with tenant_scope(cast.tenant.id):
        assert not AuditEntry.objects.exists()
