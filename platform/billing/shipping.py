"""The price book that an installation begins with: `shipped/standard.toml`, put into the database once.

It is put there after migrations, by the owner of the tables, and only where no book has its name: what a later release
ships is for the operator to look at and never comes into force by itself.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path
from typing import Any, Final

from django.apps import apps as current
from django.apps.registry import Apps

from billing.book_file import BookFile, book_file
from billing.book_rows import price_columns

FILE: Final = Path(__file__).with_name("shipped") / "standard.toml"


def read(path: Path) -> BookFile:
    """A book in TOML or JSON. Raises `BadBookError`, `OSError` or `ValueError`."""
    text = path.read_text()
    return book_file(json.loads(text) if path.suffix == ".json" else tomllib.loads(text))


def standard() -> BookFile:
    """What is shipped."""
    return read(FILE)


def after_migrate(apps: Apps = current, **kwargs: Any) -> None:
    """Models as the migrations left them: they may be older than the code, or not there at all."""
    try:
        books, versions = apps.get_model("billing", "PriceBook"), apps.get_model("billing", "PriceBookVersion")
        prices, rates = apps.get_model("billing", "Price"), apps.get_model("billing", "ExchangeRate")
    except LookupError:
        return
    shipped = standard()
    book, new = books.objects.get_or_create(name=shipped.name)
    if not new:
        return
    version = versions.objects.create(
        book=book, label=shipped.version, effective_from=shipped.effective_from, tests=shipped.tests.value
    )
    prices.objects.bulk_create([prices(version=version, **price_columns(entry)) for entry in shipped.prices])
    for entry in shipped.exchange:
        rate = entry.exchange
        rates.objects.get_or_create(
            currency=rate.currency, day=rate.day, defaults={"micros": rate.micros, "source": entry.source}
        )
