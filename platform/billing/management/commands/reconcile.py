"""Compare the ledger with what it was made from and with Stripe. Repairs nothing; exits with 1 on differences."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from billing.money import Money
from billing.reconciling import Difference, reconcile
from billing.stripe import reconciling as stripe


class Command(BaseCommand):
    help = "Compare the ledger with usage, lines, holds and Stripe, and show what differs."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object, micro-rupees")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        found = sorted([*reconcile(now), *stripe.reconcile(now)], key=lambda one: -one.size)
        if options["json"]:
            self.stdout.write(json.dumps({"differences": [_as_json(one) for one in found]}, indent=2))
        else:
            for one in found:
                self.stdout.write(f"{one.what:<16} {one.where}  {Money(one.ours)} should be, {Money(one.theirs)} is")
            self.stdout.write(f"{len(found)} differences")
        if found:
            sys.exit(1)


def _as_json(one: Difference) -> dict[str, Any]:
    return {
        "what": one.what,
        "tenant": str(one.tenant_id) if one.tenant_id else None,
        "where": one.where,
        "ours_micros": one.ours,
        "theirs_micros": one.theirs,
        "difference_micros": one.ours - one.theirs,
    }
