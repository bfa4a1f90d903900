"""Book money that a tenant has paid past Stripe."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from billing import funding, ledger
from billing.errors import BillingError
from billing.ledger import Account
from billing.money import Money, parse
from tenants.models import Tenant
from tenants.scope import tenant_scope


class Command(BaseCommand):
    help = "Book a payment of a tenant that did not come through Stripe (also: top-up)."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", metavar="SLUG")
        parser.add_argument("amount", help="rupees that were paid, such as 1180.00")
        parser.add_argument("--reference", required=True, help="the bank's; the same one again is the same payment")
        parser.add_argument("--tax", default="0", help="rupees of them that are tax, and do not go into the wallet")

    def handle(self, *args: Any, **options: Any) -> None:
        tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"there is no tenant {options['tenant']}")
        try:
            paid, tax = parse(options["amount"]), parse(options["tax"], "tax")
            with tenant_scope(tenant.id):
                funding.top_up(paid, options["reference"], tax_micros=tax, now=timezone.now())
                balance = ledger.balance(Account.WALLET)
        except BillingError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{tenant.name} has {Money(balance)} to spend")
