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
SAME_TENANT = """
ALTER TABLE telephony_transfer ADD CONSTRAINT transfer_call_of_tenant
  FOREIGN KEY (tenant_id, call_id) REFERENCES telephony_call (tenant_id, id);
ALTER TABLE telephony_transferleg ADD CONSTRAINT leg_transfer_of_tenant
  FOREIGN KEY (tenant_id, transfer_id) REFERENCES telephony_transfer (tenant_id, id);
ALTER TABLE telephony_transferleg ADD CONSTRAINT leg_brief_of_tenant
  FOREIGN KEY (tenant_id, brief_id) REFERENCES telephony_call (tenant_id, id);
"""
STATES = [
    ("due", "Waits for its turn"),
    ("placing", "Is being called"),
    ("ringing", "Ringing"),
    ("briefing", "Hears what it is about"),
    ("joining", "Is being connected"),
    ("talking", "Talking"),
    ("done", "Talked"),
    ("busy", "Busy"),
    ("no_answer", "No answer"),
    ("declined", "Declined"),
    ("voicemail", "Voicemail answered"),
    ("failed", "Could not be reached"),
    ("closed", "Closed at that hour"),
    ("lost_race", "Somebody else was quicker"),
    ("left", "The caller hung up"),
]


def tenant() -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(
        editable=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="tenants.tenant"
    )


class Migration(migrations.Migration):
    dependencies = [("telephony", "0010_calls_that_we_place")]

    operations = [
        migrations.AlterField(
            "call",
            "kind",
            models.CharField(
                choices=[
                    ("phone", "Phone call"),
                    ("brief", "Word with a colleague"),
                    ("test", "Test call"),
                    ("chat", "Test chat"),
                ],
                db_default="phone",
                default="phone",
                max_length=5,
            ),
        ),
        migrations.CreateModel(
            name="Transfer",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("epoch", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("blind", "Directly"), ("warm", "After a word with the colleague")], max_length=5
                    ),
                ),
                ("target", models.CharField(max_length=80)),
                ("at_once", models.BooleanField(default=False)),
                ("ring_s", models.PositiveSmallIntegerField(default=25)),
                ("waiting", models.CharField(blank=True, max_length=300)),
                ("about", models.CharField(blank=True, max_length=500)),
                ("state", models.CharField(choices=STATES, default="ringing", max_length=10)),
                ("detail", models.CharField(blank=True, max_length=200)),
                ("began_at", models.DateTimeField()),
                ("connected_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("due_at", models.DateTimeField(null=True)),
                ("returned_at", models.DateTimeField(null=True)),
                ("returns", models.PositiveSmallIntegerField(default=0)),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="transfers", to="telephony.call"
                    ),
                ),
                ("tenant", tenant()),
            ],
            options={
                "ordering": ("began_at",),
                "indexes": [
                    models.Index(condition=models.Q(("due_at__isnull", False)), fields=["due_at"], name="transfers_due")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("call", "epoch"), name="one_transfer_per_stream"),
                    models.UniqueConstraint(fields=("tenant", "id"), name="transfer_of_tenant"),
                ],
            },
        ),
        migrations.CreateModel(
            name="TransferLeg",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("position", models.PositiveSmallIntegerField()),
                ("destination", models.CharField(max_length=256)),
                ("state", models.CharField(choices=STATES, default="due", max_length=10)),
                ("carrier_id", models.CharField(blank=True, max_length=64)),
                ("placed_at", models.DateTimeField(null=True)),
                ("answered_at", models.DateTimeField(null=True)),
                ("connected_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("talked_s", models.PositiveIntegerField(null=True)),
                ("detail", models.CharField(blank=True, max_length=200)),
                ("hang_up_due", models.BooleanField(default=False)),
                (
                    "brief",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="colleague",
                        to="telephony.call",
                    ),
                ),
                (
                    "transfer",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="legs", to="telephony.transfer"
                    ),
                ),
                ("tenant", tenant()),
            ],
            options={
                "ordering": ("position",),
                "constraints": [models.UniqueConstraint(fields=("transfer", "position"), name="one_leg_per_place")],
            },
        ),
        migrations.RunSQL(GUARD.format(table="telephony_transfer"), migrations.RunSQL.noop),
        migrations.RunSQL(GUARD.format(table="telephony_transferleg"), migrations.RunSQL.noop),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
    ]
