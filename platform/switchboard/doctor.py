"""What an installation needs, looked at one by one: each check says what it found, not what it hoped for."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from django.apps import apps
from django.conf import settings
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from agents.voice import turn_model
from telephony.dispatch import same_number
from telephony.models import PhoneNumber
from telephony.numbers import readiness
from tenants.models import TenantModel
from tenants.roles import as_owner
from tenants.scope import APP_ROLE, PLATFORM_ROLE, platform_scope, tenant_scope

Verdict = Literal["ok", "note", "bad"]
LEAST_FREE = 2 * 1024**3
"""Bytes; an hour of a call's stereo recording takes 115 MB."""
MOST_NUMBERS = 50


@dataclass(frozen=True)
class Finding:
    """`bad` makes the command fail; a `note` does not."""

    what: str
    verdict: Verdict
    detail: str


def examine() -> list[Finding]:
    """Every check, in the order in which one depends on another. A check that breaks is a finding too."""
    findings: list[Finding] = []
    for check in (database, migrations, roles, guards, channel_layer):
        findings += _carry_out(check)
        if check in (database, migrations) and findings[-1].verdict == "bad":
            break
    for check in (broker, storage, addresses, reach, numbers, payments, providers, turns):
        findings += _carry_out(check)
    return findings


def examine_number(e164: str) -> list[Finding]:
    """The checklist of one number's page. Raises `LookupError` for a number that is not connected here."""
    with platform_scope("a number's checklist"):
        number = next((each for each in PhoneNumber.objects.all() if same_number(e164, each.e164)), None)
    if number is None:
        raise LookupError(f"{e164} is not connected here")
    with tenant_scope(number.tenant_id):
        known = readiness.facts(number)
    return [_finding(tick) for tick in readiness.look(known)]


def _carry_out(check: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(check())
    except Exception as error:
        return [Finding(check.__name__.replace("_", " "), "bad", f"{type(error).__name__}: {error}".strip())]


def database() -> Iterator[Finding]:
    """Reachable, and PostgreSQL 14 or newer."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_version_num')::int, current_setting('server_version')")
        number, name = cursor.fetchone()
    where = "embedded" if settings.EMBEDDED else "DATABASE_URL"
    yield Finding(
        "database", "ok" if number >= 140000 else "bad", f"PostgreSQL {name} ({where}); 14 or newer is needed"
    )


def migrations() -> Iterator[Finding]:
    """Nothing left to apply."""
    with as_owner():
        executor = MigrationExecutor(connection)
        plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{step.app_label}.{step.name}" for step, _ in plan[:3])
        yield Finding("migrations", "bad", f"{len(plan)} to apply ({names}…): switchboard migrate")
    else:
        yield Finding("migrations", "ok", "all applied")


def roles() -> Iterator[Finding]:
    """We work as a role that owns nothing and cannot go round row-level security."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user")
        [user] = cursor.fetchone()
        cursor.execute(
            "SELECT rolname, rolsuper OR rolbypassrls OR rolcanlogin FROM pg_roles WHERE rolname IN (%s, %s)",
            [APP_ROLE, PLATFORM_ROLE],
        )
        found = dict(cursor.fetchall())
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public' AND tableowner = %s", [APP_ROLE])
        [owned] = cursor.fetchone()
    missing = {APP_ROLE, PLATFORM_ROLE} - set(found)
    strong = [name for name, is_strong in found.items() if is_strong]
    if missing or strong or owned or user != APP_ROLE:
        detail = f"works as {user}; missing: {sorted(missing)}; too strong: {strong}; tables owned by it: {owned}"
        yield Finding("roles", "bad", detail)
    else:
        yield Finding("roles", "ok", f"works as {user}")


def guards() -> Iterator[Finding]:
    """Row-level security is on and forced on every table with a tenant, and has policies."""
    tables = sorted(model._meta.db_table for model in apps.get_models() if issubclass(model, TenantModel))
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relname = ANY(%s) AND c.relnamespace = 'public'::regnamespace "
            "AND c.relrowsecurity AND c.relforcerowsecurity "
            "AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid)",
            [tables],
        )
        guarded = {row[0] for row in cursor.fetchall()}
    if open_tables := sorted(set(tables) - guarded):
        yield Finding("tenant tables", "bad", f"not guarded by forced row-level security: {', '.join(open_tables)}")
    else:
        yield Finding("tenant tables", "ok", f"{len(tables)} guarded by forced row-level security")


def channel_layer() -> Iterator[Finding]:
    """A message goes out and comes back."""
    from channels.layers import channel_layers

    async def round_trip() -> None:
        layer = channel_layers.make_backend("default")
        channel = await layer.new_channel()
        group = f"doctor.{uuid.uuid4().hex}"
        await layer.group_add(group, channel)
        await layer.group_send(group, {"type": "doctor"})
        try:
            await asyncio.wait_for(layer.receive(channel), 5)
        finally:
            await layer.flush()

    asyncio.run(round_trip())
    yield Finding("channel layer", "ok", "Redis" if settings.REDIS_URL else "through the database")


def broker() -> Iterator[Finding]:
    """Celery's broker takes a connection."""
    from switchboard.celery import app

    with app.connection_for_write() as link:
        link.ensure_connection(max_retries=1, timeout=5)
        yield Finding("broker", "ok", link.as_uri() if settings.CELERY_BROKER_URL else str(settings.QUEUE_FOLDER))


def storage() -> Iterator[Finding]:
    """Recordings can be written, and there is room."""
    folder = settings.MEDIA_ROOT
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    free = shutil.disk_usage(existing).free
    verdict: Verdict = "ok" if free >= LEAST_FREE else "bad"
    yield Finding("recordings", verdict, f"{free / 1024**3:.1f} GB free at {folder}")


def addresses() -> Iterator[Finding]:
    """The carrier fetches PUBLIC_URL and opens STREAM_URL: both encrypted, unless only we call ourselves."""
    if settings.IS_LOOPBACK:
        yield Finding("PUBLIC_URL", "note", f"{settings.PUBLIC_URL}: only the simulator can call here")
        return
    if not settings.IS_HTTPS:
        yield Finding("PUBLIC_URL", "bad", f"{settings.PUBLIC_URL}: the carrier wants https")
    else:
        yield Finding("PUBLIC_URL", "ok", settings.PUBLIC_URL)
    plain = [url for url in settings.STREAM_URLS if not url.startswith("wss://")]
    detail = f"not wss: {', '.join(plain)}" if plain else ", ".join(settings.STREAM_URLS)
    yield Finding("STREAM_URL", "bad" if plain else "ok", detail)


def reach() -> Iterator[Finding]:
    """What the carrier meets: our address, its certificate, and sound through each stream worker and back."""
    for tick in (readiness.address(), readiness.certificate(), readiness.sound()):
        found = _finding(tick)
        if settings.IS_LOOPBACK and found.verdict == "bad":
            found = replace(found, verdict="note", detail=f"{tick.detail}: does `switchboard up` run?")
        yield found


def numbers() -> Iterator[Finding]:
    """Every number that takes calls, as its carrier sees it; the whole checklist of one with `--number`."""
    if not settings.CARRIER_IN_REACH:
        yield Finding("carrier", "note", "not asked: calls here are the simulator's (VOBIZ_API_URL names another)")
        return
    with platform_scope("numbers that take calls"):
        all_numbers = list(PhoneNumber.objects.filter(enabled=True).order_by("e164")[: MOST_NUMBERS + 1])
    for number in all_numbers[:MOST_NUMBERS]:
        with tenant_scope(number.tenant_id):
            known = readiness.facts(number)
        ticks = [readiness.TICKS[name](known) for name in ("account", "owned", "attached", "signature", "call")]
        wrong = [f"{tick.title}: {tick.detail}" for tick in ticks if tick.state in ("wait", "bad")]
        right = sum(tick.state == "ok" for tick in ticks)
        # A tenant's number is no fault of the installation's: it fails nothing but its own checklist.
        yield Finding(number.e164, "note" if wrong else "ok", "; ".join(wrong) or f"{right} of {len(ticks)} are right")
    if len(all_numbers) > MOST_NUMBERS:
        yield Finding("numbers", "note", f"only the first {MOST_NUMBERS} were looked at: --number looks at one")


def payments() -> Iterator[Finding]:
    """Whether tenants can pay by card, and whether Stripe's events can be told from forged ones."""
    if not settings.STRIPE_API_KEY:
        yield Finding("Stripe", "note", "no STRIPE_API_KEY: payments are booked by hand (switchboard top-up)")
    elif not settings.STRIPE_WEBHOOK_SECRETS:
        where = f"{settings.PUBLIC_URL}/stripe/events/"
        yield Finding("Stripe", "bad", f"no STRIPE_WEBHOOK_SECRETS: what Stripe tells {where} is refused")
    else:
        yield Finding("Stripe", "ok", settings.STRIPE_API_BASE)


def _finding(tick: readiness.Tick) -> Finding:
    verdicts: dict[readiness.State, Verdict] = {"ok": "ok", "open": "note", "wait": "note", "bad": "bad"}
    said = f"{tick.title}: {tick.detail}" if tick.detail else tick.title
    return Finding(tick.name, verdicts[tick.state], f"{said}. {tick.hint}" if tick.hint else said)


def providers() -> Iterator[Finding]:
    """The vendors' packages, and what the keyless agent needs."""
    for name, needed in (("deepgram", "bad"), ("openai", "bad"), ("cartesia", "bad"), ("onnxruntime", "bad")):
        yield _importable(name, needed)  # type: ignore[arg-type]
    for name in ("pocketsphinx", "espeakng_loader"):
        yield _importable(name, "note", "; the keyless agent needs switchboard[offline]")


def turns() -> Iterator[Finding]:
    """The file of the turn model, which is in no package that we install."""
    given = settings.SMART_TURN_MODEL
    if given:
        turn_model.use(Path(given))
    path = turn_model.model_path()
    if path is not None:
        yield Finding("turn model", "ok", str(path))
    elif given:
        yield Finding("turn model", "bad", f"SMART_TURN_MODEL: there is no file {given}")
    else:
        yield Finding("turn model", "note", "none: rules of the language end a turn; docs/running.md, Smart Turn")


def _importable(name: str, otherwise: Verdict, hint: str = "") -> Finding:
    load: Callable[[str], object] = importlib.import_module
    try:
        load(name)
    except ImportError as error:
        return Finding(name, otherwise, f"{error}{hint}")
    return Finding(name, "ok", "importable")
