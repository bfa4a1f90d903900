"""The section of the editor for the languages that an agent can go on in, each with its voice, prompt and sentences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.forms import BoundField

from agents import catalogue
from agents.config import AgentConfig
from agents.entries import Accounts
from agents.fields import choice, text, unix
from agents.phrase_fields import PhraseFields
from agents.pickers import chosen_effect, key_of, stage_of, voice_groups, with_current
from agents.rowsets import Initial, SectionRows
from agents.voice import tongues
from agents.voice.blueprint import Phrases, Tongue


class TongueRow(PhraseFields):
    """A row begins empty: it is one as soon as a language is chosen. A sentence left empty is said as shipped."""

    language = choice("Language")
    voice = choice("Voice")
    greeting = text(
        "First words",
        hint="Said when the look-up brings “language”: “hi”. Empty: the agent’s own, in their voice",
        most=1_000,
        lines=2,
    )
    consent = text(
        "Said before the recording begins",
        hint="In place of the agent’s own, when a call begins in this language",
        most=500,
        lines=2,
    )
    instructions = text(
        "Instructions for this language",
        hint="Told besides the agent’s own while it is spoken, such as how to address people",
        most=20_000,
        lines=3,
    )

    def __init__(
        self,
        data: Mapping[str, str] | None = None,
        *,
        editable: bool = True,
        accounts: Accounts | None = None,
        **more: Any,
    ) -> None:
        super().__init__(data, editable=editable, **more)
        languages = [(language.code, language.name) for language in catalogue.LANGUAGES]
        groups = voice_groups([code for code, _ in languages], accounts)
        current = str((self.initial or {}).get("voice") or "")
        self._offer("language", [("", "Choose a language"), *languages])
        self._offer("voice", [("", "Choose a voice"), *(with_current(groups, current, current) if current else groups)])
        spoken = str(self["language"].value() or "")
        for name in tongues.SENTENCES if spoken else ():
            self.fields[name].widget.attrs["placeholder"] = getattr(tongues.shipped(spoken), name)

    @property
    def phrases(self) -> list[BoundField]:
        """The controls of the sentences."""
        return [self[name] for name in PhraseFields.base_fields]

    @property
    def wrong_sentence(self) -> bool:
        """Whether one of them was refused, so that it must be seen."""
        return any(name in self.errors for name in tongues.SENTENCES) if self.is_bound else False

    @property
    def voice_effect(self) -> str:
        """Price and time of the voice."""
        voice = str(self["voice"].value() or "")
        return chosen_effect("tts", stage_of(voice), None) if voice else ""

    def _offer(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices


class TongueRows(SectionRows):
    id = "languages"
    title = "Further languages"
    form = TongueRow
    max_num = 8

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Each row says which voices there is no key for."""
        return {**super().get_form_kwargs(index), "accounts": self.accounts}

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        return [
            {
                "language": tongue.language,
                "voice": key_of(tongue.tts),
                "greeting": tongue.greeting,
                "consent": tongue.consent,
                "instructions": tongue.instructions,
                **{name: text for name, text in tongue.phrases if name in tongues.SENTENCES},
            }
            for tongue in config.tongues
        ]

    def parts(self) -> dict[str, Any]:
        return {"tongues": tuple(_tongue(form) for form in self.filled)}


def _tongue(form: TongueRow) -> Tongue:
    row = form.cleaned_data
    return Tongue(
        row["language"],
        stage_of(row["voice"]),
        unix(row["greeting"]).strip(),
        " ".join(row["consent"].split()),
        unix(row["instructions"]).strip(),
        tongues.own_phrases(Phrases(**form.sentences()), row["language"]),
    )
