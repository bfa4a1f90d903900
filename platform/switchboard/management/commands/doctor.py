from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from switchboard import doctor


class Command(BaseCommand):
    help = "Look at everything this installation needs, and say what is wrong. Exits 1 when something is."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", dest="as_json")

    def handle(self, *args: Any, as_json: bool, **options: Any) -> None:
        findings = doctor.examine()
        if as_json:
            self.stdout.write(json.dumps([vars(finding) for finding in findings], indent=1))
        else:
            for finding in findings:
                self.stdout.write(f"{finding.verdict:<5} {finding.what:<16} {finding.detail}")
        if any(finding.verdict == "bad" for finding in findings):
            raise SystemExit(1)
