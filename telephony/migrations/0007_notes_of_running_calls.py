import uuid

import django.db.models.deletion
from django.db import migrations, models

import tenants.vault

GUARD = """
ALTER TABLE telephony_callnote ENABLE ROW LEVEL SECURITY;
ALTER TABLE telephony_callnote FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON telephony_callnote TO switchboard_app
  USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY platform_rows ON telephony_callnote TO switchboard_platform USING (true) WITH CHECK (true);
"""
SAME_TENANT = """
ALTER TABLE telephony_callnote ADD CONSTRAINT note_call_of_tenant
  FOREIGN KEY (tenant_id, call_id) REFERENCES telephony_call (tenant_id, id);
"""


class Migration(migrations.Migration):
    dependencies = [("telephony", "0006_carrier_side")]

    operations = [
        migrations.AddField(
            "call",
            "streams",
            models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.AddField("call", "stream_stopped_at", models.DateTimeField(null=True)),
        migrations.CreateModel(
            name="CallNote",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=24)),
                ("value", tenants.vault.EncryptedTextField()),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="notes", to="telephony.call"
                    ),
                ),
            ],
            options={"constraints": (models.UniqueConstraint(fields=["call", "key"], name="one_note_per_key"),)},
        ),
        migrations.RunSQL(GUARD + SAME_TENANT, migrations.RunSQL.noop),
    ]
