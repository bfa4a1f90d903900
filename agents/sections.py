"""The editor's sections: which there are, and one as the draft has it, as posted, or with its rows changed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Final, Protocol

from agents import rows
from agents.comparison import SectionName
from agents.config import AgentConfig
from agents.entries import Accounts
from agents.fields import EditorForm, ErrorLine
from agents.forms import IdentityForm, Initial, LimitsForm, OpeningForm, RecordingForm, SectionForm
from agents.language_rows import TongueRows
from agents.model_forms import ModelForm, SecondForm
from agents.rowsets import AnswerRows, FormRow, FormRows, SectionRows, SlotRow, TargetRows
from agents.tool_rows import LookupForm, ServerRows, ToolRows, VariableRows


class Section(Protocol):
    """What the page and the view know of a section."""

    id: ClassVar[SectionName]
    title: ClassVar[str]

    def is_valid(self) -> bool:
        """Whether what was posted can be kept in a draft."""
        ...

    def parts(self) -> dict[str, Any]:
        """The fields of `AgentConfig` that were posted; only when valid."""
        ...

    def error_lines(self) -> list[ErrorLine]:
        """For the summary."""
        ...


_FORMS: Final[dict[str, type[SectionForm]]] = {
    form.id: form for form in (IdentityForm, OpeningForm, RecordingForm, ModelForm, SecondForm, LimitsForm, LookupForm)
}
_ROWS: Final[dict[str, type[SectionRows]]] = {
    kind.id: kind for kind in (TongueRows, AnswerRows, FormRows, TargetRows, ToolRows, ServerRows, VariableRows)
}
_IN_ORDER: Final[tuple[type[SectionForm] | type[SectionRows], ...]] = (
    IdentityForm,
    OpeningForm,
    RecordingForm,
    TongueRows,
    AnswerRows,
    FormRows,
    ModelForm,
    SecondForm,
    LimitsForm,
    TargetRows,
    ToolRows,
    ServerRows,
    LookupForm,
    VariableRows,
)
TITLES: Final[dict[SectionName, str]] = {kind.id: kind.title for kind in _IN_ORDER}

_CONTROLS: Final = {
    "limits.idle_ms": "idle_s",
    "limits.idle_prompts": "idle_prompts",
    "limits.max_call_s": "max_call_min",
    "limits.warn_before_s": "warn_before_s",
}

_TONGUE: Final = re.compile(r"^tongues\[(\d+)\]")

# A button called "remove" would hide the method of that name from htmx: a form's controls are its properties.
_CHANGES: Final = {"row-add": rows.added, "row-remove": rows.removed, "row-up": rows.moved_up}


def drafted(name: SectionName, config: AgentConfig, *, editable: bool, accounts: Accounts | None = None) -> Section:
    """As the draft has it. With `accounts` each choice says whether there is a key for it."""
    if name in _FORMS:
        return _FORMS[name](config, editable=editable, accounts=accounts)
    kind = _ROWS[name]
    return kind(prefix=name, initial=kind.initial_of(config), editable=editable, accounts=accounts)


def posted(
    name: SectionName, config: AgentConfig, data: Mapping[str, str], *, accounts: Accounts | None = None
) -> Section:
    """As somebody filled it in."""
    if name in _FORMS:
        return _FORMS[name](config, data, accounts=accounts)
    return _ROWS[name](data, prefix=name, accounts=accounts)


def redrawn(
    name: SectionName, data: rows.Posted, button: str, row: str, *, accounts: Accounts | None = None
) -> Section:
    """With a row added, removed or moved, and everything else as it was typed. Raises `UnknownRowError`."""
    if name not in _ROWS or not (row == name or row.startswith(f"{name}-")):
        raise rows.UnknownRowError(row)
    change = _CHANGES[button]
    kind = _ROWS[name]
    return kind(prefix=name, initial=_typed(kind.form, name, change(data, row)), accounts=accounts)


def control_of(field: str) -> str:
    """The id of the control for a field of a config: `forms[0].slots[1].options` → `forms-0-slots-1-options`."""
    if field in _CONTROLS:
        return _CONTROLS[field]
    field = _TONGUE.sub(r"languages-\1", field)
    return field.removeprefix("phrases.").replace("[", "-").replace("]", "").replace(".", "-")


def _typed(form: type[EditorForm], prefix: str, data: rows.Posted) -> list[Initial]:
    typed = []
    for index in range(rows.count(data, prefix)):
        key = f"{prefix}-{index}"
        row: Initial = {name: data.get(f"{key}-{name}", field.initial) for name, field in form.base_fields.items()}
        if form is FormRow:
            row["slots"] = _typed(SlotRow, f"{key}-slots", data) or [{}]
        typed.append(row)
    return typed
