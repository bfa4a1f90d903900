from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0003_tests_from_the_editor")]

    operations = [
        migrations.AddField("turn", "final_ms", models.PositiveIntegerField(null=True)),
        migrations.AddField("turn", "token_ms", models.PositiveIntegerField(null=True)),
    ]
