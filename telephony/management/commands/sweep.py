"""End calls whose end never arrived, recover recordings, delete those whose time is over, and charge what is due."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from billing import sweeping as billing
from billing.stripe import sweeping as stripe
from telephony import sweeping
from telephony.keeping import retention
from telephony.metering import course
from telephony.settling import ends


class Command(BaseCommand):
    help = "End calls whose end never arrived, recover recordings, delete those whose time is over, charge what is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="one round, then stop (otherwise one every 30 s)")

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            swept, now = sweeping.sweep(), timezone.now()
            ended, deleted = swept.calls + ends.look(now), retention.delete_expired(now)
            self.stdout.write(f"{ended} calls ended, {swept.recordings} recordings recovered, {deleted} deleted")
            metered = course.look(now, untold=timedelta(0) if options["once"] else course.UNTOLD)
            course.look_again(now, course.LATE if options["once"] else course.NEWS)
            if metered.closed or metered.cut_short:
                self.stdout.write(f"{metered.closed} calls metered, {metered.cut_short} ended for want of money")
            if money := str(billing.sweep(now, everything=True)):
                self.stdout.write(money)
            if cards := str(stripe.sweep(timezone.now(), everything=True)):
                self.stdout.write(cards)
            if options["once"]:
                return
            time.sleep(30)
