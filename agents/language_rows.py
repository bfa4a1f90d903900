"""The section of the editor for the languages that an agent can go on in, each with its voice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from agents import catalogue
from agents.config import AgentConfig
from agents.fields import EditorForm, choice, text, unix
from agents.pickers import key_of, stage_of, voice_groups, with_current
from agents.rowsets import Initial, SectionRows
from agents.voice.blueprint import Tongue


class TongueRow(EditorForm):
    """A row begins empty: it is one as soon as a language is chosen."""

    language = choice("Language")
    voice = choice("Voice")
    greeting = text(
        "First words",
        hint="Said when the look-up brings “language”: “hi”",
        most=1_000,
        lines=2,
    )

    def __init__(self, data: Mapping[str, str] | None = None, *, editable: bool = True, **more: Any) -> None:
        super().__init__(data, editable=editable, **more)
        languages = [(language.code, language.name) for language in catalogue.LANGUAGES]
        groups = voice_groups([code for code, _ in languages], None)
        current = str((self.initial or {}).get("voice") or "")
        self._offer("language", [("", "Choose a language"), *languages])
        self._offer("voice", [("", "Choose a voice"), *(with_current(groups, current, current) if current else groups)])

    def _offer(self, name: str, choices: list[Any]) -> None:
        field = self.fields[name]
        if isinstance(field, forms.ChoiceField):
            field.choices = choices


class TongueRows(SectionRows):
    id = "languages"
    title = "Further languages"
    form = TongueRow
    max_num = 8

    @classmethod
    def initial_of(cls, config: AgentConfig) -> list[Initial]:
        return [
            {"language": tongue.language, "voice": key_of(tongue.tts), "greeting": tongue.greeting}
            for tongue in config.tongues
        ]

    def parts(self) -> dict[str, Any]:
        posted = [form.cleaned_data for form in self.filled]
        return {
            "tongues": tuple(
                Tongue(row["language"], stage_of(row["voice"]), unix(row["greeting"]).strip()) for row in posted
            )
        }
