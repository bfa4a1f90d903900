"""What can be typed on the pages about numbers, beside a number itself."""

from __future__ import annotations

import phonenumbers
from django import forms


class RingMe(forms.Form):
    """A phone that is rung by a number of ours."""

    phone = forms.CharField(
        label="Your phone",
        help_text="We ring it from this number, and you hear yourself",
        max_length=32,
        error_messages={"required": "Write the number of a phone near you."},
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "tel"}),
    )

    def clean_phone(self) -> str:
        try:
            number = phonenumbers.parse(self.cleaned_data["phone"], "IN")
        except phonenumbers.NumberParseException as error:
            raise forms.ValidationError("Write the number with digits, such as +91 98765 43210.") from error
        if not phonenumbers.is_valid_number(number):
            raise forms.ValidationError("There is no such number.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
