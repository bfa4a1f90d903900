from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("agents", "0002_provider_keys_and_secrets")]

    operations = [
        migrations.CreateModel(
            name="PlatformRefusal",
            fields=[
                ("provider", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("key_mark", models.CharField(max_length=32)),
                ("at", models.DateTimeField()),
            ],
        ),
    ]
