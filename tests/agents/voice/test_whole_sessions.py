"""Any conversation at all: random callers, vendors, tools and faults through the engine, and what always holds."""

import asyncio
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents.voice import health
from agents.voice.blueprint import Limits, Second, Stage, TransferTarget
from agents.voice.errors import ProviderError
from agents.voice.phrases import PROCESS_CACHE
from agents.voice.providers.base import LlmEnd, LlmTool, SttEager, SttResumed, SttTurnEnd, ToolCall
from agents.voice.session import run
from tests import virtual_time
from tests.agents.voice.conversing import BLUEPRINT, LONG
from tests.agents.voice.test_conversations_ahead import FLUX
from tests.fakes.line import FakeLine
from tests.fakes.providers import FakeBox, FakeLlm, FakeStt, FakeTts, fakes
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
    PROCESS_CACHE._kept.clear()
    health.PROCESS_HEALTH._failures.clear()
    health.HEDGES._tokens = 3.0
    providers = fakes(finals, [list(reply) for reply in replies], **faults)
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
        others = FakeStt(["well"], name="other"), FakeLlm(["Yes."], name="other"), FakeTts(name="other")
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
        made = []
        report = await run(line, blueprint, providers, clock, on_turn=made.append, tools=box)
        return report, line, made, len(asyncio.all_tasks()) - 1

    report, line, made, left = virtual_time.run(main)

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
    lead = max((due - line.started) * 1000 for due, _ in line.heard) if line.heard else 0
    assert lead < report.duration_ms + 500
