"""The sections of the editor about models: who hears and answers, and who steps in when one of them fails."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError

from agents import catalogue, prices
from agents.config import AgentConfig
from agents.entries import StageName
from agents.fields import choice, lines_of, text
from agents.forms import Initial, SectionForm
from agents.model_problems import stand_ins
from agents.pickers import (
    CardGroup,
    cards,
    chosen_effect,
    key_of,
    model_groups,
    model_options,
    name_of,
    stage_of,
    voice_groups,
    voice_label,
    with_current,
)
from agents.voice.blueprint import Second, Stage

HOW = (
    ("stages", "A listener and a model"),
    ("realtime", "One model that hears and speaks"),
)
MOST_TERMS = 100


class ModelForm(SectionForm):
    """Listening and answering. What belongs to the way that was not chosen is kept as it is."""

    id = "model"
    title = "Model"

    how = choice("Who hears and answers", choices=HOW, radio=True)
    llm = choice("Model", radio=True)
    llm_name = text("Name of the model", hint="As its server calls it", most=100)
    stt = choice("Listening", radio=True)
    realtime = choice("Model that hears and speaks", radio=True)
    realtime_voice = choice("Its voice")
    key_terms = text("Words to expect", hint="Names and products, one a line", most=12_000, lines=3)

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        for name in ("realtime", "realtime_voice"):
            self.fields[name].required = False

    def initial_of(self, config: AgentConfig) -> Initial:
        speaking = config.realtime or _first_realtime()
        return {
            "how": "realtime" if config.realtime else "stages",
            "llm": key_of(config.llm),
            "llm_name": config.llm.model if _names_itself(config.llm) else "",
            "stt": key_of(config.stt),
            "realtime": f"{speaking.provider}/{speaking.model}",
            "realtime_voice": speaking.voice,
            "key_terms": "\n".join(config.key_terms),
        }

    def offer(self, config: AgentConfig) -> None:
        self.before = config
        speaking = config.realtime or _first_realtime()
        current = {"llm": key_of(config.llm), "stt": key_of(config.stt), "realtime": self.initial["realtime"]}
        for stage in ("llm", "stt", "realtime"):
            self.offer_choices(stage, model_options(stage), current[stage])
        voices = {voice.id: voice.name for made in catalogue.choices("realtime") for voice in made.model.voices}
        self.offer_choices("realtime_voice", list(voices.items()), speaking.voice)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        name = str(cleaned.get("llm_name", "")).strip()
        if cleaned.get("how") == "stages" and str(cleaned.get("llm", "")).endswith("/") and not name:
            self.add_error("llm_name", "Write the model’s name, as its server calls it.")
        return cleaned

    def clean_key_terms(self) -> tuple[str, ...]:
        terms = lines_of(self.cleaned_data["key_terms"])
        if len(terms) > MOST_TERMS or any(len(term) > 100 for term in terms):
            raise ValidationError(f"Write at most {MOST_TERMS} words, none longer than 100 letters.")
        return terms

    def parts(self) -> dict[str, Any]:
        posted = self.cleaned_data
        speaking = None
        if posted["how"] == "realtime":
            chosen = stage_of(posted["realtime"] or self.initial["realtime"])
            speaking = Stage(chosen.provider, chosen.model, posted["realtime_voice"] or self.initial["realtime_voice"])
        return {
            "llm": stage_of(posted["llm"], name=posted["llm_name"].strip()),
            "stt": stage_of(posted["stt"]),
            "realtime": speaking,
            "key_terms": posted["key_terms"],
        }

    def _cards(self, stage: StageName) -> list[CardGroup]:
        return cards(stage, _languages(self.before), self.accounts)

    def _gone(self, stage: StageName) -> bool:
        """Whether what is chosen is not among the cards."""
        return self[stage].value() not in dict(model_options(stage))

    @property
    def realtime_prefix(self) -> str:
        """What makes the id of one of its voices a whole one."""
        return f"{self['realtime'].value() or self.initial['realtime']}/"

    @property
    def in_its_place(self) -> str:
        """Who answers where the model that hears and speaks does not."""
        chosen = self.before.realtime or _first_realtime()
        written = catalogue.writer(chosen) or self.before.llm
        second = self.before.second
        heard, answered = second.stt or self.before.stt, second.llm or self.before.llm
        names = f"“{name_of('stt', heard)}” and “{name_of('llm', answered)}”"
        return f"In a chat {name_of('llm', written)} answers instead. When this model fails, {names} step in."

    @property
    def llm_gone(self) -> bool:
        return self._gone("llm")

    @property
    def stt_gone(self) -> bool:
        return self._gone("stt")

    @property
    def assumptions(self) -> str:
        return prices.ASSUMPTIONS

    @property
    def llm_cards(self) -> list[CardGroup]:
        return self._cards("llm")

    @property
    def stt_cards(self) -> list[CardGroup]:
        return self._cards("stt")

    @property
    def realtime_cards(self) -> list[CardGroup]:
        return self._cards("realtime")


class SecondForm(SectionForm):
    """Who steps in. Without one the caller hears the sentence for trouble, and the call may end."""

    id = "second"
    title = "When one fails"

    second_stt = choice("Second listener", required=False)
    second_llm = choice("Second model", required=False)
    second_llm_name = text("Name of the second model", hint="As its server calls it", most=100)
    second_tts = choice("Second voice", required=False)

    def initial_of(self, config: AgentConfig) -> Initial:
        second = config.second
        return {
            "second_stt": key_of(second.stt) if second.stt else "",
            "second_llm": key_of(second.llm) if second.llm else "",
            "second_llm_name": second.llm.model if second.llm and _names_itself(second.llm) else "",
            "second_tts": key_of(second.tts) if second.tts else "",
        }

    def offer(self, config: AgentConfig) -> None:
        self.before = config
        usual = {name: name_of(name, stage) for name, stage in stand_ins(config)}
        stages: tuple[StageName, StageName] = ("stt", "llm")
        for stage in stages:
            name, nobody = f"second_{stage}", f"{usual[stage]}, from before" if stage in usual else "Nobody"
            groups = model_groups(stage, _languages(config), self.accounts)
            self.offer_groups(name, groups, self.initial[name], nobody)
        current, voices = self.initial["second_tts"], voice_groups(_languages(config), self.accounts)
        if config.second.tts:
            voices = with_current(voices, current, voice_label(config.second.tts))
        self.offer_groups("second_tts", voices, current, "Nobody")

    @property
    def stt_effect(self) -> str:
        return self._effect("stt", self.before.second.stt)

    @property
    def llm_effect(self) -> str:
        return self._effect("llm", self.before.second.llm)

    @property
    def tts_effect(self) -> str:
        return self._effect("tts", self.before.second.tts)

    def _effect(self, name: StageName, stage: Stage | None) -> str:
        """Price and time of what the draft has."""
        return chosen_effect(name, stage, self.accounts) if stage else ""

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        name = str(cleaned.get("second_llm_name", "")).strip()
        if str(cleaned.get("second_llm", "")).endswith("/") and not name:
            self.add_error("second_llm_name", "Write the model’s name, as its server calls it.")
        return cleaned

    def parts(self) -> dict[str, Any]:
        posted = self.cleaned_data
        name = posted["second_llm_name"].strip()
        return {
            "second": Second(
                stt=stage_of(posted["second_stt"]) if posted["second_stt"] else None,
                llm=stage_of(posted["second_llm"], name=name) if posted["second_llm"] else None,
                tts=stage_of(posted["second_tts"]) if posted["second_tts"] else None,
            )
        }


def _languages(config: AgentConfig) -> list[str]:
    """All that the agent speaks, its first one first."""
    return [config.language, *(tongue.language for tongue in config.tongues if tongue.language != config.language)]


def _names_itself(stage: Stage) -> bool:
    model = catalogue.find("llm", stage.provider, stage.model)
    return model is not None and model.free_name


def _first_realtime() -> Stage:
    made = next(iter(catalogue.choices("realtime")))
    return Stage(made.provider.id, made.model.id, made.model.voices[0].id)
