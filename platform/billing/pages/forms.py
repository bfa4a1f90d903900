"""The forms of the money pages. Limits of amounts are checked by who keeps them; forms say where it was."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django import forms

from billing.money import MICROS, plain
from billing.pages.answers import Rupees
from billing.pages.queries import GROUPS, Asked
from billing.statements import gst

PRESETS: Final = (5_000, 10_000, 25_000)
PLACES: Final = [("", "Choose"), *sorted(gst.PLACES.items(), key=lambda item: item[1])]
LONGEST: Final = 366


class TopUp(forms.Form):
    """One of three amounts, or another one."""

    preset = forms.ChoiceField(
        choices=[(str(amount), f"₹{amount:,}") for amount in PRESETS], widget=forms.RadioSelect, required=False
    )
    amount = Rupees(label="Another amount", required=False)

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        if not self.errors and found.get("amount") is None:
            if not found.get("preset"):
                self.add_error("amount", "Choose an amount, or write one.")
            else:
                found["amount"] = int(found["preset"]) * MICROS
        return found


class Automatic(forms.Form):
    below_micros = Rupees(label="When less is left than")
    amount_micros = Rupees(label="Pay in")


class Limits(forms.Form):
    """What a tenant sets for itself; an empty cap is no cap."""

    day_cap_micros = Rupees(label="Most in a day", required=False, help_text="Empty: no cap.")
    month_cap_micros = Rupees(label="Most in a month", required=False, help_text="Empty: no cap.")
    low_micros = Rupees(label="Tell us below", help_text="Owners, admins and billing people get a letter, once.")


class Details(forms.Form):
    """Whom invoices go to."""

    legal_name = forms.CharField(label="Name of the business", max_length=120)
    address = forms.CharField(label="Address", max_length=300, widget=forms.Textarea(attrs={"rows": 3}))
    place = forms.ChoiceField(label="State", choices=PLACES)
    gstin = forms.CharField(
        label="GSTIN", max_length=20, required=False, help_text="15 characters; empty if you are not registered."
    )


class UsageFilter(forms.Form):
    """The usage page's filters, as they stand in the address."""

    first = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(
        label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    agent = forms.ChoiceField(label="Agent", required=False)
    number = forms.ChoiceField(label="Number", required=False)
    kind = forms.ChoiceField(label="Kind", required=False)
    meter = forms.ChoiceField(label="Service", required=False)
    by = forms.ChoiceField(label="By", required=False, choices=list(GROUPS.items()))

    def __init__(self, data: Any, today: date, **choices: list[tuple[str, str]]) -> None:
        super().__init__(data)
        self.today = today
        for name, found in choices.items():
            self.fields[name].choices = found  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        found = super().clean() or {}
        first, last = found.get("first"), found.get("last")
        if first and last and last < first:
            self.add_error("last", "Must not be earlier than the first day.")
        elif first and last and (last - first).days > LONGEST:
            self.add_error("last", "At most a year at a time.")
        return found

    def asked(self) -> Asked:
        """What is wrong counts as not asked for; without days this month is shown."""
        told = self.cleaned_data if self.is_bound and self.is_valid() else getattr(self, "cleaned_data", {})
        last = told.get("last") or (self.today if not told.get("first") else max(self.today, told["first"]))
        first = told.get("first") or last.replace(day=1)
        if (last - first).days > LONGEST:
            first = last - timedelta(days=LONGEST)
        rest = {name: told.get(name) or "" for name in ("agent", "number", "kind", "meter")}
        return Asked(first, last, by=told.get("by") or "day", **rest)


def shown(micros: int | None) -> str:
    return "" if micros is None else plain(micros)
