"""Django's PostgreSQL backend, which finds or starts the embedded server when no DATABASE_URL is given."""
