"""The controls of the editor's sections, and the way between lines of text and tuples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

ErrorLine = tuple[str, str, str]
"""The id of a control, its label, what to do about it."""


def text(label: str, *, hint: str = "", most: int = 200, lines: int = 0, required: bool = False) -> forms.CharField:
    """A line of text, or an area of so many lines."""
    return forms.CharField(
        label=label,
        help_text=hint,
        max_length=most,
        required=required,
        widget=forms.Textarea({"rows": lines}) if lines else forms.TextInput,
        error_messages={"required": "Write something here.", "max_length": f"Write at most {most} characters."},
    )


def figure(label: str, least: int, most: int, *, hint: str = "", whole: bool = False) -> forms.Field:
    """A number within bounds, which the error names."""
    wrong = f"Write a {'whole ' if whole else ''}number from {least} to {most}."
    messages = dict.fromkeys(("required", "invalid", "min_value", "max_value"), wrong)
    kind = forms.IntegerField if whole else forms.FloatField
    return kind(label=label, help_text=hint, min_value=least, max_value=most, error_messages=messages)


def choice(label: str, *, hint: str = "", radio: bool = False, **more: Any) -> forms.ChoiceField:
    """One of a list."""
    wrong = dict.fromkeys(("required", "invalid_choice"), "Choose one of the list.")
    widget = forms.RadioSelect if radio else forms.Select
    return forms.ChoiceField(label=label, help_text=hint, widget=widget, error_messages=wrong, **more)


class EditorForm(forms.Form):
    """Ids are the names of the fields, so that a problem can point at its control."""

    def __init__(self, data: Mapping[str, str] | None = None, *, editable: bool = True, **more: Any) -> None:
        more.update(auto_id="%s", label_suffix="")
        super().__init__(data, **more)
        self.use_required_attribute = False
        for field in self.fields.values():
            field.disabled = not editable

    def error_lines(self) -> list[ErrorLine]:
        """Every error with the control that it is about."""
        return [
            (self[name].id_for_label or self[name].auto_id, str(self.fields[name].label), str(error))
            for name, errors in self.errors.items()
            if name in self.fields
            for error in errors
        ]


def lines_of(typed: str) -> tuple[str, ...]:
    """The lines that hold something."""
    return tuple(filter(None, (line.strip() for line in typed.splitlines())))


def unix(typed: str) -> str:
    """Browsers send CR LF for a line's end."""
    return typed.replace("\r\n", "\n")
