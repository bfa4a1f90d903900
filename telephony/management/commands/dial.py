"""Dial a number as the carrier would: looks it up here, and leaves the rest to the simulator."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from telephony.addresses import callback_url
from telephony.dispatch import same_number
from telephony.models import CarrierAccount, PhoneNumber
from telephony.simulator import cli
from telephony.simulator.plan import Target
from tenants.scope import platform_scope


class Command(BaseCommand):
    help = "Dial a number as the carrier would, against the Switchboard that runs here, and tell how it went."

    def add_arguments(self, parser: CommandParser) -> None:
        cli.add_arguments(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        code = cli.main(Namespace(**options), resolve)
        if code:
            sys.exit(code)


def resolve(number: str) -> Target:
    """Where the carrier would turn for this number. Raises `LookupError`."""
    with platform_scope("dialling a number"):
        known = [each for each in PhoneNumber.objects.all() if same_number(number, each.e164)]
        if not known:
            raise LookupError(f"{number} is not connected here: see Numbers, or run `switchboard seed`")
        account = CarrierAccount.objects.filter(tenant_id=known[0].tenant_id).first()
    return Target(
        answer_url=callback_url("answer", known[0]),
        hangup_url=callback_url("hangup", known[0]),
        auth_id=account.auth_id if account else "MA_NONE",
        auth_token=account.auth_token if account else "",
        parent_auth_token=account.parents_token if account else "",
    )
