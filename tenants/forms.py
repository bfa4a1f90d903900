"""What people fill in about themselves and their team."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms

from tenants.models import Role, User

if TYPE_CHECKING:
    _UserForm = forms.ModelForm[User]
else:
    _UserForm = forms.ModelForm

ROLE_MEANS = {
    Role.OWNER: "Owner: everything, and other owners",
    Role.ADMIN: "Admin: agents, numbers, calls, people and keys",
    Role.BUILDER: "Builder: agents, numbers and calls",
    Role.ANALYST: "Analyst: reads and hears calls, sees agents and numbers",
    Role.BILLING: "Billing: the list of calls, no recordings",
}


class ProfileForm(_UserForm):
    """A person's own name and theme."""

    class Meta:
        model = User
        fields = ("name", "theme")
        labels = {"name": "Your name"}
        widgets = {"theme": forms.RadioSelect, "name": forms.TextInput(attrs={"autocomplete": "name"})}


class AddMemberForm(forms.Form):
    """Somebody joins the team."""

    email = forms.EmailField(label="E-mail address", widget=forms.EmailInput(attrs={"autocomplete": "off"}))
    name = forms.CharField(
        label="Name",
        max_length=120,
        required=False,
        help_text="For somebody who has no account yet.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    role = forms.ChoiceField(choices=list(ROLE_MEANS.items()), widget=forms.RadioSelect, initial=Role.ANALYST)

    def __init__(self, *args: Any, owner: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not owner:
            self.fields["role"].choices = [  # type: ignore[attr-defined]
                choice for choice in ROLE_MEANS.items() if choice[0] != Role.OWNER
            ]


class RoleForm(forms.Form):
    """A member's new role."""

    role = forms.ChoiceField(choices=Role)
