"""The trial balance: debits and credits of every account, and whether they are equal. Exits with 1 otherwise."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from billing.ledger import ACCOUNTS, TrialBalance, natural, trial_balance
from billing.money import Money
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope


class Command(BaseCommand):
    help = "Show the ledger's trial balance (also: trial-balance)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenant", metavar="SLUG", help="of one tenant")
        parser.add_argument("--json", action="store_true", help="one JSON object, micro-rupees")

    def handle(self, *args: Any, **options: Any) -> None:
        found = _of(options["tenant"])
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(found), indent=2))
        else:
            self._tell(found)
        if not found.holds:
            sys.exit(1)

    def _tell(self, found: TrialBalance) -> None:
        self.stdout.write(f"{'':<16} {'debit':>22} {'credit':>22}")
        for total in found.totals:
            debit, credit = Money(total.debit_micros), Money(total.credit_micros)
            self.stdout.write(f"{total.account.value:<16} {debit!s:>22} {credit!s:>22}")
        self.stdout.write(f"{found.transactions} transactions, difference {Money(found.difference_micros)}")
        for key in found.unbalanced:
            self.stdout.write(f"does not sum to zero: {key}")
        for tenant, account in found.astray:
            self.stdout.write(f"balance is not the sum of its entries: {tenant} {account}")


def _of(slug: str | None) -> TrialBalance:
    if not slug:
        with platform_scope("trial balance"):
            return trial_balance()
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"there is no tenant {slug}")
    with tenant_scope(tenant.id):
        return trial_balance()


def _as_json(found: TrialBalance) -> dict[str, Any]:
    return {
        "balanced": found.holds,
        "difference_micros": found.difference_micros,
        "transactions": found.transactions,
        "accounts": [
            {
                "account": total.account.value,
                "meaning": ACCOUNTS[total.account].words,
                "debit_micros": total.debit_micros,
                "credit_micros": total.credit_micros,
                "balance_micros": natural(total.account, total.debit_micros - total.credit_micros),
            }
            for total in found.totals
        ],
        "unbalanced": list(found.unbalanced),
        "astray": [{"tenant": tenant, "account": account} for tenant, account in found.astray],
    }
