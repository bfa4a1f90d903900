"""Rate usage by itself: what would it cost, and what would a tenant pay. Writes nothing."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing import books, shipping
from billing.book_file import moment
from billing.errors import BillingError
from billing.money import Money
from billing.rating import Book, Line, Rated, rate
from billing.usage_file import usage_file
from tenants.models import Tenant
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = "Rate usage from a file: what it costs and what a tenant pays."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--usage", required=True, metavar="FILE", help="JSON, or JSON lines; - for standard input")
        parser.add_argument("--book", metavar="FILE", help="a price book, TOML or JSON (otherwise the shipped one)")
        parser.add_argument("--tenant", metavar="SLUG", help="by the tenant's own book and prices, from the database")
        parser.add_argument("--at", metavar="TIME", help="with --tenant: when it began (otherwise now)")
        parser.add_argument("--json", action="store_true", help="one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            usage = usage_file(_read(options["usage"]))
            book = _book(options)
            rated = rate(usage, book)
        except (BillingError, OSError, ValueError) as error:
            raise CommandError(str(error)) from None
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(rated, book), indent=2, default=str))
        else:
            self._tell(rated, book)

    def _tell(self, rated: Rated, book: Book) -> None:
        for line in rated.lines:
            used = line.used
            what = " ".join(filter(None, (used.meter, used.provider, used.model)))
            self.stdout.write(
                f"{used.source}  {what}  {used.amount} → {line.billed}  "
                f"price {Money(line.price_micros)}  cost {Money(line.cost_micros)}  {line.rule.value}"
            )
        for waits in rated.unpriced:
            self.stdout.write(f"{waits.used.source}  {waits.used.meter}  no price: {waits.reason}")
        price, cost = Money(rated.price_micros), Money(rated.cost_micros)
        self.stdout.write(f"{book.name} {book.version}: price {price}, cost {cost}")


def _read(name: str) -> str:
    return sys.stdin.read() if name == "-" else Path(name).read_text()


def _book(options: dict[str, Any]) -> Book:
    if options["tenant"]:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"there is no tenant {options['tenant']}")
        at = moment(options["at"], "at") if options["at"] else timezone.now()
        with tenant_scope(tenant.id):
            return books.book_of_tenant(at)[1]
    return (shipping.read(Path(options["book"])) if options["book"] else shipping.standard()).as_book()


def _as_json(rated: Rated, book: Book) -> dict[str, Any]:
    return {
        "book": {"name": book.name, "version": book.version, "tests": book.tests.value},
        "lines": [_line(line) for line in rated.lines],
        "unpriced": [{**asdict(waits.used), "reason": waits.reason} for waits in rated.unpriced],
        "price_micros": rated.price_micros,
        "cost_micros": rated.cost_micros,
        "currency": "INR",
    }


def _line(line: Line) -> dict[str, Any]:
    return {
        **asdict(line.used),
        "rule": line.rule.value,
        "billed": line.billed,
        "unit": line.unit,
        "unit_micros": line.unit_micros,
        "price_micros": line.price_micros,
        "cost_micros": line.cost_micros,
        "cost_native_micros": line.cost_native_micros,
        "cost_currency": line.cost_currency,
        "exchange": asdict(line.exchange) if line.exchange else None,
    }
