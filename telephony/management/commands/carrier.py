"""Be the carrier, beside this Switchboard: its accounts and numbers are known, calls out ring whom a file names."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from telephony.addresses import callback_url
from telephony.models import CarrierAccount, PhoneNumber
from telephony.simulator import carrier_cli
from telephony.simulator.files import add_number
from telephony.simulator.world import Account, World
from tenants.scope import platform_scope


class Command(BaseCommand):
    help = "Be the carrier: REST API, numbers and people to call, for a Switchboard that runs here."

    def add_arguments(self, parser: CommandParser) -> None:
        carrier_cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        code = carrier_cli.main(Namespace(**options), fill)
        if code:
            sys.exit(code)


def fill(world: World) -> None:
    """The accounts and numbers that tenants of this installation have."""
    with platform_scope("being the carrier"):
        accounts = {account.tenant_id: account for account in CarrierAccount.objects.all()}
        for account in accounts.values():
            parent = f"PARENT_OF_{account.auth_id}" if account.parents_token else ""
            if account.platform:
                parent = settings.VOBIZ_AUTH_ID
            if parent:
                world.accounts[parent] = Account(parent, account.parents_token)
            world.accounts[account.auth_id] = Account(account.auth_id, account.auth_token, parent=parent)
        for number in PhoneNumber.objects.all():
            owner = accounts.get(number.tenant_id)
            if owner is not None:
                urls = callback_url("answer", number), callback_url("hangup", number)
                add_number(world, number.e164, owner.auth_id, *urls)
