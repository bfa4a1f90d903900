"""Conversations about single replies: fillers that make way, streams that break off, callers who are hard to hear."""

from dataclasses import replace

import pytest

from agents.voice.blueprint import Second, Stage, Tongue
from agents.voice.errors import ProviderError
from agents.voice.phrases import PROCESS_CACHE
from agents.voice.providers.base import LlmAudio, LlmCapabilities, LlmText, LlmTool, SttFinal, ToolCall
from agents.voice.providers.scripted import tone
from agents.voice.tongues import shipped
from tests.agents.voice.conversing import BLUEPRINT, GREETING, LONG, call
from tests.fakes.providers import FakeBox, FakeLlm, FakeTts, fakes
from tests.speech import babble

ASKS = [(4_000, babble(900))]
WAIT = BLUEPRINT.phrases.wait
LONG_WAIT = "One moment, please, while I look that up in our big book of appointments for you."
PATIENT = replace(BLUEPRINT, phrases=replace(BLUEPRINT.phrases, wait=LONG_WAIT))
BROKEN = ProviderError("fake", "closed")


def turns_of(outcome, kind):
    return [turn for turn in outcome.report.turns if turn.kind == kind and turn.speaker == "agent"]


def filler_and_answer(outcome):
    [filler], *_, [answer] = turns_of(outcome, "filler"), turns_of(outcome, "speech")
    return filler, answer


# --- fillers ---


def test_a_filler_ends_with_the_word_that_is_being_said_when_the_answer_comes():
    providers = fakes(["when"], ["We open at nine."])
    providers.llm.first_s = 3.2

    outcome = call(providers, blueprint=PATIENT, speech=ASKS, hang_up_ms=16_000)

    filler, answer = filler_and_answer(outcome)
    assert LONG_WAIT.startswith(filler.text)
    assert 3 <= len(filler.text.split()) <= 7
    assert answer.text == "We open at nine."
    began = next(start for start, _ in outcome.line.audible_ms() if start > 6_000)
    sound = sum(60 * (len(word) + 1) for word in filler.text.split())
    assert answer.started_ms - filler.started_ms == pytest.approx(sound, abs=60)
    assert answer.started_ms == pytest.approx(began + sound, abs=150)
    assert outcome.line.audible_ms()[-1][1] - began == pytest.approx(sound + 60 * (len(answer.text) + 1), abs=60)


@pytest.mark.parametrize("first_s", [3.0, 3.4, 3.8])
def test_without_word_times_the_filler_ends_about_a_word_s_length_after_what_has_left(first_s):
    providers = fakes(["when"], ["We open at nine."])
    providers.llm.first_s = first_s
    providers.tts.capabilities = replace(providers.tts.capabilities, words=False)

    outcome = call(providers, blueprint=PATIENT, speech=ASKS, hang_up_ms=16_000)

    filler, answer = filler_and_answer(outcome)
    assert LONG_WAIT.startswith(filler.text)
    sound = outcome.line.audible_ms()[-1][1] - filler.started_ms
    left = sound - 60 * (len(answer.text) + 1)
    assert left <= (first_s - 2.5) * 1_000 + 200 + 13 * 60 + 100
    assert answer.text == "We open at nine."


def test_a_filler_of_which_no_sound_has_come_is_not_said_when_there_are_words_of_the_answer():
    providers = fakes(["when"], ["We open at nine."])
    providers.llm.first_s, providers.tts.first_s = 2.8, 0.6

    outcome = call(providers, speech=ASKS, hang_up_ms=14_000)

    assert outcome.kinds("agent") == ["greeting", "speech"]
    assert outcome.said("agent")[-1] == "We open at nine."
    timing = outcome.report.turns[-1].timing
    assert 2_800 <= timing.model_ms <= 2_850
    assert 600 <= timing.voice_ms <= 650
    assert PROCESS_CACHE.get(BLUEPRINT.tts, "en", WAIT) is None


def test_a_filler_that_is_over_is_left_alone():
    providers = fakes(["when"], ["We open at nine."])
    providers.llm.first_s = 3.9

    outcome = call(providers, speech=ASKS, hang_up_ms=14_000)

    filler, answer = filler_and_answer(outcome)
    assert (filler.text, answer.text) == (WAIT, "We open at nine.")


def test_a_filler_makes_way_for_an_interrupted_answer_and_both_are_written_down_as_heard():
    providers = fakes(["when", "no i mean tuesday"], [LONG, "Tuesday."])
    providers.llm.first_s = 3.2
    providers.stt.partials += [(11_300, "no i mean")]

    outcome = call(providers, blueprint=PATIENT, speech=[*ASKS, (10_700, babble(1_500, seed=2))], hang_up_ms=20_000)

    filler, answer = turns_of(outcome, "filler")[0], turns_of(outcome, "speech")[0]
    assert LONG_WAIT.startswith(filler.text)
    assert filler.text != LONG_WAIT
    assert answer.interrupted
    assert f"{answer.text} {answer.unheard}" == LONG
    assert answer.text
    heard = [message.text for message in providers.llm.asked[1] if message.role == "assistant"]
    assert heard == [GREETING, answer.text]


def test_the_sound_of_a_model_that_speaks_ends_the_filler_too():
    answer = [LlmText("We open "), LlmAudio(tone(0.5)), LlmText("at nine."), LlmAudio(tone(0.5))]
    providers = fakes(["when"], [answer])
    providers.llm.capabilities = LlmCapabilities(keeps_state=False, languages=("en",), speaks=True)
    providers.llm.first_s = 3.2

    outcome = call(providers, blueprint=PATIENT, speech=ASKS, hang_up_ms=16_000)

    filler, spoken = filler_and_answer(outcome)
    assert LONG_WAIT.startswith(filler.text)
    assert 3 <= len(filler.text.split()) <= 7
    assert spoken.text == "We open at nine."
    assert spoken.ended_ms - spoken.started_ms == pytest.approx(1_000, abs=60)


def test_a_tools_excuse_makes_way_for_the_answer():
    excuse = "I am looking it up in our appointment book, which is a very large book."
    box = FakeBox(effects={"look": "read"}, takes={"look": 2.2}, excuses={"look": excuse})
    ask = LlmTool(ToolCall("call_1", "look", "{}"))
    providers = fakes(["is monday free"], [[ask], "Yes."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=14_000)

    filler, answer = filler_and_answer(outcome)
    assert excuse.startswith(filler.text)
    assert len(filler.text.split()) < len(excuse.split()) - 3
    assert answer.text == "Yes."


# --- streams that break off ---


def both(first, second=(), **options):
    other = Stage("other", "other", "o")
    blueprint = replace(BLUEPRINT, second=Second(llm=other))
    return replace(fakes(["when"], first, **options), llm_second=FakeLlm(list(second), name="other")), blueprint


def test_an_answer_that_breaks_off_within_its_first_words_is_asked_for_again():
    providers = fakes(["when"], [["We are", BROKEN], "We open at nine."])

    outcome = call(providers, speech=ASKS, hang_up_ms=14_000)

    assert outcome.said("agent")[1:] == ["We open at nine."]
    assert (outcome.counter("llm_broken"), outcome.counter("llm_retried")) == (1, 1)
    assert providers.llm.asked[0] == providers.llm.asked[1]


def test_the_second_model_is_asked_when_the_first_has_broken_off():
    providers, blueprint = both([["We are", BROKEN]], ["We open at nine."])

    outcome = call(providers, blueprint=blueprint, speech=ASKS, hang_up_ms=14_000)

    assert outcome.said("agent")[1:] == ["We open at nine."]
    assert (len(providers.llm.asked), len(providers.llm_second.asked)) == (1, 1)


def test_what_is_complete_is_said_and_not_asked_for_again():
    whole, half = "We are open from nine to five on weekdays.", " On Saturdays we are"
    providers = fakes(["when"], [[whole, half, BROKEN], "never"])

    outcome = call(providers, speech=ASKS, hang_up_ms=14_000)

    assert outcome.said("agent")[1:] == [whole]
    assert (outcome.counter("llm_broken"), outcome.counter("llm_retried")) == (1, 0)
    assert len(providers.llm.asked) == 1


def test_a_whole_sentence_at_the_break_is_said_but_not_half_a_figure():
    said = call(fakes(["when"], [["At nine.", BROKEN]]), speech=ASKS, hang_up_ms=12_000)
    half = call(fakes(["when"], [["It costs 1.", BROKEN], "It costs 1.5 lakh."]), speech=ASKS, hang_up_ms=12_000)

    assert said.said("agent")[1:] == ["At nine."]
    assert half.said("agent")[1:] == ["It costs 1.5 lakh."]


def test_two_answers_that_break_off_are_an_apology():
    providers = fakes(["when"], [["We are", BROKEN], ["We", BROKEN]])

    outcome = call(providers, speech=ASKS, hang_up_ms=14_000)

    assert outcome.said("agent")[1:] == [BLUEPRINT.phrases.trouble]
    assert (outcome.counter("llm_broken"), outcome.counter("llm_retried")) == (2, 1)


def test_what_was_said_before_a_tool_is_not_said_again():
    box = FakeBox(effects={"look": "read"})
    ask = LlmTool(ToolCall("call_1", "look", "{}"))
    providers = fakes(["is monday free"], [["Let me look.", ask], ["It", BROKEN], "Yes, it is."])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=14_000)

    assert outcome.said("agent")[1:] == ["Let me look. Yes, it is."]
    assert len(box.ran) == 1
    assert providers.llm.asked[1] == providers.llm.asked[2]


def test_after_a_tool_two_breaks_are_an_apology_too():
    box = FakeBox(effects={"look": "read"})
    ask = LlmTool(ToolCall("call_1", "look", "{}"))
    providers = fakes(["is monday free"], [["Let me look.", ask], ["It", BROKEN], ["It", BROKEN]])

    outcome = call(providers, tools=box, speech=ASKS, hang_up_ms=18_000)

    assert outcome.said("agent")[1:] == [f"Let me look. {BLUEPRINT.phrases.trouble}"]


def test_a_stream_that_stalls_for_five_seconds_ends_the_turn_with_what_is_complete():
    providers = fakes(["when"], [["We open at nine on weekdays. On", 60.0, "never"]])

    outcome = call(providers, speech=ASKS, hang_up_ms=13_000)

    assert outcome.said("agent")[1:] == ["We open at nine on weekdays."]
    assert any("stall" in error for error in outcome.report.errors)
    assert outcome.counter("llm_broken") == 1


def test_a_stream_that_stalls_before_anything_is_covered_by_a_filler_and_asked_for_again():
    providers = fakes(["when"], [["We", 60.0], "We open at nine."])

    outcome = call(providers, speech=ASKS, hang_up_ms=16_000)

    assert outcome.kinds("agent") == ["greeting", "filler", "speech"]
    assert outcome.said("agent")[-1] == "We open at nine."
    assert outcome.counter("llm_retried") == 1


# --- callers who are hard to hear ---


MURMURS = [(at, babble(1_200, seed=at)) for at in (4_000, 8_000, 16_000, 20_000, 28_000, 32_000)]
UNHEARD = BLUEPRINT.phrases.unheard


def test_speech_without_words_twice_is_told_once_and_in_the_end_the_agent_says_goodbye():
    outcome = call(fakes([""] * 9), speech=MURMURS, hang_up_ms=60_000)

    assert outcome.said("agent") == [GREETING, UNHEARD, BLUEPRINT.phrases.idle, BLUEPRINT.phrases.goodbye]
    assert outcome.kinds("agent")[1] == "unheard"
    assert 9_800 <= outcome.report.turns[1].started_ms <= 10_400
    assert outcome.report.outcome == "agent_hung_up"
    assert outcome.counter("unheard") == 3


def test_words_in_between_begin_the_count_anew():
    outcome = call(fakes(["", "when are you open", "", "and on sunday"]), speech=MURMURS[:4], hang_up_ms=26_000)

    assert UNHEARD not in outcome.said("agent")
    assert outcome.said("caller") == ["when are you open", "and on sunday"]


def test_words_that_are_hardly_understood_count_as_unheard():
    rubbish = SttFinal("hover the fence", closes=True, confidence=0.2)
    providers = fakes([rubbish, rubbish, rubbish], ["Pardon?", "All right."])

    outcome = call(providers, speech=MURMURS[:3], hang_up_ms=24_000)

    assert outcome.said("agent") == [GREETING, "Pardon?", UNHEARD, "All right."]
    assert [message.text for message in providers.llm.asked[1] if message.role == "user"][1:] == [
        "hover the fence hover the fence"
    ] or len(providers.llm.asked) == 2


def test_a_hindi_agent_says_it_in_hindi():
    blueprint = replace(BLUEPRINT, language="hi", phrases=shipped("hi"))

    outcome = call(fakes(["", ""]), blueprint=blueprint, speech=MURMURS[:2], hang_up_ms=17_000)

    assert outcome.said("agent")[-1] == shipped("hi").unheard


# --- languages ---


def test_a_call_begins_in_the_language_that_the_look_up_has_brought():
    from agents.voice.variables import filled_in

    hindi = FakeTts(name="hindi")
    tongue = Tongue("hi", Stage("fake", "fake", "hi"), "Namaste {{name}}.")
    blueprint, _ = filled_in(
        replace(BLUEPRINT, tongues=(tongue,), variables=(("language", "hi-IN"), ("name", "Ravi ji")))
    )
    providers = replace(fakes(["haan"], ["Ji, bataiye."]), tongues=(("hi", hindi),))

    outcome = call(providers, blueprint=blueprint, speech=ASKS, hang_up_ms=10_000)

    assert hindi.said == ["Namaste Ravi ji.", "Ji, bataiye."]
    assert providers.tts.said == []
    assert providers.stt.languages == ["hi"]
    assert outcome.said("agent") == ["Namaste Ravi ji.", "Ji, bataiye."]


@pytest.mark.parametrize("at_ms", range(8_600, 9_400, 40))
def test_a_caller_who_hangs_up_as_the_answer_begins_behind_a_filler_leaves_times_in_order(at_ms):
    providers = fakes(["when"], ["We open at nine."])
    providers.llm.first_s = 3.2

    outcome = call(providers, blueprint=PATIENT, speech=ASKS, hang_up_ms=at_ms)

    assert outcome.kinds("agent")[1] == "filler"
    assert all(turn.started_ms <= turn.ended_ms for turn in outcome.report.turns)
