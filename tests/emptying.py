"""What a committing test leaves in the database goes away here: Django's `flush` without most of its cost.

`flush` truncates every table, opens the owner's and the role's connections anew, and has each app write what it keeps
after a migration. This deletes rows where there are any and puts back those that were there when the suite began.
"""

from __future__ import annotations

import psycopg
from django.db import connection

KEEP = """
CREATE SCHEMA kept;
DO $$
DECLARE
    one name;
    filled boolean;
BEGIN
    FOR one IN SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one) INTO filled;
        IF filled THEN
            EXECUTE format('CREATE TABLE kept.%I AS TABLE public.%I', one, one);
        END IF;
    END LOOP;
END $$
"""
EMPTY = """
DO $$
DECLARE
    one name;
    filled boolean;
BEGIN
    SET LOCAL session_replication_role = replica; -- no triggers, no foreign keys: all of it goes
    FOR one IN
        SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
        AND relname NOT IN ('django_migrations', 'django_content_type', 'auth_permission')
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM public.%I)', one) INTO filled;
        IF filled THEN
            EXECUTE format('DELETE FROM public.%I', one);
        END IF;
        IF to_regclass(format('kept.%I', one)) IS NOT NULL THEN
            EXECUTE format('INSERT INTO public.%I OVERRIDING SYSTEM VALUE TABLE kept.%I', one, one);
        END IF;
    END LOOP;
END $$
"""


def keep() -> None:
    """Remember what migrations have put there, once the database is made."""
    _as_owner(KEEP)


def empty() -> None:
    """Make the database as it was then."""
    _as_owner(EMPTY)


def _as_owner(statement: str) -> None:
    known = connection.get_connection_params()
    where = {name: known[name] for name in ("host", "port", "user", "password", "dbname") if name in known}
    with psycopg.connect(**where, autocommit=True) as owner:
        owner.execute(statement)
