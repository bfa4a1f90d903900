"""What the agent does with what the floor wants: replies and their ends, tools, drafts, languages. The brain's hands.

Synchronous throughout: each method is called by the brain or by a part's callback, on the loop's thread.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final

from agents.voice import builtin, offering, stages, tongues
from agents.voice.blueprint import Blueprint, Phrases
from agents.voice.clock import Clock
from agents.voice.dialogue import Dialogue
from agents.voice.drafting import Drafter
from agents.voice.ears import Ears
from agents.voice.errors import ProviderError
from agents.voice.events import (
    Action,
    Closing,
    CommitCaller,
    CutReply,
    DigitsDone,
    DropDraft,
    Event,
    Finish,
    Hold,
    Nod,
    Note,
    Release,
    ReplyHeard,
    SayClosing,
    SayGoodbye,
    SayIdle,
    SayUnheard,
    StartDraft,
    StopPrompt,
    Tick,
)
from agents.voice.floor import Agent, Caller, Floor
from agents.voice.floor.keys import pressed_before
from agents.voice.hands import Hands, Job
from agents.voice.keypad import Keypad
from agents.voice.meter import Meter
from agents.voice.mouth import Mouth
from agents.voice.playout import Playout
from agents.voice.providers.base import Message, Providers, Speaking, ToolSpec
from agents.voice.reply import Kind, Reply
from agents.voice.replying import Replier
from agents.voice.report import TurnRecord
from agents.voice.resuming import Resumption, State, plan
from agents.voice.thinking import Thinker, Thought
from agents.voice.turnbook import TurnBook
from agents.voice.words import is_farewell, lexicon

MODEL_FAILURES: Final = 3
LEAST_BARGE_IN_MS: Final = 40
"""Two frames: nothing is heard and stopped in less."""


class Conversation:
    """One call's."""

    def __init__(
        self,
        blueprint: Blueprint,
        providers: Providers,
        clock: Clock,
        meter: Meter,
        playout: Playout,
        ears: Ears,
        floor: Floor,
        counters: Counter[str],
        *,
        group: Callable[[], asyncio.TaskGroup],
        tell: Callable[[Event], None],
        trouble: Callable[[ProviderError], None],
        on_turn: Callable[[TurnRecord], None],
        on_event: Callable[[str, dict[str, object]], None],
        started: float,
        turns: tuple[TurnRecord, ...] = (),
        consented: Callable[[], None] = lambda: None,
    ) -> None:
        self.reply: Reply | None = None
        self.greeted = False
        self.consented = False
        """Whether the caller has heard that the call is recorded; `consented` is told when."""
        self._on_consent = consented
        self.party = ""
        """Who has answered a call that we dialled; see `State.party`."""
        self.transfer_to: str | None = None
        self.collected: dict[str, str] = {}
        self.dialogue = Dialogue(blueprint.instructions)
        self.book = TurnBook(started, on_turn, turns)
        self.hands = Hands(blueprint.call_id, clock, self.tool_done)
        self._blueprint, self._clock, self._started = blueprint, clock, started
        self._books = tongues.books(blueprint)
        self._playout, self._ears, self._floor, self._counters = playout, ears, floor, counters
        self._group, self._tell, self._on_event = group, tell, on_event
        self._mouth = Mouth(
            stages.voices(blueprint, providers, clock),
            blueprint.language,
            playout,
            clock,
            meter,
            group=group,
            speechless=lambda reply: self.ends(reply, "failed"),
            trouble=trouble,
        )
        self._models = stages.models(blueprint, providers, clock)
        self._thinker = Thinker(self._models, clock, meter, group, trouble, lambda kind: self.count(kind, 1))
        self._replier = Replier(blueprint, self._thinker, self._mouth, self.hands, playout, clock, self)
        self._drafter = Drafter(self._thinker, self.dialogue, self.count)
        first = self._models.first.capabilities
        floor.drafts = not first.keeps_state and not first.speaks
        playout.parting = self.parting
        self._awaited: tuple[str, ...] = ()
        self._numbers = 0
        self._failures = 0
        self._farewells = 0
        self._unanswered = False
        """Whether a tool has ended whose result no reply has seen."""
        self._urgent = False
        """Whether the caller must hear of it, although the agent has talked since."""
        self._put_through: str | None = None
        """Where the caller goes when the floor ends the call for a transfer."""
        self._keypad = Keypad(self.book, tell, lambda: floor.lexicon, self.hands.sealed)

    def open(self) -> None:
        """Before the first frame is needed: the voice, and the model without which there is nothing to say."""
        language = self._blueprint.begins_in or self._mouth.language
        if tongues.base(language) != "en":  # instructions are most often written in English
            self.dialogue.speak(tongues.prompt(self._blueprint, language))
        self.switches(language)
        self._mouth.warm()
        self._group().create_task(self._reach_model(), name="open")

    def begin_call(self) -> None:
        """The first words: what must be said before the call may be recorded, then the greeting."""
        self.greeted = True
        if self._blueprint.consent and not self.consented:
            self._open_with("consent", self._blueprint.consent)
        else:
            self._greet()

    def _greet(self) -> None:
        if self._blueprint.greeting:
            self._open_with("greeting", self._blueprint.greeting)
        else:
            self._tell(ReplyHeard())

    def _open_with(self, kind: Kind, text: str) -> None:
        """Words that the tenant has written for the beginning, in the voice of the language that they are in."""
        language = tongues.of_words(self._blueprint, text)
        self._begin(Reply(self._next_id(), kind, self._clock.now(), fixed=text, language=language), None)

    def resume(self, found: Resumption) -> None:
        """Go on where another process had to stop."""
        state = found.state
        self.greeted, self.consented, self.collected = state.greeted, state.consented, dict(state.collected)
        self.party = state.party
        self._failures, self._farewells = state.failures, state.farewells
        self._floor.patience.learnt = state.patience
        self.switches(state.language or self._mouth.language)
        todo = plan(found, self.phrases, self._blueprint.greeting)
        self.expects(state.hints)
        for text in found.instructed:
            self.dialogue.instruct(text)
        self.dialogue.recall(todo.messages)
        if todo.cut is not None:
            self.book.lost(todo.cut)
        if state.keys:
            pressed_before(self._floor, state.keys, self._clock.now())
        if todo.ends == "transfer" and state.transfer_to:
            self.put_through(state.transfer_to)
        elif todo.ends:
            self._tell(Finish(todo.ends))
        elif self._blueprint.outbound and state.answered_by not in ("human", "ivr"):
            pass  # whoever it is is listened to first, and told what they are to hear by `Outbound`
        elif todo.greet:
            self.begin_call()
        elif todo.bridge or todo.answer or todo.say:
            now = self._clock.now()
            self._begin(Reply(self._next_id(), "speech", now, bridge=todo.bridge, again=todo.say), None)
        else:
            self._tell(ReplyHeard())

    def standing(self) -> State:
        """What another process would need to know, besides the dialogue and the reply under way."""
        floor = self._floor
        ending = floor.end_reason if floor.agent is Agent.ENDING else ""
        named = self.reply.transfer_to if self.reply is not None else None
        return State(
            greeted=self.greeted and (self.reply is None or self.reply.kind != "consent"),
            consented=self.consented,
            language=self._mouth.language,
            collected=tuple(self.collected.items()),
            hints=floor.hints,
            patience=floor.patience.learnt,
            keys=floor.keys,
            ending=ending,
            transfer_to=(named or self.transfer_to or self._put_through) if ending else None,
            failures=self._failures,
            farewells=self._farewells,
            party=self.party,
        )

    async def _reach_model(self) -> None:
        if not await self._thinker.reach():
            self._tell(Finish("failed"))

    def aside(self, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...] = ()) -> Thought | None:
        """Ask a model something beside the conversation; None where none is free for it."""
        return self._thinker.aside(messages, tools)

    @property
    def remaining_ms(self) -> float | None:
        """How long the reply will still be heard, as the floor wants to know it."""
        if self.reply is None:
            return None
        left = self._playout.remaining_ms()
        return 0 if left is None and self.reply.waiting and self._playout.silent else left

    def parting(self) -> bool:
        """Whether nothing is said after the reply under way."""
        reply = self.reply
        last = reply is not None and (bool(reply.closing) or reply.kind == "voicemail")
        return last or self._floor.agent is Agent.ENDING

    @property
    def phrases(self) -> Phrases:
        """The engine's own sentences, in the language of the moment."""
        return self._books.get(self._mouth.language, self._blueprint.phrases)

    @property
    def saying(self) -> str:
        """The text of the reply so far; empty without one."""
        return "" if self.reply is None else " ".join(part.text for part in self.reply.parts)

    # --- what the floor wants ---

    def do(self, action: Action) -> None:
        """One action that is about what is said."""
        match action:
            case Hold():
                self._playout.hold()
                if self.reply is not None:
                    self.reply.held_at = self._clock.now()
            case Release(rewind=rewind):
                self._playout.release(rewind=rewind)
                if self.reply is not None:
                    self.reply.held_at = None
            case CutReply(spoke_at=spoke_at):
                self._cut(spoke_at)
            case StopPrompt():
                if self.reply is not None:
                    self.reply.silenced = len(self.reply.parts)
                    self._playout.stop_short()
            case CommitCaller():
                self._caller_turn(action)
            case StartDraft(text=text):
                self._drafter.start(text, self._replier.specs)
            case DropDraft():
                self._drafter.drop()
                self._floor.drafts = self._floor.drafts and self._drafter.worth_it
            case DigitsDone():
                self._keypad.done(action, self._clock.now())
                self._ears.listening.committed()
            case Nod(text=text, began=began, ended=ended):
                self.book.caller("nod", text, began, ended)
            case SayIdle():
                self._idle()
            case SayUnheard():
                self.say("unheard", self.phrases.unheard)
            case SayClosing():
                self.say("closing", self.phrases.closing)
            case SayGoodbye(reason=reason):
                phrases = self.phrases
                ways = {"failed": phrases.failed, "transfer": phrases.wait}
                self.say("goodbye", ways.get(reason, phrases.goodbye))
                self.transfer_to = self._put_through if reason == "transfer" else None
            case Note(kind=kind):
                self.count(kind, 1)

    def _caller_turn(self, commit: CommitCaller) -> None:
        """The caller's turn is over."""
        offers, decided = self._blueprint.offers, None
        if commit.reply and offers:
            decided = offering.verdict(commit.text, self._floor.lexicon, keys=commit.keys)
        draft = self._drafter.adopt(commit.text, self._replier.specs) if commit.reply and decided is None else None
        self._floor.drafts = self._floor.drafts and self._drafter.worth_it
        kind = "digits" if commit.keys else "speech"
        self.book.caller(kind, commit.text, commit.began, commit.ended, commit.confidence)
        self.dialogue.caller(commit.text)
        self._ears.listening.committed()
        if decided is not None:
            self._drafter.drop()
            self.put_through(offers) if decided else self._tell(Finish("goodbye"))
        elif commit.reply:
            self._answer(spoken_until=commit.ended, draft=draft)

    def _answer(self, *, spoken_until: float | None = None, draft: Thought | None = None) -> None:
        """Let the model answer what the dialogue ends with."""
        self._unanswered = self._urgent = False
        reply = Reply(self._next_id(), "speech", self._clock.now(), spoken_until, final_at=self._ears.final_at)
        self._begin(reply, draft)

    def _idle(self) -> None:
        """The caller is silent: tell the result that is still owed, or ask whether they are there."""
        messages = self.dialogue.messages()
        if self._urgent or (self._unanswered and messages and messages[-1].role in ("tool", "user")):
            self._answer()
        else:
            self.say("idle", self.phrases.idle)

    def say(self, kind: Kind, text: str) -> None:
        """A sentence of the engine's own."""
        self._begin(Reply(self._next_id(), kind, self._clock.now(), fixed=text), None)

    def _next_id(self) -> int:
        """Playout takes audio of the newest reply only."""
        self._numbers = max(self._numbers, self._playout.reply) + 1
        return self._numbers

    def _begin(self, reply: Reply, draft: Thought | None) -> None:
        """Start a reply; one that is still under way gives way."""
        if self.reply is not None and self.reply.task is not None:
            self.reply.task.cancel()
        self.reply = reply
        self._floor.asked = False
        held = reply.kind == "consent" or (reply.kind == "greeting" and not self._blueprint.greeting_interruptible)
        self._floor.interruptible = not held
        self._playout.begin(reply.id)
        reply.task = self._group().create_task(self._produce(reply, draft), name=f"reply-{reply.id}")

    async def _produce(self, reply: Reply, draft: Thought | None) -> None:
        """The reply's task."""
        await self._replier.say(reply, self.dialogue, draft)
        if reply.kind == "speech":
            self._failures = self._failures + 1 if reply.failed else 0
            if self._failures >= MODEL_FAILURES:
                self._tell(Finish("failed"))
        if reply is not self.reply:
            return
        self._floor.asked = reply.text.endswith("?")
        self.transfer_to = reply.transfer_to or self.transfer_to
        last = reply.text.replace("!", ".").rstrip(". ").rpartition(". ")[2]
        parts = is_farewell(last, self._floor.lexicon) and not reply.closing and reply.kind == "speech"
        self._farewells = self._farewells + 1 if parts else 0
        if self._farewells > 1:  # two agents that wish each other a good day, for ever
            self.ends(reply, "goodbye")

    # --- the end of a reply ---

    def _cut(self, spoke_at: float) -> None:
        """Barge-in: what was heard stays, the rest never happened. What writes goes on."""
        reply, self.reply = self.reply, None
        now, heard_ms = self._clock.now(), self._playout.heard_ms(reply.own if reply is not None else ())
        heard = self._playout.cut()
        if reply is None:
            return
        if reply.task is not None:
            reply.task.cancel()
        for job in reply.jobs:
            job.give_up()
        if isinstance(reply.speaker, Speaking):
            reply.speaker.heard(heard_ms)
        self.transfer_to = None
        reply.conclude(cut=True)
        reply.commit(self.dialogue, heard)
        self._unanswered = self._unanswered or any(job.text is not None for job in reply.jobs)
        if reply.audible_at is None:
            return
        stopped = reply.held_at or now
        self.count("barge_in", 1)
        self._ears.reply_over(drew_words=True)
        barge_in_ms = round((stopped - spoke_at) * 1000)
        # Words that nobody heard begin (a whisper under the agent's voice) do not say how long it took.
        known = barge_in_ms >= LEAST_BARGE_IN_MS
        self.book.agent(reply, heard, stopped, cut=True, barge_in_ms=barge_in_ms if known else None)

    def hush(self) -> None:
        """Say nothing more of what is being said: it is not for who is there."""
        reply, self.reply = self.reply, None
        heard = self._playout.cut()
        if reply is not None and reply.task is not None:
            reply.task.cancel()
            self.book.agent(reply, heard, self._clock.now(), cut=True)

    def note_caller(self, text: str, began: float, ended: float) -> None:
        """What the called party said before we did."""
        self.book.caller("speech", text, began, ended)
        self.dialogue.caller(text)
        self._ears.listening.committed()

    def heard_whole(self, reply: Reply) -> None:
        """The caller has heard all of it."""
        self.reply = None
        heard = self._playout.heard_all()
        reply.conclude(cut=False)
        reply.commit(self.dialogue, heard)
        self.book.agent(reply, heard, self._clock.now())
        self._ears.reply_over(drew_words=self._floor.caller is not Caller.QUIET)
        if reply.kind != "consent" or reply.closing or self._floor.agent is Agent.ENDING:
            self._tell(ReplyHeard())
            return
        if heard:
            self.consented = True
            self._on_consent()
        self._greet()

    def settle(self) -> None:
        """The line is gone in the middle of a reply: write down what was heard of it."""
        reply, self.reply = self.reply, None
        if reply is not None:
            self.book.agent(reply, self._playout.cut(), self._clock.now())

    # --- what a reply asks for (see `course.Desk`) ---

    def quiet(self) -> bool:
        return self._floor.caller is Caller.QUIET

    def may_end(self) -> bool:
        spoken = any(turn.speaker == "caller" and turn.kind != "nod" for turn in self.book.turns)
        return spoken and self._clock.now() - self._started >= builtin.FIRST_S

    def expects(self, hints: tuple[str, ...]) -> None:
        self._floor.hints = hints
        self.attend()

    def attend(self) -> None:
        """Tell the recogniser what is awaited now: by the model's word, or a number that keys or a question ask for."""
        floor, hints = self._floor, self._floor.hints
        if "digits" not in hints and (floor.collecting is not None or (not hints and floor.wants_digits)):
            hints = (*hints, "digits")
        if hints != self._awaited:
            self._awaited = hints
            self._ears.listening.expect(hints)

    def complete(self, reply: Reply) -> None:
        reply.whole = True
        self._tell(Tick())

    def ends(self, reply: Reply, reason: str) -> None:
        if reply is self.reply:
            self._tell(Closing(reason))

    def collects(self, name: str, value: str) -> None:
        self.collected.pop(name, None)
        self.collected[name] = value
        self._on_event("collected", {"name": name, "value": value})

    async def digits(self, wanted: builtin.CollectDigits) -> str:
        return await self._keypad.collect(wanted)

    def switches(self, language: str) -> None:
        if language == self._mouth.language:
            return
        self._mouth.language = language
        self._mouth.warm()
        self.dialogue.speak(tongues.prompt(self._blueprint, language))
        self._models.language = language
        self._floor.lexicon = self._floor.patience.lexicon = lexicon(language)
        self._ears.listening.speak(language)
        self.count("language_switched", 1)
        self._on_event("language", {"language": language})

    def tool_done(self, job: Job) -> None:
        """A tool has ended. Of a reply that is gone, its result waits for the next."""
        self._tell(Tick())
        self._on_event("tool", {"name": job.call.name, "ms": round((self._clock.now() - job.began) * 1000)})
        if self.reply is not None and job in self.reply.jobs:
            return
        if self.dialogue.result(job.call.id, job.text or "") and job.facts.effect != "read":
            self._tell_result()

    def _tell_result(self) -> None:
        """There is news for the model: it has the next silence for it."""
        self._unanswered = True
        floor = self._floor
        if floor.agent is Agent.IDLE and floor.caller is Caller.QUIET and self._blueprint.limits.idle_prompts:
            floor.idle_count = 0
            floor.arm("idle", self._clock.now())
            self._tell(Tick())

    # --- what others want of the call ---

    def put_through(self, target: str) -> None:
        """Somebody else wants the caller put through to this target of the blueprint."""
        self._put_through = target
        self._tell(Finish("transfer"))

    def transfer_failed(self, text: str) -> bool:
        """Tell the model that its `transfer` came to nothing; False: it asked for none."""
        asked = self.dialogue.last_call("transfer")
        if asked is None or not self.dialogue.result(asked, text):
            return False
        self._urgent = True
        self._tell_result()
        return True

    def count(self, kind: str, amount: int = 1) -> None:
        """One more of these, for the report."""
        self._counters[kind] += amount

    def count_once(self, kind: str) -> None:
        """One of these, unless it is counted already."""
        self._counters[kind] = self._counters[kind] or 1
