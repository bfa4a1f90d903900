from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("telephony", "0013_repeated_callbacks")]

    operations = [migrations.RemoveField("webhookevent", "reply")]
