"""A tenant's line to the carrier's REST API: `carrier_for(tenant)`, then one method per thing to do. Blocking.

What to ask is in `vobiz.rest`, what comes back in `vobiz.rest_replies`, the sending in `carrier_link`. What may be
repeated is tried three times; what may not is sent once, and when nobody knows what became of it `CarrierError.kind` is
`unknown_outcome`: then look (`live_calls`, `cdrs`, `numbers`), never ask again blindly.

Callers hold no transaction while they wait, which may be for half a minute. In async code use a thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from uuid import UUID

from django.conf import settings

from telephony.carrier_link import CarrierError, Identity, Kind, Link
from telephony.models import CarrierAccount
from telephony.vobiz import rest, rest_replies
from telephony.vobiz.rest import ApplicationUrls, Leg, MachineDetection, Placement
from telephony.vobiz.rest_values import (
    Application,
    Balance,
    Cdr,
    Concurrency,
    LiveCall,
    Me,
    NumberHealth,
    OfferedNumber,
    OwnedNumber,
    StoredRecording,
    SubAccount,
)
from tenants.models import Tenant
from tenants.scope import tenant_scope

__all__ = [
    "ApplicationUrls",
    "Carrier",
    "CarrierError",
    "Cdr",
    "Identity",
    "Kind",
    "MachineDetection",
    "Placement",
    "carrier_for",
    "platform_carrier",
]


def carrier_for(tenant: Tenant | UUID) -> Carrier:
    """The tenant's own account, else its sub-account of the platform's. Opens the tenant's scope for a moment.

    Raises `CarrierError` (`no_account`).
    """
    with tenant_scope(tenant if isinstance(tenant, UUID) else tenant.id):
        account = CarrierAccount.objects.first()
        if account is None or not account.auth_token:
            raise CarrierError("no_account")
        return Carrier(Identity(account.auth_id, account.auth_token))


def platform_carrier() -> Carrier:
    """The platform's own account, under which tenants have sub-accounts. Raises `CarrierError` (`no_account`)."""
    if not (settings.VOBIZ_AUTH_ID and settings.VOBIZ_AUTH_TOKEN):
        raise CarrierError("no_account")
    return Carrier(Identity(settings.VOBIZ_AUTH_ID, settings.VOBIZ_AUTH_TOKEN))


class Carrier:
    """One account at the carrier. Every method raises `CarrierError`; `LocalError` is a bug of the caller's.

    `pause` waits between tries. Safe to share between threads.
    """

    def __init__(
        self, identity: Identity, *, base_url: str = "", pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._id = identity.auth_id
        self._link = Link(identity, base_url or settings.VOBIZ_API_URL, pause)

    @property
    def auth_id(self) -> str:
        """Whose account it is."""
        return self._id

    # --- calls ---

    def place(self, call: Placement) -> str:
        """Queue a call and return its id, which is the `CallUUID` of its callbacks. Queued is not answered."""
        return self._link.ask(rest.place(self._id, call), rest_replies.read_placed)

    def transfer(self, call_uuid: str, aleg_url: str) -> None:
        """The A-leg leaves its document (its stream closes) and fetches `aleg_url`. `not_found`: it is over."""
        self._link.order(rest.transfer(self._id, call_uuid, aleg_url))

    def hang_up(self, call_uuid: str) -> None:
        """End a call or a leg. One that is gone already is no error."""
        self._link.order(rest.hang_up(self._id, call_uuid))

    def send_digits(self, call_uuid: str, digits: str, leg: Leg = "aleg") -> None:
        """Press keys: `0-9*#A-D`, `w` for half a second and `W` for a second of pause."""
        self._link.order(rest.send_digits(self._id, call_uuid, digits, leg))

    def speak(self, call_uuid: str, text: str, *, language: str = "en-IN", legs: Leg = "aleg") -> None:
        """The carrier's own voice says a text."""
        self._link.order(rest.speak(self._id, call_uuid, text, language=language, legs=legs))

    def live_calls(self) -> tuple[str, ...]:
        """Ids of the calls that are live or queued."""
        live = self._link.ask(rest.live_calls(self._id), rest_replies.read_call_ids)
        queued = self._link.ask(rest.queued_calls(self._id), rest_replies.read_call_ids)
        return tuple(dict.fromkeys((*live, *queued)))

    def live_call(self, call_uuid: str) -> LiveCall | None:
        """None when it is not live (any more, or yet)."""
        return self._link.maybe(rest.live_call(self._id, call_uuid), rest_replies.read_live_call)

    # --- conferences ---

    def conference_members(self, name: str) -> tuple[str, ...]:
        """What the carrier says; empty proves nothing (vobiz.md 7.3): keep a roster from the callbacks."""
        return self._link.maybe(rest.conference(self._id, name), rest_replies.read_members) or ()

    def kick(self, name: str, member: str) -> None:
        """Out of the room; the member's own document goes on. Gone already is no error."""
        self._link.order(rest.kick(self._id, name, member))

    def mute(self, name: str, member: str, *, on: bool = True) -> None:
        """Nobody in the room hears the member, nor does a stream on that leg."""
        self._link.order(rest.mute(self._id, name, member, on=on))

    def end_conference(self, name: str) -> None:
        """Everybody out. Gone already is no error."""
        self._link.order(rest.end_conference(self._id, name))

    # --- call records and recordings ---

    def cdr(self, call_uuid: str) -> Cdr | None:
        """The record of one leg; None while there is none (some 120 ms after the end)."""
        return self._link.maybe(rest.cdr(self._id, call_uuid), rest_replies.read_cdr)

    def cdrs(self, *, page: int = 1, **filters: str) -> tuple[Cdr, ...]:
        """A page of records, newest first: `cdrs(to_number=…, start_date=…)`."""
        return self._link.ask(rest.cdrs(self._id, filters, page=page), rest_replies.read_cdrs)

    def recordings(self, call_uuid: str = "", *, limit: int = 20, offset: int = 0) -> tuple[StoredRecording, ...]:
        """What the carrier has recorded of a call, or of all."""
        request = rest.recordings(self._id, call_uuid=call_uuid, limit=limit, offset=offset)
        return self._link.ask(request, rest_replies.read_recordings)

    def fetch_recording(self, url: str) -> AbstractContextManager[Iterator[bytes]]:
        """The file as chunks: `with carrier.fetch_recording(url) as chunks: …`. Sniff what it is: see `vobiz.md` 3.6.

        The address came in a callback, whose body nothing signs, and the request carries our credentials: an address
        that is not the carrier's is `refused`.
        """
        return self._link.fetch(url)

    def delete_recording(self, recording_id: str) -> None:
        """Take a recording out of the carrier's storage. One that is gone already is no error."""
        self._link.order(rest.delete_recording(self._id, recording_id))

    # --- numbers and applications ---

    def numbers(self, search: str = "") -> tuple[OwnedNumber, ...]:
        """Every number that the account rents."""
        return self._link.pages(
            lambda page: rest.numbers(self._id, page=page, search=search), rest_replies.read_numbers
        )

    def search_inventory(self, search: str = "", *, country: str = "IN", page: int = 1) -> tuple[OfferedNumber, ...]:
        """25 numbers for rent, with their prices."""
        request = rest.inventory(self._id, search=search, country=country, page=page)
        return self._link.ask(request, rest_replies.read_inventory)

    def buy(self, e164: str, currency: str = "INR") -> None:
        """Rent a number: debits at once. `unknown_outcome`: look in `numbers()`, also a while later."""
        self._link.order(rest.buy(self._id, e164, currency))

    def release(self, e164: str) -> None:
        """Give a number back, for a fee, in 24 hours. Unknown outcomes as with `buy`."""
        self._link.order(rest.release(self._id, e164))

    def cancel_release(self, e164: str) -> None:
        """Keep a number after all."""
        self._link.order(rest.cancel_release(self._id, e164))

    def health(self, e164: str, *, days: int = 7) -> NumberHealth | None:
        """What the networks think of a number; None when nothing is known."""
        return self._link.maybe(rest.number_health(self._id, e164, days=days), rest_replies.read_health)

    def applications(self) -> tuple[Application, ...]:
        """Every application of the account."""
        size = rest.PER_PAGE
        return self._link.pages(
            lambda page: rest.applications(self._id, offset=size * (page - 1)), rest_replies.read_applications
        )

    def application(self, app_id: str) -> Application | None:
        """None when there is none."""
        return self._link.maybe(rest.application(self._id, app_id), rest_replies.read_application)

    def create_application(self, name: str, urls: ApplicationUrls) -> str:
        """Its id. `unknown_outcome`: look for `name` in `applications()`."""
        return self._link.ask(rest.create_application(self._id, name, urls), rest_replies.read_created_application)

    def update_application(self, app_id: str, urls: ApplicationUrls) -> None:
        """Set all three addresses."""
        self._link.order(rest.update_application(self._id, app_id, urls))

    def attach(self, e164: str, app_id: str) -> None:
        """Route a number's calls to an application, whatever it was bound to before."""
        self._link.order(rest.attach(self._id, e164, app_id))

    # --- accounts ---

    def me(self) -> Me:
        """Who the account is, its limits and its price per minute. The cheapest proof of the credentials."""
        return self._link.ask(rest.me(), rest_replies.read_me)

    def balance(self, currency: str = "INR") -> Balance:
        """The account's wallet."""
        return self._link.ask(rest.balance(self._id, currency), rest_replies.read_balance)

    def concurrency(self) -> Concurrency:
        """Calls at this moment, and how many there may be."""
        return self._link.ask(rest.concurrency(self._id), rest_replies.read_concurrency)

    def sub_accounts(self) -> tuple[SubAccount, ...]:
        """Sub-accounts of this account, without their tokens."""
        return self._link.ask(rest.sub_accounts(self._id), rest_replies.read_sub_accounts)

    def create_sub_account(self, name: str, email: str) -> SubAccount:
        """Its token is shown this once."""
        return self._link.ask(rest.create_sub_account(self._id, name, email), rest_replies.read_sub_account)
