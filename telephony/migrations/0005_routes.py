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
TABLES = ("telephony_route", "telephony_routeshare", "telephony_routeplan", "telephony_routestep")

# Whatever points from one tenant's row to another row points to the same tenant's.
SAME_TENANT = """
ALTER TABLE telephony_route ADD CONSTRAINT route_number_of_tenant
  FOREIGN KEY (tenant_id, number_id) REFERENCES telephony_phonenumber (tenant_id, id);
ALTER TABLE telephony_route ADD CONSTRAINT route_agent_of_tenant
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents_agent (tenant_id, id);
ALTER TABLE telephony_routeshare ADD CONSTRAINT share_route_of_tenant
  FOREIGN KEY (tenant_id, route_id) REFERENCES telephony_route (tenant_id, id);
ALTER TABLE telephony_routeshare ADD CONSTRAINT share_version_of_tenant
  FOREIGN KEY (tenant_id, version_id) REFERENCES agents_agentversion (tenant_id, id);
ALTER TABLE telephony_routeplan ADD CONSTRAINT plan_number_of_tenant
  FOREIGN KEY (tenant_id, number_id) REFERENCES telephony_phonenumber (tenant_id, id);
ALTER TABLE telephony_routestep ADD CONSTRAINT step_call_of_tenant
  FOREIGN KEY (tenant_id, call_id) REFERENCES telephony_call (tenant_id, id);
"""

# The agent that answers a number becomes its route. The column stays: running code reads it until it is replaced.
# As the role that sees all tenants, because the tables' owner is held by the policies too. Repeatable.
AGENTS_TO_ROUTES = """
SET LOCAL ROLE switchboard_platform;
INSERT INTO telephony_route (id, tenant_id, number_id, place, kind, label, agent_id, target, say, ring_s, keep_days)
  SELECT gen_random_uuid(), tenant_id, id, 'open', 'agent', '', agent_id, '', '', 25, 0
  FROM telephony_phonenumber WHERE agent_id IS NOT NULL
  ON CONFLICT (number_id, place) DO NOTHING;
RESET ROLE;
"""

ID = ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False))
PLACES = ("open", "closed", "fallback", "1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "*", "#")


def to(model: str, **options: Any) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to=model, **options)


def of(model: str, name: str) -> models.ForeignKey[Any, Any]:
    return models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name=name, to=model)


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0002_provider_keys_and_secrets"),
        ("telephony", "0004_parts_of_a_reply"),
    ]

    operations = [
        migrations.CreateModel(
            name="Route",
            fields=[
                ID,
                ("place", models.CharField(max_length=8)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("agent", "An agent of yours"),
                            ("websocket", "An agent elsewhere, by WebSocket"),
                            ("sip", "An agent or a desk, by SIP"),
                            ("person", "A person"),
                            ("voicemail", "Voicemail"),
                            ("refusal", "Nobody"),
                        ],
                        max_length=10,
                    ),
                ),
                ("label", models.CharField(blank=True, max_length=80)),
                ("target", models.TextField(blank=True)),
                ("say", models.CharField(blank=True, max_length=500)),
                ("ring_s", models.PositiveSmallIntegerField(default=25)),
                ("keep_days", models.PositiveSmallIntegerField(default=0)),
                ("agent", to("agents.agent", blank=True, null=True)),
                ("number", of("telephony.phonenumber", "routes")),
                ("tenant", to("tenants.tenant", editable=False)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("number", "place"), name="one_route_per_place"),
                    models.UniqueConstraint(fields=("tenant", "id"), name="route_of_tenant"),
                    models.CheckConstraint(condition=models.Q(("place__in", PLACES)), name="route_has_a_place"),
                    models.CheckConstraint(
                        condition=models.Q(("agent__isnull", True), ("kind", "agent"), _connector="OR"),
                        name="route_agent_is_ours",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="RouteShare",
            fields=[
                ID,
                ("weight", models.PositiveSmallIntegerField()),
                ("route", of("telephony.route", "shares")),
                ("tenant", to("tenants.tenant", editable=False)),
                ("version", to("agents.agentversion", null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("route", "version"), name="one_share_per_version_of_route")
                ],
            },
        ),
        migrations.CreateModel(
            name="RoutePlan",
            fields=[
                ID,
                ("time_zone", models.CharField(default="Asia/Kolkata", max_length=64)),
                ("weekly", models.JSONField(default=list)),
                ("special", models.JSONField(default=list)),
                ("menu_prompt", models.CharField(blank=True, max_length=500)),
                ("menu_wait_s", models.PositiveSmallIntegerField(default=5)),
                (
                    "number",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="plan",
                        to="telephony.phonenumber",
                    ),
                ),
                ("tenant", to("tenants.tenant", editable=False)),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="RouteStep",
            fields=[
                ID,
                ("place", models.CharField(max_length=8)),
                ("kind", models.CharField(max_length=10)),
                ("label", models.CharField(blank=True, max_length=80)),
                ("target", models.TextField(blank=True)),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", "Under way"),
                            ("served", "Served"),
                            ("chosen", "Key pressed"),
                            ("no_choice", "No key pressed"),
                            ("busy", "Busy"),
                            ("no_answer", "No answer"),
                            ("failed", "Failed"),
                            ("message", "Message left"),
                            ("no_message", "No message left"),
                            ("refused", "Refused"),
                            ("left", "Caller hung up"),
                        ],
                        max_length=10,
                    ),
                ),
                ("detail", models.CharField(blank=True, max_length=200)),
                ("began_at", models.DateTimeField()),
                ("connected_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                ("leg_id", models.CharField(blank=True, max_length=64)),
                ("leg_s", models.PositiveIntegerField(null=True)),
                ("call", of("telephony.call", "steps")),
                ("tenant", to("tenants.tenant", editable=False)),
            ],
            options={
                "ordering": ("began_at",),
                "constraints": [models.UniqueConstraint(fields=("call", "place"), name="one_step_per_place")],
            },
        ),
        migrations.AlterField(
            model_name="call",
            name="outcome",
            field=models.CharField(
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
                    ("elsewhere", "Taken elsewhere"),
                    ("message", "Left a message"),
                    ("unanswered", "Nobody answered"),
                ],
                max_length=16,
            ),
        ),
        *(migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
        migrations.RunSQL(AGENTS_TO_ROUTES, migrations.RunSQL.noop),
    ]
