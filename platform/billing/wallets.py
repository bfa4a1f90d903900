"""The tenant's wallet row: made when first needed, and the one lock of the tenant's money.

Lock order, everywhere: activity, then wallet, then whatever else. `standing.admit` alone takes the wallet before it
makes an activity: a row that nobody else can know yet.
"""

from __future__ import annotations

from typing import Final

from billing.errors import NoBookError
from billing.models import PriceBook, Wallet

STANDARD: Final = "standard"


def locked() -> Wallet:
    """The wallet of the tenant in scope, until the transaction's end. NO KEY leaves rows that point at it alone."""
    rows = Wallet.objects.select_for_update(no_key=True)
    found: Wallet | None = rows.first()
    if found is None:
        _make()
        found = rows.get()
    return found


def wallet() -> Wallet:
    """The same to look at."""
    found: Wallet | None = Wallet.objects.first()
    return found if found is not None else _make()


def _make() -> Wallet:
    book = PriceBook.objects.filter(name=STANDARD).first()
    if book is None:
        raise NoBookError("there is no standard price book: run `switchboard migrate`")
    made: Wallet = Wallet.objects.get_or_create(defaults={"book": book})[0]
    return made
