"""The settings of an agent as one value, and the way from and to the JSON of a draft or a version.

Reading is tolerant: keys that are missing get today's defaults and keys that are unknown are ignored, so that a version
stays readable for as long as the product lives. What is there but of the wrong kind is a `ConfigError` that names it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

import msgspec
from annotated_types import MaxLen

from agents.voice.blueprint import (
    Answer,
    Form,
    HttpTool,
    Limits,
    McpServer,
    Phrases,
    Second,
    Stage,
    Tongue,
    TransferTarget,
)

NAME_MOST: Final = 80
KEYLESS_STT: Final = Stage("local", "pocketsphinx")
KEYLESS_LLM: Final = Stage("local", "builtin")
KEYLESS_TTS: Final = Stage("local", "espeak-ng", "en-us+f3")


class ConfigError(ValueError):
    """The JSON does not have the shape of a config. `field` is a path such as `answers[2].answer`, or empty."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(f"{field or 'config'}: {text}")
        self.field = field
        self.text = text


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """All that a tenant can set. Words may be missing or wrong here: `problems` says so, reading does not.

    Headers of tools may name a `Secret` of the tenant as `{{secret.NAME}}`; the value is put in for a call only.
    """

    name: Annotated[str, MaxLen(NAME_MOST)] = ""
    language: str = "en"
    greeting: str = ""
    instructions: str = ""
    stt: Stage = KEYLESS_STT
    llm: Stage = KEYLESS_LLM
    tts: Stage = KEYLESS_TTS
    limits: Limits = field(default_factory=Limits)
    phrases: Phrases = field(default_factory=Phrases)
    targets: tuple[TransferTarget, ...] = ()
    answers: tuple[Answer, ...] = ()
    forms: tuple[Form, ...] = ()
    record: bool = True
    recorder: Literal["ours", "carrier"] = "ours"
    consent: str = ""
    """Said before the first sound is stored; empty: the first words say it, and are recorded."""
    keep_days: int = 0
    """How long recordings are kept; 0 for ever."""
    realtime: Stage | None = None
    second: Second = field(default_factory=Second)
    tongues: tuple[Tongue, ...] = ()
    tools: tuple[HttpTool, ...] = ()
    mcp: tuple[McpServer, ...] = ()
    lookup: HttpTool | None = None
    variables: tuple[tuple[str, str], ...] = ()
    key_terms: tuple[str, ...] = ()
    greeting_interruptible: bool = True

    @property
    def providers(self) -> frozenset[str]:
        """Ids of all that a call of this agent may use."""
        second = self.second
        heard = (self.realtime,) if self.realtime else (self.stt, self.llm)
        stages = (*heard, self.tts, second.stt, second.llm, second.tts, *(tongue.tts for tongue in self.tongues))
        return frozenset(stage.provider for stage in stages if stage)


_PLACE = re.compile(r"^(?P<text>.*?)(?: - at `\$\.?(?P<field>[^`]*)`)?$", re.DOTALL)


def read(json: Mapping[str, Any]) -> AgentConfig:
    """Raises `ConfigError`."""
    try:
        return msgspec.convert(json, AgentConfig)
    except msgspec.ValidationError as error:
        place = _PLACE.match(str(error))
        text, where = (place["text"], place["field"]) if place else (str(error), None)
        raise ConfigError(where or "", text) from error


def as_json(config: AgentConfig) -> dict[str, Any]:
    """Every key, in the form that `read` takes and JSONB gives back."""
    json: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(config))
    return json
