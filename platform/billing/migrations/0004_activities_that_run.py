from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0003_statements")]

    operations = [
        migrations.AddIndex(
            "activity",
            models.Index(condition=models.Q(("state", "open")), fields=["kind"], name="activities_that_run"),
        ),
    ]
