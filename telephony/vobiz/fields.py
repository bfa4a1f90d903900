"""Typed reading of single form fields. Every refusal names the field."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo

from telephony.vobiz.errors import BadField

MAX_TEXT = 512
MAX_URL = 2048
MAX_HEADERS = 16

INDIA = timezone(timedelta(hours=5, minutes=30), "IST")

_CALL_ID = re.compile(r"[!-~]{1,64}", re.ASCII)
_E164 = re.compile(r"\+?([1-9][0-9]{6,14})", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]{1,9}(?:\.[0-9]{1,9})?", re.ASCII)
_HEADER = re.compile(r"x-[vp]h-([a-z0-9_-]{1,64})", re.ASCII | re.IGNORECASE)
_URL = re.compile(r"https?://[!-~]+", re.ASCII)


class Form:
    """One callback's fields."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def text(self, name: str, *, required: bool = False, limit: int = MAX_TEXT) -> str:
        """The field without outer blanks; empty when absent. No control characters, at most `limit` characters."""
        value = str(self._fields.get(name) or "").strip()
        if required and not value:
            raise BadField(name, "missing")
        if len(value) > limit:
            raise BadField(name, f"longer than {limit} characters")
        if not value.isprintable():
            raise BadField(name, "not printable")
        return value

    def word(self, name: str, *, required: bool = False, among: tuple[str, ...] = ()) -> str:
        """A short lower-case word; one of `among` where that is given, or empty."""
        value = self.text(name, required=required, limit=64).lower()
        if among and value and value not in among:
            raise BadField(name, f"must be one of {', '.join(among)}")
        return value

    def call_id(self, *names: str) -> str:
        """The id under the first of these names that has one: 1 to 64 printable ASCII characters without blanks."""
        for name in names:
            value = str(self._fields.get(name) or "")
            if value and not _CALL_ID.fullmatch(value):
                raise BadField(name, "not a call id")
            if value:
                return value
        raise BadField(names[0], "missing")

    def number(self, name: str, *, required: bool = False) -> str:
        """A number in E.164 with its `+`. What is no such number (`anonymous`, SIP addresses, short codes) stays."""
        value = self.text(name, required=required, limit=256)
        international = _E164.fullmatch(value)
        return f"+{international[1]}" if international else value

    def count(self, name: str) -> int | None:
        """A whole number, fractions cut off; None when absent or negative (the carrier's `-1` means not yet known)."""
        value = self.text(name, limit=32)
        if not value:
            return None
        if not _NUMBER.fullmatch(value):
            raise BadField(name, "not a number")
        whole = int(value.partition(".")[0])
        return None if value.startswith("-") else whole

    def url(self, name: str) -> str:
        """An absolute http or https URL; empty when absent."""
        value = self.text(name, limit=MAX_URL)
        if value and not _URL.fullmatch(value):
            raise BadField(name, "not a URL")
        return value

    def utc(self, name: str) -> datetime | None:
        """A time that is UTC unless it says otherwise."""
        return self._time(name, UTC)

    def indian(self, name: str) -> datetime | None:
        """A time that is Indian time unless it says otherwise, as UTC."""
        return self._time(name, INDIA)

    def headers(self) -> Mapping[str, str]:
        """Custom SIP headers by their bare name, 16 at most."""
        found: dict[str, str] = {}
        for name in self._fields:
            if (header := _HEADER.fullmatch(name)) and len(found) < MAX_HEADERS:
                found[header[1]] = self.text(name)
        return found

    def _time(self, name: str, zone: tzinfo) -> datetime | None:
        value = self.text(name, limit=64)
        if not value:
            return None
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise BadField(name, "not a time") from None
