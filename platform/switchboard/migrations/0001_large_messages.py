"""Messages of the channel layer that do not fit into a notification. Lost in a crash, as any message may be."""

from django.db import migrations

TABLE = """
CREATE UNLOGGED TABLE switchboard_large_message (
  id uuid PRIMARY KEY,
  body text NOT NULL,
  sent_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX switchboard_large_message_age ON switchboard_large_message (sent_at);
GRANT SELECT, INSERT, DELETE ON switchboard_large_message TO switchboard_app;
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenants", "0001_people_and_tenants")]

    operations = [migrations.RunSQL(TABLE, "DROP TABLE switchboard_large_message")]
