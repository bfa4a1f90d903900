"""The sections of the editor that are rows: answers, forms with their questions, transfer targets.

A row that is left empty does not exist. Which rows there are is decided in `agents.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from django.core.exceptions import ValidationError
from django.forms import BaseFormSet
from django.forms.renderers import get_default_renderer

from agents import rows
from agents.comparison import SectionName
from agents.config import AgentConfig
from agents.destinations import TargetError, anybody, several
from agents.entries import Accounts
from agents.fields import EditorForm, ErrorLine, choice, figure, lines_of, text, unix
from agents.hours import HoursError, read_week, said_week
from agents.voice.blueprint import Answer, Form, Slot, TransferTarget

Initial = dict[str, Any]
if TYPE_CHECKING:
    Django = BaseFormSet[Any]
else:
    Django = BaseFormSet  # generic in the stubs alone

RING_S = TransferTarget("").ring_s
KINDS = (
    ("choice", "One of a list"),
    ("day", "A day"),
    ("time", "A time"),
    ("number", "A number"),
    ("digits", "Digits, such as a phone number"),
    ("yesno", "Yes or no"),
)


class RowSet(Django):
    """Django's formset with all rows extra, so that any of them may be emptied."""

    can_order = can_delete = can_delete_extra = validate_min = edit_only = False
    validate_max = True
    min_num = 0
    max_num = rows.MOST_ROWS
    absolute_max = rows.MOST_ROWS + 1

    def __init__(
        self,
        data: Mapping[str, str] | None = None,
        *,
        prefix: str,
        initial: list[Initial] | None = None,
        editable: bool = True,
        accounts: Accounts | None = None,
    ) -> None:
        self.extra = len(initial or ())
        self.accounts = accounts
        self.renderer = get_default_renderer()
        super().__init__(
            data,
            prefix=prefix,
            initial=initial,
            form_kwargs={"editable": editable},
            error_messages={
                "missing_management_form": "The rows did not arrive whole. Load the page again.",
                "too_many_forms": f"There may be at most {self.max_num} rows.",
            },
        )

    def initial_form_count(self) -> int:
        return 0

    @property
    def filled(self) -> list[Any]:
        """The rows that hold something."""
        return [form for form in self.forms if form.has_changed()]

    def error_lines(self) -> list[ErrorLine]:
        """Every error with the control that it is about."""
        lines = [line for form in self.filled for line in form.error_lines()]
        return lines + [(str(self.prefix), "", str(error)) for error in self.non_form_errors()]


class SectionRows(RowSet):
    """A section of rows, see `agents.sections.Section`."""

    id: ClassVar[SectionName]
    title: ClassVar[str]

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        """The rows' values."""
        raise NotImplementedError

    def parts(self) -> dict[str, Any]:
        """The fields of `AgentConfig` that this section sets."""
        raise NotImplementedError


class AnswerRow(EditorForm):
    question = text("Question", required=True)
    phrasings = text("Other ways to ask", hint="One a line", most=4_000, lines=2)
    answer = text("Answer", most=2_000, lines=2)


class AnswerRows(SectionRows):
    id = "answers"
    title = "What it knows"
    form = AnswerRow

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        return [
            {"question": row.question, "answer": row.answer, "phrasings": "\n".join(row.phrasings)}
            for row in config.answers
        ]

    def parts(self) -> dict[str, Any]:
        posted = [form.cleaned_data for form in self.filled]
        return {
            "answers": tuple(Answer(row["question"], unix(row["answer"]), lines_of(row["phrasings"])) for row in posted)
        }


class SlotRow(EditorForm):
    name = text("Asks for", hint="One word, such as day", most=40, required=True)
    kind = choice("Kind of answer", choices=KINDS, initial="choice")
    prompt = text("How to ask", most=300)
    options = text("Choices", hint="With commas between; only for a list", most=1_000)

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if "{" in name or "}" in name:
            raise ValidationError("Leave out the braces.")
        return name


class SlotRows(RowSet):
    form = SlotRow
    max_num = 8


class FormRow(EditorForm):
    """A flow with its questions, which are rows of their own: `slots`."""

    name = text("Name", most=80, required=True)
    phrases = text("Begins when callers say", hint="One a line", most=4_000, lines=3)
    done = text("Last words", hint="What was asked goes in braces: {day}", most=500, lines=2)

    def __init__(self, data: Mapping[str, str] | None = None, *, editable: bool = True, **more: Any) -> None:
        initial = dict(more.pop("initial", None) or {})
        slots = initial.pop("slots", None)
        super().__init__(data, editable=editable, initial=initial, **more)
        self.slots = SlotRows(data, prefix=f"{self.prefix}-slots", initial=slots, editable=editable)

    def has_changed(self) -> bool:
        return super().has_changed() or bool(self.slots.is_bound and self.slots.filled)

    def is_valid(self) -> bool:
        return super().is_valid() and (not self.has_changed() or self.slots.is_valid())

    def error_lines(self) -> list[ErrorLine]:
        return super().error_lines() + self.slots.error_lines()


class FormRows(SectionRows):
    id = "forms"
    title = "Forms"
    form = FormRow
    max_num = 20

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        return [
            {
                "name": row.name,
                "phrases": "\n".join(row.phrases),
                "done": row.done,
                "slots": [
                    {"name": slot.name, "prompt": slot.prompt, "kind": slot.kind, "options": ", ".join(slot.options)}
                    for slot in row.slots
                ],
            }
            for row in config.forms
        ]

    def parts(self) -> dict[str, Any]:
        return {"forms": tuple(_form(row) for row in self.filled)}


HOW = (("direct", "Directly"), ("warm", "After a word with the colleague"))
ORDER = (("in_order", "One after the other"), ("at_once", "All at once"))


class TargetRow(EditorForm):
    name = text("Name", hint="As callers ask for it", most=80, required=True)
    e164 = text("Phone numbers", hint="Or SIP addresses, one a line", most=1_000, lines=2, required=True)
    how = choice("Callers get through", choices=HOW, initial="direct", required=False)
    order = choice("Several numbers ring", choices=ORDER, initial="in_order", required=False)
    ring_s = figure("Each rings for", 5, 120, hint="Seconds", whole=True)
    waiting = text("What callers hear meanwhile", hint="In Vobiz’s voice. Empty: ringing, or music", most=300, lines=2)
    hours = text("Somebody is there", hint="Such as Mon-Fri 9-18. Empty: always", most=500, lines=2)

    def __init__(self, data: Mapping[str, str] | None = None, **more: Any) -> None:
        super().__init__(data, **more)
        self.fields["ring_s"].required = False
        self.fields["ring_s"].initial = RING_S

    def has_changed(self) -> bool:
        """Menus always send something: a row of a target is what somebody has written."""
        if not self.is_bound:
            return super().has_changed()
        return any((self[name].data or "").strip() for name in ("name", "e164", "waiting", "hours"))

    def clean_e164(self) -> tuple[str, ...]:
        typed = self.cleaned_data["e164"].replace(",", "\n")
        try:
            return several(typed, anybody, "Write a phone number, for example +91 80 4718 2211.")
        except TargetError as error:
            raise ValidationError(str(error)) from error

    def clean_hours(self) -> tuple[tuple[int, int, int], ...]:
        try:
            return read_week(self.cleaned_data["hours"])
        except HoursError as error:
            raise ValidationError(str(error)) from error


class TargetRows(SectionRows):
    id = "targets"
    title = "Put through"
    form = TargetRow
    max_num = 50

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        return [
            {
                "name": row.name,
                "e164": "\n".join(row.destinations),
                "how": "warm" if row.warm else "direct",
                "order": "at_once" if row.at_once else "in_order",
                "ring_s": row.ring_s,
                "waiting": row.waiting,
                "hours": said_week(row.weekly),
            }
            for row in config.targets
        ]

    def parts(self) -> dict[str, Any]:
        posted = [form.cleaned_data for form in self.filled]
        return {
            "targets": tuple(
                TransferTarget(
                    row["name"],
                    row["e164"][0],
                    row["e164"][1:],
                    warm=row["how"] == "warm",
                    at_once=row["order"] == "at_once",
                    ring_s=row["ring_s"] or RING_S,
                    waiting=unix(row["waiting"]),
                    weekly=row["hours"],
                )
                for row in posted
            )
        }


def _form(row: FormRow) -> Form:
    slots = tuple(
        Slot(slot["name"], slot["prompt"], slot["kind"], lines_of(slot["options"].replace(",", "\n")))
        for slot in (form.cleaned_data for form in row.slots.filled)
    )
    posted = row.cleaned_data
    return Form(posted["name"], lines_of(posted["phrases"]), slots, unix(posted["done"]))
