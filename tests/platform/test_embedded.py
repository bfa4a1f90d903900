"""The embedded PostgreSQL: one real server in a deep folder, found again and stopped."""

import os
import stat
import subprocess
import sys

import psycopg
import pytest

from switchboard import embedded
from switchboard.env import ConfigError

pytestmark = pytest.mark.xdist_group("embedded")


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Deeper than a unix socket's address may be long."""
    home = tmp_path_factory.mktemp("home") / ("deep" * 20) / ("deeper" * 10)
    yield home
    embedded.stop(home / "pg")


@pytest.fixture
def server(home):
    return embedded.ensure(home)


def ask(server, question):
    with psycopg.connect(host=server["HOST"], user=server["USER"], dbname=server["NAME"]) as connection:
        return connection.execute(question).fetchone()[0]


def test_it_is_postgresql_18_with_our_database_and_keeps_what_it_is_told(server):
    assert ask(server, "SHOW server_version").startswith("18")
    assert ask(server, "SELECT current_database()") == "switchboard"
    assert ask(server, "SHOW fsync") == "on"


def test_nobody_else_may_connect(server, home):
    assert ask(server, "SHOW listen_addresses") == ""
    assert ask(server, "SHOW unix_socket_permissions") == "0700"
    assert stat.S_IMODE((home / "pg").stat().st_mode) == 0o700


def test_folders_above_it_stay_closed_to_readers(server, home):
    assert stat.S_IMODE(home.stat().st_mode) & (stat.S_IROTH | stat.S_IRGRP | stat.S_IWOTH | stat.S_IWGRP) == 0


def test_another_process_finds_the_same_server(server, home):
    code = (
        "import sys; from pathlib import Path; from switchboard import embedded;"
        "print(embedded.ensure(Path(sys.argv[1]))['HOST'])"
    )
    found = subprocess.run([sys.executable, "-c", code, str(home)], capture_output=True, text=True, check=True)

    assert found.stdout.strip() == server["HOST"]
    assert found.stderr == ""
    assert embedded.running(home / "pg") is not None


def test_a_stopped_server_starts_again_with_its_data(home):
    server = embedded.ensure(home)
    with psycopg.connect(host=server["HOST"], user=server["USER"], dbname=server["NAME"]) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 1 AS one")

    assert embedded.stop(home / "pg")
    assert embedded.running(home / "pg") is None
    assert not embedded.stop(home / "pg")

    assert ask(embedded.ensure(home), "SELECT count(*) FROM kept") == 1


def test_a_left_over_pid_file_is_not_a_server(tmp_path):
    (tmp_path / "postmaster.pid").write_text(f"{os.getpid()}\n{tmp_path}\n0\n5432\n{tmp_path}\n\n0 0\nready\n")

    assert embedded.running(tmp_path) is None


def test_a_server_that_cannot_start_says_where_to_look(tmp_path):
    broken = tmp_path / "pg"
    broken.mkdir()
    (broken / "PG_VERSION").write_text("18\n")
    (broken / "postgresql.conf").write_text("")

    with pytest.raises(ConfigError, match=r"does not start; see .*log"):
        embedded.start(broken)
