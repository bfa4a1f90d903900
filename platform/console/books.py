"""Price books: their versions with the days on which they hold, and a new one with its effect on last month first."""

from __future__ import annotations

import tomllib
from datetime import date, datetime, time, timedelta

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from billing import books, wallets
from billing.book_file import BookFile, book_file
from billing.errors import BadBookError
from billing.meters import METERS
from billing.models import ExchangeRate, PriceBook, PriceBookVersion, PriceOverride, Wallet
from billing.money import plain
from billing.statements.breakdown import quantity
from console import book_text, effect, forms
from console.access import StaffRequest, answer, staff_view


@require_safe
@staff_view
def index(request: StaffRequest) -> HttpResponse:
    """Every book with its versions, newest first, and the tenants that have one."""
    now = timezone.now()
    rows = [
        {
            "book": book,
            "tenants": Wallet.objects.filter(book=book).count(),
            "versions": [
                {"version": version, "state": _state(version, now)}
                for version in book.versions.order_by("-effective_from")
            ],
        }
        for book in PriceBook.objects.order_by("name")
    ]
    overrides = list(PriceOverride.objects.select_related("tenant").order_by("-effective_from")[:50])
    rates = list(ExchangeRate.objects.order_by("-day", "currency")[:12])
    return answer(request, "console/books.html", {"rows": rows, "overrides": overrides, "rates": rates})


def _state(version: PriceBookVersion, now: datetime) -> dict[str, str]:
    if version.effective_from > now:
        return {"word": "To come", "tone": "wait", "icon": "clock"}
    if version.effective_until is not None and version.effective_until <= now:
        return {"word": "Over", "tone": "", "icon": "check"}
    return {"word": "In force", "tone": "ok", "icon": "ok"}


@require_safe
@staff_view
def version(request: StaffRequest, version_id: int) -> HttpResponse:
    """Every price of a version, cost beside price, with its source and date."""
    found = get_object_or_404(PriceBookVersion.objects.select_related("book"), id=version_id)
    rows = [
        {
            "row": row,
            "title": METERS[row.meter].title if row.meter in METERS else row.meter,
            "unit": quantity(row.meter, row.unit),
            "pulse": quantity(row.meter, row.price_pulse) if row.price_pulse > 1 else "",
            "cost_plain": plain(row.cost_tiers[0][1]),
            "price": row.price_tiers[0][1],
            "tiers": len(row.price_tiers) > 1 or len(row.cost_tiers) > 1,
        }
        for row in found.prices.order_by("meter", "provider", "model")
    ]
    context = {"version": found, "rows": rows, "state": _state(found, timezone.now())}
    return answer(request, "console/version.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_view
def new(request: StaffRequest, name: str = wallets.STANDARD) -> HttpResponse:
    """Edit the last version's text into the next one. It is checked and shown with its effect before it can hold."""
    book = get_object_or_404(PriceBook, name=name)
    last = book.versions.order_by("-effective_from").first()
    if request.method != "POST":
        day = timezone.localdate() + timedelta(days=1)
        begins = datetime.combine(day, time(), timezone.get_current_timezone())
        text = book_text.text_of(last, day.isoformat(), begins.isoformat()) if last else f'name = "{name}"\n'
        return answer(request, "console/book_new.html", {"book": book, "form": forms.Book(initial={"text": text})})
    form = forms.Book(request.POST)
    draft = _draft(form, name)
    if draft is None:
        return answer(request, "console/book_new.html", {"book": book, "form": form}, status=422)
    try:
        books.check(draft, timezone.now())
        if request.POST.get("what") == "publish":
            made = books.publish(draft, timezone.now())
            return redirect("console:book-version", made.id)
    except BadBookError as error:
        form.add_error("text", f"{error.field}: {error.message}")
        return answer(request, "console/book_new.html", {"book": book, "form": form}, status=422)
    shown = effect.effect(draft, month_with_usage(timezone.localdate(), name))
    return answer(request, "console/book_new.html", {"book": book, "form": form, "draft": draft, "effect": shown})


def _draft(form: forms.Book, name: str) -> BookFile | None:
    """What the text says, or None with the error at the field."""
    if not form.is_valid():
        return None
    try:
        draft = book_file(tomllib.loads(form.cleaned_data["text"]))
    except tomllib.TOMLDecodeError as error:
        form.add_error("text", f"This cannot be read: {error}")
        return None
    except BadBookError as error:
        form.add_error("text", f"{error.field}: {error.message}" if error.field else error.message)
        return None
    if draft.name != name:
        form.add_error("text", f"name: must stay {name}")
        return None
    return draft


def month_with_usage(today: date, name: str) -> date:
    """The last whole month; this one while nothing was used by the book before it."""
    last = (today.replace(day=1) - timedelta(days=1)).replace(day=1)
    return last if effect.used(name, last) else today.replace(day=1)
