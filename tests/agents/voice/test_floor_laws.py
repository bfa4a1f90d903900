"""What the floor promises whatever happens: random streams of events, and its tables."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.voice import events as e
from agents.voice import floor as machine
from agents.voice.blueprint import Limits
from agents.voice.floor import Agent, Caller, Floor
from agents.voice.orders import AnyOrder
from agents.voice.words import ENGLISH, normal

LIMITS = Limits(idle_ms=8_000, idle_prompts=2, max_call_s=120, warn_before_s=60)
TEXTS = ["yes", "stop", "okay", "what are your hours", "", "um", "bye", "one minute please", "nine eight", "book"]

EVENTS = st.one_of(
    st.sampled_from(["maybe", "nothing", "on", "off", "audible", "heard", "empty", "heard", "on", "off"]),
    st.sampled_from(TEXTS).map(e.Heard),
    st.builds(e.HeardFinally, st.sampled_from(TEXTS), st.booleans(), st.booleans()),
    st.sampled_from(TEXTS).map(e.TurnEnded),
    st.sampled_from(TEXTS[:5]).map(e.Eager),
    st.just(e.Resumed()),
    st.sampled_from([None, 0.1, 0.4, 0.9]).map(lambda probability: ("score", probability)),
    st.sampled_from("12#").map(e.Pressed),
    st.builds(e.WantDigits, st.sampled_from([None, 2, 4])),
    st.builds(e.Closing, st.sampled_from(["goodbye", "transfer"])),
    st.just(e.TakeFloor()),
    st.sampled_from([None, 0, 500, 5_000]).map(lambda left: ("remaining", left)),
    st.sampled_from([(), ("digits",), ("yesno",)]).map(lambda hints: ("hints", hints)),
    st.booleans().map(lambda deaf: ("deaf", deaf)),
    st.booleans().map(lambda faint: ("faint", faint)),
    st.booleans().map(lambda far: ("far", far)),
    st.booleans().map(lambda may: ("interruptible", may)),
    st.booleans().map(lambda worth: ("drafts", worth)),
    st.sampled_from(["", "what are your hours"]).map(lambda text: ("saying", text)),
)
FLOORS = st.fixed_dictionaries(
    {
        "turns": st.sampled_from(["segments", "provider"]),
        "partials": st.booleans(),
        "turn_model": st.booleans(),
        "interruptible": st.booleans(),
    }
)


class Watch:
    """Follows a floor's actions as the session would, and objects to what must never happen."""

    def __init__(self, floor: Floor) -> None:
        self.floor = floor
        self.now = 0.0
        self.held = None
        self.ending = None
        self.ended = False
        self.draft = None
        self.drafts = 0
        self.wanted = 0
        self.reply = True
        """The greeting is under way."""
        self.scored = 0.0

    def until(self, target: float) -> None:
        """Let time pass, and answer every deadline."""
        ticks = 0
        while self.floor.next_deadline is not None and self.floor.next_deadline <= target:
            self.now = max(self.now, self.floor.next_deadline)
            self.tell(e.Tick())
            ticks += 1
            assert ticks < 500, "a deadline that comes again and again"
        self.now = target

    def happens(self, what: object) -> None:
        """One event; those about a reply only while there is one."""
        floor = self.floor
        if self.ended:
            return
        match what:
            case "on":
                self.tell(e.CallerOn(self.now - 0.2))
            case "off":
                self.tell(e.CallerOff(self.now - 0.2))
            case "maybe":
                self.tell(e.CallerMaybe())
            case "nothing":
                self.tell(e.CallerNothing())
            case "audible":
                if self.reply and self.held is None:
                    self.tell(e.ReplyAudible())
            case "heard" | "empty":
                if self.reply and (self.held is None or what == "empty"):
                    self.reply = False
                    self.tell(e.ReplyHeard() if what == "heard" else e.ReplyEmpty())
            case e.Closing():
                if self.reply:
                    self.tell(what)
            case e.TakeFloor():
                if floor.agent is not Agent.ENDING:
                    self.held, self.reply = None, True
                self.tell(what)
            case ("score", probability):
                self.tell(e.Scored(self.scored, probability))
            case ("remaining", left):
                floor.remaining_ms = left
            case ("hints", hints):
                floor.hints = hints
            case ("faint", faint):
                floor.faint = faint
            case ("far", far):
                floor.far_voice = far
            case ("deaf", deaf):
                floor.deaf = deaf
            case ("interruptible", may):
                floor.interruptible = may
            case ("drafts", worth):
                floor.drafts = worth
            case ("saying", text):
                floor.saying = text
            case _:
                if isinstance(what, e.WantDigits):
                    self.wanted += 1
                self.tell(what)

    def tell(self, event: e.Event) -> None:
        actions = self.floor.on(event, self.now)
        assert not (self.ended and actions), "nothing is done after the end"
        for action in actions:
            self.done(action)
        self.laws()

    def done(self, action: e.Action) -> None:
        match action:
            case e.Hold():
                assert self.held is None, "held twice"
                self.held = self.now
            case e.Release(rewind=rewind):
                assert self.held is not None, "released, not held"
                assert rewind <= (self.now - self.held > 0.4)
                self.held = None
            case e.CutReply() | e.StopPrompt():
                self.held = None
                if isinstance(action, e.CutReply):
                    assert self.reply, "cut, and there was no reply"
                    self.reply = False
            case e.StartDraft(text=text):
                assert self.draft is None, "two drafts"
                assert self.floor.agent is Agent.IDLE, "a draft beside a reply"
                self.draft = normal(text)
                self.drafts += 1
                assert self.drafts <= 3, "too many drafts in one turn"
            case e.DropDraft():
                assert self.draft is not None, "dropped, and there was no draft"
                self.draft = None
            case e.CommitCaller():
                assert action.text or action.rejected
                if action.reply:
                    assert not self.reply, "two replies"
                    assert self.draft in (None, normal(action.text)), "adopts a draft of other words"
                    self.draft, self.reply = None, True
                self.drafts = 0
            case e.Nod():
                self.drafts = 0
            case e.SayIdle() | e.SayUnheard() | e.SayClosing() | e.SayGoodbye():
                assert not self.reply, "two replies"
                self.reply = True
                if not isinstance(action, e.SayGoodbye):
                    assert self.floor.caller is Caller.QUIET, "spoke into the caller's speech"
            case e.DigitsDone():
                assert self.wanted, "digits that nobody wanted"
                self.wanted -= 1
                self.reply = True
            case e.ScoreTurn(ended=ended):
                self.scored = ended
            case e.EndCall():
                self.ended = True

    def laws(self) -> None:
        floor = self.floor
        if self.ended:
            return
        if self.held is not None:
            assert self.now - self.held <= 2.001, "held for longer than 2 s"
            assert floor.next_deadline <= self.held + 2.001
        assert (floor.agent is Agent.DUCKED) <= (self.held is not None)
        if floor.agent is Agent.ENDING:
            self.ending = self.ending or self.now
            assert self.now <= self.ending + 17.001, "an ending that does not end"
        else:
            self.ending = None
        assert (floor.collecting is not None) == bool(self.wanted)
        assert self.wanted <= 1
        assert (floor.draft or None) == self.draft
        if floor.caller is Caller.QUIET:
            assert self.draft is None, "a draft after the turn"
            self.drafts = 0
        if floor.caller is Caller.PAUSING:
            assert {"turn", "ask_again"} & set(floor.deadlines), "a pause that nobody ends"
        if floor.caller is Caller.SPEAKING:
            assert "monologue" in floor.deadlines, "speech that nobody ends"
        if floor.agent is Agent.IDLE and floor.caller is Caller.QUIET:
            assert {"idle", "keys", "digits"} & set(floor.deadlines), "a silence that nobody ends"
        if "idle" in floor.deadlines:
            assert floor.agent is Agent.IDLE
            assert floor.caller in (Caller.QUIET, Caller.TENTATIVE)
        assert "max" in floor.deadlines or floor.agent is Agent.ENDING or "ending" in floor.deadlines


@settings(max_examples=500, deadline=None)
@given(FLOORS, st.lists(st.tuples(EVENTS, st.sampled_from([0.0, 0.05, 0.1, 0.3, 0.7, 1.1, 2.5, 9.0])), max_size=80))
def test_whatever_happens_the_floor_keeps_its_promises(options, steps):
    watch = Watch(Floor(ENGLISH, LIMITS, now=0.0, **options))

    for event, wait in steps:
        watch.until(watch.now + wait)
        watch.happens(event)


@settings(max_examples=100, deadline=None)
@given(FLOORS, st.lists(st.tuples(EVENTS, st.sampled_from([0.05, 0.3, 1.1])), max_size=40))
def test_every_call_ends_when_nobody_does_anything_any_more(options, steps):
    """Of the session only this is expected: what it is told to say is heard or empty some time."""
    watch = Watch(Floor(ENGLISH, LIMITS, now=0.0, **options))
    for event, wait in steps:
        watch.until(watch.now + wait)
        watch.happens(event)

    for _ in range(200):
        watch.until(watch.now + 1.0)
        watch.happens("empty")

    assert watch.ended


def test_the_tables_name_only_states_and_events_that_exist():
    known = set(e.Event.__args__) - set(AnyOrder.__args__)

    for (state, event), step in itertools.chain(machine.CALLER.items(), machine.AGENT.items()):
        assert isinstance(state, (Caller, Agent))
        assert event in known
        assert callable(step)
    handled = {event for _, event in [*machine.CALLER, *machine.AGENT]} | set(machine.ANYWHERE) | {e.Tick}
    assert handled == known


def test_what_the_tables_do_not_name_changes_nothing():
    everything = [
        e.CallerMaybe(),
        e.CallerNothing(),
        e.CallerOff(1.0),
        e.Heard("x"),
        e.Scored(1.0, 0.9),
        e.ReplyAudible(),
        e.ReplyEmpty(),
        e.Closing("x"),
    ]
    for caller, agent, event in itertools.product(Caller, Agent, everything):
        if (caller, type(event)) in machine.CALLER or (agent, type(event)) in machine.AGENT:
            continue
        floor = Floor(ENGLISH, LIMITS, now=0.0)
        floor.caller, floor.agent = caller, agent

        assert floor.on(event, 0.5) == []
        assert (floor.caller, floor.agent) == (caller, agent)
