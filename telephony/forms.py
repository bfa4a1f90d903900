"""What a tenant may set about numbers and the carrier."""

from __future__ import annotations

from typing import Any, cast

import phonenumbers
from django import forms
from django.db.models import Field

from agents.models import Agent
from telephony.models import CarrierAccount, PhoneNumber
from telephony.routes.editing import answer_with


def _formfield(field: Field[Any, Any], **options: Any) -> forms.Field | None:
    """Choosing an agent: Django would look for the choices while this module is imported, outside of any scope."""
    if field.name == "agent":
        return forms.ModelChoiceField(Agent._base_manager.none(), required=False, empty_label="No agent", **options)
    return field.formfield(**options)


class _NumberForm(forms.ModelForm):  # type: ignore[type-arg]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Agent]", self.fields["agent"]).queryset = Agent.objects.all()

    def save(self, commit: bool = True) -> PhoneNumber:
        """With the agent as the route of the open number."""
        number: PhoneNumber = super().save(commit)
        if "agent" in self.changed_data:
            answer_with(number, number.agent)
        return number


class ConnectNumber(_NumberForm):
    """A number that the tenant rents at Vobiz."""

    e164 = forms.CharField(label="Number", help_text="With the country’s code, such as +91 80 4718 2210", max_length=32)

    class Meta:
        model = PhoneNumber
        fields = ("e164", "label", "agent")
        formfield_callback = _formfield
        labels = {"label": "What it is for", "agent": "Answered by"}

    def clean_e164(self) -> str:
        try:
            number = phonenumbers.parse(self.cleaned_data["e164"], "IN")
        except phonenumbers.NumberParseException as error:
            raise forms.ValidationError("Write the number with digits, such as +91 80 4718 2210.") from error
        if not phonenumbers.is_possible_number(number):
            raise forms.ValidationError("No number of this country has so many digits.")
        return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


class EditNumber(_NumberForm):
    """Who answers, and whether at all."""

    class Meta:
        model = PhoneNumber
        fields = ("label", "agent", "enabled")
        formfield_callback = _formfield
        labels = {"label": "What it is for", "agent": "Answered by", "enabled": "Takes calls"}
        help_texts = {"enabled": "When it is off, callers hear that the number takes no calls at the moment."}


class EditCarrier(forms.ModelForm):  # type: ignore[type-arg]
    """The account at Vobiz. A secret that is left empty stays as it is."""

    class Meta:
        model = CarrierAccount
        fields = ("auth_id", "auth_token", "parent_token", "signature_mode")
        labels = {
            "auth_id": "Auth ID",
            "auth_token": "Auth token",
            "parent_token": "Auth token of the parent account",
            "signature_mode": "Signatures of callbacks",
        }
        help_texts = {
            "parent_token": "Only for a sub-account, whose callbacks its parent signs.",
            "signature_mode": "Many Vobiz accounts send none. The secret address is checked in any case.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name in ("auth_id", "auth_token", "parent_token"):
            if not all("!" <= letter <= "~" for letter in cleaned.get(name) or ""):
                self.add_error(name, "This holds a space or a letter that Vobiz never gives out.")
        if not self.instance._state.adding and "auth_id" in self.changed_data and not cleaned.get("auth_token"):
            self.add_error("auth_token", "Another account has another token: enter it as well.")
        has_token = cleaned.get("auth_token") or (not self.instance._state.adding and self.instance.auth_token)
        if not has_token and cleaned.get("signature_mode") == "required":
            self.add_error("auth_token", "Signatures cannot be required without the token to check them with.")
        return cleaned
