"""The sections of the editor that are single fields, and the form for a new agent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError

from agents import catalogue
from agents.comparison import SectionName
from agents.config import AgentConfig
from agents.fields import EditorForm, choice, figure, text, unix
from agents.starting_points import STARTING_POINTS
from agents.voice.blueprint import Limits, Phrases, Stage

Initial = dict[str, Any]
PHRASES = ("idle", "goodbye", "closing", "trouble")


class SectionForm(EditorForm):
    """A section of single fields, see `agents.sections.Section`."""

    id: ClassVar[SectionName]
    title: ClassVar[str]

    def __init__(self, config: AgentConfig, data: Mapping[str, str] | None = None, *, editable: bool = True) -> None:
        super().__init__(data, editable=editable, initial=self.initial_of(config))
        self.offer(config)

    def initial_of(self, config: AgentConfig) -> Initial:
        """The values of the fields."""
        raise NotImplementedError

    def offer(self, config: AgentConfig) -> None:
        """Fill in what there is to choose from."""

    def parts(self) -> dict[str, Any]:
        """The fields of `AgentConfig` that this section sets."""
        raise NotImplementedError

    def offer_choices(self, name: str, choices: list[tuple[str, str]], current: str) -> None:
        """Keeps a current value that is not on offer, so that saving another field does not change it."""
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices if current in dict(choices) else [*choices, (current, f"{current}, not on offer")]


class IdentityForm(SectionForm):
    id = "identity"
    title = "Name and voice"

    name = text("Name", hint="What you see in lists, and what a model calls itself", most=80, required=True)
    language = choice("Language")
    voice = choice("Voice")

    def initial_of(self, config: AgentConfig) -> Initial:
        return {"name": config.name, "language": config.language, "voice": _key(config.tts)}

    def offer(self, config: AgentConfig) -> None:
        self.offer_choices("language", [(row.code, row.name) for row in catalogue.LANGUAGES], config.language)
        voices = [
            (f"{made.key}/{voice.id}", f"{made.model.name}: {voice.name}")
            for made in catalogue.offered("tts", config.language)
            for voice in made.model.voices
        ]
        self.offer_choices("voice", voices, _key(config.tts))

    def parts(self) -> dict[str, Any]:
        posted = self.cleaned_data
        return {"name": posted["name"], "language": posted["language"], "tts": _stage(posted["voice"])}


class OpeningForm(SectionForm):
    id = "opening"
    title = "Opening and instructions"

    greeting = text(
        "First words",
        hint="Say that a machine answers and that the call is recorded: the law wants both named",
        most=1_000,
        lines=2,
    )
    instructions = text("Instructions", hint="Write as you would brief a new receptionist", most=20_000, lines=8)
    record = forms.BooleanField(
        label="Record calls",
        required=False,
        help_text="In two channels: caller left, agent right",
    )

    def initial_of(self, config: AgentConfig) -> Initial:
        return {"greeting": config.greeting, "instructions": config.instructions, "record": config.record}

    def parts(self) -> dict[str, Any]:
        posted = self.cleaned_data
        return {
            "greeting": unix(posted["greeting"]),
            "instructions": unix(posted["instructions"]),
            "record": posted["record"],
        }


class ModelForm(SectionForm):
    id = "model"
    title = "Model"

    llm = choice("Model", radio=True)
    stt = choice("Listening")

    def initial_of(self, config: AgentConfig) -> Initial:
        return {"llm": _key(config.llm), "stt": _key(config.stt)}

    def offer(self, config: AgentConfig) -> None:
        models, listeners = catalogue.offered("llm", config.language), catalogue.offered("stt", config.language)
        self.offer_choices("llm", [(made.key, made.model.name) for made in models], _key(config.llm))
        self.offer_choices("stt", [(made.key, made.model.name) for made in listeners], _key(config.stt))
        self.llm_now = catalogue.find("llm", config.llm.provider, config.llm.model)
        self.stt_now = catalogue.find("stt", config.stt.provider, config.stt.model)

    def parts(self) -> dict[str, Any]:
        return {"llm": _stage(self.cleaned_data["llm"]), "stt": _stage(self.cleaned_data["stt"])}


class LimitsForm(SectionForm):
    id = "limits"
    title = "Silence and limits"

    idle_s = figure("Ask again after", 2, 60, hint="Seconds of silence")
    idle_prompts = figure("Ask again", 0, 5, hint="Times; then the agent says goodbye", whole=True)
    max_call_min = figure("Longest call", 1, 240, hint="Minutes")
    warn_before_s = figure("Warn before the end", 0, 300, hint="Seconds", whole=True)
    idle = text("When the caller is silent")
    goodbye = text("Goodbye")
    closing = text("Before the longest call ends")
    trouble = text("When something fails", hint="Said instead of silence")

    def initial_of(self, config: AgentConfig) -> Initial:
        return {
            "idle_s": f"{config.limits.idle_ms / 1000:g}",
            "idle_prompts": config.limits.idle_prompts,
            "max_call_min": f"{config.limits.max_call_s / 60:g}",
            "warn_before_s": config.limits.warn_before_s,
            **{name: getattr(config.phrases, name) for name in PHRASES},
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
        return {"limits": limits, "phrases": Phrases(**{name: posted[name] for name in PHRASES})}


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


def _key(stage: Stage) -> str:
    return "/".join(filter(None, (stage.provider, stage.model, stage.voice)))


def _stage(key: str) -> Stage:
    return Stage(*key.split("/", 2))
