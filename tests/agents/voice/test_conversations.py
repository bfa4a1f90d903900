"""Whole calls on virtual time: the real engine and voice detector, a telephone and providers by script."""

import asyncio
from dataclasses import replace

import pytest

from agents.voice import audio
from agents.voice.blueprint import Limits
from agents.voice.errors import ProviderError, ProviderRefused
from agents.voice.providers.base import LlmCollected, LlmEnd, LlmExpect, LlmText, LlmTransfer, SttCapabilities, SttFinal
from agents.voice.session import run
from tests import virtual_time
from tests.agents.voice.conversing import BLUEPRINT, GREETING, LONG, call
from tests.fakes.line import FakeLine
from tests.fakes.providers import FakeStt, fakes
from tests.speech import babble


def test_the_caller_asks_and_the_agent_answers():
    outcome = call(fakes(["when are you open"], [LONG]), speech=[(4_000, babble(1_500))], hang_up_ms=14_000)

    assert outcome.said("caller") == ["when are you open"]
    assert outcome.said("agent")[:2] == [GREETING, LONG]
    assert outcome.report.outcome == "caller_hung_up"
    assert outcome.report.underruns == 0
    assert outcome.report.errors == ()


def test_the_answer_begins_within_600_ms_and_the_parts_say_why():
    outcome = call(fakes(["when are you open"], [LONG]), speech=[(4_000, babble(1_500))], hang_up_ms=14_000)

    timing = outcome.report.turns[2].timing
    assert 400 <= timing.gap_ms <= 600
    assert timing.gap_ms == timing.patience_ms + timing.model_ms + timing.voice_ms + timing.line_ms
    assert timing.model_ms == timing.voice_ms == 100
    first = next(start for start, _ in outcome.line.audible_ms() if start > 5_000)
    assert first - 5_500 == pytest.approx(timing.gap_ms, abs=120)


def test_an_interruption_stops_the_agent_within_a_quarter_of_a_second_and_keeps_what_was_heard():
    providers = fakes(["when are you open", "no i mean the pharmacy"], [LONG, "The pharmacy is always open."])
    providers.stt.partials += [(9_400, "no"), (9_600, "no i mean")]

    outcome = call(providers, speech=[(4_000, babble(1_500)), (9_000, babble(1_800, seed=2))], hang_up_ms=16_000)

    cut = outcome.report.turns[2]
    assert cut.interrupted
    assert f"{cut.text} {cut.unheard}" == LONG
    assert 100 <= cut.barge_in_ms <= 300
    assert outcome.line.clears[0] - 9_000 <= 260
    assert not [a for a, b in outcome.line.audible_ms() if 9_300 < a < 11_000]
    heard = providers.llm.asked[1][-2]
    assert heard.interrupted
    assert heard.text == cut.text
    assert outcome.said("agent")[-1] == "The pharmacy is always open."


def test_a_cough_pauses_the_agent_and_loses_no_word():
    providers = fakes(["when are you open", SttFinal("", closes=True)], [LONG])

    outcome = call(providers, speech=[(4_000, babble(1_500)), (9_000, babble(400, seed=3))], hang_up_ms=20_000)

    assert outcome.said("agent")[1] == LONG
    assert not outcome.report.turns[2].interrupted
    assert ("false_alarm", 1) in outcome.report.counters
    assert outcome.report.underruns == 0


def test_mm_hmm_does_not_interrupt():
    providers = fakes(["when are you open", "mm hmm"], [LONG])

    outcome = call(providers, speech=[(4_000, babble(1_500)), (9_000, babble(400, seed=3))], hang_up_ms=20_000)

    assert [turn.kind for turn in outcome.report.turns if turn.speaker == "caller"] == ["speech", "nod"]
    assert LONG in outcome.said("agent")


def test_the_greeting_can_be_interrupted():
    providers = fakes(["stop i want to book"], ["Of course."], partials=[(1_400, "stop")])

    outcome = call(providers, speech=[(800, babble(1_500))], hang_up_ms=8_000)

    assert outcome.report.turns[0].kind == "greeting"
    assert outcome.report.turns[0].interrupted
    assert outcome.said("agent")[-1] == "Of course."


def test_silence_is_asked_about_and_then_ends_politely():
    outcome = call(fakes(), hang_up_ms=90_000)

    assert [turn.kind for turn in outcome.report.turns] == ["greeting", "idle", "idle", "goodbye"]
    assert outcome.report.outcome == "silence"
    assert outcome.line.stopped_at is not None


def test_the_longest_duration_is_kept_with_a_warning():
    limits = Limits(idle_ms=60_000, max_call_s=30, warn_before_s=10)

    outcome = call(fakes(), blueprint=replace(BLUEPRINT, limits=limits), hang_up_ms=90_000)

    assert [turn.kind for turn in outcome.report.turns] == ["greeting", "closing", "goodbye"]
    assert outcome.report.outcome == "max_duration"
    assert outcome.report.duration_ms < 36_000


def test_goodbye_is_heard_before_the_stream_is_stopped():
    providers = fakes(["goodbye"], [[LlmText("Thank you for calling. Goodbye."), LlmEnd("goodbye")]])

    outcome = call(providers, speech=[(4_000, babble(900))], hang_up_ms=60_000)

    assert outcome.report.outcome == "agent_hung_up"
    assert outcome.said("agent")[-1] == "Thank you for calling. Goodbye."
    assert outcome.line.stopped_at >= outcome.line.audible_ms()[-1][1]


def test_a_transfer_names_its_target_after_the_sentence():
    providers = fakes(["the pharmacy please"], [[LlmText("I put you through."), LlmTransfer("Pharmacy")]])

    outcome = call(providers, speech=[(4_000, babble(900))], hang_up_ms=60_000)

    assert (outcome.report.outcome, outcome.report.transfer_to) == ("transfer", "Pharmacy")


def test_what_was_collected_and_asked_for_is_passed_on():
    providers = fakes(["doctor rao"], [[LlmExpect(("day",)), LlmCollected("doctor", "Rao"), LlmText("On which day?")]])

    outcome = call(providers, speech=[(4_000, babble(900))], hang_up_ms=9_000)

    assert outcome.report.collected == (("doctor", "Rao"),)
    assert providers.stt.hints == [("day",)]
    assert ("collected", {"name": "doctor", "value": "Rao"}) in outcome.told


def test_a_recogniser_is_told_that_a_question_asks_for_a_number():
    providers = fakes(["call me back", "nine eight four"], ["What is your phone number?", "Thank you."])

    call(providers, speech=[(4_000, babble(900)), (9_000, babble(1_200, seed=2))], hang_up_ms=16_000)

    assert providers.stt.hints == [("digits",), ()]


def test_keys_reach_the_model_as_one_message():
    providers = fakes([], ["You pressed four two."])

    outcome = call(providers, keys=[(4_000, "4"), (4_400, "2"), (4_700, "#")], hang_up_ms=9_000)

    assert outcome.report.turns[1].kind == "digits"
    assert providers.llm.asked[0][-1].text == "42"


def test_usage_counts_both_directions():
    outcome = call(fakes(["hi"], ["Hello."]), speech=[(4_000, babble(900))], hang_up_ms=8_000)

    usage = {line.meter: line.amount for line in outcome.report.usage}
    assert usage["stt.audio"] == pytest.approx(8_000, abs=40)
    assert usage["channel"] == pytest.approx(8_000, abs=40)
    assert usage["tts.characters"] == len(GREETING) + len("Hello.")


def test_the_recording_holds_both_sides_in_their_places(tmp_path):
    outcome = call(
        fakes(["hi"], ["Hello."]), speech=[(4_000, babble(900))], hang_up_ms=8_000, recording=tmp_path / "call.wav"
    )

    info = outcome.report.recording
    assert info.duration_ms == pytest.approx(8_000, abs=40)
    data = (tmp_path / "call.wav").read_bytes()[58:]
    left, right = data[0::2], data[1::2]
    assert audio.rms(left[4_100 * 8 : 4_800 * 8]) > 1_000
    assert audio.rms(left[: 3_900 * 8]) == 0
    for start, end in outcome.line.audible_ms():
        assert audio.rms(right[(start + 20) * 8 : (end - 20) * 8]) > 1_000
    assert len(info.peaks) <= 601


def test_an_agent_that_does_not_record_leaves_no_file(tmp_path):
    outcome = call(
        fakes(), blueprint=replace(BLUEPRINT, record=False), hang_up_ms=3_000, recording=tmp_path / "call.wav"
    )

    assert outcome.report.recording is None
    assert not (tmp_path / "call.wav").exists()


# --- what goes wrong ---


def test_a_model_that_fails_is_covered_by_a_sentence_and_the_call_goes_on():
    providers = fakes(["when", "again"], [ProviderError("fake", "http_500"), "At nine."])

    outcome = call(providers, speech=[(4_000, babble(900)), (13_000, babble(900))], hang_up_ms=18_000)

    assert outcome.said("agent")[1:] == [BLUEPRINT.phrases.trouble, "At nine."]
    assert outcome.report.outcome == "caller_hung_up"


def test_a_model_that_says_nothing_is_given_four_seconds():
    providers = fakes(["when"], ["never"])
    providers.llm.first_s = 60

    outcome = call(providers, speech=[(4_000, babble(900))], hang_up_ms=16_000)

    assert outcome.said("agent")[1:3] == [BLUEPRINT.phrases.wait, BLUEPRINT.phrases.trouble]
    assert [turn.kind for turn in outcome.report.turns if turn.speaker == "agent"] == ["greeting", "filler", "speech"]
    assert "first_token" in outcome.report.errors[0]


def test_three_failures_of_the_model_end_the_call_with_an_apology():
    error = ProviderError("fake", "http_500")
    providers = fakes(["a b", "c d", "e f"], [error, error, error])

    outcome = call(
        providers, speech=[(4_000, babble(900)), (13_000, babble(900)), (22_000, babble(900))], hang_up_ms=60_000
    )

    assert outcome.report.outcome == "failed"
    assert outcome.said("agent")[-1] == BLUEPRINT.phrases.failed


def test_a_dead_voice_is_replaced_by_the_recorded_apology():
    outcome = call(fakes(["hi"], ["Hello."], dead=True), hang_up_ms=8_000)

    assert outcome.line.audible_ms(), "the caller heard something"
    assert outcome.said("agent") == ["(recorded apology)"]
    assert outcome.report.outcome == "failed"


def test_a_voice_that_stalls_is_not_waited_for():
    outcome = call(fakes(["hi"], ["Hello."], stalls=True), hang_up_ms=12_000)

    assert outcome.line.audible_ms()[0][0] < 4_500


def test_a_key_that_is_refused_ends_the_call_with_an_apology():
    providers = fakes(["hi"], ["Hello."])
    providers.stt.fail_open = 0
    original = providers.stt.open

    def refuse(blueprint):
        raise ProviderRefused("fake", "http_401")

    providers.stt.open = refuse

    outcome = call(providers, hang_up_ms=60_000)

    assert outcome.report.outcome == "failed"
    assert outcome.said("agent")[-1] == BLUEPRINT.phrases.failed
    assert original is not refuse


def test_a_recogniser_that_breaks_is_replaced_in_mid_call():
    providers = fakes(["when are you open"], ["At nine."], dies_at_ms=2_000)

    outcome = call(providers, speech=[(5_000, babble(1_200))], hang_up_ms=10_000)

    assert (providers.stt.opened, providers.stt.closed) == (2, 2)
    assert outcome.said("agent")[-1] == "At nine."


def test_a_recogniser_that_cannot_connect_loses_none_of_the_callers_first_words():
    providers = fakes(["when are you open"], ["At nine."], fail_open=2)

    call(providers, speech=[(4_000, babble(1_200))], hang_up_ms=10_000)

    assert providers.stt.fed_ms == pytest.approx(10_000, abs=60)


def test_a_mute_recogniser_is_reconnected():
    providers = fakes([], [], mute=True)

    outcome = call(providers, speech=[(4_000, babble(1_200))], hang_up_ms=12_000)

    assert providers.stt.opened == 2
    assert any("stall" in error for error in outcome.report.errors)


def test_without_running_words_a_long_interruption_still_works():
    silent = SttCapabilities("segments", partials=False, languages=("en",), whole_phrases=True)
    providers = fakes(["when are you open", "no the pharmacy"], [LONG, "Always."])
    providers = replace(providers, stt=FakeStt(["when are you open", "no the pharmacy"], capabilities=silent))

    outcome = call(providers, speech=[(4_000, babble(1_500)), (9_000, babble(2_500, seed=2))], hang_up_ms=18_000)

    assert outcome.report.turns[2].interrupted
    assert outcome.said("agent")[-1] == "Always."


def test_a_line_without_acknowledgements_works_the_same():
    providers = fakes(["when are you open", "no i mean the pharmacy"], [LONG, "Always."])
    providers.stt.partials += [(9_600, "no i mean")]

    outcome = call(
        providers,
        speech=[(4_000, babble(1_500)), (9_000, babble(1_800, seed=2))],
        hang_up_ms=16_000,
        acks_clear=False,
        ack_marks=False,
    )

    assert outcome.report.turns[2].interrupted
    assert outcome.said("agent")[-1] == "Always."


def test_a_bug_in_a_provider_ends_the_call_and_leaves_a_report():
    outcome = call(fakes(["hi"], [ValueError("boom")]), speech=[(4_000, babble(900))], hang_up_ms=9_000)

    assert outcome.report.outcome == "failed"
    assert "ValueError: boom" in outcome.report.errors


def test_a_hundred_calls_leave_no_task_and_no_slot():
    async def main(clock):
        lines = [FakeLine(clock, speech=[(500 + 10 * n, babble(900))], hang_up_ms=4_000) for n in range(100)]
        async with asyncio.TaskGroup() as group:
            for line in lines:
                group.create_task(run(line, BLUEPRINT, fakes(["hi"], ["Hello."]), clock, on_turn=lambda turn: None))
        from agents.voice.hearing import Detector

        return len(asyncio.all_tasks()) - 1, len(Detector.here()._ears)

    assert virtual_time.run(main) == (0, 0)
