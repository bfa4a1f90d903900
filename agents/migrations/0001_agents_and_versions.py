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

# A version belongs to an agent of its tenant; an agent's published version is one of its own.
SAME_TENANT = """
ALTER TABLE agents_agentversion ADD CONSTRAINT version_agent_of_tenant
  FOREIGN KEY (tenant_id, agent_id) REFERENCES agents_agent (tenant_id, id);
ALTER TABLE agents_agent ADD CONSTRAINT agent_published_of_agent
  FOREIGN KEY (tenant_id, id, published_id) REFERENCES agents_agentversion (tenant_id, agent_id, id);
"""

# Only the link to a person may go, with the person.
IMMUTABLE = """
CREATE FUNCTION agents_version_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.published_by_id IS NULL
     AND to_jsonb(NEW) - 'published_by_id' = to_jsonb(OLD) - 'published_by_id' THEN
    RETURN NEW;
  END IF;
  RAISE EXCEPTION 'a published version of an agent cannot be changed or deleted'
    USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER version_stays BEFORE UPDATE OR DELETE ON agents_agentversion
  FOR EACH ROW EXECUTE FUNCTION agents_version_stays();
"""

TABLES = ("agents_agent", "agents_agentversion")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0001_people_and_tenants"),
    ]

    operations = [
        migrations.CreateModel(
            name="Agent",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=80)),
                ("draft", models.JSONField(default=dict)),
                ("draft_saved_at", models.DateTimeField()),
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
                "ordering": ("name", "created_at"),
                "constraints": [models.UniqueConstraint(fields=("tenant", "id"), name="agent_of_tenant")],
            },
        ),
        migrations.CreateModel(
            name="AgentVersion",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("number", models.PositiveIntegerField()),
                ("config", models.JSONField()),
                ("published_at", models.DateTimeField(auto_now_add=True)),
                ("note", models.CharField(blank=True, max_length=200)),
                (
                    "agent",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="agents.agent"
                    ),
                ),
                (
                    "published_by",
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
                "ordering": ("-number",),
                "constraints": [
                    models.UniqueConstraint(fields=("agent", "number"), name="one_version_per_number"),
                    models.UniqueConstraint(fields=("tenant", "id"), name="version_of_tenant"),
                    models.UniqueConstraint(fields=("tenant", "agent", "id"), name="version_of_agent"),
                ],
            },
        ),
        migrations.AddField(
            model_name="agent",
            name="published",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="agents.agentversion",
            ),
        ),
        *(migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
        migrations.RunSQL(IMMUTABLE, "DROP FUNCTION IF EXISTS agents_version_stays CASCADE"),
    ]
