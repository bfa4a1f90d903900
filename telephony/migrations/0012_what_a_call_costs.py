from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0011_transfers")]

    operations = [
        migrations.AddField(
            "call",
            "own_accounts",
            models.JSONField(db_default=models.Value([], models.JSONField()), default=list),
        ),
        migrations.AddField(
            "call",
            "cut_short",
            models.CharField(blank=True, db_default="", default="", max_length=16),
        ),
    ]
