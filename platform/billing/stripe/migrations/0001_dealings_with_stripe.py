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

NEVER_DELETED = """
REVOKE DELETE ON {table} FROM switchboard_app, switchboard_platform;
"""

# An event may be anybody's: it is stored and handled across tenants, and none of them sees it.
EVENTS = """
REVOKE ALL ON billing_stripe_event FROM switchboard_app;
REVOKE DELETE ON billing_stripe_event FROM switchboard_platform;
"""

# Whatever points from one tenant's row to another row points to the same tenant's.
SAME_TENANT = """
ALTER TABLE {table} ADD CONSTRAINT {name}_payment_of_tenant
  FOREIGN KEY (tenant_id, payment_id) REFERENCES billing_stripe_payment (tenant_id, id);
"""

KEPT = ("customer", "payment", "refund", "dispute", "request")
TABLES = (*KEPT, "card", "automatictopup")
OF_PAYMENT = ("refund", "dispute", "request")


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("tenants", "0002_one_time_passwords"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Card",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("stripe_id", models.CharField(max_length=255, unique=True)),
                ("brand", models.CharField(max_length=32)),
                ("last_four", models.CharField(max_length=4)),
                ("expires_month", models.PositiveSmallIntegerField()),
                ("expires_year", models.PositiveSmallIntegerField()),
                ("standard", models.BooleanField(default=False)),
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
            name="Event",
            fields=[
                ("id", models.CharField(max_length=255, primary_key=True, serialize=False)),
                ("type", models.CharField(max_length=100)),
                ("payload", models.JSONField()),
                ("created_at", models.DateTimeField()),
                ("received_at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("stored", "To be handled"),
                            ("handled", "Handled"),
                            ("ignored", "Of no concern"),
                            ("foreign", "Not about us"),
                            ("failed", "Could not be handled"),
                        ],
                        default="stored",
                        max_length=7,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("next_at", models.DateTimeField()),
                ("handled_at", models.DateTimeField(null=True)),
                ("problem", models.CharField(blank=True, max_length=400)),
            ],
            options={
                "indexes": [
                    models.Index(condition=models.Q(("state", "stored")), fields=["next_at"], name="events_to_handle")
                ],
            },
        ),
        migrations.CreateModel(
            name="Payment",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("checkout", "Paid by card"),
                            ("automatic", "Automatic top-up"),
                            ("invoice", "Invoice"),
                        ],
                        max_length=9,
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Not paid yet"),
                            ("paid", "Paid"),
                            ("failed", "Declined"),
                            ("expired", "Not paid in time"),
                            ("void", "Taken back"),
                            ("astray", "Needs a look"),
                        ],
                        default="open",
                        max_length=7,
                    ),
                ),
                ("reference", models.CharField(max_length=100)),
                ("net_micros", models.BigIntegerField()),
                ("tax_micros", models.BigIntegerField()),
                ("session", models.CharField(blank=True, max_length=255)),
                ("intent", models.CharField(blank=True, max_length=255)),
                ("invoice", models.CharField(blank=True, max_length=255)),
                ("url", models.URLField(blank=True, max_length=2000)),
                ("problem", models.CharField(blank=True, max_length=400)),
                ("looks", models.PositiveIntegerField(default=0)),
                ("look_at", models.DateTimeField(null=True)),
                ("paid_at", models.DateTimeField(null=True)),
                ("created_at", models.DateTimeField()),
                (
                    "by",
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
            ],
        ),
        migrations.CreateModel(
            name="Dispute",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("stripe_id", models.CharField(max_length=255, unique=True)),
                ("micros", models.BigIntegerField()),
                ("tax_micros", models.BigIntegerField()),
                ("reason", models.CharField(blank=True, max_length=100)),
                ("created_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("withdrawn", "Taken by the bank"), ("reinstated", "Given back by the bank")],
                        default="withdrawn",
                        max_length=10,
                    ),
                ),
                ("status", models.CharField(blank=True, max_length=32)),
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
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="billing_stripe.payment",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Refund",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("stripe_id", models.CharField(max_length=255, unique=True)),
                ("micros", models.BigIntegerField()),
                ("tax_micros", models.BigIntegerField()),
                ("reason", models.CharField(blank=True, max_length=100)),
                ("created_at", models.DateTimeField()),
                (
                    "state",
                    models.CharField(
                        choices=[("given", "Given back"), ("failed", "The bank did not take it")],
                        default="given",
                        max_length=6,
                    ),
                ),
                (
                    "payment",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="%(class)ss",
                        to="billing_stripe.payment",
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
            name="Request",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("key", models.CharField(max_length=160)),
                ("kind", models.CharField(max_length=16)),
                ("body", models.JSONField()),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("pending", "To be sent"),
                            ("sent", "Sent, and no answer yet"),
                            ("unknown", "Sent, and the answer was lost"),
                            ("done", "Done"),
                            ("failed", "Refused"),
                        ],
                        default="pending",
                        max_length=7,
                    ),
                ),
                ("attempts", models.PositiveIntegerField(default=0)),
                ("generation", models.PositiveIntegerField(default=1)),
                ("answered", models.BooleanField(default=False)),
                ("looks", models.PositiveIntegerField(default=0)),
                ("first_sent_at", models.DateTimeField(null=True)),
                ("sent_at", models.DateTimeField(null=True)),
                ("next_at", models.DateTimeField(null=True)),
                ("stripe_id", models.CharField(blank=True, max_length=255)),
                ("url", models.URLField(blank=True, max_length=2000)),
                ("problem", models.CharField(blank=True, max_length=400)),
                ("code", models.CharField(blank=True, max_length=64)),
                ("created_at", models.DateTimeField()),
                (
                    "payment",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="requests",
                        to="billing_stripe.payment",
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
            name="AutomaticTopUp",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("below_micros", models.BigIntegerField()),
                ("micros", models.BigIntegerField()),
                ("card", models.CharField(max_length=255)),
                ("stopped", models.CharField(blank=True, max_length=200)),
                ("told_at", models.DateTimeField(null=True)),
                ("changed_at", models.DateTimeField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
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
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="one_automatic_top_up_per_tenant")],
            },
        ),
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("stripe_id", models.CharField(max_length=255, unique=True)),
                ("cards_seen_at", models.DateTimeField(null=True)),
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
                "constraints": [models.UniqueConstraint(fields=("tenant",), name="one_customer_per_tenant")],
            },
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(fields=["tenant", "-created_at"], name="payments_by_time"),
        ),
        migrations.AddIndex(
            model_name="payment",
            index=models.Index(condition=models.Q(("state", "open")), fields=["look_at"], name="payments_to_look_at"),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(fields=("tenant", "id"), name="payment_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(fields=("tenant", "reference"), name="one_payment_per_reference"),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("session", ""), _negated=True), fields=("session",), name="one_payment_per_session"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("intent", ""), _negated=True), fields=("intent",), name="one_payment_per_intent"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("invoice", ""), _negated=True), fields=("invoice",), name="one_payment_per_invoice"
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "automatic"), ("state", "open")),
                fields=("tenant",),
                name="one_automatic_payment_at_a_time",
            ),
        ),
        migrations.AddConstraint(
            model_name="payment",
            constraint=models.CheckConstraint(
                condition=models.Q(("net_micros__gt", 0), ("tax_micros__gte", 0)), name="payment_of_something"
            ),
        ),
        migrations.AddConstraint(
            model_name="dispute",
            constraint=models.CheckConstraint(condition=models.Q(("micros__gt", 0)), name="dispute_of_something"),
        ),
        migrations.AddConstraint(
            model_name="refund",
            constraint=models.CheckConstraint(condition=models.Q(("micros__gt", 0)), name="refund_of_something"),
        ),
        migrations.AddIndex(
            model_name="request",
            index=models.Index(
                condition=models.Q(("state__in", ["pending", "sent", "unknown"])),
                fields=["next_at"],
                name="requests_to_send",
            ),
        ),
        migrations.AddConstraint(
            model_name="request",
            constraint=models.UniqueConstraint(fields=("tenant", "key"), name="one_request_per_key"),
        ),
        *(migrations.RunSQL(GUARD.format(table=f"billing_stripe_{name}"), migrations.RunSQL.noop) for name in TABLES),
        *(
            migrations.RunSQL(NEVER_DELETED.format(table=f"billing_stripe_{name}"), migrations.RunSQL.noop)
            for name in KEPT
        ),
        *(
            migrations.RunSQL(SAME_TENANT.format(table=f"billing_stripe_{name}", name=name), migrations.RunSQL.noop)
            for name in OF_PAYMENT
        ),
        migrations.RunSQL(EVENTS, migrations.RunSQL.noop),
    ]
