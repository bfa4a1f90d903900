"""What agents and numbers are called, and where an activity is shown. Billing keeps labels and does not know what they
stand for: whoever does is named by the setting `BILLING_NAMES`."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Protocol, cast

from django.conf import settings
from django.urls import reverse


class Names(Protocol):
    """In the scope of a tenant: label → name."""

    def agents(self) -> dict[str, str]: ...

    def numbers(self) -> dict[str, str]: ...


@cache
def names() -> Names:
    return cast("Names", import_module(settings.BILLING_NAMES))


def address_of(slug: str, source: str) -> str:
    """The page of an activity, or nothing."""
    kind, _, name = source.partition(":")
    return reverse("telephony:call", args=[slug, name]) if kind == "call" and _is_uuid(name) else ""


def title_of(source: str) -> str:
    """A source as people read it, without ids: `call:…` → `Call`, `number:…:2026-11` → `Number 2026-11`."""
    kind, *rest = source.split(":")
    word = kind.replace("-", " ").replace("_", " ").capitalize()
    return " ".join([word, *(part for part in rest if part and not _is_uuid(part))])


def _is_uuid(text: str) -> bool:
    return len(text) == 36 and text.count("-") == 4
