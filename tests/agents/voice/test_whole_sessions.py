"""Any conversation at all: random callers, vendors, tools and faults through the engine, and what always holds."""

import asyncio
from collections import OrderedDict
from dataclasses import replace
from itertools import count, pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.voice import health
from agents.voice.blueprint import Limits, Second, Stage, TransferTarget
from agents.voice.dialogue import RUNNING
from agents.voice.errors import ProviderError
from agents.voice.mouth import RECORDED
from agents.voice.outgoing import LEAD_US
from agents.voice.phrases import PROCESS_CACHE
from agents.voice.playout import MAX_LEAD_US, SLACK_US
from agents.voice.providers.base import LlmEnd, LlmTool, SttEager, SttResumed, SttTurnEnd, ToolCall
from agents.voice.session import run
from tests import virtual_time
from tests.agents.voice.conversing import BLUEPRINT, LONG
from tests.agents.voice.test_conversations_ahead import FLUX
from tests.fakes.line import FakeLine
from tests.fakes.providers import FakeBox, FakeLlm, FakeStt, FakeTts, SpellingTts, assert_valid, fakes, read
from tests.speech import babble

OTHER = Stage("other", "other", "o")
WORDS = ("when are you open", "mm hmm", "no wait", "stop", "four two seven", "thank you goodbye", "well", "")
TOOLS = ("look", "book", "end_call", "transfer", "collect_digits", "switch_language", "nothing")
ARGUMENTS = (
    '{"day": "Monday"}',
    "{",
    '{"target": "Pharmacy"}',
    '{"count": 2, "prompt": "Keys?"}',
    '{"farewell": "Bye."}',
)


def tool():
    return st.tuples(st.sampled_from(TOOLS), st.sampled_from(ARGUMENTS), st.integers(0, 10_000)).map(
        lambda made: LlmTool(ToolCall(f"call_{made[2]}", made[0], made[1]))
    )


EVENT = st.one_of(
    st.sampled_from((LONG, "At nine. ", "Is that right?")),
    st.sampled_from((0.05, 0.8, 3.0)),
    tool(),
    st.just(LlmEnd("goodbye")),
    st.builds(ProviderError, st.just("fake"), st.just("closed")),
)
REPLY = st.lists(EVENT, max_size=4, unique_by=lambda event: event.call.id if isinstance(event, LlmTool) else id(event))
SPEECH = st.lists(st.tuples(st.integers(500, 28_000), st.sampled_from((150, 500, 900, 2_500))), max_size=7)
HEARD = st.one_of(
    st.sampled_from(WORDS[:-1]),
    st.sampled_from(WORDS[:-1]).map(SttEager),
    st.just(SttResumed()),
    st.sampled_from(WORDS[:-1]).map(SttTurnEnd),
)
EAR = st.lists(st.tuples(st.integers(500, 28_000), HEARD), max_size=10)
FAULTS = st.fixed_dictionaries(
    {},
    optional={
        "dies_at_ms": st.integers(500, 20_000),
        "fail_open": st.integers(0, 5),
        "dead": st.booleans(),
        "stalls": st.booleans(),
        "dies_after": st.integers(0, 12),
        "mute": st.booleans(),
    },
)


class Forgetful(OrderedDict):
    """A cache of phrases that keeps none: each sentence is spoken anew, and its sound is that of this reply."""

    def __setitem__(self, key, value):
        pass


class Notes(dict):
    """What the conversation notes for another process: in the end, its dialogue."""

    def note(self, key, value, *, lazy=False):
        self[key] = value

    def used(self, usage, lasted_ms):
        pass

    async def kept(self):
        return True

    @property
    def dialogue(self):
        return [self[f"m{number}"] for number in range(sum(key[0] == "m" for key in self))]


@pytest.fixture(scope="module", autouse=True)
def no_cache():
    kept, PROCESS_CACHE._kept = PROCESS_CACHE._kept, Forgetful()
    yield
    PROCESS_CACHE._kept = kept


def is_tool(event):
    return isinstance(event, LlmTool)


def numbered(replies):
    """Each call of a tool has an id of its own, as a vendor gives it."""
    ids = count()
    return [
        [LlmTool(replace(event.call, id=f"call_{next(ids)}")) if is_tool(event) else event for event in reply]
        for reply in replies
    ]


def heard_of(line, book):
    """Of each word whose sound the caller heard: when it began and when it ended, in ms."""
    spans = {}
    for due, frame in line.heard:
        end = (due - line.started) * 1000
        for number in read(frame):
            first, _ = spans.get(number, (end - 20, end))
            spans[number] = (first, end)
    assert all(number < len(book) for number in spans)
    return spans


def check_what_was_heard(turns, line, book, *, may_be_silenced):
    """What a turn's text claims was spoken for that reply, from its first word on, and reached the line; and nothing of
    a reply is on the line after its turn."""
    spans, wait = heard_of(line, book), BLUEPRINT.phrases.wait.split()
    spoken = [turn for turn in turns if (turn.speaker, turn.kind) == ("agent", "speech")]
    calls = {}
    for word in book:
        calls.setdefault(word.call, []).append(word.text)
    own = [number for number, word in enumerate(book) if word.utterance and calls[word.call] != wait]
    for utterance in {book[number].utterance for number in own}:
        words = [number for number in own if book[number].utterance == utterance]
        begun = [spans[number] for number in words if number in spans]
        if not begun:
            continue
        began, ended = min(first for first, _ in begun), max(last for _, last in begun)
        at = [turn for turn in spoken if turn.started_ms - 121 <= began <= turn.ended_ms + 1]
        assert at, f"reply {utterance} was heard and is no turn: {began} ms"
        turn = at[-1]
        assert ended <= turn.ended_ms + 41, "sound of a reply that is over"
        said = turn.text.replace(RECORDED, "").split()
        generated = [number for number in words if book[number].whole]
        if may_be_silenced:
            rest = iter(book[number].text for number in generated)
            assert all(word in rest for word in said), "heard, and never generated in this order"
        else:
            begins = [book[number].text for number in generated[: len(said)]]
            assert said == begins, f"no prefix of what was generated: {said}, {begins}"
            assert all(number in spans for number in generated[: len(said)]), "heard, and never played"


def check_results(dialogue, box):
    """Each call of a tool has one result, and no placeholder where the tool has ended."""
    assert_valid(dialogue)
    ended = {key.partition(":")[2] for _, _, key in box.ran}
    for message in dialogue:
        if message.role == "tool" and message.call_id in ended:
            assert message.text != RUNNING, "a tool has ended, and its result is missing"


@pytest.mark.timeout(300)
@given(
    speech=SPEECH,
    ear=EAR,
    finals=st.lists(st.sampled_from(WORDS), max_size=7),
    replies=st.lists(REPLY, max_size=7),
    first_s=st.sampled_from((0.1, 1.0, 3.0, 6.0)),
    keys=st.lists(st.tuples(st.integers(500, 28_000), st.sampled_from("0123456789#*")), max_size=5),
    faults=FAULTS,
    second=st.booleans(),
    provider_turns=st.booleans(),
    takes=st.sampled_from((0.1, 2.0, 12.0)),
    acks=st.booleans(),
)
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_happens(speech, ear, finals, replies, first_s, keys, faults, second, provider_turns, takes, acks):
    health.PROCESS_HEALTH._failures.clear()
    health.HEDGES._tokens = 3.0
    replies = numbered(replies)
    providers, book = fakes(finals, [list(reply) for reply in replies], **faults), []
    spoken = {name: value for name, value in faults.items() if name in FakeTts.__dataclass_fields__}
    providers = replace(providers, tts=SpellingTts(book=book, **spoken))
    providers.llm.first_s = first_s
    partials = sorted(ear, key=lambda pair: pair[0])
    if provider_turns:
        kind = {name: value for name, value in faults.items() if name in ("dies_at_ms", "fail_open", "mute")}
        providers = replace(providers, stt=FakeStt([], partials, capabilities=FLUX, **kind))
    else:
        providers.stt.partials = [pair for pair in partials if isinstance(pair[1], str)]
    blueprint = replace(
        BLUEPRINT,
        limits=Limits(idle_ms=5_000, max_call_s=25, warn_before_s=5),
        targets=(TransferTarget("Pharmacy", "+911234567890"),),
        second=Second(OTHER, OTHER, OTHER) if second else Second(),
    )
    if second:
        others = FakeStt(["well"], name="other"), FakeLlm(["Yes."], name="other"), SpellingTts(name="other", book=book)
        providers = replace(providers, stt_second=others[0], llm_second=others[1], tts_second=others[2])
    box = FakeBox(effects={"look": "read", "book": "write"}, takes={"look": takes, "book": takes})

    async def main(clock):
        line = FakeLine(
            clock,
            speech=[(at, babble(ms, seed=at)) for at, ms in speech],
            keys=sorted(keys),
            hang_up_ms=60_000,
            acks_clear=acks,
            ack_marks=acks,
        )
        made, notes = [], Notes()
        report = await run(line, blueprint, providers, clock, on_turn=made.append, tools=box, notebook=notes)
        return report, line, made, notes.dialogue, len(asyncio.all_tasks()) - 1

    report, line, made, dialogue, left = virtual_time.run(main)

    bugs = [error for error in report.errors if not error.startswith(("fake: ", "other: "))]
    assert bugs == [], "only vendors fail"
    assert left == 0
    assert tuple(made) == report.turns
    assert report.duration_ms < 25_000 + 17_000 + 2_100, "an ending always ends"
    assert [turn.index for turn in report.turns] == list(range(len(report.turns)))
    spoken = [turn for turn in report.turns if turn.speaker == "agent"]
    for before, after in pairwise(spoken):
        assert before.ended_ms <= after.started_ms + 20, "never two replies at once"
    for turn in spoken:
        assert turn.started_ms <= turn.ended_ms
        assert turn.interrupted or not turn.unheard
    started = [name for name, _, _ in box.ran]
    assert sorted(box.finished + box.cancelled) == sorted(started), "every tool has one end"
    assert "book" not in box.cancelled or takes > 10 or report.duration_ms > 20_000, "writing is left to finish"
    check_results(dialogue, box)
    keyed = any(event.call.name == "collect_digits" for reply in replies for event in reply if is_tool(event))
    check_what_was_heard(report.turns, line, book, may_be_silenced=keyed)
    lead_us = min(MAX_LEAD_US, LEAD_US + 60_000 * report.underruns) + SLACK_US
    assert line.lead_s * 1_000_000 <= lead_us + 1, "more is sent ahead than a barge-in may have to take back"
