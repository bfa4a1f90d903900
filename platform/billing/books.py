"""Price books: which version is in force when, and how a new one comes into force.

Rows of prices are only ever added. A new version ends the one before it at the moment at which it begins, so the
versions of a book can neither overlap nor leave a gap; the database refuses an overlap too. Publishing is the
operator's: it needs a platform scope.
"""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from billing import book_rows, wallets
from billing.book_file import BookFile, PriceEntry, one_price_each
from billing.errors import BadBookError, NoBookError
from billing.models import Activity, ExchangeRate, PriceBook, PriceBookVersion, PriceOverride
from billing.models import Price as PriceRow
from billing.rating import Book, Override


def version_at(book: PriceBook, at: datetime) -> PriceBookVersion:
    """Raises `NoBookError` before the first version."""
    found = (
        PriceBookVersion.objects.select_related("book")
        .filter(Q(effective_until=None) | Q(effective_until__gt=at), book=book, effective_from__lte=at)
        .first()
    )
    if found is None:
        raise NoBookError(f"the book {book.name} has no version in force on {at:%d %B %Y}")
    return found


def book_of(activity: Activity) -> tuple[PriceBookVersion, Book]:
    """What its tenant pays for it: by the book that it had when it began."""
    return book_of_tenant(activity.began_at, activity.book)


def book_of_tenant(at: datetime, book: PriceBook | None = None) -> tuple[PriceBookVersion, Book]:
    """What the tenant in scope pays for what begins `at`, by its own book or another."""
    version = version_at(book or wallets.wallet().book, at)
    overrides = PriceOverride.objects.filter(
        Q(effective_until=None) | Q(effective_until__gt=at), effective_from__lte=at
    )
    return version, book_rows.book(version, overrides, at.date())


def check(draft: BookFile, now: datetime) -> None:
    """Raises what `publish` would, and writes nothing."""
    book = PriceBook.objects.filter(name=draft.name).first()
    if book is not None:
        _may_follow(book, draft, now)


def publish(draft: BookFile, now: datetime, until: datetime | None = None) -> PriceBookVersion:
    """A new version of the book `draft.name`, which is made where there is none. Raises `BadBookError`, naming the
    field: it must begin after the one before it, not after the end of that one, and not in the past, where calls have
    been charged."""
    if until is not None and until <= draft.effective_from:
        raise BadBookError("must be later than the beginning", "effective_until")
    with transaction.atomic():
        book, _ = PriceBook.objects.get_or_create(name=draft.name)
        _one_at_a_time(book)
        last = _may_follow(book, draft, now)
        if last is not None and last.effective_until is None:
            PriceBookVersion.objects.filter(pk=last.pk).update(effective_until=draft.effective_from)
        version: PriceBookVersion = PriceBookVersion.objects.create(
            book=book,
            label=draft.version,
            effective_from=draft.effective_from,
            effective_until=until,
            tests=draft.tests.value,
        )
        PriceRow.objects.bulk_create(
            [PriceRow(version=version, **book_rows.price_columns(entry)) for entry in draft.prices]
        )
        for entry in draft.exchange:
            rate = entry.exchange
            ExchangeRate.objects.get_or_create(
                currency=rate.currency, day=rate.day, defaults={"micros": rate.micros, "source": entry.source}
            )
        return version


def _may_follow(book: PriceBook, draft: BookFile, now: datetime) -> PriceBookVersion | None:
    """The version that the draft comes after, if any."""
    if book.versions.filter(label=draft.version).exists():
        raise BadBookError(f"{draft.name} has a version {draft.version} already", "version")
    last = book.versions.order_by("-effective_from").first()
    if last is not None:
        _follows(last, draft.effective_from)
        _not_in_the_past(draft.effective_from, now)
    return last


def _follows(last: PriceBookVersion, begins: datetime) -> None:
    """The last version ends where the new one begins; one that has an end is followed there and nowhere else."""
    start, end = last.effective_from, last.effective_until
    if end is None:
        if begins <= start:
            raise BadBookError(f"overlaps version {last.label}, in force from {start:%Y-%m-%d}", "effective_from")
    elif begins < end:
        raise BadBookError(f"overlaps version {last.label}, in force until {end:%Y-%m-%d}", "effective_from")
    elif begins > end:
        raise BadBookError(f"leaves a gap after version {last.label}, which ends {end:%Y-%m-%d}", "effective_from")


def _not_in_the_past(begins: datetime, now: datetime) -> None:
    if begins < now:
        raise BadBookError("has passed: what began since then has its price", "effective_from")


def add_price(version: PriceBookVersion, entry: PriceEntry) -> None:
    """A price that a version has not had. What waits for it is charged by the next sweep; nothing that has been charged
    changes. Raises `BadBookError` where the version has one for the same thing."""
    with transaction.atomic():
        _one_at_a_time(version.book)
        one_price_each([*(book_rows.price(row) for row in version.prices.all()), entry.price])
        PriceRow.objects.create(version=version, **book_rows.price_columns(entry))


def add_override(
    entry: Override, begins: datetime, until: datetime | None, reason: str, now: datetime
) -> PriceOverride:
    """What the tenant in scope pays for a meter instead. Raises `BadBookError` where another one overlaps, or the
    beginning has passed."""
    _not_in_the_past(begins, now)
    if until is not None and until <= begins:
        raise BadBookError("must be later than the beginning", "effective_until")
    if not reason.strip():
        raise BadBookError("say why", "reason")
    with transaction.atomic():
        wallets.locked()
        same = PriceOverride.objects.filter(meter=entry.meter, provider=entry.provider, model=entry.model)
        over = same.filter(Q(effective_until=None) | Q(effective_until__gt=begins))
        if until is not None:
            over = over.filter(effective_from__lt=until)
        if other := over.first():
            raise BadBookError(f"overlaps the one from {other.effective_from:%Y-%m-%d}", "effective_from")
        tariff = entry.price
        made: PriceOverride = PriceOverride.objects.create(
            meter=entry.meter,
            provider=entry.provider,
            model=entry.model,
            unit=tariff.unit,
            tiers=book_rows.tier_list(tariff),
            pulse=tariff.pulse,
            minimum=tariff.minimum,
            rounding=tariff.rounding.value,
            effective_from=begins,
            effective_until=until,
            reason=reason.strip(),
        )
        return made


def _one_at_a_time(book: PriceBook) -> None:
    """Two versions that are published at once would both follow the same one."""
    PriceBook.objects.select_for_update(no_key=True).get(pk=book.pk)
