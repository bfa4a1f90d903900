"""A conversation whose process is killed, and goes on in another: the real engine on virtual time, both times."""

import asyncio
from dataclasses import replace

import msgspec
import pytest

from agents.voice import resuming
from agents.voice.blueprint import Limits, Tongue, TransferTarget
from agents.voice.dialogue import RUNNING
from agents.voice.hands import NOT_NOTED
from agents.voice.notebook import Intent, Kept, digest
from agents.voice.orders import Instruct, Orders
from agents.voice.providers.base import LlmTool, Message, ToolCall
from agents.voice.report import Usage
from agents.voice.resuming import UNKNOWN, Asked, Resumption, State, Unfinished, plan
from agents.voice.session import run
from agents.voice.tongues import shipped
from tests import virtual_time
from tests.agents.voice.conversing import BLUEPRINT, LONG
from tests.agents.voice.lives import Notebook, live
from tests.fakes.line import FakeLine
from tests.fakes.providers import FakeBox, FakeTts, fakes
from tests.speech import babble

PHRASES = BLUEPRINT.phrases
ASK = (4_000, babble(900))
"""Its answer is heard from about 5.4 s on."""
LATE = (6_000, babble(900))
"""After the bridge."""


def kinds(turns):
    return [(turn.speaker, turn.kind) for turn in turns]


def said(turns, speaker="agent"):
    return [turn.text for turn in turns if turn.speaker == speaker]


def tool(name, number=1):
    return LlmTool(ToolCall(f"call_{number}", name, '{"day": "Monday"}'))


# --- whole calls ------------------------------------------------------------------------------------------------------


def test_a_call_that_is_lost_in_silence_is_explained_and_goes_on_with_its_dialogue():
    before = fakes(["are you open"], ["At nine."])
    after = fakes(["and on sunday"], ["Closed."])

    lives, _ = live(
        (before, None, 9.0, {"speech": [ASK]}), (after, None, None, {"speech": [LATE], "hang_up_ms": 10_000})
    )

    assert kinds(lives[0].turns) == [("agent", "greeting"), ("caller", "speech"), ("agent", "speech")]
    assert said(lives[1].turns)[:2] == [PHRASES.resumed, PHRASES.again]
    assert [(message.role, message.text) for message in after.llm.asked[0][1:]] == [
        ("assistant", BLUEPRINT.greeting),
        ("user", "are you open"),
        ("assistant", "At nine."),
        ("assistant", PHRASES.again),
        ("user", "and on sunday"),
    ]
    assert lives[1].report.turns[-1].text == "Closed."


def test_the_turns_of_both_lie_on_one_axis_and_count_on():
    before, after = fakes(["are you open"], ["At nine."]), fakes([], [])

    lives, _ = live((before, None, 9.0, {"speech": [ASK]}), (after, None, None, {"hang_up_ms": 5_000}))

    turns = lives[1].report.turns
    assert [turn.index for turn in turns] == list(range(len(turns)))
    assert [turn.started_ms for turn in turns] == sorted(turn.started_ms for turn in turns)
    assert 10_000 < turns[3].started_ms < 10_500
    assert 14_900 < lives[1].report.duration_ms < 15_100


def test_a_reply_that_was_whole_is_said_again_and_not_thought_again():
    before, after = fakes(["are you open"], [LONG]), fakes([], [])

    lives, _ = live((before, None, 7.0, {"speech": [ASK]}), (after, None, None, {"hang_up_ms": 15_000}))

    turns = lives[1].report.turns
    assert kinds(turns)[2:] == [("agent", "speech"), ("agent", "filler"), ("agent", "speech")]
    assert turns[2].interrupted
    assert LONG.startswith(turns[2].text)
    assert (turns[3].text, turns[4].text) == (PHRASES.resumed, LONG)
    assert after.llm.asked == []


def test_sentences_that_must_have_been_heard_are_not_said_again():
    text = "We are open from nine to five. On Sundays we are closed. Shall I book an appointment for you?"
    before, after = fakes(["are you open"], [text]), fakes([], [])

    lives, _ = live((before, None, 10.0, {"speech": [ASK]}), (after, None, None, {"hang_up_ms": 11_000}))

    assert said(lives[1].report.turns)[-1] == "On Sundays we are closed. Shall I book an appointment for you?"


def test_an_answer_that_was_still_being_thought_is_thought_again():
    before, after = fakes(["are you open"], [[9.0, "At nine."]]), fakes([], ["At nine."])

    lives, _ = live((before, None, 7.0, {"speech": [ASK]}), (after, None, None, {"hang_up_ms": 9_000}))

    assert said(lives[1].report.turns)[-2:] == [PHRASES.resumed, "At nine."]
    assert after.llm.asked[0][-1] == Message("user", "are you open")


def test_nobody_is_greeted_twice():
    before, after = fakes(), fakes()

    lives, _ = live((before, None, 1.0, {}), (after, None, None, {"hang_up_ms": 6_000}))

    turns = lives[1].report.turns
    assert kinds(turns)[0] == ("agent", "greeting")
    assert turns[0].interrupted
    assert [kind for _, kind in kinds(turns)].count("greeting") == 1
    assert said(turns)[1:3] == [PHRASES.resumed, PHRASES.again]


def test_of_a_greeting_that_was_cut_the_question_is_asked_again():
    blueprint = replace(BLUEPRINT, greeting="Hello, this is the clinic. How can I help you?")

    lives, _ = live((fakes(), None, 1.0, {}), (fakes(), None, None, {"hang_up_ms": 6_000}), blueprint=blueprint)

    assert said(lives[1].report.turns)[1:3] == [PHRASES.resumed, "How can I help you?"]


def test_who_was_not_greeted_yet_is_greeted():
    blueprint = replace(BLUEPRINT, greeting="")
    resumption = Resumption(elapsed_ms=500)

    async def main(clock):
        line = FakeLine(clock, hang_up_ms=4_000)
        return await run(line, BLUEPRINT, fakes(), clock, on_turn=lambda turn: None, resumption=resumption)

    report = virtual_time.run(main)

    assert kinds(report.turns) == [("agent", "greeting")]
    assert blueprint != BLUEPRINT


def test_what_writes_is_noted_before_it_is_done_and_never_done_again():
    box, again = FakeBox(effects={"book": "write"}, takes={"book": 5.0}), FakeBox(effects={"book": "write"})
    before, after = fakes(["book it"], [[tool("book")], "Done."]), fakes([], ["I do not know whether it was booked."])

    lives, book = live((before, box, 7.0, {"speech": [ASK]}), (after, again, None, {"hang_up_ms": 12_000}))

    assert book.log.index("reply") < book.log.index("kept")
    assert [name for name, _, _ in box.ran] == ["book"]
    assert again.ran == []
    assert [message.text for message in after.llm.asked[0] if message.role == "tool"] == [UNKNOWN]
    assert said(lives[1].report.turns)[-1] == "I do not know whether it was booked."


def test_a_result_that_was_noted_is_known():
    box, again = FakeBox(effects={"book": "write"}, answers={"book": "Booked."}), FakeBox(effects={"book": "write"})
    before = fakes(["book it"], [[tool("book")], [9.0, "Done."]])
    after = fakes([], ["It is booked."])

    live((before, box, 7.5, {"speech": [ASK]}), (after, again, None, {"hang_up_ms": 8_000}))

    assert [message.text for message in after.llm.asked[0] if message.role == "tool"] == ["Booked."]
    assert again.ran == []


def test_what_was_still_writing_after_an_interruption_is_unknown_too():
    box = FakeBox(effects={"book": "write"}, takes={"book": 9.0})
    before = fakes(["book it", "wait at what time"], [["I book it.", tool("book")], "At nine."])
    before.stt.partials += [(6_600, "wait at what")]
    after = fakes(["and"], ["All right."])
    speech = [ASK, (6_100, babble(1_800, seed=2))]

    live((before, box, 10.5, {"speech": speech}), (after, FakeBox(), None, {"speech": [ASK], "hang_up_ms": 9_000}))

    assert [message.text for message in after.llm.asked[0] if message.role == "tool"] == [UNKNOWN]


def test_a_process_that_has_lost_the_call_writes_nothing_any_more():
    box, book = FakeBox(effects={"book": "write"}), Notebook(Kept.OVERTAKEN)

    async def main(clock):
        providers = fakes(["book it"], [[tool("book")], "Done."])
        line = FakeLine(clock, speech=[ASK], hang_up_ms=9_000)
        return await run(line, BLUEPRINT, providers, clock, on_turn=lambda turn: None, tools=box, notebook=book)

    virtual_time.run(main)

    assert box.ran == []


def test_what_cannot_be_noted_in_time_is_not_done_and_the_model_is_told():
    box, providers = FakeBox(effects={"book": "write"}), fakes(["book it"], [[tool("book")], "It was not booked."])

    _, book = live((providers, box, None, {"speech": [ASK], "hang_up_ms": 9_000}), book=Notebook(Kept.LATE))

    assert box.ran == []
    assert [message.text for message in providers.llm.asked[1] if message.role == "tool"] == [NOT_NOTED]
    assert book.notes["i0"]["result"] == NOT_NOTED


def test_what_may_have_been_done_is_not_done_again_when_the_model_asks_once_more():
    box, again = FakeBox(effects={"book": "write"}, takes={"book": 5.0}), FakeBox(effects={"book": "write"})
    before = fakes(["book it"], [[tool("book")], "Done."])
    spaced = LlmTool(ToolCall("call_2", "book", '{ "day":  "Monday" }'))
    other = LlmTool(ToolCall("call_3", "book", '{"day": "Tuesday"}'))
    after = fakes([], [[spaced, other], "I do not know about Monday, and Tuesday is booked."])

    live((before, box, 7.0, {"speech": [ASK]}), (after, again, None, {"hang_up_ms": 12_000}))

    assert len({key for _, _, key in box.ran}) == 1
    assert [arguments for _, arguments, _ in again.ran] == ['{"day": "Tuesday"}']
    assert [message.text for message in after.llm.asked[1] if message.role == "tool"] == [UNKNOWN, UNKNOWN, "done"]


def test_it_is_not_done_again_after_a_second_loss_either():
    box, again = FakeBox(effects={"book": "write"}, takes={"book": 5.0}), FakeBox(effects={"book": "write"})
    before, between = fakes(["book it"], [[tool("book")], "Done."]), fakes([], ["I do not know."])
    after = fakes(["please book it"], [[tool("book", 2)], "I cannot do it again."])

    live(
        (before, box, 7.0, {"speech": [ASK]}),
        (between, FakeBox(effects={"book": "write"}), 6.0, {}),
        (after, again, None, {"speech": [(6_000, babble(900))], "hang_up_ms": 12_000}),
    )

    assert again.ran == []
    assert after.llm.asked[-1][-1].text == UNKNOWN


def test_what_was_done_in_the_reply_that_was_lost_is_answered_from_its_note():
    box = FakeBox(effects={"book": "write"}, answers={"book": "Booked."})
    again = FakeBox(effects={"book": "write"})
    before = fakes(["book it"], [[tool("book")], [9.0, "Done."]])
    after = fakes([], [[tool("book", 2)], "It is booked."])

    live((before, box, 7.5, {"speech": [ASK]}), (after, again, None, {"hang_up_ms": 8_000}))

    assert again.ran == []
    assert after.llm.asked[1][-1].text == "Booked."


def test_what_was_done_and_told_before_the_loss_may_be_wished_again():
    box, again = FakeBox(effects={"book": "write"}), FakeBox(effects={"book": "write"})
    before = fakes(["book it"], [[tool("book")], "Done."])
    after = fakes(["and once more"], [[tool("book", 2)], "Done again."])

    live(
        (before, box, 10.0, {"speech": [ASK]}),
        (after, again, None, {"speech": [(6_000, babble(900))], "hang_up_ms": 12_000}),
    )

    assert len(again.ran) == 1


def test_an_intent_that_the_dialogue_does_not_know_is_told_to_the_model():
    intent = Intent(BOOK, digest(BOOK), "key")

    made = plan(Resumption(5_000, TALKED, state=GREETED, intents=(intent,)), PHRASES)

    assert [(message.role, message.text) for message in made.messages[-2:]] == [("assistant", ""), ("tool", UNKNOWN)]
    assert made.messages[-2].calls == (BOOK,)
    assert made.answer


def test_a_result_that_only_its_intent_knows_counts():
    intent = Intent(BOOK, digest(BOOK), "key", "Booked.")
    asked = Asked("Well.", (BOOK,), {}, ("call_9",))
    running = (*TALKED, Message("assistant", "", calls=(BOOK,)), Message("tool", RUNNING, call_id="call_9"))

    for found in (
        Resumption(5_000, TALKED, state=GREETED, reply=Unfinished("speech", (), (asked,)), intents=(intent,)),
        Resumption(5_000, running, state=GREETED, intents=(intent,)),
    ):
        assert plan(found, PHRASES).messages[-1].text == "Booked."


def test_what_was_counted_goes_along():
    before, after = fakes(["are you open", "wait what"], ["At nine."]), fakes()
    before.stt.partials += [(6_000, "wait what")]
    speech = [ASK, (5_600, babble(1_500, seed=2))]

    lives, book = live((before, None, 9.0, {"speech": speech}), (after, None, None, {"hang_up_ms": 5_000}))

    assert dict(lives[1].report.counters)["barge_in"] == 1
    assert book.counters["barge_in"] == 1


def test_reading_needs_no_note():
    box = FakeBox(effects={"look": "read"})

    _, book = live((fakes(["look"], [[tool("look")], "Yes."]), box, None, {"speech": [ASK], "hang_up_ms": 9_000}))

    assert len(box.ran) == 1
    assert "kept" not in book.log


def test_language_facts_and_hints_go_along():
    blueprint = replace(BLUEPRINT, tongues=(Tongue("hi", BLUEPRINT.tts),))
    switch = LlmTool(ToolCall("call_1", "switch_language", '{"language": "hi"}'))
    before = fakes(["hindi please"], [[switch], "Yes."])
    before = replace(before, tongues=(("hi", FakeTts()),))
    voice = FakeTts()
    after = replace(fakes(), tongues=(("hi", voice),))

    live(
        (before, None, 9.0, {"speech": [ASK]}),
        (after, None, None, {"hang_up_ms": 5_000}),
        blueprint=blueprint,
    )

    assert voice.said == [shipped("hi").resumed, shipped("hi").again]
    assert after.stt.languages[-1] == "hi"


def test_instructions_that_came_while_the_call_ran_go_along_however_often_it_is_lost():
    orders = Orders()
    before, between, after = fakes(["one"], ["At nine."]), fakes(), fakes(["two"], ["Closed."])
    orders.give(Instruct("Speak of the discount."))
    orders.give(Instruct("Be brief."))

    live(
        (before, None, 9.0, {"speech": [ASK]}),
        (between, None, 5.0, {}),
        (after, None, None, {"speech": [LATE], "hang_up_ms": 10_000}),
        orders=orders,
    )

    systems = [message.text for message in after.llm.asked[0] if message.role == "system"]
    assert systems == ["Be kind.", "Speak of the discount.", "Be brief."]


def test_keys_that_were_pressed_before_are_part_of_the_number():
    before, after = fakes(), fakes([], ["Four two."])

    lives, _ = live(
        (before, None, 5.0, {"keys": [(4_500, "4")]}), (after, None, None, {"keys": [(300, "2")], "hang_up_ms": 9_000})
    )

    assert [turn.text for turn in lives[1].report.turns if turn.kind == "digits"] == ["42"]


def test_an_ending_under_way_is_carried_out():
    blueprint = replace(BLUEPRINT, targets=(TransferTarget("Pharmacy", "+911234567890"),))
    put = LlmTool(ToolCall("call_1", "transfer", '{"target": "Pharmacy"}'))
    before, after = fakes(["pharmacy"], [["I put you through.", put]]), fakes()

    lives, _ = live((before, None, 6.5, {"speech": [ASK]}), (after, None, None, {}), blueprint=blueprint)

    report = lives[1].report
    assert (report.outcome, report.transfer_to) == ("transfer", "Pharmacy")
    assert said(report.turns)[-1] == PHRASES.wait


def test_usage_is_one_set():
    before, after = fakes(["are you open"], ["At nine."]), fakes()

    lives, _ = live((before, None, 9.2, {"speech": [ASK]}), (after, None, None, {"hang_up_ms": 5_000}))

    usage = {used.meter: used.amount for used in lives[1].report.usage}
    assert usage["channel"] == lives[1].report.duration_ms
    heard_ms = usage["stt.audio"]
    assert 12_100 <= heard_ms <= 14_200, "both streams but for the last two seconds of the first"
    spoken = BLUEPRINT.greeting + "At nine." + PHRASES.resumed + PHRASES.again
    assert usage["tts.characters"] == len(spoken)


def test_the_longest_duration_counts_from_the_first_stream():
    blueprint = replace(BLUEPRINT, limits=Limits(max_call_s=20, warn_before_s=5))

    lives, _ = live((fakes(), None, 12.0, {}), (fakes(), None, None, {}), blueprint=blueprint)

    report = lives[1].report
    assert report.outcome == "max_duration"
    assert 20_000 < report.duration_ms < 24_000
    assert [kind for _, kind in kinds(report.turns)].count("closing") == 1


def test_a_call_may_be_lost_three_times():
    parts = [(fakes(["one"], ["At nine."]), None, 9.0, {"speech": [ASK]}) for _ in range(3)]

    lives, _ = live(*parts, (fakes(["four"], ["Bye."]), None, None, {"speech": [ASK], "hang_up_ms": 9_000}))

    turns = lives[3].report.turns
    assert said(turns, "caller") == ["one", "one", "one", "four"]
    assert [kind for _, kind in kinds(turns)].count("greeting") == 1


def test_a_planned_hand_over_waits_for_silence_and_nobody_hears_of_it():
    async def main(clock):
        book, leave, turns = Notebook(), asyncio.Event(), []
        asyncio.get_running_loop().call_later(6.0, leave.set)
        line = FakeLine(clock, speech=[ASK])
        providers = fakes(["are you open"], ["At nine o'clock, and on Sundays we are closed."])
        first = await run(line, BLUEPRINT, providers, clock, on_turn=turns.append, notebook=book, leave=leave)
        left_ms = round(first.duration_ms)
        await asyncio.sleep(0.3)
        resumption = resuming.read(
            book.notes, elapsed_ms=left_ms + 300, lost_ms=left_ms, turns=tuple(turns), usage=book.usage
        )
        line = FakeLine(clock, hang_up_ms=6_000)
        second = await run(line, BLUEPRINT, fakes(), clock, on_turn=turns.append, resumption=resumption)
        return first, second, line

    first, second, line = virtual_time.run(main)

    assert first.outcome == "left"
    assert said(first.turns)[-1] == "At nine o'clock, and on Sundays we are closed."
    assert second.turns == first.turns
    assert line.audible_ms() == []


def test_a_call_without_any_silence_is_left_all_the_same():
    async def main(clock):
        leave = asyncio.Event()
        leave.set()
        line = FakeLine(clock, speech=[(500, babble(25_000))])
        return await run(line, BLUEPRINT, fakes(), clock, on_turn=lambda turn: None, leave=leave)

    report = virtual_time.run(main)

    assert report.outcome == "left"
    assert 10_000 <= report.duration_ms <= 11_000


def test_a_transfer_that_failed_comes_back_with_its_reason():
    call = ToolCall("call_1", "transfer", '{"target": "Pharmacy"}')
    messages = (
        Message("assistant", BLUEPRINT.greeting),
        Message("user", "the pharmacy please"),
        Message("assistant", "One moment.", calls=(call,)),
        Message("tool", "The caller is being put through.", call_id="call_1"),
    )
    resumption = Resumption(
        elapsed_ms=40_000,
        messages=messages,
        state=State(greeted=True, ending="transfer", transfer_to="Pharmacy"),
        note="The pharmacy did not answer.",
        phrase="I am back.",
    )
    providers = fakes([], ["Nobody is there. Can I help you?"])

    book = Notebook()

    async def main(clock):
        asyncio.get_running_loop().call_later(0.05, lambda: early.extend(book.log))
        line = FakeLine(clock, hang_up_ms=9_000)
        return await run(
            line, BLUEPRINT, providers, clock, on_turn=lambda turn: None, resumption=resumption, notebook=book
        )

    early = []
    report = virtual_time.run(main)

    assert early
    assert "advice" not in early, "whoever goes on from here must say it"
    assert book.notes["advice"] is None
    assert said(report.turns) == ["I am back.", "Nobody is there. Can I help you?"]
    assert providers.llm.asked[0][-1] == Message("tool", "The pharmacy did not answer.", call_id="call_1")
    assert report.outcome == "caller_hung_up"


# --- plans ------------------------------------------------------------------------------------------------------------

TALKED = (Message("assistant", "Hello."), Message("user", "Book it."))
GREETED = State(greeted=True)
BOOK = ToolCall("call_9", "book", "{}")


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ({"state": State()}, {"greet": True}),
        ({}, {"bridge": PHRASES.resumed, "answer": True}),
        ({"messages": TALKED[:1]}, {"bridge": PHRASES.resumed, "say": (PHRASES.again,)}),
        ({"state": replace(GREETED, ending="goodbye")}, {"ends": "goodbye"}),
        ({"state": replace(GREETED, quiet=True), "messages": TALKED[:1], "lost_ms": 4_500}, {}),
        (
            {"state": replace(GREETED, quiet=True), "messages": TALKED[:1], "lost_ms": 2_000},
            {"bridge": PHRASES.resumed, "say": (PHRASES.again,)},
        ),
        ({"phrase": "I am back.", "note": "Busy."}, {"bridge": "I am back.", "answer": True}),
        (
            {"reply": Unfinished("speech", ("Done.",), whole=True)},
            {"bridge": PHRASES.resumed, "say": ("Done.",)},
        ),
    ],
)
def test_what_is_done_first(found, wanted):
    made = plan(Resumption(**{"elapsed_ms": 5_000, "messages": TALKED, "state": GREETED, **found}), PHRASES)

    did = {name: getattr(made, name) for name in ("bridge", "say", "answer", "greet", "ends") if getattr(made, name)}
    assert did == wanted


@pytest.mark.parametrize(
    ("name", "writes", "result"),
    [
        ("book", ("call_9",), UNKNOWN),
        ("look", (), resuming.NOT_READ),
        ("collect_digits", (), resuming.NOT_KEYED),
        ("end_call", (), "Not done: the caller went on speaking. The conversation continues."),
    ],
)
def test_what_is_told_of_a_tool_without_a_result(name, writes, result):
    asked = Asked("Well.", (replace(BOOK, name=name),), {}, writes)

    made = plan(Resumption(5_000, TALKED, state=GREETED, reply=Unfinished("speech", (), (asked,))), PHRASES)

    assert made.messages[-1] == Message("tool", result, call_id="call_9")
    assert made.messages[-2].text == "Well."
    assert made.answer


def test_numbers_that_were_keyed_in_secret_are_asked_for_again():
    messages = (Message("tool", "The caller keyed {{keyed.1}}.", call_id="c"), Message("tool", RUNNING, call_id="d"))

    made = plan(Resumption(5_000, messages, state=GREETED), PHRASES)

    assert made.messages[0].text == f"The caller keyed {resuming.KEYED_LOST}."
    assert made.messages[1].text == UNKNOWN


def test_notes_survive_json():
    state = State(
        True, "hi", (("day", "Monday"),), ("digits",), (0.2, 0.15, 2), "42", "goodbye", "Pharmacy", 1, 1, True
    )
    reply = Unfinished("speech", ("Yes.",), (Asked("Well.", (BOOK,), {"call_9": "Done."}, ("call_9",)),), True, 1_200)
    notes = {"m0": TALKED[0], "m1": TALKED[1], "state": state, "reply": reply}

    read = resuming.read(
        msgspec.json.decode(msgspec.json.encode(notes)),
        elapsed_ms=1,
        lost_ms=None,
        turns=(),
        usage=(Usage("a", "b", "c", 1, "ms"),),
    )

    assert (read.messages, read.state, read.reply) == (TALKED, state, reply)


def test_nothing_noted_is_a_call_that_begins():
    read = resuming.read({}, elapsed_ms=0, lost_ms=None, turns=(), usage=())

    assert plan(read, PHRASES).greet
    assert resuming.began({}) is None
