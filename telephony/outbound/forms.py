"""What can be typed on the pages about calls that we place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time
from typing import Any, Final, cast

from django import forms
from django.db.models import Field

from agents.models import Agent
from agents.voice.variables import FACTS, NAME
from telephony.models import PhoneNumber
from telephony.outbound import campaigns, lists, zones
from telephony.outbound.models import Campaign, Detection
from telephony.outbound.placing import LONGEST_RING_S, SHORTEST_RING_S

DAYS: Final = (("0", "Mon"), ("1", "Tue"), ("2", "Wed"), ("3", "Thu"), ("4", "Fri"), ("5", "Sat"), ("6", "Sun"))
TRIED: Final = (
    ("busy", "Busy, or declined"),
    ("no_answer", "No answer"),
    ("voicemail", "Voicemail"),
    ("failed", "Failed"),
)
SHORTEST_WINDOW_MIN: Final = 30
MOST_AT_ONCE: Final = 500


def numbers() -> Any:
    """Numbers that may be shown to who is called."""
    return PhoneNumber.objects.filter(enabled=True)


def agents() -> Any:
    """Agents that can talk."""
    return Agent.objects.exclude(published=None).order_by("name")


def _choose(label: str, empty: str = "", **more: Any) -> Any:
    """The rows are set when a form is made: in the scope of a page, not of this module's import."""
    return forms.ModelChoiceField(
        None,
        label=label,
        empty_label=empty or None,
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one of the list."},
        **more,
    )


class _OfTenant(forms.Form):
    """Chooses among the tenant's agents and numbers."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Agent]", self.fields["agent"]).queryset = agents()
        cast("forms.ModelChoiceField[PhoneNumber]", self.fields["number"]).queryset = numbers()


class CallSomebody(_OfTenant):
    """One call. `key` makes a form that is sent twice one call."""

    to = forms.CharField(
        label="Number to call",
        max_length=32,
        help_text="With the country’s code, such as +91 98765 43210",
        error_messages={"required": "Write whom to call."},
        widget=forms.TextInput(attrs={"inputmode": "tel", "autocomplete": "off"}),
    )
    agent = _choose("Agent")
    number = _choose("Shown to the person")
    variables = forms.CharField(
        label="Variables",
        required=False,
        max_length=8_000,
        help_text="One a line, such as name = Asha. The agent’s texts use them as {{name}}.",
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
    )
    ring_s = forms.IntegerField(
        label="Rings for", min_value=SHORTEST_RING_S, max_value=LONGEST_RING_S, initial=30, help_text="seconds"
    )
    detection = forms.ChoiceField(label="Answering machines", choices=Detection.choices, initial=Detection.OFF)
    key = forms.CharField(max_length=64, widget=forms.HiddenInput)

    def clean_to(self) -> str:
        return _e164(self.cleaned_data["to"], "IN")

    def clean_variables(self) -> dict[str, str]:
        given: dict[str, str] = {}
        for line in self.cleaned_data["variables"].splitlines():
            name, mark, value = line.partition("=")
            name = name.strip()
            if not line.strip():
                continue
            if not mark or not NAME.fullmatch(name) or name in FACTS:
                raise forms.ValidationError(f"“{line.strip()[:40]}” is no variable: write name = value.")
            given[name] = value.strip()
        return given


class NewCampaign(_OfTenant):
    """A name, who calls, and the list. `text` of the cleaned data is the file's."""

    name = forms.CharField(label="Name", max_length=80, error_messages={"required": "Give the campaign a name."})
    agent = _choose("Agent")
    number = _choose("Shown to the person")
    file = forms.FileField(
        label="List of people",
        help_text="A CSV file with a column of numbers; other columns become variables. 50,000 lines at most.",
        error_messages={"required": "Choose a file.", "empty": "The file is empty."},
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )

    def clean_file(self) -> Any:
        file: Any = self.cleaned_data["file"]
        try:
            text = lists.decode(file.read(lists.MOST_BYTES + 1))
            lists.read(text)
        except lists.UnreadableFileError as error:
            raise forms.ValidationError(str(error)) from error
        self.text = text
        return file


def _formfield(field: Field[Any, Any], **options: Any) -> forms.Field | None:
    """Django would look for the choices while this module is imported, outside of any scope."""
    if field.name in ("agent", "number"):
        rows: Any = (Agent if field.name == "agent" else PhoneNumber)._base_manager.none()
        return forms.ModelChoiceField(rows, empty_label=None, **options)
    return field.formfield(**options)


class Rules(forms.ModelForm):  # type: ignore[type-arg]
    """When, how many at once, and how often again."""

    days = forms.MultipleChoiceField(
        label="On", choices=DAYS, widget=forms.CheckboxSelectMultiple, error_messages={"required": "Choose a day."}
    )

    class Meta:
        model = Campaign
        fields = (
            *("name", "agent", "number", "opens", "closes", "days", "first_day", "last_day", "zone"),
            *("at_once", "ring_s", "detection", "fail_percent"),
        )
        formfield_callback = _formfield
        labels = {
            "number": "Shown to the person",
            "opens": "From",
            "closes": "Until",
            "first_day": "First day",
            "last_day": "Last day",
            "zone": "Time zone where nothing tells it",
            "at_once": "Calls at once",
            "ring_s": "Rings for",
            "detection": "Answering machines",
            "fail_percent": "Pause when so many calls fail",
        }
        help_texts = {
            "opens": "by the clock where the person is",
            "first_day": "empty: from the start on",
            "last_day": "empty: until everybody is done",
            "zone": "such as Asia/Kolkata",
            "ring_s": "seconds",
            "fail_percent": "of 100, among the last 20; 100 never pauses",
        }
        widgets = {
            "opens": forms.TimeInput({"type": "time"}, format="%H:%M"),
            "closes": forms.TimeInput({"type": "time"}, format="%H:%M"),
            "first_day": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            "last_day": forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        cast("forms.ModelChoiceField[Agent]", self.fields["agent"]).queryset = agents()
        cast("forms.ModelChoiceField[PhoneNumber]", self.fields["number"]).queryset = numbers()
        self.initial["days"] = [str(day) for day in self.instance.days]
        rules: Mapping[str, Sequence[int]] = self.instance.retries
        for name, words in TRIED:
            most, minutes = rules.get(name, (0, 60))
            self.fields[f"{name}_most"] = forms.IntegerField(
                label=f"{words}: how often again", min_value=0, max_value=10, initial=most
            )
            self.fields[f"{name}_wait"] = forms.IntegerField(
                label=f"{words}: minutes until then", min_value=1, max_value=20_160, initial=minutes
            )
        self._bound(("at_once", 1, MOST_AT_ONCE), ("ring_s", SHORTEST_RING_S, LONGEST_RING_S), ("fail_percent", 5, 100))

    def _bound(self, *bounds: tuple[str, int, int]) -> None:
        for name, least, most in bounds:
            label, hint, initial = self.fields[name].label, self.fields[name].help_text, self.fields[name].initial
            self.fields[name] = forms.IntegerField(
                label=label, help_text=hint, min_value=least, max_value=most, initial=initial
            )

    def retry_rows(self) -> Iterator[tuple[str, Any, Any]]:
        """For the page: what happened, how often again, after how long."""
        for name, words in TRIED:
            yield words, self[f"{name}_most"], self[f"{name}_wait"]

    def clean_zone(self) -> str:
        known = zones.named(self.cleaned_data["zone"])
        if not known:
            raise forms.ValidationError("There is no such time zone. Write it such as Asia/Kolkata.")
        return known

    def clean_days(self) -> list[int]:
        return sorted(int(day) for day in self.cleaned_data["days"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        opens, closes = cleaned.get("opens"), cleaned.get("closes")
        if opens and closes and _minutes(closes) - _minutes(opens) < SHORTEST_WINDOW_MIN:
            self.add_error("closes", f"This must be {SHORTEST_WINDOW_MIN} minutes or more after the beginning.")
        first, last = cleaned.get("first_day"), cleaned.get("last_day")
        if first and last and last < first:
            self.add_error("last_day", "The last day comes before the first.")
        return cleaned

    def save(self, commit: bool = True) -> Campaign:
        campaign: Campaign = self.instance
        campaign.retries = {
            name: [self.cleaned_data[f"{name}_most"], self.cleaned_data[f"{name}_wait"]] for name, _ in TRIED
        }
        saved: Campaign = super().save(commit)
        return saved


class Listed(forms.Form):
    """Numbers that are never to be called: typed, or from a file."""

    numbers = forms.CharField(
        label="Numbers",
        required=False,
        max_length=200_000,
        help_text="One a line",
        widget=forms.Textarea(attrs={"rows": 3, "class": "mono"}),
    )
    file = forms.FileField(
        label="Or a file of them",
        required=False,
        help_text="CSV; the column with numbers is found",
        widget=forms.FileInput(attrs={"accept": ".csv,.txt,text/csv"}),
    )
    note = forms.CharField(label="Why", required=False, max_length=120, help_text="for your own memory")

    def clean(self) -> dict[str, Any]:
        """`phones` in E.164, `wrong` lines as they came with what is wrong."""
        cleaned = super().clean() or self.cleaned_data
        typed = [text.strip() for text in cleaned.get("numbers", "").splitlines()]
        lines = [lists.Line(0, "", text, "") for text in typed if text]
        try:
            found = [*_checked(lines), *self._of_file()]
        except lists.UnreadableFileError as error:
            self.add_error("file", str(error))
            return cleaned
        if not found and not self.errors:
            self.add_error("numbers", "Write a number, or choose a file.")
        cleaned["phones"] = list(dict.fromkeys(line.phone for line in found if not line.problem))
        cleaned["wrong"] = [line for line in found if line.problem]
        return cleaned

    def _of_file(self) -> list[lists.Line]:
        file = self.cleaned_data.get("file")
        if file is None:
            return []
        table = lists.read(lists.decode(file.read(lists.MOST_BYTES + 1)))
        columns = ["number" if column == lists.NUMBER else "" for column in lists.guess(table)]
        if lists.NUMBER not in columns:
            raise lists.UnreadableFileError("No column of the file looks like numbers.")
        return [line for line in lists.lines(table, columns, "IN") if line.twin is None]


def _checked(lines: Sequence[lists.Line]) -> Iterator[lists.Line]:
    for line in lines:
        try:
            yield lists.Line(0, lists.e164(line.typed, "IN"), line.typed, "")
        except ValueError as error:
            yield lists.Line(0, "", line.typed[:40], "", problem=str(error))


def _e164(text: str, region: str) -> str:
    try:
        return lists.e164(text, region)
    except ValueError as error:
        raise forms.ValidationError(str(error)) from error


def _minutes(at: time) -> int:
    return at.hour * 60 + at.minute


def new(form: NewCampaign, zone: str, now: datetime) -> Campaign:
    """The row of a campaign whose list has just come; not saved."""
    table = lists.read(form.text)
    return Campaign(
        name=form.cleaned_data["name"],
        agent=form.cleaned_data["agent"],
        number=form.cleaned_data["number"],
        csv=form.text,
        columns=lists.guess(table),
        zone=zone,
        days=list(campaigns.WORKDAYS),
        retries={name: list(rule) for name, rule in campaigns.RETRIES.items()},
        created_at=now,
    )
