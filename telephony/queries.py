"""Reading calls for the pages: the list's filters, and its pages by key."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from agents.models import Agent
from telephony.models import CARRIED, LIVE, Call, Direction, Kind, Outcome, PhoneNumber

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
PAGE: Final = 50
LIVE_CHOICE: Final = "live"
CALLS_ONLY: Final = "calls"
TESTS_ONLY: Final = "tests"


def _of_person(digits: str) -> Q:
    """Calls whose other end is a number with these digits."""
    outgoing = Q(direction=Direction.OUTBOUND)
    return Q(outgoing, called__contains=digits) | Q(~outgoing, caller__contains=digits)


class CallFilter(django_filters.FilterSet):  # type: ignore[misc]  # untyped
    """The filters of the calls list, as they stand in the URL. A value that makes no sense is said so, and ignored."""

    q = django_filters.CharFilter(method="search", label="Caller’s number")
    first = django_filters.DateFilter(method="from_day", label="From", widget=forms.DateInput({"type": "date"}))
    last = django_filters.DateFilter(method="to_day", label="To", widget=forms.DateInput({"type": "date"}))
    agent = django_filters.ModelChoiceFilter(queryset=lambda request: Agent.objects.all(), empty_label="Any agent")
    number = django_filters.ModelChoiceFilter(
        queryset=lambda request: PhoneNumber.objects.all(), empty_label="Any number"
    )
    outcome = django_filters.ChoiceFilter(
        method="with_outcome", empty_label="Any outcome", choices=[(LIVE_CHOICE, "Live now"), *Outcome.choices]
    )
    kind = django_filters.ChoiceFilter(
        method="of_kind",
        empty_label="Calls and tests",
        choices=[(CALLS_ONLY, "Calls only"), (TESTS_ONLY, "Tests only")],
    )
    interrupted = django_filters.BooleanFilter(
        method="with_interruption", label="Interrupted", widget=forms.CheckboxInput
    )

    class Meta:
        model = Call
        fields: Sequence[str] = ()

    def __init__(self, request: HttpRequest, calls: QuerySet[Call], zone: ZoneInfo) -> None:
        super().__init__(request.GET, calls, request=request)
        self._zone = zone

    @property
    def chosen(self) -> bool:
        """Whether anything is filtered."""
        return any(self.data.get(name) for name in self.filters)

    def search(self, calls: QuerySet[Call], name: str, value: str) -> QuerySet[Call]:
        digits = "".join(filter(str.isdigit, value))
        return calls.filter(_of_person(digits) if digits else Q(caller__icontains=value))

    def from_day(self, calls: QuerySet[Call], name: str, value: date) -> QuerySet[Call]:
        return calls.filter(created_at__gte=datetime.combine(value, time.min, self._zone))

    def to_day(self, calls: QuerySet[Call], name: str, value: date) -> QuerySet[Call]:
        return calls.filter(created_at__lt=datetime.combine(value + timedelta(days=1), time.min, self._zone))

    def with_outcome(self, calls: QuerySet[Call], name: str, value: str) -> QuerySet[Call]:
        return calls.filter(status__in=LIVE) if value == LIVE_CHOICE else calls.filter(outcome=value)

    def of_kind(self, calls: QuerySet[Call], name: str, value: str) -> QuerySet[Call]:
        return calls.exclude(kind__in=CARRIED) if value == TESTS_ONLY else calls.filter(kind=Kind.PHONE)

    def with_interruption(self, calls: QuerySet[Call], name: str, value: bool) -> QuerySet[Call]:
        return calls.filter(interruptions__gt=0) if value else calls


@dataclass(frozen=True, slots=True)
class Page:
    """Up to 50 calls, and the keys of its neighbours (empty: there is none)."""

    calls: list[Call]
    newer: str
    older: str


def page(calls: QuerySet[Call], *, older: str = "", newer: str = "", size: int = PAGE) -> Page:
    """A page by key: what is older, or what is newer, than a call. A key that is none is ignored."""
    rows = calls.select_related("number", "agent", "version", "dial").defer("draft")
    older_than, newer_than = _place(older), _place(newer)
    if newer_than is not None:
        at, id_ = newer_than
        found = list(
            rows.filter(Q(created_at__gt=at) | Q(created_at=at, id__gt=id_)).order_by("created_at", "id")[: size + 1]
        )
        more_newer, found = len(found) > size, found[:size][::-1]
        return Page(found, _key(found[0]) if found and more_newer else "", _key(found[-1]) if found else "")
    if older_than is not None:
        at, id_ = older_than
        rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, id__lt=id_))
    found = list(rows.order_by("-created_at", "-id")[: size + 1])
    more, found = len(found) > size, found[:size]
    return Page(found, _key(found[0]) if found and older_than else "", _key(found[-1]) if found and more else "")


def _key(call: Call) -> str:
    micros = (call.created_at - EPOCH) // timedelta(microseconds=1)
    return base64.urlsafe_b64encode(micros.to_bytes(8, "big") + call.id.bytes).decode().rstrip("=")


def _place(key: str) -> tuple[datetime, UUID] | None:
    try:
        raw = base64.urlsafe_b64decode(key + "=" * (-len(key) % 4))
        at = EPOCH + timedelta(microseconds=int.from_bytes(raw[:8], "big"))
        return at, UUID(bytes=raw[8:])
    except (ValueError, OverflowError):
        return None
