"""May a call begin, as far as money is concerned. In the tenant's scope, in the transaction that makes the call's row.

The hold is measured by what a minute is expected to cost, looked up once a minute for each way that calls go: reading
a price book takes longer than answering a call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from agents.config import AgentConfig, ConfigError, read
from agents.models import AgentVersion, ProviderKey
from billing import activities, standing
from billing.meters import Amount
from billing.standing import Ask, Obstacle
from telephony.metering import expected
from telephony.metering.quantities import CARRIER
from telephony.models import Call, CarrierAccount, Kind, PhoneNumber
from telephony.routes.plan import OPEN, Menu, Way
from telephony.routes.plan import Kind as WayKind
from tenants.scope import current_tenant_id

FRESH: Final = timedelta(seconds=60)
MOST: Final = 2_000
OBSTACLES: Final = frozenset(obstacle.value for obstacle in Obstacle)
"""Reasons of a refusal that are about money."""
WORDS: Final[dict[Obstacle, str]] = {
    Obstacle.SUSPENDED: "Calls are suspended. Ask the operator why.",
    Obstacle.NO_MONEY: "There is not enough money left for a call. Top up first.",
    Obstacle.DAY_CAP: "The limit that you have set for a day is reached.",
    Obstacle.MONTH_CAP: "The limit that you have set for a month is reached.",
    Obstacle.AGENT_CAP: "The limit that you have set for a day of this agent is reached.",
}
"""For the tenant's people; callers hear nothing about money."""
DIRECT: Final = Way(OPEN, WayKind.AGENT)
"""The way of a call that we place."""

KINDS: Final = {Kind.PHONE: "call", Kind.BRIEF: "brief", Kind.TEST: "test", Kind.CHAT: "chat"}
"""What billing calls them."""

_minutes: dict[tuple[UUID, str], tuple[datetime, int]] = {}


def source_of(call_id: UUID) -> str:
    """A call's name in billing."""
    return f"call:{call_id}"


def call_of(source: str) -> UUID:
    """The other way round."""
    return UUID(source.removeprefix("call:"))


def of_caller(
    call_id: UUID, number: PhoneNumber, way: Way | Menu, version: AgentVersion | None, now: datetime
) -> Obstacle | None:
    """A call that comes in, or that we place: hold money for it, or say why not. The same again gets its yes."""
    key = f"{way.kind if isinstance(way, Way) else 'menu'} {version.id if version else ''}"
    minute = _minute(key, lambda: _of_way(way, version), now)
    agent_id = version.agent_id if version else getattr(way, "agent_id", None)
    return standing.admit(
        Ask(source_of(call_id), KINDS[Kind.PHONE], now, minute, agent=str(agent_id or ""), number=number.e164), now
    ).obstacle


def of_test(call_id: UUID, kind: Kind, agent_id: UUID, config: AgentConfig, now: datetime) -> Obstacle | None:
    """A test from the editor: by the book's rule for tests, and without a carrier."""
    minute = standing.minute_micros(expected.of_agent(config, own_accounts()), now, test=True)
    ask = Ask(source_of(call_id), KINDS[kind], now, minute, agent=str(agent_id), test=True)
    return standing.admit(ask, now).obstacle


def begin_unasked(call: Call, part_of: str = "") -> None:
    """What uses something without having asked: a word with a colleague belongs to a call that was admitted, and a
    sentence that refuses a call is said in any case. Repeatable."""
    activities.begin(
        source_of(call.id),
        KINDS[Kind(call.kind)],
        call.created_at,
        agent=str(call.agent_id or ""),
        number=call.number.e164 if call.number else "",
        part_of=part_of,
        test=call.is_test,
    )


def own_carrier() -> bool:
    """Whether the tenant in scope pays the carrier itself. Without an account its numbers are the platform's."""
    account = CarrierAccount.objects.first()
    return account is not None and not account.platform


def own_accounts() -> frozenset[str]:
    """Providers, and perhaps the carrier, where the tenant in scope has an account of its own."""
    own = set(ProviderKey.objects.values_list("provider", flat=True))
    return frozenset(own | {CARRIER} if own_carrier() else own)


def _minute(key: str, amounts: Callable[[], Iterable[Amount]], now: datetime) -> int:
    known = (current_tenant_id(), key)
    at, micros = _minutes.get(known, (now - FRESH, 0))
    if now - at >= FRESH:
        if len(_minutes) >= MOST:
            _minutes.clear()
        micros = standing.minute_micros(amounts(), now)
        _minutes[known] = (now, micros)
    return micros


def _of_way(way: Way | Menu, version: AgentVersion | None) -> Iterable[Amount]:
    own = own_accounts()
    yield from expected.of_way(way, own)
    if version is not None:
        with suppress(ConfigError):  # then it will not get as far as using anything
            yield from expected.of_agent(read(version.config), own)
