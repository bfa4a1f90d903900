"""The sections of the editor that are single fields, and the form for a new agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from agents import catalogue
from agents.comparison import SectionName
from agents.config import AgentConfig
from agents.entries import Accounts
from agents.fields import EditorForm, choice, figure, text, unix
from agents.keyed_start import missing, offer, with_models
from agents.phrase_fields import PhraseFields
from agents.pickers import Groups, Options, chosen_effect, key_of, stage_of, voice_groups, voice_label, with_current
from agents.starting_points import STARTING_POINTS, starting_point
from agents.voice.blueprint import Limits, Phrases
from agents.voice.tongues import moved

Initial = dict[str, Any]


class SectionForm(EditorForm):
    """A section of single fields, see `agents.sections.Section`."""

    id: ClassVar[SectionName]
    title: ClassVar[str]

    def __init__(
        self,
        config: AgentConfig,
        data: Mapping[str, str] | None = None,
        *,
        editable: bool = True,
        accounts: Accounts | None = None,
    ) -> None:
        super().__init__(data, editable=editable, initial=self.initial_of(config))
        self.accounts = accounts
        self.offer(config)

    def initial_of(self, config: AgentConfig) -> Initial:
        """The values of the fields."""
        raise NotImplementedError

    def offer(self, config: AgentConfig) -> None:
        """Fill in what there is to choose from."""

    def parts(self) -> dict[str, Any]:
        """The fields of `AgentConfig` that this section sets."""
        raise NotImplementedError

    def offer_choices(self, name: str, choices: Options, current: str) -> None:
        """Keeps a current value that is not on offer, so that saving another field does not change it."""
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices if current in dict(choices) else [*choices, (current, f"{current}, not on offer")]

    def offer_groups(self, name: str, groups: Groups, current: str, none: str = "") -> None:
        """The same with groups. `none` names the empty choice, where there may be one."""
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            shown = with_current(groups, current, f"{current}, not on offer") if current else groups
            field.choices = [("", none), *shown] if none else [*shown]


class IdentityForm(SectionForm):
    id = "identity"
    title = "Name and voice"

    name = text("Name", hint="In lists, and to callers", most=80, required=True)
    language = choice("Language")
    voice = choice("Voice")

    def initial_of(self, config: AgentConfig) -> Initial:
        return {"name": config.name, "language": config.language, "voice": key_of(config.tts)}

    def offer(self, config: AgentConfig) -> None:
        self.offer_choices("language", [(row.code, row.name) for row in catalogue.LANGUAGES], config.language)
        self.before = config
        current, voices = key_of(config.tts), voice_groups([config.language], self.accounts)
        self.offer_groups("voice", with_current(voices, current, voice_label(config.tts)), current)

    @property
    def voice_effect(self) -> str:
        """Price and time of the voice that the draft has, and whose account pays."""
        return chosen_effect("tts", self.before.tts, self.accounts)

    def parts(self) -> dict[str, Any]:
        posted, before = self.cleaned_data, self.before
        made = {"name": posted["name"], "language": posted["language"], "tts": stage_of(posted["voice"])}
        if posted["language"] != before.language:
            made["phrases"] = moved(before.phrases, before.language, posted["language"])
        return made


class OpeningForm(SectionForm):
    id = "opening"
    title = "Opening and instructions"

    greeting = text(
        "First words",
        hint="Say that a machine answers and that the call is recorded: the law wants both named",
        most=1_000,
        lines=2,
    )
    greeting_interruptible = forms.BooleanField(
        label="Callers may interrupt the first words",
        required=False,
        help_text="Switch it off where the law wants them heard to the end",
    )
    instructions = text("Instructions", hint="Write as you would brief a new receptionist", most=20_000, lines=8)

    def initial_of(self, config: AgentConfig) -> Initial:
        return {
            "greeting": config.greeting,
            "greeting_interruptible": config.greeting_interruptible,
            "instructions": config.instructions,
        }

    def parts(self) -> dict[str, Any]:
        posted = self.cleaned_data
        return {
            "greeting": unix(posted["greeting"]),
            "greeting_interruptible": posted["greeting_interruptible"],
            "instructions": unix(posted["instructions"]),
        }


class RecordingForm(SectionForm):
    id = "recording"
    title = "Recording"

    record = forms.BooleanField(
        label="Record calls",
        required=False,
        help_text="In two channels: caller left, agent right",
    )
    recorder = choice(
        "Recorded by",
        choices=[("ours", "Switchboard"), ("carrier", "Vobiz, which also hears who the call is put through to")],
        hint="Vobiz charges for it; its file comes here after the call",
    )
    consent = text(
        "Said before the recording begins",
        hint="Nothing is stored until it was heard. Empty: the recording begins with the call, first words and all",
        most=500,
        lines=2,
    )
    keep_days = figure("Kept for", 0, 3_650, hint="Days; then they are deleted for good. 0 keeps them", whole=True)

    def initial_of(self, config: AgentConfig) -> Initial:
        return {name: getattr(config, name) for name in ("record", "recorder", "consent", "keep_days")}

    def parts(self) -> dict[str, Any]:
        posted = self.cleaned_data
        return {**posted, "consent": " ".join(posted["consent"].split())}


class LimitsForm(PhraseFields, SectionForm):
    id = "limits"
    title = "Silence and limits"

    idle_s = figure("Ask again after", 2, 60, hint="Seconds of silence")
    idle_prompts = figure("Ask again", 0, 5, hint="Times; then the agent says goodbye", whole=True)
    max_call_min = figure("Longest call", 1, 240, hint="Minutes")
    warn_before_s = figure("Warn before the end", 0, 300, hint="Seconds", whole=True)

    def initial_of(self, config: AgentConfig) -> Initial:
        return {
            "idle_s": f"{config.limits.idle_ms / 1000:g}",
            "idle_prompts": config.limits.idle_prompts,
            "max_call_min": f"{config.limits.max_call_s / 60:g}",
            "warn_before_s": config.limits.warn_before_s,
            **asdict(config.phrases),
        }

    def clean_warn_before_s(self) -> int:
        seconds: int = self.cleaned_data["warn_before_s"]
        longest = self.cleaned_data.get("max_call_min")
        if longest is not None and seconds >= longest * 60:
            raise ValidationError("Write fewer seconds than the longest call has.")
        return seconds

    def parts(self) -> dict[str, Any]:
        posted = self.cleaned_data
        limits = Limits(
            idle_ms=round(posted["idle_s"] * 1000),
            idle_prompts=posted["idle_prompts"],
            max_call_s=round(posted["max_call_min"] * 60),
            warn_before_s=posted["warn_before_s"],
        )
        return {"limits": limits, "phrases": Phrases(**self.sentences())}


class NewAgentForm(EditorForm):
    """Name, language, and what to begin with."""

    name = text("Name", hint="A first name is easy to say on the phone", most=80, required=True)
    language = choice("Language", choices=[(row.code, row.name) for row in catalogue.LANGUAGES])
    start = choice(
        "Start from",
        radio=True,
        choices=[(point.id, f"{point.name}: {point.summary}") for point in STARTING_POINTS],
        initial=STARTING_POINTS[0].id,
    )
    models = choice("Models", radio=True, required=False)

    def __init__(self, data: Mapping[str, str] | None = None, *, accounts: Accounts) -> None:
        super().__init__(data)
        field = self.fields["models"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [("local", "What runs on this machine: free, English only"), ("ai", offer(accounts))]
        field.initial = "local" if missing(accounts) else "ai"

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("language") != catalogue.ENGLISH.code and cleaned.get("models") != "ai":
            self.add_error("models", "What runs on this machine speaks English only: choose AI models.")
        return cleaned

    def make(self, business: str) -> AgentConfig:
        """The draft; only when valid."""
        typed = self.cleaned_data
        config = starting_point(typed["start"]).make(typed["name"], business)
        return with_models(config, typed["language"], business) if typed["models"] == "ai" else config
