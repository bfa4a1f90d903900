"""The suite's database and home: a throw-away PostgreSQL of its own, unless `TEST_DATABASE_URL` names one.

A pytest plugin, loaded with `-p` before pytest-django reads the settings. With xdist the controller starts the server
and its workers inherit the address; pytest-django makes each of them a database of its own.
"""

import atexit
import os
import re
import shutil
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).resolve().parents[1] / ".env.example"
CLEARED = [*re.findall(r"^#([A-Z_]+)=", EXAMPLE.read_text(), re.MULTILINE), "PROMETHEUS_MULTIPROC_DIR"]
"""Every setting that there is (`tests/test_house.py` sees to it): what the machine has set is not the tests'."""

if "PYTEST_XDIST_WORKER" not in os.environ:
    for name in CLEARED:
        os.environ.pop(name, None)
        os.environ.pop(f"{name}_FILE", None)
    folder = Path(tempfile.mkdtemp(prefix="switchboard-test-"))
    os.environ["SWITCHBOARD_HOME"] = str(folder / "home")
    os.environ["SWITCHBOARD_ENV_FILE"] = os.devnull
    os.environ["DJANGO_SETTINGS_MODULE"] = "switchboard.settings"
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    url = os.environ.get("TEST_DATABASE_URL")
    if not url:
        from switchboard import embedded

        url = embedded.url(embedded.start(folder / "pg", throw_away=True), "postgres")
    os.environ["DATABASE_URL"] = url
