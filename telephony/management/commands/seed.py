"""Demo tenants to look around in and to test with: people, agents, numbers, money. Idempotent.

Passwords, API keys and carrier tokens are random per installation, kept in `demo.json` of SWITCHBOARD_HOME for its user
alone, and printed by every run. What people changed in the demo tenants stays, except that the passwords are these.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.text import slugify

from agents.seeding import seed_agents
from billing import funding
from billing.money import MICROS
from telephony.seeding import seed_numbers
from tenants import keys, members
from tenants.models import Membership, Role, Tenant, User
from tenants.roles import as_owner
from tenants.scope import tenant_scope

BUSINESSES: Final = (
    "Sanjeevani Clinic",
    "Udupi Garden Restaurants",
    "Malabar Dental Care",
    "Chola Kitchen",
    "Deccan Eye Hospital",
    "Konkan Cafe",
)
PEOPLE: Final = {
    Role.OWNER: "Lakshmi Narayan",
    Role.ADMIN: "Meera Rao",
    Role.BUILDER: "Sunil Shetty",
    Role.ANALYST: "Ayesha Fathima",
    Role.BILLING: "Kiran Pai",
}
MOST: Final = 500
CREDIT_MICROS: Final = 10_000 * MICROS
"""What a demo tenant begins with, once."""
LOCK: Final = 0x5EED


class Command(BaseCommand):
    help = "Make demo tenants, people, agents and numbers, and say how to sign in. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
        parser.add_argument("--tenants", type=int, default=2, metavar="N", help="how many (default 2)")

    def handle(self, *args: Any, json: bool, tenants: int, **options: Any) -> None:
        if not 1 <= tenants <= MOST:
            raise CommandError(f"--tenants takes a number from 1 to {MOST}")
        _migrate()
        with _memory(settings.SWITCHBOARD_HOME / "demo.json") as memory:
            operator = _person(memory, "operator@switchboard.example", "Operator", is_staff=True)
            made = [_tenant(memory, index) for index in range(tenants)]
        document = {"operator": operator, "tenants": made}
        self.stdout.write(_dumps(document) if json else _table(document))


def _migrate() -> None:
    with as_owner():  # a fresh database has no other role yet
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        call_command("migrate", verbosity=0, interactive=False)


@contextmanager
def _memory(path: Path) -> Iterator[dict[str, Any]]:
    """The installation's demo secrets, read and kept under a lock of the database; one transaction with the rows."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        memory: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        yield memory
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(_dumps(memory) + "\n")
        draft.replace(path)


def _tenant(memory: dict[str, Any], index: int) -> dict[str, Any]:
    name = BUSINESSES[index] if index < len(BUSINESSES) else f"Demo Business {index + 1}"
    slug = slugify(name)
    tenant, _ = Tenant.objects.get_or_create(slug=slug, defaults={"name": name})
    kept = memory.setdefault("tenants", {}).setdefault(slug, {})
    with tenant_scope(tenant.id):
        users = [_member(kept, tenant, role) for role in Role]
        keys.store("Demo", kept.setdefault("api_key", keys.new_key()))
        owner = User.objects.get(email=users[0]["email"])
        funding.give_credit(CREDIT_MICROS, "demo", "Demo money, which nobody has paid", now=timezone.now())
    agents = seed_agents(tenant, owner)
    carrier, numbers = seed_numbers(tenant, agents, kept.setdefault("carrier", {}))
    return {
        "slug": slug,
        "name": tenant.name,
        "users": users,
        "api_key": kept["api_key"],
        "carrier": carrier,
        "agents": [{"id": str(agent.id), "name": agent.name} for agent in agents],
        "numbers": numbers,
    }


def _member(kept: dict[str, Any], tenant: Tenant, role: Role) -> dict[str, str]:
    person = _person(kept, f"{role.value}@{tenant.slug}.example", PEOPLE[role])
    user = User.objects.get(email=person["email"])
    Membership.objects.get_or_create(user=user, defaults={"role": role})
    return {**person, "role": role.value}


def _person(kept: dict[str, Any], email: str, name: str, *, is_staff: bool = False) -> dict[str, str]:
    """A user with this installation's password. Its hash is kept too: checking takes long by design."""
    own = kept.setdefault("people", {}).setdefault(email, {"password": secrets.token_urlsafe(12)})
    user = User.objects.filter(email=email).first() or members.create_person(email, own["password"], name=name)
    if own.get("hash") != user.password and not user.check_password(own["password"]):
        user.set_password(own["password"])
        user.must_change_password = False
        user.save(update_fields=["password", "must_change_password"])
    if user.is_staff != is_staff:
        user.is_staff = is_staff
        user.save(update_fields=["is_staff"])
    own["hash"] = user.password
    return {"email": email, "password": own["password"]}


def _dumps(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=2, ensure_ascii=False)


def _table(document: dict[str, Any]) -> str:
    """For people: where to sign in, as whom, and what to dial."""
    base, operator = settings.PUBLIC_URL, document["operator"]
    lines = [f"Sign in at {base}/", "", "Operator", f"  {operator['email']:<44} {operator['password']}"]
    for tenant in document["tenants"]:
        lines += ["", f"{tenant['name']}  {base}/t/{tenant['slug']}/"]
        lines += [f"  {user['email']:<44} {user['password']:<18} {user['role']}" for user in tenant["users"]]
        lines += [f"  {number['e164']:<44} answered by {number['agent']}" for number in tenant["numbers"]]
    lines += ["", "API keys, carrier accounts and callback addresses: switchboard seed --json"]
    return "\n".join(lines)
