"""Usage as a file has it → values. No I/O; every refusal names the field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from billing import meters
from billing.errors import BadUsageError
from billing.rating import Used

_FIELDS: Final = {"source", "meter", "amount", "provider", "model", "own_account", "test"}


def usage_file(text: str) -> list[Used]:
    """A JSON list, an object with `usage`, or one object a line. Raises `BadUsageError`."""
    return [used(row, f"usage[{at}]") for at, row in enumerate(_rows(text))]


def used(row: Any, field: str) -> Used:
    """One record: `source`, `meter` and `amount`, and where they apply `provider`, `model`, `own_account`, `test`."""
    if not isinstance(row, Mapping):
        raise BadUsageError("is no object", field)
    if unknown := sorted(set(row) - _FIELDS):
        raise BadUsageError(f"nobody knows this; there are {', '.join(sorted(_FIELDS))}", f"{field}.{unknown[0]}")
    amount = row.get("amount")
    if not isinstance(amount, int) or isinstance(amount, bool) or amount < 0:
        raise BadUsageError("must be a whole number from 0", f"{field}.amount")
    return Used(
        _text(row, "source", field, least=1),
        meters.meter(_text(row, "meter", field, least=1), f"{field}.meter").name,
        amount,
        _text(row, "provider", field),
        _text(row, "model", field),
        own_account=_flag(row, "own_account", field),
        test=_flag(row, "test", field),
    )


def _rows(text: str) -> list[Any]:
    try:
        data = json.loads(text)
    except ValueError:
        return [_line(line, at) for at, line in enumerate(text.splitlines(), start=1) if line.strip()]
    if isinstance(data, Mapping) and "usage" in data:
        data = data["usage"]
    elif isinstance(data, Mapping):
        data = [data]
    if not isinstance(data, list):
        raise BadUsageError("must be a list", "usage")
    return data


def _line(line: str, at: int) -> Any:
    try:
        return json.loads(line)
    except ValueError as error:
        raise BadUsageError(f"is no JSON: {error}", f"line {at}") from None


def _text(row: Mapping[str, Any], name: str, field: str, *, least: int = 0) -> str:
    value = row.get(name, "")
    if not isinstance(value, str) or len(value) < least:
        raise BadUsageError("is missing" if name not in row else "must be text", f"{field}.{name}")
    return value


def _flag(row: Mapping[str, Any], name: str, field: str) -> bool:
    value = row.get(name, False)
    if not isinstance(value, bool):
        raise BadUsageError("must be true or false", f"{field}.{name}")
    return value
