"""The page where a person makes keys for programs."""

import re

from django.test import Client

from tenants.access import READ
from tenants.models import ApiKey, AuditEntry
from tenants.scope import tenant_scope


def test_a_key_is_made_shown_once_used_and_revoked(cast, client):
    client.force_login(cast.owner)
    page = f"/t/{cast.tenant.slug}/api/"

    made = client.post(page, {"name": "CRM", "rights": "read", "days": "30"})
    key = re.search(r"data-key>(sb_[^<]+)<", made.content.decode())[1]
    later = client.get(page).content.decode()
    used = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})
    with tenant_scope(cast.tenant.id):
        row = ApiKey.objects.get()
    revoked = client.post(f"{page}{row.id}/revoke/")
    refused = Client().get("/api/v1/me", headers={"Authorization": f"Bearer {key}"})

    assert key not in later
    assert row.prefix in later
    assert set(used.json()["permissions"]) == READ | {"listen"}
    assert row.expires_at is not None
    assert revoked.status_code == 303
    assert refused.status_code == 401
    with tenant_scope(cast.tenant.id):
        assert set(AuditEntry.objects.values_list("verb", flat=True)) == {"made API key", "revoked API key"}


def test_a_key_without_a_name_is_not_made_and_what_was_chosen_stays(cast, client):
    client.force_login(cast.owner)

    answer = client.post(f"/t/{cast.tenant.slug}/api/", {"name": "", "rights": "all", "days": ""})

    assert answer.status_code == 422
    assert re.search(r'value="all"[^>]*checked', answer.content.decode())
    with tenant_scope(cast.tenant.id):
        assert not ApiKey.objects.exists()
