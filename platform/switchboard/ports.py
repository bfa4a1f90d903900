"""Free TCP ports."""

from __future__ import annotations

import socket


def is_free(host: str, port: int) -> bool:
    """Could a server listen there now?"""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free(host: str, first: int, count: int) -> list[int]:
    """`count` free ports from `first` up, each the next that is not taken. Raises `OSError` when there are none."""
    found = [port for port in range(first, min(first + 200, 65536)) if is_free(host, port)][:count]
    if len(found) < count:
        raise OSError(f"no {count} free ports on {host} from {first} up")
    return found
