"""The caller's turn under way: the words so far and where its speech lies."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Turn:
    """Times in monotonic seconds. `covered`: the recogniser has said its last word on the speech so far."""

    began: float = 0.0
    ended: float = 0.0
    resumed: float = 0.0
    spoken_s: float = 0.0
    now: float = 0.0
    target: float = 0.0
    words_at: float = 0.0
    """When the words changed last."""
    covered: bool = False
    rejected: bool = False
    silent: bool = False
    """Known by its words alone: the voice detector has noticed nothing."""
    near: bool = True
    """It is as loud as the caller usually is, or nearly: else it may be a television."""
    at_end: bool = False
    """It began in the last second of the agent's reply."""
    far_from_end: bool = False
    """It began long before the end of the agent's reply, so that no question at that end can be meant."""
    hesitated: bool = False
    """Time was given for a hesitation already."""
    pushed: bool = False
    """The provider was asked to end it."""
    closed: bool = False
    """The provider has ended it, and more of a number may come all the same."""
    groups: int = 0
    """Finals that belong to turns of the provider's that are over."""
    drafts: int = 0
    resumptions: int = 0
    complete: bool | None = None
    score: float | None = None
    confidence: float | None = None
    partial: str = ""
    finals: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.resumed = self.began
        self.now = max(self.began, self.ended)

    @property
    def text(self) -> str:
        """Finals, then what the running transcript adds."""
        return " ".join([*self.finals, self.partial] if self.partial else self.finals).strip()

    def add(self, text: str, confidence: float | None) -> None:
        """A final replaces the running transcript."""
        self.partial = ""
        if text:
            self.finals.append(text)
            self.confidence = confidence if self.confidence is None else min(self.confidence, confidence or 1.0)

    def replace(self, text: str) -> None:
        """A provider's whole turn, behind the groups of a number that came before it."""
        self.partial = ""
        self.finals[self.groups :] = [text] if text else []

    def lasted(self, seconds: float, now: float | None = None) -> bool:
        """Whether the speech since it began is at least this long."""
        return (self.now if now is None else now) - self.began >= seconds
