from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from switchboard import doctor


class Command(BaseCommand):
    help = "Look at everything this installation needs, and say what is wrong. Exits 1 when something is."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json")
        parser.add_argument("--number", metavar="E164", help="one number's checklist instead, as on its page")

    def handle(self, *args: Any, as_json: bool, number: str | None, **options: Any) -> None:
        try:
            findings = doctor.examine_number(number) if number else doctor.examine()
        except LookupError as error:
            raise CommandError(str(error)) from error
        if as_json:
            self.stdout.write(json.dumps([vars(finding) for finding in findings], indent=1))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.verdict:<5} {finding.what:<16} {finding.detail}")
        if any(finding.verdict == "bad" for finding in findings):
            raise SystemExit(1)
