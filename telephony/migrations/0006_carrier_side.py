from __future__ import annotations

import uuid
from typing import Any

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
TABLES = ("telephony_rental", "telephony_numberorder", "telephony_carriercdr")

# Whatever points from one tenant's row to another row points to the same tenant's.
SAME_TENANT = """
ALTER TABLE telephony_rental ADD CONSTRAINT rental_number_of_tenant
  FOREIGN KEY (tenant_id, number_id) REFERENCES telephony_phonenumber (tenant_id, id);
ALTER TABLE telephony_carriercdr ADD CONSTRAINT record_call_of_tenant
  FOREIGN KEY (tenant_id, call_id) REFERENCES telephony_call (tenant_id, id);
"""

ID = ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False))


def tenant() -> tuple[str, models.ForeignKey[Any, Any]]:
    return (
        "tenant",
        models.ForeignKey(
            editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
        ),
    )


def text(length: int) -> models.CharField[Any, Any]:
    return models.CharField(blank=True, max_length=length)


class Migration(migrations.Migration):
    dependencies = [("telephony", "0005_routes")]

    operations = [
        migrations.AddField("carrieraccount", "platform", models.BooleanField(db_default=False, default=False)),
        migrations.AddField("carrieraccount", "checked_at", models.DateTimeField(blank=True, null=True)),
        migrations.AddField(
            "carrieraccount", "problem", models.CharField(blank=True, db_default="", default="", max_length=400)
        ),
        migrations.AddField("carrieraccount", "minute_micros", models.BigIntegerField(null=True)),
        migrations.AddField("carrieraccount", "pulse_s", models.PositiveSmallIntegerField(null=True)),
        migrations.CreateModel(
            name="Rental",
            fields=[
                ID,
                ("status", text(24)),
                ("application_id", text(64)),
                ("own_application_id", text(64)),
                ("trunk_id", text(64)),
                ("is_trial", models.BooleanField(default=False)),
                ("monthly_micros", models.BigIntegerField(null=True)),
                ("currency", models.CharField(default="INR", max_length=3)),
                ("seen_at", models.DateTimeField(null=True)),
                ("echoed_at", models.DateTimeField(null=True)),
                (
                    "number",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="rental",
                        to="telephony.phonenumber",
                    ),
                ),
                tenant(),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="NumberOrder",
            fields=[
                ID,
                ("e164", models.CharField(max_length=16)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("sending", "Being bought"),
                            ("unknown", "Vobiz did not say"),
                            ("bought", "Bought"),
                            ("refused", "Refused"),
                            ("not_bought", "Not bought"),
                        ],
                        default="sending",
                        max_length=10,
                    ),
                ),
                ("setup_micros", models.BigIntegerField()),
                ("monthly_micros", models.BigIntegerField()),
                ("currency", models.CharField(max_length=3)),
                ("problem", text(400)),
                ("created_at", models.DateTimeField()),
                ("next_look_at", models.DateTimeField(null=True)),
                ("looks", models.PositiveSmallIntegerField(default=0)),
                tenant(),
            ],
            options={
                "ordering": ("-created_at",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state__in", ("sending", "unknown"))),
                        fields=("tenant", "e164"),
                        name="one_open_order_per_number",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CarrierCdr",
            fields=[
                ID,
                ("uuid", models.CharField(max_length=64)),
                (
                    "role",
                    models.CharField(
                        choices=[("call", "Call"), ("dialled", "Dialled leg"), ("colleague", "Colleague")],
                        default="call",
                        max_length=9,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("due", "Waiting for the carrier"),
                            ("kept", "Settled"),
                            ("missing", "The carrier has no record"),
                        ],
                        default="due",
                        max_length=7,
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_try_at", models.DateTimeField(null=True)),
                ("problem", text(400)),
                ("fetched_at", models.DateTimeField(null=True)),
                ("bridge_uuid", text(64)),
                ("direction", text(16)),
                ("from_number", text(256)),
                ("to_number", text(256)),
                ("started_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("ring_s", models.PositiveIntegerField(null=True)),
                ("duration_s", models.PositiveIntegerField(null=True)),
                ("billed_s", models.PositiveIntegerField(null=True)),
                ("cost_micros", models.BigIntegerField(null=True)),
                ("streaming_micros", models.BigIntegerField(null=True)),
                ("total_micros", models.BigIntegerField(null=True)),
                ("currency", text(3)),
                ("hangup_cause", text(64)),
                ("hangup_code", models.PositiveIntegerField(null=True)),
                ("hangup_name", text(64)),
                ("hangup_source", text(64)),
                ("hangup_disposition", text(64)),
                ("mos", models.FloatField(null=True)),
                ("jitter_ms", models.FloatField(null=True)),
                ("loss_percent", models.FloatField(null=True)),
                ("codec", text(32)),
                ("differences", models.JSONField(default=list)),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="cdrs", to="telephony.call"
                    ),
                ),
                tenant(),
            ],
            options={
                "ordering": ("started_at", "role", "uuid"),
                "indexes": [
                    models.Index(condition=models.Q(("state", "due")), fields=["next_try_at"], name="records_due")
                ],
                "constraints": [models.UniqueConstraint(fields=("tenant", "uuid"), name="one_record_per_leg")],
            },
        ),
        *(migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
    ]
