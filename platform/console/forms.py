"""The forms of the console."""

from __future__ import annotations

from typing import Any, Final
from uuid import uuid4

from django import forms

from billing.models import Mode
from billing.pages.answers import Rupees
from billing.statements import gst
from console.queries import GROUPS

TIMES: Final = [("30", "30 minutes"), ("60", "1 hour"), ("120", "2 hours"), ("240", "4 hours")]


class Session(forms.Form):
    reason = forms.CharField(
        label="Why you look across tenants", max_length=200, help_text="Such as a ticket’s number. It stays in the log."
    )
    minutes = forms.ChoiceField(label="For", choices=TIMES, initial="60")


class Suspend(forms.Form):
    reason = forms.CharField(
        label="Reason", max_length=200, help_text="The tenant reads it. Calls are refused at once."
    )


class Credit(forms.Form):
    """`reference` is made with the form: the same form sent twice gives once."""

    amount = Rupees(label="Amount")
    reason = forms.CharField(label="Reason", max_length=200, help_text="The tenant reads it.")
    reference = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class Payment(forms.Form):
    """Money that came in past Stripe."""

    amount = Rupees(label="Received", help_text="With the tax.")
    tax = Rupees(label="Of it tax", required=False)
    reference = forms.CharField(label="Bank’s reference", max_length=80)


class Terms(forms.Form):
    mode = forms.ChoiceField(label="Pays", choices=Mode.choices)
    credit_micros = Rupees(label="Credit line", help_text="What a tenant who pays later may owe.")


class Times(forms.Form):
    """Filters, as they stand in the address."""

    first = forms.DateField(
        label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    last = forms.DateField(
        label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    by = forms.ChoiceField(required=False, choices=list(GROUPS.items()))
    tenant = forms.SlugField(required=False)
    provider = forms.CharField(required=False, max_length=32)


class Note(forms.Form):
    """A credit note."""

    amount = Rupees(label="Taken back, without tax")
    reason = forms.CharField(label="Reason", max_length=200, help_text="It is printed on the note.")
    reference = forms.UUIDField(widget=forms.HiddenInput, initial=uuid4)


class Issuer(forms.Form):
    legal_name = forms.CharField(label="Name of the business", max_length=120)
    address = forms.CharField(label="Address", max_length=300, widget=forms.Textarea(attrs={"rows": 3}))
    place = forms.ChoiceField(
        label="State", choices=[("", "Choose"), *sorted(gst.STATES.items(), key=lambda one: one[1])]
    )
    gstin = forms.CharField(label="GSTIN", max_length=20, required=False, help_text="Empty: no tax is taken.")
    sac = forms.CharField(label="SAC", max_length=6, help_text="The services’ code on invoices.")
    rate = forms.DecimalField(label="Rate of GST, percent", min_value=0, max_value=100, decimal_places=2)
    lut = forms.CharField(
        label="Letter of undertaking", max_length=40, required=False, help_text="For customers abroad."
    )


class Book(forms.Form):
    """The text of a new version."""

    text = forms.CharField(
        label="Prices",
        max_length=400_000,
        strip=False,
        widget=forms.Textarea(attrs={"class": "tall", "rows": 24, "spellcheck": "false"}),
    )

    def clean_text(self) -> Any:
        return str(self.cleaned_data["text"]).replace("\r\n", "\n")
