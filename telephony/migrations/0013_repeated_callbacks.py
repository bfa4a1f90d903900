import django.db.models.deletion
from django.db import migrations, models

import tenants.vault


class Migration(migrations.Migration):
    dependencies = [("telephony", "0012_what_a_call_costs")]

    operations = [
        migrations.AddField(
            "webhookevent", "digest", models.CharField(blank=True, db_default="", default="", max_length=64)
        ),
        migrations.AddField(
            "webhookevent", "reply", tenants.vault.EncryptedTextField(blank=True, db_default="", default="")
        ),
        migrations.AlterField(
            "carrierrecording",
            "state",
            models.CharField(
                choices=[
                    ("sought", "Being looked for"),
                    ("due", "Being fetched"),
                    ("kept", "Here"),
                    ("failed", "Could not be fetched"),
                    ("gone", "Deleted here, not yet at Vobiz"),
                ],
                default="due",
                max_length=6,
            ),
        ),
        migrations.AlterField(
            "carriercdr",
            "call",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.CASCADE, related_name="cdrs", to="telephony.call"
            ),
        ),
        migrations.AlterField(
            "carriercdr",
            "role",
            models.CharField(
                choices=[
                    ("call", "Call"),
                    ("dialled", "Dialled leg"),
                    ("colleague", "Colleague"),
                    ("echo", "Echo test"),
                ],
                default="call",
                max_length=9,
            ),
        ),
    ]
