"""What a tenant may spend: caps, the line at which people are warned, credit, suspension. Every change is audited."""

from __future__ import annotations

from typing import Any, Final

from django.db import transaction

from billing import wallets
from billing.errors import BadAmountError
from billing.models import AgentCap, Mode, Wallet
from billing.money import MICROS, plain
from tenants import audit
from tenants.models import User

MOST_MICROS: Final = 100_000_000 * MICROS

OWN: Final = frozenset({"low_micros", "day_cap_micros", "month_cap_micros"})
"""What a tenant sets itself. The rest is the operator's."""
OPERATORS: Final = OWN | {"mode", "credit_micros", "suspended"}
_OPTIONAL: Final = frozenset({"day_cap_micros", "month_cap_micros"})


def change(actor: User | None, allowed: frozenset[str] = OWN, **wanted: Any) -> Wallet:
    """Change the wallet of the tenant in scope; a cap of None is no cap. Raises `BadAmountError`, naming the field."""
    for field, value in wanted.items():
        _check(field, value, allowed)
    with transaction.atomic():
        wallet = wallets.locked()
        changed = {name: value for name, value in wanted.items() if getattr(wallet, name) != value}
        before = {name: _readable(getattr(wallet, name)) for name in changed}
        for name, value in changed.items():
            setattr(wallet, name, value)
        if changed:
            wallet.save(update_fields=list(changed))
            after = {name: _readable(value) for name, value in changed.items()}
            audit.record(actor, "changed limits", wallet, before=before, after=after)
        return wallet


def cap_agent(actor: User | None, agent: str, day_micros: int | None) -> None:
    """The most that an agent may spend in a day; None lifts it. Raises `BadAmountError`, naming the field."""
    if not 1 <= len(agent) <= 64:
        raise BadAmountError("which one?", "agent")
    _check("day_cap_micros", day_micros, OWN)
    with transaction.atomic():
        wallet = wallets.locked()
        known: AgentCap | None = AgentCap.objects.filter(agent=agent).first()
        before = known.day_micros if known else None
        if before == day_micros:
            return
        if day_micros is None:
            AgentCap.objects.filter(agent=agent).delete()
        else:
            AgentCap.objects.update_or_create(agent=agent, defaults={"day_micros": day_micros})
        audit.record(
            actor, "changed cap of agent", wallet, agent=agent, before=_readable(before), after=_readable(day_micros)
        )


def _check(field: str, value: Any, allowed: frozenset[str]) -> None:
    if field not in allowed:
        raise BadAmountError("is not for you to change", field)
    if field == "mode":
        if value not in Mode.values:
            raise BadAmountError(f"must be one of {', '.join(Mode.values)}", field)
    elif field == "suspended":
        if not isinstance(value, str) or len(value) > 200:
            raise BadAmountError("must be a reason of 200 characters at most", field)
    elif not (value is None and field in _OPTIONAL) and not _is_limit(value):
        raise BadAmountError(f"must be from ₹0 to ₹{plain(MOST_MICROS)}", field)


def _is_limit(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_MICROS


def _readable(value: Any) -> str | None:
    return plain(value) if isinstance(value, int) else value
