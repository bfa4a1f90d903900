from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("telephony", "0002_a_version_has_its_agent")]

    operations = [
        migrations.AddField(
            model_name="call",
            name="kind",
            field=models.CharField(
                choices=[("phone", "Phone call"), ("test", "Test call"), ("chat", "Test chat")],
                db_default="phone",
                default="phone",
                max_length=5,
            ),
        ),
        migrations.AddField(model_name="call", name="draft", field=models.JSONField(null=True)),
    ]
