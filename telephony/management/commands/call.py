"""Have an agent call somebody, and say what became of it."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from agents.models import Agent
from telephony.models import Call
from telephony.outbound import lists, placing
from telephony.outbound.models import Detection, Dial
from telephony.outbound.placing import CallRefusedError, Wanted
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope


class Command(BaseCommand):
    help = "Have an agent call a number over the carrier."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("agent", metavar="AGENT", help="its name or id")
        parser.add_argument("number", metavar="NUMBER", help="whom to call")
        parser.add_argument("--from", dest="sender", default="", metavar="NUMBER", help="which of your numbers to show")
        parser.add_argument("--tenant", default="", metavar="SLUG", help="whose agent, when several have the name")
        parser.add_argument("--var", action="append", default=[], metavar="NAME=VALUE", help="a variable; repeatable")
        parser.add_argument("--ring", type=int, default=30, metavar="SECONDS", help="how long it rings (default 30)")
        parser.add_argument("--detect", choices=Detection.values, default=Detection.OFF, help="answering machines")
        parser.add_argument("--key", default="", help="the same key again is the same call")
        parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    def handle(self, *args: Any, agent: str, number: str, **options: Any) -> None:
        found = _agent(agent, options["tenant"])
        try:
            wanted = Wanted(
                found.id,
                lists.e164(number, "IN"),
                from_number=lists.e164(options["sender"], "IN") if options["sender"] else "",
                variables=_variables(options["var"]),
                ring_s=options["ring"],
                detection=Detection(options["detect"]),
                key=options["key"][:64],
            )
            made = placing.call(None, found.tenant_id, wanted)
        except (CallRefusedError, ValueError) as error:
            raise CommandError(str(error)) from error
        told = _told(made)
        if options["json"]:
            self.stdout.write(json.dumps(told, indent=2))
        else:
            self.stdout.write(f"{told['to']}: {told['state'].replace('_', ' ')}, as call {told['id']}")


def _agent(name: str, slug: str) -> Agent:
    with platform_scope("an agent that is to call"):
        agents = Agent.objects.filter(tenant__in=Tenant.objects.filter(slug=slug)) if slug else Agent.objects.all()
        found: list[Agent] = [
            each for each in agents if name == str(each.id) or each.name.casefold() == name.casefold()
        ]
    if not found:
        raise CommandError(f"There is no agent called {name}.")
    if len(found) > 1:
        raise CommandError(f"{len(found)} agents are called {name}: give the id, or --tenant.")
    return found[0]


def _variables(given: list[str]) -> dict[str, str]:
    pairs = [each.partition("=") for each in given]
    if bad := [name for name, mark, _ in pairs if not mark]:
        raise CommandError(f"--var {bad[0]}: write it as NAME=VALUE.")
    return {name: value for name, _, value in pairs}


def _told(call: Call) -> dict[str, str]:
    with tenant_scope(call.tenant_id):
        dial = Dial.objects.get(call=call)
    carrier_id = "" if dial.state in ("placing", "unknown") else call.carrier_id
    return {
        "id": str(call.id),
        "carrier_id": carrier_id,
        "from": call.caller,
        "to": call.called,
        "state": dial.state,
        "problem": dial.problem,
    }
