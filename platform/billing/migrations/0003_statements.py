import uuid

import django.db.models.deletion
import django.db.models.functions.datetime
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

ADDED_ONLY = """
REVOKE UPDATE, DELETE ON {table} FROM switchboard_app, switchboard_platform;
"""

# Who sends invoices is the operator's to say. A series only grows.
OPERATORS = """
REVOKE UPDATE, DELETE ON billing_issuer FROM switchboard_app, switchboard_platform;
REVOKE INSERT ON billing_issuer FROM switchboard_app;
REVOKE DELETE ON billing_invoiceseries FROM switchboard_app, switchboard_platform;
"""

SERIES_GROWS = """
CREATE FUNCTION billing_series_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF (NEW.kind, NEW.year) IS DISTINCT FROM (OLD.kind, OLD.year) OR NEW.last <> OLD.last + 1 THEN
    RAISE EXCEPTION 'a series goes on by one'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'series_goes_on_by_one';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER series_goes_on_by_one BEFORE UPDATE ON billing_invoiceseries
  FOR EACH ROW EXECUTE FUNCTION billing_series_grows();
"""

# Whatever points from one tenant's row to another row points to the same tenant's.
SAME_TENANT = """
ALTER TABLE billing_chargeline ADD CONSTRAINT line_of_tenant UNIQUE (tenant_id, id);
ALTER TABLE billing_statementitem ADD CONSTRAINT item_statement_of_tenant
  FOREIGN KEY (tenant_id, statement_id) REFERENCES billing_statement (tenant_id, id);
ALTER TABLE billing_statementitem ADD CONSTRAINT item_line_of_tenant
  FOREIGN KEY (tenant_id, line_id) REFERENCES billing_chargeline (tenant_id, id);
ALTER TABLE billing_statementitem ADD CONSTRAINT item_transaction_of_tenant
  FOREIGN KEY (tenant_id, transaction_id) REFERENCES billing_transaction (tenant_id, id);
ALTER TABLE billing_creditnote ADD CONSTRAINT note_statement_of_tenant
  FOREIGN KEY (tenant_id, statement_id) REFERENCES billing_statement (tenant_id, id);
ALTER TABLE billing_creditnote ADD CONSTRAINT note_transaction_of_tenant
  FOREIGN KEY (tenant_id, transaction_id) REFERENCES billing_transaction (tenant_id, id);
"""

ADDED = ("billing_statement", "billing_statementitem", "billing_creditnote")
TABLES = (*ADDED, "billing_taxprofile")


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0002_book_of_an_activity"),
        ("tenants", "0002_one_time_passwords"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="InvoiceSeries",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=2)),
                ("year", models.CharField(max_length=5)),
                ("last", models.PositiveIntegerField(default=0)),
            ],
            options={
                "constraints": [models.UniqueConstraint(fields=("kind", "year"), name="one_series_per_year")],
            },
        ),
        migrations.CreateModel(
            name="Issuer",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("legal_name", models.CharField(max_length=120)),
                ("address", models.CharField(max_length=300)),
                ("place", models.CharField(max_length=2)),
                ("gstin", models.CharField(blank=True, max_length=15)),
                ("sac", models.CharField(max_length=6)),
                ("rate_bp", models.PositiveIntegerField()),
                ("lut", models.CharField(blank=True, max_length=40)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "changed_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Statement",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("period", models.DateField()),
                ("number", models.CharField(blank=True, max_length=16)),
                ("issued_on", models.DateField()),
                (
                    "mode",
                    models.CharField(
                        choices=[("prepaid", "In advance"), ("postpaid", "By monthly statement")], max_length=8
                    ),
                ),
                ("issuer", models.JSONField()),
                ("customer", models.JSONField()),
                ("opening_micros", models.BigIntegerField()),
                ("paid_in_micros", models.BigIntegerField()),
                ("credited_micros", models.BigIntegerField()),
                ("exact_micros", models.BigIntegerField()),
                ("closing_micros", models.BigIntegerField()),
                ("discount_micros", models.BigIntegerField()),
                ("rounding_micros", models.BigIntegerField()),
                ("taxable_micros", models.BigIntegerField()),
                ("cgst_micros", models.BigIntegerField()),
                ("sgst_micros", models.BigIntegerField()),
                ("igst_micros", models.BigIntegerField()),
                ("tax_due_micros", models.BigIntegerField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
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
            name="CreditNote",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=80)),
                ("number", models.CharField(max_length=16, unique=True)),
                ("issued_on", models.DateField()),
                ("reason", models.CharField(max_length=200)),
                ("taxable_micros", models.BigIntegerField()),
                ("cgst_micros", models.BigIntegerField()),
                ("sgst_micros", models.BigIntegerField()),
                ("igst_micros", models.BigIntegerField()),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "actor",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
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
                (
                    "transaction",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.transaction"
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="notes", to="billing.statement"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StatementItem",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("micros", models.BigIntegerField()),
                (
                    "line",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statement_item",
                        to="billing.chargeline",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="items", to="billing.statement"
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
                    "transaction",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statement_item",
                        to="billing.transaction",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="TaxProfile",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("legal_name", models.CharField(max_length=120)),
                ("address", models.CharField(max_length=300)),
                ("place", models.CharField(max_length=2)),
                ("gstin", models.CharField(blank=True, max_length=15)),
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
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(fields=("tenant", "period"), name="one_statement_per_month"),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="statement_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(
                condition=models.Q(("number", ""), _negated=True), fields=("number",), name="one_statement_per_number"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditnote",
            constraint=models.UniqueConstraint(fields=("tenant", "key"), name="one_credit_note_per_key"),
        ),
        migrations.AddConstraint(
            model_name="creditnote",
            constraint=models.CheckConstraint(condition=models.Q(("taxable_micros__gt", 0)), name="note_of_something"),
        ),
        migrations.AddConstraint(
            model_name="statementitem",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("line", None), ("transaction__isnull", False)),
                    models.Q(("line__isnull", False), ("transaction", None)),
                    _connector="OR",
                ),
                name="item_of_one_thing",
            ),
        ),
        migrations.AddConstraint(
            model_name="taxprofile",
            constraint=models.UniqueConstraint(fields=("tenant",), name="one_tax_profile_per_tenant"),
        ),
        *(migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        *(migrations.RunSQL(ADDED_ONLY.format(table=table), migrations.RunSQL.noop) for table in ADDED),
        migrations.RunSQL(OPERATORS, migrations.RunSQL.noop),
        migrations.RunSQL(SERIES_GROWS, migrations.RunSQL.noop),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
    ]
