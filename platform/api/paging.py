"""Lists by cursor: newest first, and stable while rows are added."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final, Generic, TypeVar
from uuid import UUID

from django.db.models import Q, QuerySet
from ninja import Query, Schema
from pydantic import Field

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

LATEST: Final = datetime(9000, 1, 1, tzinfo=UTC)
"""No row is newer, and no time zone leads out of what a `datetime` can hold."""

T = TypeVar("T")


class Page(Schema, Generic[T]):
    """Some rows of a list. `next_cursor` is empty at its end."""

    data: list[T]
    next_cursor: str


Cursor = Annotated[
    str, Query(pattern="^([A-Za-z0-9_-]{32})?$", description="`next_cursor` of the page before; empty for the first.")
]
Limit = Annotated[int, Query(ge=1, le=100, description="How many rows.")]


def page(
    rows: QuerySet[Any], show: Callable[[Any], T], *, cursor: str, limit: int, by: str = "created_at"
) -> dict[str, Any]:
    """One page of `rows`, newest first by `by` and id."""
    if cursor:
        at, id_ = _place(cursor)
        rows = rows.filter(Q(**{f"{by}__lt": at}) | Q(**{by: at, "id__lt": id_}))
    found = list(rows.order_by(f"-{by}", "-id")[: limit + 1])
    more, found = len(found) > limit, found[:limit]
    return {"data": [show(row) for row in found], "next_cursor": _cursor(found[-1], by) if more else ""}


def _cursor(row: Any, by: str) -> str:
    micros = (getattr(row, by) - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(micros.to_bytes(8) + row.id.bytes).decode().rstrip("=")


def _place(cursor: str) -> tuple[datetime, UUID]:
    raw = base64.urlsafe_b64decode(cursor)
    try:
        at = EPOCH + timedelta(microseconds=int.from_bytes(raw[:8]))
        return min(at, LATEST), UUID(bytes=raw[8:])
    except OverflowError:  # nobody was given this one: it is later than everything
        return LATEST, UUID(bytes=raw[8:])


Text = Annotated[str, Field(max_length=4_000)]
