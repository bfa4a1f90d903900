"""The command `switchboard` (and manage.py): Django's management commands, and the roles.

A role's environment is settled here, before the settings are read.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Final

ROLES: Final = ("web", "stream", "worker", "beat")
WEB_PORT: Final = 8000
STREAM_PORT: Final = 8100
OURS: Final = ("switchboard", "console", "api", "telephony", "billing", "agents", "tenants")


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point. Exits non-zero with one line on standard error for what the user can put right."""
    argv = ["switchboard", *(sys.argv[1:] if arguments is None else arguments)]
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")
    if len(argv) > 1 and not argv[1].startswith("-"):
        argv[1] = argv[1].replace("-", "_")  # a command is a module: trial-balance is trial_balance.py
    _settle_role(argv)

    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    try:
        if len(argv) == 1 or argv[1:] in (["help"], ["--help"], ["-h"]):
            _help()
        elif argv[1:] in (["version"], ["--version"]):
            print(f"switchboard {version('switchboard')}")  # noqa: T201
        else:
            execute_from_command_line(argv)
    except ImproperlyConfigured as error:
        sys.exit(f"switchboard: {error}")
    except OperationalError as error:
        sys.exit(f"switchboard: the database cannot be used: {str(error).strip()}")


def _settle_role(argv: Sequence[str]) -> None:
    role = argv[1] if len(argv) > 1 else ""
    if role not in ROLES:
        return
    os.environ["ROLE"] = role
    if role == "web":
        where = argparse.ArgumentParser(add_help=False)
        where.add_argument("--host", default="127.0.0.1")
        where.add_argument("--port", default=str(WEB_PORT))
        given, _ = where.parse_known_args(argv[2:])
        host = "127.0.0.1" if given.host in {"0.0.0.0", "::"} else given.host  # noqa: S104
        os.environ.setdefault("PUBLIC_URL", f"http://{host}:{given.port}")


def follow_supervisor(told: Callable[[bytes], None] = lambda line: None) -> None:
    """End with the supervisor that started us: its end of our standard input closes however it dies. `told` gets what
    it says before, line by line, in another thread."""
    if os.environ.pop("SWITCHBOARD_SUPERVISED", ""):
        threading.Thread(target=_wait_for_end, args=(told,), name="follow supervisor", daemon=True).start()


def _wait_for_end(told: Callable[[bytes], None]) -> None:
    rest = b""
    while data := os.read(0, 4096):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            told(line)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(float(os.environ.get("DRAIN_SECONDS") or 30) + 10)
    os._exit(1)


def _help() -> None:
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    print("Usage: switchboard COMMAND [options]     (switchboard help COMMAND tells more)\n")  # noqa: T201
    for name, app in sorted(get_commands().items()):
        if isinstance(app, str) and app in OURS:
            print(f"  {name:<14} {load_command_class(app, name).help}")  # noqa: T201
    print("\nDjango's commands work too: switchboard help --commands")  # noqa: T201


if __name__ == "__main__":
    main()
