import uuid

import django.contrib.postgres.functions
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

NEVER_DELETED = """
REVOKE DELETE ON {table} FROM switchboard_app, switchboard_platform;
"""

# Prices are the operator's: tenants read them. A version's end is the one thing that changes.
OPERATORS = """
REVOKE INSERT, UPDATE, DELETE ON billing_pricebook, billing_pricebookversion, billing_price, billing_exchangerate
  FROM switchboard_app, switchboard_platform;
GRANT INSERT ON billing_pricebook, billing_pricebookversion, billing_price, billing_exchangerate
  TO switchboard_platform;
GRANT UPDATE ON billing_pricebook TO switchboard_platform;
GRANT UPDATE (effective_until) ON billing_pricebookversion TO switchboard_platform;
"""

# Ranges of one number stand for equality: what is native needs no extension.
WITHOUT_OVERLAP = """
ALTER TABLE billing_pricebookversion ADD CONSTRAINT versions_do_not_overlap EXCLUDE USING gist (
  int8range(book_id, book_id, '[]') WITH &&, tstzrange(effective_from, effective_until) WITH &&);
ALTER TABLE billing_priceoverride ADD CONSTRAINT overrides_do_not_overlap EXCLUDE USING gist (
  int8range(
    hashtextextended(tenant_id::text || ' ' || meter || ' ' || provider || ' ' || model, 0),
    hashtextextended(tenant_id::text || ' ' || meter || ' ' || provider || ' ' || model, 0), '[]') WITH &&,
  tstzrange(effective_from, effective_until) WITH &&);
ALTER TABLE billing_priceoverride ADD CONSTRAINT override_ends_after_its_beginning
  CHECK (effective_until IS NULL OR effective_until > effective_from);
"""

# At the commit the scope may be closed already: the check looks with the tenant of the row.
SUMS_TO_ZERO = """
CREATE FUNCTION billing_transaction_sums_to_zero() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  scope text := coalesce(current_setting('app.tenant', true), '');
  wanted uuid := coalesce(to_jsonb(NEW) ->> 'transaction_id', NEW.id::text)::uuid;
  total numeric;
BEGIN
  PERFORM set_config('app.tenant', NEW.tenant_id::text, true);
  SELECT sum(micros) INTO total FROM billing_entry WHERE transaction_id = wanted;
  PERFORM set_config('app.tenant', scope, true);
  IF total IS DISTINCT FROM 0 THEN
    RAISE EXCEPTION 'transaction % sums to %, not to zero', wanted, coalesce(total::text, 'nothing')
      USING ERRCODE = 'check_violation', CONSTRAINT = 'transaction_sums_to_zero';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER transaction_sums_to_zero AFTER INSERT ON billing_transaction
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_transaction_sums_to_zero();
CREATE CONSTRAINT TRIGGER transaction_sums_to_zero AFTER INSERT ON billing_entry
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION billing_transaction_sums_to_zero();

CREATE FUNCTION billing_entry_comes_with_its_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM billing_transaction
                 WHERE id = NEW.transaction_id AND created_at = transaction_timestamp()) THEN
    RAISE EXCEPTION 'transaction % is booked: a correction is a new transaction', NEW.transaction_id
      USING ERRCODE = 'check_violation', CONSTRAINT = 'entry_comes_with_its_transaction';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER entry_comes_with_its_transaction BEFORE INSERT ON billing_entry
  FOR EACH ROW EXECUTE FUNCTION billing_entry_comes_with_its_transaction();
"""

# Whatever points from one tenant's row to another row points to the same tenant's.
SAME_TENANT = """
ALTER TABLE billing_usagecheckpoint ADD CONSTRAINT checkpoint_activity_of_tenant
  FOREIGN KEY (tenant_id, activity_id) REFERENCES billing_activity (tenant_id, id);
ALTER TABLE billing_usagerecord ADD CONSTRAINT record_activity_of_tenant
  FOREIGN KEY (tenant_id, activity_id) REFERENCES billing_activity (tenant_id, id);
ALTER TABLE billing_hold ADD CONSTRAINT hold_activity_of_tenant
  FOREIGN KEY (tenant_id, activity_id) REFERENCES billing_activity (tenant_id, id);
ALTER TABLE billing_chargeline ADD CONSTRAINT line_activity_of_tenant
  FOREIGN KEY (tenant_id, activity_id) REFERENCES billing_activity (tenant_id, id);
ALTER TABLE billing_chargeline ADD CONSTRAINT line_record_of_tenant
  FOREIGN KEY (tenant_id, record_id) REFERENCES billing_usagerecord (tenant_id, id);
ALTER TABLE billing_entry ADD CONSTRAINT entry_transaction_of_tenant
  FOREIGN KEY (tenant_id, transaction_id) REFERENCES billing_transaction (tenant_id, id);
ALTER TABLE billing_transaction ADD CONSTRAINT reversal_of_tenant
  FOREIGN KEY (tenant_id, reverses_id) REFERENCES billing_transaction (tenant_id, id);
"""

ADDED = ("billing_usagerecord", "billing_transaction", "billing_entry", "billing_chargeline")
KEPT = ("billing_activity", "billing_wallet", "billing_hold", "billing_balance", "billing_priceoverride")
TABLES = (*ADDED, *KEPT, "billing_usagecheckpoint", "billing_agentcap")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0002_one_time_passwords"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PriceBook",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.SlugField(max_length=48, unique=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
            ],
        ),
        migrations.CreateModel(
            name="Activity",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("source", models.CharField(max_length=100, unique=True)),
                ("kind", models.CharField(max_length=24)),
                ("part_of", models.CharField(blank=True, max_length=100)),
                ("agent", models.CharField(blank=True, max_length=64)),
                ("number", models.CharField(blank=True, max_length=64)),
                ("test", models.BooleanField(default=False)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Running"),
                            ("closed", "To be charged"),
                            ("settled", "Charged"),
                            ("unpriced", "Waits for a price"),
                        ],
                        default="open",
                        max_length=8,
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("closed_at", models.DateTimeField(null=True)),
                ("settled_at", models.DateTimeField(null=True)),
                ("day", models.DateField()),
                ("price_micros", models.BigIntegerField(default=0)),
                ("cost_micros", models.BigIntegerField(default=0)),
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
            name="AgentCap",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("agent", models.CharField(max_length=64)),
                ("day_micros", models.BigIntegerField()),
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
            name="Balance",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("account", models.CharField(max_length=24)),
                ("micros", models.BigIntegerField(default=0)),
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
            name="ExchangeRate",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("currency", models.CharField(max_length=3)),
                ("micros", models.BigIntegerField()),
                ("day", models.DateField()),
                ("source", models.CharField(max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("currency", "day"), name="one_rate_per_day"),
                    models.CheckConstraint(condition=models.Q(("micros__gt", 0)), name="rate_of_something"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Hold",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("minute_micros", models.BigIntegerField()),
                ("micros", models.BigIntegerField()),
                ("moves", models.PositiveIntegerField(default=1)),
                ("renewed_at", models.DateTimeField()),
                ("released_at", models.DateTimeField(null=True)),
                (
                    "activity",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="hold", to="billing.activity"
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
            name="PriceBookVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("label", models.CharField(max_length=48)),
                ("effective_from", models.DateTimeField()),
                ("effective_until", models.DateTimeField(null=True)),
                (
                    "tests",
                    models.CharField(
                        choices=[("free", "free"), ("at_cost", "at_cost"), ("as_live", "as_live")], max_length=8
                    ),
                ),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="billing.pricebook"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("meter", models.CharField(max_length=32)),
                ("provider", models.CharField(blank=True, max_length=32)),
                ("model", models.CharField(blank=True, max_length=100)),
                ("unit", models.BigIntegerField()),
                ("cost_currency", models.CharField(max_length=3)),
                ("cost_tiers", models.JSONField()),
                ("cost_pulse", models.BigIntegerField(default=1)),
                ("cost_minimum", models.BigIntegerField(default=0)),
                (
                    "cost_rounding",
                    models.CharField(
                        choices=[("half_even", "half_even"), ("half_up", "half_up"), ("up", "up"), ("down", "down")],
                        max_length=9,
                    ),
                ),
                ("price_tiers", models.JSONField()),
                ("price_pulse", models.BigIntegerField(default=1)),
                ("price_minimum", models.BigIntegerField(default=0)),
                (
                    "price_rounding",
                    models.CharField(
                        choices=[("half_even", "half_even"), ("half_up", "half_up"), ("up", "up"), ("down", "down")],
                        max_length=9,
                    ),
                ),
                ("source", models.CharField(max_length=200)),
                ("read", models.CharField(blank=True, max_length=10)),
                ("note", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="billing.pricebookversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PriceOverride",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("meter", models.CharField(max_length=32)),
                ("provider", models.CharField(blank=True, max_length=32)),
                ("model", models.CharField(blank=True, max_length=100)),
                ("unit", models.BigIntegerField()),
                ("tiers", models.JSONField()),
                ("pulse", models.BigIntegerField(default=1)),
                ("minimum", models.BigIntegerField(default=0)),
                (
                    "rounding",
                    models.CharField(
                        choices=[("half_even", "half_even"), ("half_up", "half_up"), ("up", "up"), ("down", "down")],
                        max_length=9,
                    ),
                ),
                ("effective_from", models.DateTimeField()),
                ("effective_until", models.DateTimeField(null=True)),
                ("reason", models.CharField(max_length=200)),
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
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Transaction",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=160)),
                ("kind", models.CharField(max_length=24)),
                ("cause", models.CharField(blank=True, max_length=100)),
                ("memo", models.CharField(blank=True, max_length=400)),
                ("booked_at", models.DateTimeField()),
                ("created_at", models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow())),
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
                    "reverses",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="reversed_by",
                        to="billing.transaction",
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
            name="Entry",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("account", models.CharField(max_length=24)),
                ("micros", models.BigIntegerField()),
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
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="entries", to="billing.transaction"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="UsageCheckpoint",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("source", models.CharField(max_length=140)),
                ("meter", models.CharField(max_length=32)),
                ("provider", models.CharField(blank=True, max_length=32)),
                ("model", models.CharField(blank=True, max_length=100)),
                ("amount", models.BigIntegerField()),
                ("own_account", models.BooleanField(default=False)),
                ("seen_at", models.DateTimeField()),
                (
                    "activity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="checkpoints", to="billing.activity"
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
            name="UsageRecord",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("source", models.CharField(max_length=140)),
                ("meter", models.CharField(max_length=32)),
                ("provider", models.CharField(blank=True, max_length=32)),
                ("model", models.CharField(blank=True, max_length=100)),
                ("amount", models.BigIntegerField()),
                ("own_account", models.BooleanField(default=False)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "activity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="records", to="billing.activity"
                    ),
                ),
                (
                    "instead_of",
                    models.OneToOneField(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaced_by",
                        to="billing.usagerecord",
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
            name="ChargeLine",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("rule", models.CharField(max_length=16)),
                ("unit", models.BigIntegerField()),
                ("unit_micros", models.BigIntegerField()),
                ("billed", models.BigIntegerField()),
                ("price_micros", models.BigIntegerField()),
                ("cost_micros", models.BigIntegerField()),
                ("cost_native_micros", models.BigIntegerField()),
                ("cost_currency", models.CharField(max_length=3)),
                ("exchange_micros", models.BigIntegerField(null=True)),
                ("exchange_day", models.DateField(null=True)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "activity",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="lines", to="billing.activity"
                    ),
                ),
                (
                    "instead_of",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaced_by",
                        to="billing.chargeline",
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
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.pricebookversion"
                    ),
                ),
                (
                    "record",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="line", to="billing.usagerecord"
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Wallet",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "mode",
                    models.CharField(
                        choices=[("prepaid", "In advance"), ("postpaid", "By monthly statement")],
                        default="prepaid",
                        max_length=8,
                    ),
                ),
                ("credit_micros", models.BigIntegerField(default=0)),
                ("low_micros", models.BigIntegerField(default=200000000)),
                ("warned_at", models.DateTimeField(null=True)),
                ("day_cap_micros", models.BigIntegerField(null=True)),
                ("month_cap_micros", models.BigIntegerField(null=True)),
                ("suspended", models.CharField(blank=True, max_length=200)),
                ("created_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "book",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.pricebook"
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
        migrations.AddIndex(
            model_name="activity",
            index=models.Index(fields=["tenant", "day", "agent"], name="activities_by_day"),
        ),
        migrations.AddIndex(
            model_name="activity",
            index=models.Index(
                condition=models.Q(("part_of", ""), _negated=True),
                fields=["tenant", "part_of"],
                name="activities_by_whole",
            ),
        ),
        migrations.AddIndex(
            model_name="activity",
            index=models.Index(
                condition=models.Q(("state__in", ["closed", "unpriced"])),
                fields=["closed_at"],
                name="activities_to_charge",
            ),
        ),
        migrations.AddConstraint(
            model_name="activity",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="activity_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="agentcap",
            constraint=models.UniqueConstraint(fields=("tenant", "agent"), name="one_cap_per_agent"),
        ),
        migrations.AddConstraint(
            model_name="balance",
            constraint=models.UniqueConstraint(fields=("tenant", "account"), name="one_balance_per_account"),
        ),
        migrations.AddIndex(
            model_name="hold",
            index=models.Index(condition=models.Q(("released_at", None)), fields=["renewed_at"], name="open_holds"),
        ),
        migrations.AddConstraint(
            model_name="hold",
            constraint=models.CheckConstraint(condition=models.Q(("micros__gte", 0)), name="hold_of_money"),
        ),
        migrations.AddConstraint(
            model_name="pricebookversion",
            constraint=models.UniqueConstraint(fields=("book", "label"), name="one_version_per_label"),
        ),
        migrations.AddConstraint(
            model_name="pricebookversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("effective_until", None), ("effective_until__gt", models.F("effective_from")), _connector="OR"
                ),
                name="version_ends_after_its_beginning",
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=models.UniqueConstraint(
                fields=("version", "meter", "provider", "model"), name="one_price_per_meter"
            ),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(fields=["tenant", "-booked_at"], name="transactions_by_time"),
        ),
        migrations.AddIndex(
            model_name="transaction",
            index=models.Index(fields=["tenant", "cause"], name="transactions_by_cause"),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(fields=("tenant", "key"), name="one_transaction_per_key"),
        ),
        migrations.AddConstraint(
            model_name="transaction",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="transaction_of_tenant"),
        ),
        migrations.AddIndex(
            model_name="entry",
            index=models.Index(fields=["tenant", "account"], name="entries_by_account"),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.UniqueConstraint(fields=("transaction", "account"), name="one_entry_per_account"),
        ),
        migrations.AddConstraint(
            model_name="entry",
            constraint=models.CheckConstraint(
                condition=models.Q(("micros", 0), _negated=True), name="entry_of_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="usagecheckpoint",
            constraint=models.UniqueConstraint(
                fields=("source", "meter", "provider", "model"), name="one_checkpoint_per_source_and_meter"
            ),
        ),
        migrations.AddConstraint(
            model_name="usagecheckpoint",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="checkpoint_of_something"),
        ),
        migrations.AddConstraint(
            model_name="usagerecord",
            constraint=models.UniqueConstraint(
                fields=("source", "meter", "provider", "model"), name="one_record_per_source_and_meter"
            ),
        ),
        migrations.AddConstraint(
            model_name="usagerecord",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="record_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="usagerecord",
            constraint=models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="record_of_something"),
        ),
        migrations.AddConstraint(
            model_name="wallet",
            constraint=models.UniqueConstraint(fields=("tenant",), name="one_wallet_per_tenant"),
        ),
        *(migrations.RunSQL(GUARD.format(table=table), migrations.RunSQL.noop) for table in TABLES),
        *(migrations.RunSQL(ADDED_ONLY.format(table=table), migrations.RunSQL.noop) for table in ADDED),
        *(migrations.RunSQL(NEVER_DELETED.format(table=table), migrations.RunSQL.noop) for table in KEPT),
        migrations.RunSQL(OPERATORS, migrations.RunSQL.noop),
        migrations.RunSQL(WITHOUT_OVERLAP, migrations.RunSQL.noop),
        migrations.RunSQL(SUMS_TO_ZERO, migrations.RunSQL.noop),
        migrations.RunSQL(SAME_TENANT, migrations.RunSQL.noop),
    ]
