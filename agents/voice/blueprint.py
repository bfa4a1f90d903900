"""What one conversation is made of: the frozen description that goes down into the engine.

An agent's published version becomes a `Blueprint` before the call; the engine never sees a row, a request or a setting.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Literal

from agents.voice.errors import ProviderRefused


@dataclass(frozen=True, slots=True)
class Stage:
    """Which provider does one job. `provider` and `model` are ids of `agents.catalogue`; `voice` only for speech."""

    provider: str
    model: str
    voice: str = ""


@dataclass(frozen=True, slots=True)
class Access:
    """How one vendor is reached for this call. `key` never shows in a log; `own`: the tenant's own account.

    `url` is the base of its HTTP API as the vendor's SDK takes it, `ws_url` the same for its sockets; no final slash.
    """

    provider: str
    key: str = field(repr=False)
    url: str
    ws_url: str
    own: bool = False


@dataclass(frozen=True, slots=True)
class HttpTool:
    """A request that the model may ask for. `schema` is the JSON Schema of its arguments, as text.

    `url` and `headers` may hold `{{variable}}` (from the call) and `url` also `{argument}`, percent-encoded. Arguments
    that the address does not take go as query (GET, DELETE) or as a JSON body. Secrets in `headers` are resolved here.
    """

    name: str
    description: str
    url: str
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "POST"
    schema: str = '{"type": "object", "properties": {}}'
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    effect: Literal["read", "write"] = "write"
    timeout_ms: int = 10_000
    excuse: str = ""
    """Said once when the tool takes longer than 1.5 s; empty: the phrase book's."""


@dataclass(frozen=True, slots=True)
class McpServer:
    """A server of the Model Context Protocol over streamable HTTP. `tools` are those allowed; empty: all it has."""

    name: str
    url: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tools: tuple[str, ...] = ()
    timeout_ms: int = 10_000


@dataclass(frozen=True, slots=True)
class Tongue:
    """Another language that the agent may go on in, with the voice for it.

    `greeting` and `consent` are said where the call begins in it (`variables.filled_in`); empty: the first language's,
    in its voice. `instructions` are told besides the agent's own while it is spoken. `phrases` are pairs of a name of
    `Phrases` and a sentence: those that differ from what is shipped for the language (`tongues.shipped`).
    """

    language: str
    tts: Stage
    greeting: str = ""
    consent: str = ""
    instructions: str = ""
    phrases: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Second:
    """Who steps in when a stage's first provider fails. None: nobody, the caller hears the trouble phrase."""

    stt: Stage | None = None
    llm: Stage | None = None
    tts: Stage | None = None


@dataclass(frozen=True, slots=True)
class TransferTarget:
    """A person or desk that the agent may put a caller through to. `e164` is always with `+`.

    `others` are further numbers and SIP addresses, rung after it, or with it (`at_once`). `warm`: the colleague hears
    first what it is about, and says whether they take the call.
    """

    name: str
    e164: str = ""
    others: tuple[str, ...] = ()
    warm: bool = False
    at_once: bool = False
    ring_s: int = 25
    waiting: str = ""
    """What the caller hears while it rings, in the carrier's voice; empty: the ringing, or music."""
    weekly: tuple[tuple[int, int, int], ...] = ()
    """When somebody is there: (weekday, Monday 0; opens; closes, in minutes of the day). Empty: always."""

    @property
    def destinations(self) -> tuple[str, ...]:
        """Everything to be rung, in order."""
        return (self.e164, *self.others) if self.e164 else self.others


@dataclass(frozen=True, slots=True)
class Answer:
    """One thing the agent knows: a question, other ways to ask it, and what to say."""

    question: str
    answer: str
    phrasings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Slot:
    """One fact a form collects. `options` are the values for `choice`; the other kinds have a grammar of their own."""

    name: str
    prompt: str
    kind: Literal["choice", "day", "time", "number", "digits", "yesno"]
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A slot-filling flow, such as a booking or a message. `done` may name slots as `{slot}`."""

    name: str
    phrases: tuple[str, ...]
    slots: tuple[Slot, ...]
    done: str


@dataclass(frozen=True, slots=True)
class Limits:
    """Silence and duration. `idle_ms` is the quiet time before each prompt; after `idle_prompts` of them, goodbye."""

    idle_ms: int = 8_000
    idle_prompts: int = 2
    max_call_s: int = 1_800
    warn_before_s: int = 60


@dataclass(frozen=True, slots=True)
class Phrases:
    """Sentences that the engine itself may need, so that a dead provider never means silence."""

    idle: str = "Are you still there?"
    goodbye: str = "Thank you for calling. Goodbye."
    trouble: str = "I am sorry, I did not get that because of a technical problem. Could you say it again?"
    failed: str = "I am sorry, we have a technical problem. Please call again later."
    closing: str = "I have to end this call in a minute."
    wait: str = "One moment, please."
    unheard: str = "I am sorry, I cannot hear you well. Could you speak a little closer to the phone?"
    resumed: str = "I am sorry, the line was gone for a moment."
    again: str = "Could you please say that again?"
    voicemail: str = "Hello. We tried to reach you by phone, and we will try again. Thank you. Goodbye."


@dataclass(frozen=True, slots=True)
class Blueprint:
    """One agent version, ready to talk."""

    agent: str
    version: int
    language: str
    greeting: str
    instructions: str
    stt: Stage
    llm: Stage
    tts: Stage
    limits: Limits = field(default_factory=Limits)
    phrases: Phrases = field(default_factory=Phrases)
    targets: tuple[TransferTarget, ...] = ()
    answers: tuple[Answer, ...] = ()
    forms: tuple[Form, ...] = ()
    record: bool = True
    consent: str = ""
    """Said before everything else; the recorder starts when it was heard. Empty: it starts with the call."""
    realtime: Stage | None = None
    """Speech to speech: one model instead of `stt` and `llm`; `tts` still says the fixed phrases."""
    second: Second = field(default_factory=Second)
    tongues: tuple[Tongue, ...] = ()
    tools: tuple[HttpTool, ...] = ()
    mcp: tuple[McpServer, ...] = ()
    lookup: HttpTool | None = None
    """Asked once before the greeting; the top-level strings and numbers of its JSON reply become variables."""
    variables: tuple[tuple[str, str], ...] = ()
    """What `{{name}}` stands for in greeting, instructions and tools: the call's facts, then the tenant's own."""
    given: tuple[str, ...] = ()
    """Names of variables whose values are this one call's, such as those of a campaign's list."""
    begins_in: str = ""
    """The further language in which this call begins; empty: the first one. Known once variables are put in."""
    personal: tuple[str, ...] = ()
    """First words that hold something of this one call, so that their sound is not worth keeping."""
    key_terms: tuple[str, ...] = ()
    """Words that the recogniser should expect: names, products."""
    greeting_interruptible: bool = True
    outbound: bool = False
    """We dialled: the called party speaks first, and may be a machine."""
    closed: tuple[str, ...] = ()
    """Names of targets where nobody is at the time of this call."""
    offers: str = ""
    """This is a word with a colleague, who is offered a call: a yes, or key 1, puts through to the target of this name,
    a no or key 2 ends it."""
    call_id: str = ""
    """Ours; goes to tools as part of their idempotency key."""
    access: tuple[Access, ...] = field(default=(), repr=False)
    hidden: tuple[str, ...] = field(default=(), repr=False)
    """Secrets that were put into headers of tools: blotted out of everything that a person or a model reads."""
    reachable: tuple[str, ...] = ()
    """`host:port` that tools may reach although the address is private or the scheme is plain http."""

    def access_to(self, provider: str) -> Access:
        """How to reach a vendor. Raises `ProviderRefused` when there is no key for it."""
        for access in self.access:
            if access.provider == provider:
                return access
        raise ProviderRefused(provider, "no_key")


def second_of(blueprint: Blueprint) -> Second:
    """Who steps in. The blueprint's recogniser and model do so for one that hears and speaks itself."""
    second = blueprint.second
    if blueprint.realtime is None:
        return second
    return replace(second, stt=second.stt or blueprint.stt, llm=second.llm or blueprint.llm)
