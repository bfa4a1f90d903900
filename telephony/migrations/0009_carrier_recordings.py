import uuid

import django.db.models.deletion
from django.db import migrations, models

GUARD = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON {table} TO switchboard_app
  USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY platform_rows ON {table} TO switchboard_platform USING (true) WITH CHECK (true);
"""
SAME_TENANT = """
ALTER TABLE telephony_carrierrecording ADD CONSTRAINT tape_call_of_tenant
  FOREIGN KEY (tenant_id, call_id) REFERENCES telephony_call (tenant_id, id);
"""


class Migration(migrations.Migration):
    dependencies = [("telephony", "0008_calls_by_end")]

    operations = [
        migrations.CreateModel(
            name="CarrierRecording",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("purpose", models.CharField(choices=[("session", "Call"), ("message", "Message")], max_length=7)),
                ("recording_id", models.CharField(max_length=128)),
                ("url", models.TextField()),
                (
                    "state",
                    models.CharField(
                        choices=[("due", "Being fetched"), ("kept", "Here"), ("failed", "Could not be fetched")],
                        default="due",
                        max_length=6,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=400)),
                ("duration_ms", models.PositiveIntegerField(null=True)),
                ("name", models.CharField(blank=True, max_length=200)),
                ("media_type", models.CharField(blank=True, max_length=32)),
                ("bytes", models.PositiveBigIntegerField(null=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("delete_at", models.DateTimeField(null=True)),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="tapes", to="telephony.call"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        editable=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="tenants.tenant",
                    ),
                ),
            ],
            options={
                "ordering": ("created_at",),
                "indexes": [
                    models.Index(condition=models.Q(("state", "due")), fields=["next_try_at"], name="tapes_due"),
                    models.Index(
                        condition=models.Q(("delete_at__isnull", False)), fields=["delete_at"], name="tapes_to_delete"
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "recording_id"), name="one_row_per_carrier_recording")
                ],
            },
        ),
        migrations.RunSQL(GUARD.format(table="telephony_carrierrecording"), migrations.RunSQL.noop),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
    ]
