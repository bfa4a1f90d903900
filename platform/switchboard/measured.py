"""The folder of what processes count, before this one counts anything."""

from __future__ import annotations

from pathlib import Path


def forget_predecessors(folder: Path, pid: int) -> None:
    """Remove what earlier processes with our number measured: it would be taken for ours, and for alive.

    The first process of a container (1) finds there only what the container's earlier lives have left: all of it goes.
    Others remove their own number's gauges; counters go on.
    """
    for file in folder.glob("*.db" if pid == 1 else f"gauge_*_{pid}.db"):
        file.unlink(missing_ok=True)
