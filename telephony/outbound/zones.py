"""Where a number is, as far as its country tells: time zones by the tz database's `zone.tab`.

A country with several zones is written `@US`: all of them count, and it is too early or too late in one of them before
it is in the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import phonenumbers

from telephony.outbound.plan import Zones


def of_number(e164: str) -> str:
    """The zone of a number's country, or `@` and the country; empty for a number of no country (`+800…`)."""
    try:
        region = phonenumbers.region_code_for_number(phonenumbers.parse(e164))
    except phonenumbers.NumberParseException:
        return ""
    names = _by_country().get(region or "", ())
    return names[0] if len(names) == 1 else f"@{region}" if names else ""


def named(text: str) -> str:
    """A zone as somebody typed it (`asia/kolkata`, `Asia/Kolkata`), in its own spelling; empty: there is none."""
    return _by_folded().get(text.strip().casefold().replace(" ", "_"), "")


def zones(name: str, otherwise: str) -> Zones:
    """What `of_number` or `named` gave, to reckon with; `otherwise` a zone for nothing."""
    found = _by_country().get(name[1:], ()) if name.startswith("@") else (name,)
    return tuple(_zone(each) for each in found if each) or (_zone(otherwise),)


def title(name: str) -> str:
    """For people: `Asia/Kolkata`, `all of US`."""
    return f"all of {name[1:]}" if name.startswith("@") else name.replace("_", " ")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


@cache
def _by_folded() -> dict[str, str]:
    return {name.casefold(): name for name in available_timezones() if "/" in name or name == "UTC"}


@cache
def _by_country() -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for country, zone in _table():
        found.setdefault(country, []).append(zone)
    return {country: tuple(names) for country, names in found.items()}


def _table() -> Iterator[tuple[str, str]]:
    for line in (files("tzdata") / "zoneinfo" / "zone.tab").read_text().splitlines():
        if line and not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            yield country, zone
