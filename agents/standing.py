"""Where an agent stands between its draft and what callers get: read by the pages, never stored."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property

from agents import catalogue, publishing
from agents.comparison import Change, SectionName
from agents.config import AgentConfig, ConfigError, read
from agents.models import Agent
from agents.problems import Problem
from agents.sections import TITLES, control_of


@dataclass(frozen=True, slots=True)
class Pointer:
    """A problem with the control that it is about."""

    text: str
    control: str
    severity: str


class Standing:
    """One agent, looked at now. A draft of a wrong shape counts as an empty one with a problem."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.broken: ConfigError | None = None
        try:
            self.config = read(agent.draft)
        except ConfigError as error:
            self.config, self.broken = AgentConfig(name=agent.name), error

    @cached_property
    def changes(self) -> tuple[Change, ...]:
        return () if self.broken else publishing.changes(self.agent)

    @cached_property
    def problems(self) -> list[Pointer]:
        found = publishing.problems(self.config)
        if self.broken:
            found.insert(0, Problem(self.broken.field, f"The draft cannot be read: {self.broken}"))
        return [Pointer(problem.text, control_of(problem.field), problem.severity) for problem in found]

    @property
    def errors(self) -> list[Pointer]:
        return [problem for problem in self.problems if problem.severity == "error"]

    @property
    def warnings(self) -> list[Pointer]:
        return [problem for problem in self.problems if problem.severity != "error"]

    @property
    def contents(self) -> list[tuple[SectionName, str, int]]:
        """The sections with their titles and how many changes each holds; none before the first version."""
        counts = Counter(change.section for change in self.changes) if self.agent.published else Counter()
        return [(name, title, counts[name]) for name, title in TITLES.items()]

    @property
    def reviewed(self) -> str:
        """What a publish button confirms."""
        return "" if self.broken else publishing.fingerprint(self.agent.draft)

    @property
    def next_number(self) -> int:
        return self.agent.published.number + 1 if self.agent.published else 1

    @property
    def language(self) -> str:
        return catalogue.language_name(self.config.language)

    @property
    def voice(self) -> str:
        model = catalogue.find("tts", self.config.tts.provider, self.config.tts.model)
        return catalogue.voice_name(model, self.config.tts.voice) if model else self.config.tts.voice

    @property
    def model(self) -> str:
        speaking = self.config.realtime
        stage, chosen = ("realtime", speaking) if speaking else ("llm", self.config.llm)
        model = catalogue.find(stage, chosen.provider, chosen.model)  # type: ignore[arg-type]
        if model is None or model.free_name:
            return self.config.llm.model or "no model"
        return model.name
