"""A tenant's account at the carrier: trying credentials, keeping them, and the platform's sub-account instead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from telephony.carrier import Carrier, CarrierError, Identity, platform_carrier
from telephony.models import CarrierAccount
from telephony.vobiz.rest_values import Me
from tenants import audit
from tenants.alone import held
from tenants.models import Tenant, User
from tenants.scope import tenant_scope
from tenants.vault import last_four


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of credentials. `problem` is for people, empty when all is well; `refused`: no good at Vobiz."""

    problem: str = ""
    refused: bool = False
    me: Me | None = None


@dataclass(frozen=True, slots=True)
class State:
    """An account now, as far as it could be asked. Money in millionths."""

    problem: str = ""
    available_micros: int | None = None
    low: bool = False
    currency: str = "INR"
    calls: int = 0
    most_calls: int | None = None
    minute_micros: int | None = None
    is_trial: bool = False


def tried(auth_id: str, auth_token: str) -> Tried:
    """Ask the carrier who we are. Blocking; call it outside of scopes."""
    try:
        me = Carrier(Identity(auth_id, auth_token)).me()
    except CarrierError as error:
        if error.kind in ("unauthorized", "forbidden"):
            return Tried(str(error), refused=True)
        return Tried(f"{error} The account has not been checked.")
    return Tried(me=me)


def state(carrier: Carrier) -> State:
    """Balance, lines and price. Blocking; call it outside of scopes."""
    try:
        balance, lines, me = carrier.balance(), carrier.concurrency(), carrier.me()
    except CarrierError as error:
        return State(problem=str(error))
    return State(
        available_micros=balance.available_micros,
        low=balance.low_micros is not None and balance.available_micros < balance.low_micros,
        currency=balance.currency,
        calls=lines.now,
        most_calls=lines.most,
        minute_micros=me.minute_micros,
        is_trial=me.is_trial,
    )


Credentials = tuple[str, str]
"""Auth ID and token."""


def credentials(account: CarrierAccount | None) -> Credentials | None:
    """What an account is known by; None without one."""
    return (account.auth_id, account.auth_token) if account is not None else None


def keep(
    actor: User, account: CarrierAccount, result: Tried, *, fields: list[str], before: Credentials | None = None
) -> bool:
    """Write an account down with what came of trying it: what changed, and nothing else. In the tenant's scope.

    `before`: what there was when somebody began. False: there is something else now, and nothing was written.
    """
    if credentials(CarrierAccount.objects.select_for_update().first()) != before:
        return False
    account.problem = result.problem
    account.checked_at = timezone.now() if result.me else None
    found = ["problem", "checked_at"]
    if result.me is not None:
        account.minute_micros, account.pulse_s = result.me.minute_micros, result.me.pulse_s
        found += ["minute_micros", "pulse_s"]
    if before is not None:
        account.save(update_fields=[*fields, *found])
    else:
        try:
            with transaction.atomic():
                account.save(force_insert=True)
        except IntegrityError:
            return False
    audit.record(
        actor,
        "changed carrier account",
        account,
        auth_id=account.auth_id,
        last_four=last_four(account.auth_token),
        fields=fields,
        checked=result.me is not None,
    )
    return True


def accepted(me: Me, now: datetime) -> None:
    """The carrier has just taken the credentials, and told the price. In the tenant's scope."""
    CarrierAccount.objects.update(problem="", checked_at=now, minute_micros=me.minute_micros, pulse_s=me.pulse_s)


def platform_offers() -> bool:
    """Whether tenants may have a sub-account of the platform's."""
    return bool(settings.VOBIZ_AUTH_ID and settings.VOBIZ_AUTH_TOKEN)


def may_rent(account: CarrierAccount | None) -> bool:
    """Whether numbers can be rented and given back: on the platform's account somebody else pays for them."""
    return account is not None and bool(account.auth_token) and (not account.platform or settings.VOBIZ_TENANTS_BUY)


def join_platform(actor: User, tenant: Tenant) -> str:
    """Give a tenant without an account a sub-account of the platform's. Blocking; opens its own scopes.

    Returns what went wrong, for people; empty when it is done. The carrier shows the token once: where its reply got
    lost there is a sub-account that nobody can use, and only the operator can take it away.
    """
    with held(f"sub-account of {tenant.id}") as mine:
        return _join(actor, tenant) if mine else "Somebody is doing that at this moment."


def _join(actor: User, tenant: Tenant) -> str:
    with tenant_scope(tenant.id):
        if CarrierAccount.objects.exists():
            return "There is an account already."
    name = f"switchboard-{tenant.slug}"
    try:
        parent = platform_carrier()
        if any(known.name == name for known in parent.sub_accounts()):
            return f"Vobiz has a sub-account {name} whose token is not here. Ask the operator to remove it there."
        made = parent.create_sub_account(name, actor.email)
    except CarrierError as error:
        return str(error)
    result = tried(made.auth_id, made.auth_token)
    with tenant_scope(tenant.id):
        account = CarrierAccount(
            tenant=tenant,
            auth_id=made.auth_id,
            auth_token=made.auth_token,
            platform=True,
        )
        if not keep(actor, account, result, fields=["auth_id", "auth_token", "platform"]):
            return f"An account was added meanwhile. Vobiz has a sub-account {name} that nobody uses."
    return ""
