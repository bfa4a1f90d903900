"""Demo numbers and a demo account at the carrier. Idempotent: what is there stays as it is."""

from __future__ import annotations

import secrets as random
from collections.abc import Iterable, Iterator, MutableMapping
from itertools import count
from typing import Any, Final

from agents.models import Agent
from telephony.addresses import callback_url
from telephony.models import CarrierAccount, PhoneNumber
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

FIRST: Final = 918_071_387_001
PER_TENANT: Final = 100
"""Each tenant's numbers begin at another hundred."""


def seed_numbers(
    tenant: Tenant, agents: Iterable[Agent], secrets: MutableMapping[str, Any]
) -> tuple[dict[str, str], list[dict[str, str]]]:
    """One number per agent, and an account that signs: one of the platform's, so that lines are charged. Opens its own
    scopes: call it outside of any.

    `secrets` is the installation's own memory: the carrier's token is taken from it, or made and left there. Returns
    `{"auth_id", "auth_token"}` and `[{"e164", "agent", "answer_url", "hangup_url"}, …]`, `agent` being a name.
    """
    token = str(secrets.setdefault("auth_token", random.token_hex(20)))
    with platform_scope("free demo numbers"):
        taken = set(PhoneNumber.objects.values_list("e164", flat=True))
    with tenant_scope(tenant.id):
        account = CarrierAccount.objects.first() or CarrierAccount(
            tenant=tenant, auth_id=f"MA_{tenant.slug.upper().replace('-', '')[:12]}", platform=True
        )
        if account._state.adding or account.auth_token != token:
            account.auth_token = token
            account.save()
        known = list(PhoneNumber.objects.select_related("agent"))
        answered = {number.agent_id for number in known}
        free = _free(taken, known)
        for agent in agents:
            if agent.id not in answered:
                number = PhoneNumber(tenant=tenant, e164=next(free), agent=agent, label="Main line")
                number.save()
                known.append(number)
        return {"auth_id": account.auth_id, "auth_token": token}, [_told(number) for number in known]


def _free(taken: set[str], known: list[PhoneNumber]) -> Iterator[str]:
    """Numbers after the tenant's own, or from a hundred of their own that nobody has begun."""
    if known:
        start = max(int(number.e164[1:]) for number in known) + 1
    else:
        start = next(block for block in count(FIRST, PER_TENANT) if not any(_in(block, number) for number in taken))
    return (f"+{number}" for number in count(start) if f"+{number}" not in taken)


def _in(block: int, e164: str) -> bool:
    return block - 1 <= int(e164[1:]) < block - 1 + PER_TENANT


def _told(number: PhoneNumber) -> dict[str, str]:
    return {
        "e164": number.e164,
        "agent": number.agent.name if number.agent else "",
        "answer_url": callback_url("answer", number),
        "hangup_url": callback_url("hangup", number),
    }
