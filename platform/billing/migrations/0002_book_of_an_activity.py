import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0001_usage_prices_and_ledger")]

    operations = [
        migrations.AddField(
            "activity",
            "book",
            models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="billing.pricebook"
            ),
        ),
    ]
