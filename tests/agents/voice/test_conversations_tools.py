"""Conversations in which the model asks for tools: the tenant's and the agent's own."""

from dataclasses import replace

import pytest

from agents.voice.blueprint import Stage, Tongue, TransferTarget
from agents.voice.dialogue import RUNNING
from agents.voice.hands import CANCELLED
from agents.voice.providers.base import LlmTool, ToolCall
from tests.agents.voice.conversing import BLUEPRINT, LONG, call
from tests.fakes.providers import FakeBox, FakeTts, fakes
from tests.speech import babble

ASKS = [(4_000, babble(900))]


def tool(name, arguments='{"day": "Monday"}', number=1):
    return LlmTool(ToolCall(f"call_{number}", name, arguments))


def results(messages):
    return [message.text for message in messages if message.role == "tool"]


def test_a_tool_is_asked_and_its_answer_spoken():
    box = FakeBox(effects={"look": "read"}, answers={"look": "Monday is free."})
    providers = fakes(["is monday free"], [[tool("look")], "Yes, Monday is free."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "Yes, Monday is free."
    assert box.ran == [("look", '{"day": "Monday"}', ":call_1")]
    assert results(providers.llm.asked[1]) == ["Monday is free."]
    assert "look" in providers.llm.offered[0]


def test_an_address_that_is_not_allowed_is_told_to_the_model_and_in_the_report():
    box = FakeBox(effects={"look": "read"}, refused={"look": "10.0.0.7 is a private address"})
    providers = fakes(["is monday free"], [[tool("look")], "I cannot look that up."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=12_000)

    assert outcome.report.refusals == (("look", "10.0.0.7 is a private address"),)
    assert results(providers.llm.asked[1]) == ["Not allowed: 10.0.0.7 is a private address."]
    assert outcome.said("agent")[-1] == "I cannot look that up."


def test_text_before_a_tool_is_spoken_while_the_tool_works():
    box = FakeBox(effects={"look": "read"}, takes={"look": 1.0})
    providers = fakes(["is monday free"], [["Let me look.", tool("look")], "Yes."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=12_000)

    assert outcome.said("agent")[-1] == "Let me look. Yes."
    first, second = providers.llm.asked
    assert [message.role for message in second[len(first) :]] == ["assistant", "tool"]
    assert second[len(first)].text == "Let me look."


def test_tools_of_one_answer_run_at_once_and_the_model_goes_on_after_the_last():
    box = FakeBox(effects={"look": "read", "ask": "read"}, takes={"look": 1.2, "ask": 0.6})
    providers = fakes(["well"], [[tool("look"), tool("ask", number=2)], "Both are done."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=12_000)

    assert box.finished == ["ask", "look"]
    assert results(providers.llm.asked[1]) == ["done", "done"]
    timing = outcome.report.turns[-1].timing
    assert 1_200 <= timing.model_ms <= 1_700


def test_a_filler_is_said_only_when_a_tool_is_late_and_is_not_part_of_the_dialogue():
    box = FakeBox(effects={"look": "read"}, takes={"look": 4.0}, excuses={"look": "I am looking it up."})
    providers = fakes(["is monday free", "thanks"], [[tool("look")], "Yes.", "You are welcome."])

    outcome = call(providers, tools=box, speech=[*ASKS, (13_000, babble(900))], hang_up_ms=18_000)

    assert outcome.kinds("agent") == ["greeting", "filler", "speech", "speech"]
    assert outcome.said("agent")[1:3] == ["I am looking it up.", "Yes."]
    assert not any("looking it up" in message.text for message in providers.llm.asked[-1])
    assert 6_500 <= outcome.report.turns[2].started_ms <= 7_500


def test_a_quick_tool_needs_no_filler():
    box = FakeBox(effects={"look": "read"}, takes={"look": 1.0})

    outcome = call(fakes(["is monday free"], [[tool("look")], "Yes."]), tools=box, speech=ASKS, hang_up_ms=12_000)

    assert outcome.kinds("agent") == ["greeting", "speech"]


def test_an_interruption_cancels_reading_and_the_sequence_stays_valid():
    box = FakeBox(effects={"look": "read"}, takes={"look": 6.0})
    providers = fakes(["is monday free", "no i mean tuesday"], [[tool("look")], "Tuesday it is."])
    providers.stt.partials += [(6_600, "no i mean")]

    outcome = call(providers, tools=box, speech=[*ASKS, (6_100, babble(1_200, seed=2))], hang_up_ms=14_000)

    assert box.cancelled == ["look"]
    assert outcome.said("agent")[-1] == "Tuesday it is."
    assert results(providers.llm.asked[1]) == [CANCELLED]


def test_an_interruption_leaves_writing_alone_and_the_next_reply_sees_its_result():
    box = FakeBox(effects={"book": "write"}, takes={"book": 2.5}, answers={"book": "Booked."})
    providers = fakes(["book it", "wait at what time"], [["I book it.", tool("book")], "At nine, and it is booked."])
    providers.stt.partials += [(6_600, "wait at what")]

    outcome = call(providers, tools=box, speech=[*ASKS, (6_100, babble(1_800, seed=2))], hang_up_ms=14_000)

    assert (box.finished, box.cancelled) == (["book"], [])
    assert results(providers.llm.asked[1]) == ["Booked."]
    assert outcome.said("agent")[-1] == "At nine, and it is booked."


def test_a_result_that_comes_when_nobody_speaks_is_told_at_once():
    box = FakeBox(effects={"book": "write"}, takes={"book": 6.0}, answers={"book": "Booked."})
    providers = fakes(["book it", "wait"], [[tool("book")], "It is booked now."])
    providers.stt.partials += [(6_600, "wait")]

    outcome = call(providers, tools=box, speech=[*ASKS, (6_100, babble(700, seed=2))], hang_up_ms=16_000)

    assert results(providers.llm.asked[1]) == ["Booked."]
    assert outcome.said("agent")[-1] == "It is booked now."
    assert 11_000 < outcome.report.turns[-1].started_ms < 12_500


def test_writing_is_finished_after_the_caller_has_hung_up():
    box = FakeBox(effects={"book": "write"}, takes={"book": 3.0})

    outcome = call(fakes(["book it"], [[tool("book")], "Done."]), tools=box, speech=ASKS, hang_up_ms=6_500)

    assert outcome.report.outcome == "caller_hung_up"
    assert outcome.report.duration_ms < 6_600
    assert box.finished == ["book"]


def test_reading_is_not():
    box = FakeBox(effects={"look": "read"}, takes={"look": 3.0})

    call(fakes(["look"], [[tool("look")], "Done."]), tools=box, speech=ASKS, hang_up_ms=6_500)

    assert (box.finished, box.cancelled) == ([], ["look"])


def test_arguments_that_do_not_fit_go_back_to_the_model_once():
    box = FakeBox(effects={"look": "read"}, answers={"look": "Free."})
    providers = fakes(["well"], [[tool("look", '{"day": 3}')], [tool("look", number=2)], "It is free."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=12_000)

    assert "arguments are wrong" in results(providers.llm.asked[1])[0]
    assert len(box.ran) == 1
    assert outcome.said("agent")[-1] == "It is free."


def test_a_model_that_never_gets_the_arguments_right_must_answer_in_words():
    box = FakeBox(effects={"look": "read"})
    bad = [[tool("look", "{", number=number)] for number in range(2)]
    providers = fakes(["well"], [*bad, "I cannot look it up."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=12_000)

    assert box.ran == []
    assert providers.llm.offered[2] == ()
    assert outcome.said("agent")[-1] == "I cannot look it up."


def test_after_three_rounds_no_tools_are_offered():
    box = FakeBox(effects={"look": "read"})
    rounds = [[tool("look", number=number)] for number in range(3)]
    providers = fakes(["well"], [*rounds, "That is all I know."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=12_000)

    assert len(box.ran) == 3
    assert [bool(offer) for offer in providers.llm.offered] == [True, True, True, False]
    assert outcome.said("agent")[-1] == "That is all I know."


def test_a_tool_that_never_answers_does_not_hold_up_the_reply():
    box = FakeBox(effects={"look": "write"}, takes={"look": 3_600})
    providers = fakes(["well"], [[tool("look")], "I will tell you later."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=25_000)

    assert results(providers.llm.asked[1]) == [RUNNING]
    assert "I will tell you later." in outcome.said("agent")


# --- the agent's own tools ---


TARGETS = replace(BLUEPRINT, targets=(TransferTarget("Pharmacy", "+911234567890"),))


def test_the_farewell_is_heard_before_the_call_is_ended():
    end = tool("end_call", '{"reason": "done", "farewell": "Goodbye, and get well soon."}')
    outcome = call(fakes(["that is all"], [[end]]), speech=[(9_500, babble(900))], hang_up_ms=60_000)

    assert outcome.report.outcome == "agent_hung_up"
    assert outcome.said("agent")[-1] == "Goodbye, and get well soon."
    assert outcome.line.stopped_at >= outcome.line.audible_ms()[-1][1]


def test_a_call_is_not_ended_in_its_first_ten_seconds():
    end = tool("end_call", '{"farewell": "Bye."}')
    providers = fakes(["hello"], [[end], "How can I help?"])

    outcome = call(providers, speech=ASKS, hang_up_ms=9_900)

    assert outcome.report.outcome == "caller_hung_up"
    assert "Not yet" in results(providers.llm.asked[1])[0]
    assert outcome.said("agent")[-1] == "How can I help?"


def test_a_caller_who_goes_on_stops_the_goodbye():
    farewell = "Thank you very much for calling our clinic today. Goodbye, and get well soon."
    providers = fakes(["that is all", "no wait one more thing"], [[tool("end_call", f'{{"farewell": "{farewell}"}}')]])
    providers.stt.partials += [(13_200, "no wait one")]
    providers.llm.replies.append("Of course, what is it?")

    outcome = call(providers, speech=[(9_500, babble(900)), (12_500, babble(1_500, seed=2))], hang_up_ms=20_000)

    assert outcome.report.outcome == "caller_hung_up"
    assert outcome.said("agent")[-1] == "Of course, what is it?"
    assert "went on" in results(providers.llm.asked[-1])[0]


def test_two_farewells_in_a_row_end_the_call():
    providers = fakes(["bye then", "okay thank you so much then"], ["Goodbye.", "Goodbye."])

    outcome = call(providers, speech=[*ASKS, (9_000, babble(900))], hang_up_ms=60_000)

    assert outcome.report.outcome == "agent_hung_up"


def test_a_transfer_goes_to_a_target_of_the_agent_only():
    bad = tool("transfer", '{"target": "+15550001111"}')
    good = tool("transfer", '{"target": "pharmacy"}', number=2)
    providers = fakes(["a person please"], [[bad], ["I put you through.", good]])

    outcome = call(providers, blueprint=TARGETS, speech=ASKS, hang_up_ms=60_000)

    assert (outcome.report.outcome, outcome.report.transfer_to) == ("transfer", "Pharmacy")
    assert "Targets are: Pharmacy" in results(providers.llm.asked[1])[0]


def test_an_agent_without_targets_cannot_put_anybody_through():
    providers = fakes(["a person please"], [[tool("transfer", '{"target": "Pharmacy"}')], "I am sorry, I cannot."])

    outcome = call(providers, speech=ASKS, hang_up_ms=12_000)

    assert outcome.report.transfer_to is None
    assert "transfer" not in providers.llm.offered[0]


def test_keys_are_collected_for_the_model_and_a_key_stops_the_prompt():
    ask = tool("collect_digits", '{"count": 4, "prompt": "Please key in your four digit number now."}')
    providers = fakes(["my booking"], [[ask], "Thank you, I have it."])
    keys = [(6_500, "1"), (7_000, "2"), (7_500, "3"), (8_000, "4")]

    outcome = call(providers, speech=ASKS, keys=keys, hang_up_ms=14_000)

    assert results(providers.llm.asked[1]) == ["The caller keyed 1234."]
    assert providers.stt.hints == [("digits",), ()], "the recogniser knows while they are awaited"
    assert outcome.kinds("caller") == ["speech", "digits"]
    assert outcome.said("caller")[1] == "1234"
    assert outcome.said("agent")[-1].endswith("Thank you, I have it.")
    assert not [a for a, b in outcome.line.audible_ms() if 6_900 < a < 8_000]


def test_secret_keys_are_not_written_down():
    ask = tool("collect_digits", '{"count": 2, "prompt": "Your PIN?", "secret": true}')
    outcome = call(
        fakes(["my booking"], [[ask], "Thanks."]), speech=ASKS, keys=[(7_000, "4"), (7_500, "2")], hang_up_ms=12_000
    )

    assert outcome.said("caller")[1] == "\u2022\u2022"


def test_a_number_that_is_spoken_instead_of_keyed_counts():
    ask = tool("collect_digits", '{"count": 3, "prompt": "Your number?"}')
    providers = fakes(["my booking", "four two seven"], [[ask], "Thank you."])

    call(providers, speech=[*ASKS, (8_000, babble(1_200, seed=2))], hang_up_ms=16_000)

    assert results(providers.llm.asked[1]) == ['The caller said: "four two seven", which is 427.']


def test_nobody_keys_anything():
    ask = tool("collect_digits", '{"count": 3, "prompt": "Your number?"}')
    providers = fakes(["my booking"], [[ask], "Never mind."])

    outcome = call(providers, speech=ASKS, hang_up_ms=24_000)

    assert results(providers.llm.asked[1]) == ["The caller keyed nothing."]
    assert outcome.said("agent")[1].endswith("Never mind.")


def test_another_language_has_another_voice_and_other_words():
    hindi = FakeTts(name="hindi")
    blueprint = replace(BLUEPRINT, tongues=(Tongue("hi", Stage("fake", "fake", "hi")),))
    answer = "\u091c\u0940, \u092c\u0924\u093e\u0907\u090f\u0964"
    providers = fakes(
        ["hindi mein boliye", "\u0930\u0941\u0915\u094b"], [[tool("switch_language", '{"language": "hi"}')], answer]
    )
    providers = replace(providers, tongues=(("hi", hindi),))

    outcome = call(providers, blueprint=blueprint, speech=ASKS, hang_up_ms=12_000)

    assert hindi.said == [answer]
    assert providers.tts.said == [BLUEPRINT.greeting]
    assert providers.stt.languages == ["en", "hi"]
    assert [tongue.language for tongue in providers.stt.blueprints[-1].tongues] == ["en"]
    assert outcome.counter("language_switched") == 1
    assert ("language", {"language": "hi"}) in outcome.told


@pytest.mark.parametrize("arguments", ["", "[]", '{"count": 0}', '{"count": 99}', '{"finish": "x"}', '{"prompt": 3}'])
def test_wrong_arguments_of_our_own_tools_are_answered(arguments):
    providers = fakes(["well"], [[tool("collect_digits", arguments)], "All right."])

    outcome = call(providers, speech=ASKS, hang_up_ms=26_000)

    assert outcome.said("agent")[1:]
    assert outcome.report.errors == ()


def test_a_cut_answer_keeps_its_call_and_result_and_only_the_words_that_were_heard():
    box = FakeBox(effects={"look": "read"}, answers={"look": "Free."})
    providers = fakes(["is monday free", "no i mean tuesday"], [["Let me look.", tool("look")], LONG, "Tuesday."])
    providers.stt.partials += [(9_600, "no i mean")]

    outcome = call(providers, tools=box, speech=[*ASKS, (9_000, babble(1_500, seed=2))], hang_up_ms=16_000)

    roles = [(message.role, message.interrupted) for message in providers.llm.asked[-1][3:]]
    assert roles == [("assistant", False), ("tool", False), ("assistant", True), ("user", False)]
    said = providers.llm.asked[-1]
    assert said[3].text == "Let me look."
    assert LONG.startswith(said[5].text)
    assert outcome.said("agent")[-1] == "Tuesday."


# --- numbers that are nobody's business ---


SECRET = '{"count": 6, "prompt": "Your PIN, please?", "secret": true}'


def keyed(providers, digits="482915", **more):
    keys = [(7_000 + 300 * place, digit) for place, digit in enumerate(digits)]
    return call(providers, speech=ASKS, keys=keys, hang_up_ms=16_000, **more)


def test_a_secret_number_is_known_to_the_tool_alone():
    box = FakeBox(effects={"check": "read"}, answers={"check": "482915 is right, so is 4829 15."}, keyed=("check",))
    check = tool("check", '{"day": "{{keyed.1}}"}', number=2)
    providers = fakes(["my account"], [[tool("collect_digits", SECRET)], [check], "Thank you."])

    outcome = keyed(providers, tools=box)

    assert [arguments for _, arguments, _ in box.ran] == ['{"day":"482915"}']
    seen = "".join(str(messages) for messages in providers.llm.asked)
    assert "482915" not in seen
    assert "4829" not in seen
    assert results(providers.llm.asked[1]) == [
        "The caller keyed 6 digits, which are secret. Pass {{keyed.1}} to a tool that needs them."
    ]
    assert results(providers.llm.asked[2])[1] == "{{keyed.1}} is right, so is {{keyed.1}}."
    assert "482915" not in str(outcome.report)
    assert outcome.said("caller")[1] == "\u2022" * 6


def test_a_tool_that_takes_no_secret_numbers_is_not_asked():
    box = FakeBox(effects={"check": "read"})
    check = tool("check", '{"day": "{{keyed.1}}"}', number=2)
    providers = fakes(["my account"], [[tool("collect_digits", SECRET)], [check], "Thank you."])

    keyed(providers, tools=box)

    assert box.ran == []
    assert "cannot be given secret numbers" in results(providers.llm.asked[2])[1]


def test_a_secret_number_that_was_never_given_must_be_asked_for():
    box = FakeBox(effects={"check": "read"}, keyed=("check",))
    check = tool("check", '{"day": "{{keyed.7}}"}', number=2)
    providers = fakes(["my account"], [[tool("collect_digits", SECRET)], [check], "Thank you."])

    keyed(providers, tools=box)

    assert box.ran == []
    assert "Ask the caller for it again" in results(providers.llm.asked[2])[1]


def test_what_does_not_fit_is_told_without_the_number():
    box = FakeBox(effects={"check": "read"}, keyed=("check",), schema='{"type": "object", "properties": '
                  '{"day": {"type": "string", "maxLength": 4}}}')  # fmt: skip
    check = tool("check", '{"day": "{{keyed.1}}"}', number=2)
    providers = fakes(["my account"], [[tool("collect_digits", SECRET)], [check], "Sorry."])

    keyed(providers, tools=box)

    assert box.ran == []
    assert "{{keyed.1}}" in results(providers.llm.asked[2])[1]
    assert "482915" not in str(providers.llm.asked[2])


@pytest.mark.parametrize("said", ["four eight two nine one five", "my pin is four eight two nine one five"])
def test_a_secret_number_that_is_spoken_is_kept_too(said):
    providers = fakes(["my account", said], [[tool("collect_digits", SECRET)], "Thank you."])

    outcome = call(providers, speech=[*ASKS, (8_000, babble(1_800, seed=2))], hang_up_ms=18_000)

    assert results(providers.llm.asked[1]) == [
        "The caller said 6 digits, which are secret. Pass {{keyed.1}} to a tool that needs them."
    ]
    assert outcome.said("caller")[1] == "\u2022" * 6
    assert "four" not in str(outcome.report.turns)


def test_what_is_no_number_is_told_as_it_was_said():
    providers = fakes(["my account", "i have only one account"], [[tool("collect_digits", SECRET)], "I see."])

    call(providers, speech=[*ASKS, (8_000, babble(1_800, seed=2))], hang_up_ms=18_000)

    assert "i have only one account" in results(providers.llm.asked[1])[0]


def test_a_server_of_tools_that_cannot_be_used_is_in_the_report():
    box = FakeBox(
        troubles=(("clinic", "The server cannot be reached."),),
        refusals=(("crm", "crm.example is a private address"),),
        effects={"look": "read"},
        refused={"look": "10.0.0.7 is a private address"},
    )
    providers = fakes(["is monday free"], [[tool("look")], "I cannot look that up."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=12_000)

    assert "MCP server clinic: The server cannot be reached." in outcome.report.errors
    assert outcome.report.refusals == (
        ("look", "10.0.0.7 is a private address"),
        ("crm", "crm.example is a private address"),
    )
