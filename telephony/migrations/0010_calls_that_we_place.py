import datetime
import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

GUARD = """
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant_rows ON {table} TO switchboard_app
  USING (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid)
  WITH CHECK (tenant_id = NULLIF(current_setting('app.tenant', true), '')::uuid);
CREATE POLICY platform_rows ON {table} TO switchboard_platform USING (true) WITH CHECK (true);
"""
TABLES = tuple(f"telephony_{name}" for name in ("campaign", "contact", "dial", "donotcall", "pace"))
SAME_TENANT = """
ALTER TABLE telephony_campaign ADD CONSTRAINT campaign_agent_of_tenant
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents_agent (tenant_id, id);
ALTER TABLE telephony_campaign ADD CONSTRAINT campaign_number_of_tenant
  FOREIGN KEY (tenant_id, number_id) REFERENCES telephony_phonenumber (tenant_id, id);
ALTER TABLE telephony_contact ADD CONSTRAINT contact_campaign_of_tenant
  FOREIGN KEY (tenant_id, campaign_id) REFERENCES telephony_campaign (tenant_id, id);
ALTER TABLE telephony_dial ADD CONSTRAINT dial_call_of_tenant
  FOREIGN KEY (tenant_id, call_id) REFERENCES telephony_call (tenant_id, id);
ALTER TABLE telephony_dial ADD CONSTRAINT dial_contact_of_tenant
  FOREIGN KEY (tenant_id, contact_id) REFERENCES telephony_contact (tenant_id, id);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0002_provider_keys_and_secrets"),
        ("telephony", "0009_carrier_recordings"),
        ("tenants", "0002_one_time_passwords"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("draft", "Being prepared"),
                            ("ready", "Ready"),
                            ("running", "Running"),
                            ("paused", "Paused"),
                            ("stopped", "Stopped"),
                            ("finished", "Finished"),
                        ],
                        default="draft",
                        max_length=8,
                    ),
                ),
                ("problem", models.CharField(blank=True, max_length=400)),
                ("csv", models.TextField(blank=True)),
                ("columns", models.JSONField(default=list)),
                ("opens", models.TimeField(default=datetime.time(9, 0))),
                ("closes", models.TimeField(default=datetime.time(21, 0))),
                ("days", models.JSONField(default=list)),
                ("first_day", models.DateField(blank=True, null=True)),
                ("last_day", models.DateField(blank=True, null=True)),
                ("zone", models.CharField(max_length=64)),
                ("at_once", models.PositiveSmallIntegerField(default=5)),
                ("ring_s", models.PositiveSmallIntegerField(default=30)),
                (
                    "detection",
                    models.CharField(
                        choices=[
                            ("off", "The agent finds out by itself"),
                            ("carrier", "Vobiz tells the agent its opinion"),
                            ("hangup", "Vobiz hangs up on machines"),
                        ],
                        default="off",
                        max_length=7,
                    ),
                ),
                ("retries", models.JSONField(default=dict)),
                ("fail_percent", models.PositiveSmallIntegerField(default=50)),
                ("hold_until", models.DateTimeField(null=True)),
                ("judged_from", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "agent",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name="+", to="agents.agent"),
                ),
                (
                    "created_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "number",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="telephony.phonenumber"
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
                "ordering": ("-created_at",),
            },
        ),
        migrations.CreateModel(
            name="Contact",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("line", models.PositiveIntegerField()),
                ("phone", models.CharField(blank=True, max_length=16)),
                ("typed", models.CharField(blank=True, max_length=80)),
                ("zone", models.CharField(blank=True, max_length=64)),
                ("variables", models.JSONField(default=dict)),
                (
                    "state",
                    models.CharField(
                        choices=[("waiting", "Waiting"), ("dialling", "Being called"), ("done", "Done")],
                        default="waiting",
                        max_length=8,
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reached", "Answered"),
                            ("voicemail", "Voicemail"),
                            ("busy", "Busy"),
                            ("no_answer", "No answer"),
                            ("failed", "Failed"),
                            ("invalid", "No such number"),
                            ("unreadable", "Not in order"),
                            ("duplicate", "Twice in the list"),
                            ("listed", "On the do-not-call list"),
                            ("expired", "The campaign’s days were over"),
                            ("stopped", "The campaign was stopped"),
                        ],
                        max_length=12,
                    ),
                ),
                ("problem", models.CharField(blank=True, max_length=200)),
                ("attempts", models.PositiveSmallIntegerField(default=0)),
                ("used", models.JSONField(default=dict)),
                ("next_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField(null=True)),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="contacts", to="telephony.campaign"
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
                "ordering": ("line",),
            },
        ),
        migrations.CreateModel(
            name="Dial",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("attempt", models.PositiveSmallIntegerField(default=1)),
                ("key", models.CharField(blank=True, max_length=64)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("placing", "Being placed"),
                            ("unknown", "Vobiz did not say"),
                            ("placed", "Placed"),
                            ("refused", "Refused by Vobiz"),
                            ("not_placed", "Not placed"),
                        ],
                        default="placing",
                        max_length=10,
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("reached", "Answered"),
                            ("voicemail", "Voicemail"),
                            ("busy", "Busy"),
                            ("no_answer", "No answer"),
                            ("failed", "Failed"),
                            ("invalid", "No such number"),
                        ],
                        max_length=10,
                    ),
                ),
                ("problem", models.CharField(blank=True, max_length=400)),
                ("variables", models.JSONField(default=dict)),
                ("ring_s", models.PositiveSmallIntegerField(default=30)),
                (
                    "detection",
                    models.CharField(
                        choices=[
                            ("off", "The agent finds out by itself"),
                            ("carrier", "Vobiz tells the agent its opinion"),
                            ("hangup", "Vobiz hangs up on machines"),
                        ],
                        default="off",
                        max_length=7,
                    ),
                ),
                ("asked_at", models.DateTimeField()),
                ("next_look_at", models.DateTimeField(null=True)),
                ("looks", models.PositiveSmallIntegerField(default=0)),
                ("settled_at", models.DateTimeField(null=True)),
                (
                    "call",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE, related_name="dial", to="telephony.call"
                    ),
                ),
                (
                    "contact",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="dials",
                        to="telephony.contact",
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
            name="DoNotCall",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("phone", models.CharField(max_length=16)),
                ("note", models.CharField(blank=True, max_length=120)),
                ("added_at", models.DateTimeField()),
                (
                    "added_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
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
                "ordering": ("-added_at", "phone"),
            },
        ),
        migrations.CreateModel(
            name="Pace",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("calls_a_second", models.PositiveSmallIntegerField(default=1)),
                ("concurrent", models.PositiveIntegerField(null=True)),
                ("told_at", models.DateTimeField(null=True)),
                ("tokens", models.FloatField(default=1)),
                ("filled_at", models.DateTimeField()),
                ("hold_until", models.DateTimeField(null=True)),
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
        migrations.AddIndex(
            model_name="campaign",
            index=models.Index(condition=models.Q(("state", "running")), fields=["state"], name="campaigns_running"),
        ),
        migrations.AddConstraint(
            model_name="campaign",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="campaign_of_tenant"),
        ),
        migrations.AddIndex(
            model_name="contact",
            index=models.Index(
                condition=models.Q(("state", "waiting")), fields=["campaign", "next_at", "line"], name="contacts_due"
            ),
        ),
        migrations.AddConstraint(
            model_name="contact",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="contact_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="contact",
            constraint=models.UniqueConstraint(fields=("campaign", "line"), name="one_contact_per_line"),
        ),
        migrations.AddConstraint(
            model_name="contact",
            constraint=models.UniqueConstraint(
                condition=models.Q(("result__in", ("duplicate", "unreadable")), _negated=True),
                fields=("campaign", "phone"),
                name="one_contact_per_phone",
            ),
        ),
        migrations.AddIndex(
            model_name="dial",
            index=models.Index(
                condition=models.Q(("settled_at", None)), fields=["next_look_at"], name="dials_to_settle"
            ),
        ),
        migrations.AddConstraint(
            model_name="dial",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="dial_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="dial",
            constraint=models.UniqueConstraint(fields=("contact", "attempt"), name="one_dial_per_attempt"),
        ),
        migrations.AddConstraint(
            model_name="dial",
            constraint=models.UniqueConstraint(
                condition=models.Q(("key", ""), _negated=True), fields=("tenant", "key"), name="one_dial_per_wish"
            ),
        ),
        migrations.AddConstraint(
            model_name="donotcall",
            constraint=models.UniqueConstraint(fields=("tenant", "phone"), name="one_entry_per_number"),
        ),
        migrations.AddConstraint(
            model_name="pace",
            constraint=models.UniqueConstraint(fields=("tenant",), name="one_pace_per_tenant"),
        ),
        *(migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
    ]
