import secrets
import uuid

import django.db.models.deletion
from django.db import migrations, models

import tenants.vault

GUARD = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON {table} TO switchboard_app
  USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY platform_rows ON {table} TO switchboard_platform USING (true) WITH CHECK (true);
"""

# Whatever points from one tenant's row to another row points to the same tenant's.
SAME_TENANT = """
ALTER TABLE telephony_phonenumber ADD CONSTRAINT number_agent_of_tenant
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents_agent (tenant_id, id);
ALTER TABLE telephony_call ADD CONSTRAINT call_number_of_tenant
  FOREIGN KEY (tenant_id, number_id) REFERENCES telephony_phonenumber (tenant_id, id);
ALTER TABLE telephony_call ADD CONSTRAINT call_agent_of_tenant
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents_agent (tenant_id, id);
ALTER TABLE telephony_call ADD CONSTRAINT call_version_of_agent
  FOREIGN KEY (tenant_id, agent_id, version_id) REFERENCES agents_agentversion (tenant_id, agent_id, id);
ALTER TABLE telephony_turn ADD CONSTRAINT turn_call_of_tenant
  FOREIGN KEY (tenant_id, call_id) REFERENCES telephony_call (tenant_id, id);
ALTER TABLE telephony_recording ADD CONSTRAINT recording_call_of_tenant
  FOREIGN KEY (tenant_id, call_id) REFERENCES telephony_call (tenant_id, id);
ALTER TABLE telephony_webhookevent ADD CONSTRAINT webhook_number_of_tenant
  FOREIGN KEY (tenant_id, number_id) REFERENCES telephony_phonenumber (tenant_id, id);
ALTER TABLE telephony_usednonce ADD CONSTRAINT nonce_webhook_of_tenant
  FOREIGN KEY (tenant_id, event_id) REFERENCES telephony_webhookevent (tenant_id, id);
"""

TABLES = (
    "telephony_carrieraccount",
    "telephony_phonenumber",
    "telephony_call",
    "telephony_turn",
    "telephony_recording",
    "telephony_webhookevent",
    "telephony_usednonce",
)


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("agents", "0001_agents_and_versions"),
        ("tenants", "0001_people_and_tenants"),
    ]

    operations = [
        migrations.CreateModel(
            name="PhoneNumber",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("e164", models.CharField(max_length=16, unique=True)),
                ("label", models.CharField(blank=True, max_length=80)),
                ("token", models.CharField(default=secrets.token_urlsafe, editable=False, max_length=64, unique=True)),
                ("enabled", models.BooleanField(default=True)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "agent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.agent",
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
                "ordering": ("e164",),
            },
        ),
        migrations.CreateModel(
            name="Call",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("carrier_id", models.CharField(max_length=64)),
                (
                    "direction",
                    models.CharField(
                        choices=[("inbound", "Incoming"), ("outbound", "Outgoing")], default="inbound", max_length=8
                    ),
                ),
                ("caller", models.CharField(blank=True, max_length=256)),
                ("called", models.CharField(blank=True, max_length=16)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("ringing", "Ringing"),
                            ("streaming", "Talking"),
                            ("answered", "On the line"),
                            ("transferring", "Being put through"),
                            ("ended", "Ended"),
                            ("refused", "Refused"),
                        ],
                        default="ringing",
                        max_length=12,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("caller_hung_up", "Caller hung up"),
                            ("agent_hung_up", "Agent said goodbye"),
                            ("transfer", "Put through"),
                            ("silence", "Caller fell silent"),
                            ("max_duration", "Reached the time limit"),
                            ("line_dead", "Line went dead"),
                            ("drained", "Cut by a restart"),
                            ("failed", "Failed"),
                            ("missed", "Gave up while ringing"),
                            ("lost", "Lost"),
                            ("refused", "Refused"),
                        ],
                        max_length=16,
                    ),
                ),
                ("error", models.TextField(blank=True)),
                ("transfer_to", models.CharField(blank=True, max_length=80)),
                ("created_at", models.DateTimeField()),
                ("answered_at", models.DateTimeField(null=True)),
                ("stream_started_at", models.DateTimeField(null=True)),
                ("stream_ended_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("duration_ms", models.PositiveIntegerField(null=True)),
                ("hangup_cause", models.CharField(blank=True, max_length=64)),
                ("hangup_code", models.PositiveIntegerField(null=True)),
                ("hangup_source", models.CharField(blank=True, max_length=64)),
                ("carrier_duration_s", models.PositiveIntegerField(null=True)),
                ("carrier_billed_s", models.PositiveIntegerField(null=True)),
                ("worker", models.CharField(blank=True, max_length=80)),
                ("heartbeat_at", models.DateTimeField(null=True)),
                ("epoch", models.PositiveIntegerField(default=0)),
                ("stream_offers", models.PositiveSmallIntegerField(default=0)),
                ("median_gap_ms", models.PositiveIntegerField(null=True)),
                ("interruptions", models.PositiveIntegerField(default=0)),
                ("underruns", models.PositiveIntegerField(default=0)),
                ("usage", models.JSONField(default=list)),
                ("collected", models.JSONField(default=list)),
                ("counters", models.JSONField(default=dict)),
                (
                    "agent",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agents.agent"
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
                (
                    "version",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="agents.agentversion",
                    ),
                ),
                (
                    "number",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="telephony.phonenumber",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Recording",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=200)),
                ("duration_ms", models.PositiveIntegerField()),
                ("bytes", models.PositiveBigIntegerField()),
                ("peaks", models.JSONField(default=list)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                (
                    "call",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="recording", to="telephony.call"
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
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Turn",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("index", models.PositiveIntegerField()),
                ("speaker", models.CharField(max_length=6)),
                ("kind", models.CharField(max_length=12)),
                ("text", models.TextField(blank=True)),
                ("unheard", models.TextField(blank=True)),
                ("started_ms", models.PositiveIntegerField()),
                ("ended_ms", models.PositiveIntegerField()),
                ("interrupted", models.BooleanField(default=False)),
                ("barge_in_ms", models.PositiveIntegerField(null=True)),
                ("gap_ms", models.PositiveIntegerField(null=True)),
                ("patience_ms", models.PositiveIntegerField(null=True)),
                ("model_ms", models.PositiveIntegerField(null=True)),
                ("voice_ms", models.PositiveIntegerField(null=True)),
                ("line_ms", models.PositiveIntegerField(null=True)),
                ("confidence", models.FloatField(null=True)),
                (
                    "call",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="turns", to="telephony.call"
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
                "ordering": ("index",),
            },
        ),
        migrations.CreateModel(
            name="WebhookEvent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("kind", models.CharField(max_length=16)),
                ("carrier_id", models.CharField(blank=True, max_length=64)),
                ("fields", models.JSONField(default=dict)),
                ("signed_with", models.CharField(blank=True, max_length=12)),
                ("received_at", models.DateTimeField(auto_now_add=True)),
                ("handled_at", models.DateTimeField(null=True)),
                ("error", models.TextField(blank=True)),
                (
                    "number",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="+", to="telephony.phonenumber"
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
        ),
        migrations.CreateModel(
            name="UsedNonce",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("nonce", models.CharField(max_length=32)),
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
                    "event",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="nonces", to="telephony.webhookevent"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="CarrierAccount",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("auth_id", models.CharField(max_length=64)),
                ("auth_token", tenants.vault.EncryptedTextField(blank=True)),
                ("parent_token", tenants.vault.EncryptedTextField(blank=True)),
                (
                    "signature_mode",
                    models.CharField(
                        choices=[
                            ("off", "Never check"),
                            ("if-present", "Check when there is one"),
                            ("required", "Refuse without one"),
                        ],
                        default="if-present",
                        max_length=10,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
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
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="one_carrier_account_per_tenant")],
            },
        ),
        migrations.AddConstraint(
            model_name="phonenumber",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="number_of_tenant"),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(fields=["tenant", "-created_at", "-id"], name="calls_newest_first"),
        ),
        migrations.AddIndex(
            model_name="call",
            index=models.Index(
                condition=models.Q(("status__in", ("ringing", "streaming", "answered", "transferring"))),
                fields=["tenant", "status"],
                name="calls_live",
            ),
        ),
        migrations.AddConstraint(
            model_name="call",
            constraint=models.UniqueConstraint(fields=("tenant", "carrier_id"), name="one_call_per_carrier_id"),
        ),
        migrations.AddConstraint(
            model_name="call",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="call_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="turn",
            constraint=models.UniqueConstraint(fields=("call", "index"), name="one_turn_per_place"),
        ),
        migrations.AddIndex(
            model_name="webhookevent",
            index=models.Index(fields=["tenant", "carrier_id"], name="webhooks_by_call"),
        ),
        migrations.AddConstraint(
            model_name="webhookevent",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="webhook_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="usednonce",
            constraint=models.UniqueConstraint(fields=("tenant", "nonce"), name="one_use_per_nonce"),
        ),
        *(migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
    ]
