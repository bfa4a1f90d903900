"""What the carrier knows beside its live calls: accounts and their money, numbers, applications, stock for sale,
endpoints, and the people behind the numbers. Plain state; `rest_*.py` and `switch.py` change it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from random import Random

from telephony.simulator.people import People, Person

PREPAID = Decimal("1000")
MINUTE = Decimal("0.45")
STREAMED_MINUTE = Decimal("0.20")


@dataclass(slots=True)
class Account:
    """One account. `parent` is set on a sub-account, whose calls the parent pays. Money in rupees; calls beyond
    `max_concurrent` (legs, not calls) are refused, new ones beyond `cps` a second too."""

    auth_id: str
    auth_token: str
    name: str = ""
    parent: str = ""
    balance: Decimal = PREPAID
    max_concurrent: int = 1_000
    cps: int = 1_000
    minute_rate: Decimal = MINUTE
    stream_rate: Decimal = STREAMED_MINUTE
    trial: bool = False
    enabled: bool = True
    kyc_calls_blocked: bool = False
    email: str = ""
    number: str = "500025"
    """The internal number that `start.accountId` carries."""
    transactions: list[dict[str, str]] = field(default_factory=list)

    def pay(self, amount: Decimal, what: str) -> None:
        """Take `amount` off and note it."""
        self.balance -= amount
        self.transactions.append(
            {
                "type": "debit",
                "amount": f"{amount:.5f}",
                "currency": "INR",
                "description": what,
                "balance_after": f"{self.balance:.5f}",
                "created_at": stamp(datetime.now(UTC)),
            }
        )


@dataclass(slots=True)
class Application:
    """Where calls to its numbers lead."""

    app_id: str
    auth_id: str
    app_name: str
    answer_url: str
    answer_method: str = "POST"
    hangup_url: str = ""
    hangup_method: str = "POST"
    fallback_answer_url: str = ""
    fallback_method: str = "POST"
    message_url: str = ""
    sub_account: str = ""


@dataclass(slots=True)
class Number:
    """A number: of `auth_id`, or for sale while that is empty. `region` and fees are what the inventory shows."""

    e164: str
    auth_id: str = ""
    application_id: str = ""
    region: str = "Karnataka"
    setup_fee: Decimal = Decimal(100)
    monthly_fee: Decimal = Decimal(500)
    status: str = "active"
    sub_account: str = ""
    trunk_group_id: str = ""
    trial: bool = False
    bought_at: datetime | None = None
    release_at: datetime | None = None


@dataclass(slots=True)
class World:
    """All of it, by id. With `sip_records_twice` a leg to a SIP user leaves a second record, billed too, as has been
    seen."""

    accounts: dict[str, Account] = field(default_factory=dict)
    numbers: dict[str, Number] = field(default_factory=dict)
    applications: dict[str, Application] = field(default_factory=dict)
    endpoints: dict[str, dict[str, str]] = field(default_factory=dict)
    people: People = field(default_factory=People)
    sip_records_twice: bool = False
    ids: Random = field(default_factory=lambda: Random(0))  # noqa: S311  repeatable on purpose

    @classmethod
    def of(
        cls,
        accounts: Iterable[Account] = (),
        numbers: Iterable[Number] = (),
        people: Mapping[str, Person | Sequence[Person]] | None = None,
        applications: Iterable[Application] = (),
    ) -> World:
        """A world of these."""
        world = cls(people=People.of(people or {}))
        world.accounts = {account.auth_id: account for account in accounts}
        world.numbers = {digits(number.e164): number for number in numbers}
        world.applications = {app.app_id: app for app in applications}
        return world

    def number(self, e164: str) -> Number | None:
        """The number, with or without `+`."""
        return self.numbers.get(digits(e164))

    def owns(self, auth_id: str, e164: str) -> bool:
        """Whether the account may show this number: its own, its parent's that was lent to it, or its sub's."""
        number = self.number(e164)
        if number is None:
            return False
        return auth_id in (number.auth_id, number.sub_account)

    def payer(self, auth_id: str) -> Account | None:
        """Who pays for the account's calls: itself or its parent."""
        account = self.accounts.get(auth_id)
        if account is not None and account.parent:
            return self.accounts.get(account.parent, account)
        return account

    def new_id(self, length: int = 16) -> str:
        """A fresh numeric id, as applications and endpoints have."""
        return "".join(self.ids.choices("0123456789", k=length))


def digits(e164: str) -> str:
    """A number as its digits alone."""
    return "".join(char for char in e164 if char.isdecimal())


def stamp(moment: datetime) -> str:
    """ISO 8601 in UTC with `Z`, as REST writes times."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
