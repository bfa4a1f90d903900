from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False  # the table stays open for calls while the index is built

    dependencies = [("telephony", "0007_notes_of_running_calls")]

    operations = [AddIndexConcurrently("call", models.Index(fields=["ended_at"], name="calls_by_end"))]
