from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("agents", "0001_agents_and_versions"),
        ("telephony", "0001_numbers_and_calls"),
        ("tenants", "0002_one_time_passwords"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="call",
            constraint=models.CheckConstraint(
                condition=models.Q(("version", None), ("agent__isnull", False), _connector="OR"),
                name="call_version_has_agent",
            ),
        ),
    ]
