"""Conversations, each a script and what must come of it: turn-taking and barge-in as a caller meets them."""

from dataclasses import replace

import pytest

from agents.voice.blueprint import Limits
from agents.voice.providers.base import LlmEnd, LlmExpect, LlmText
from tests.agents.voice.scenes import (
    ASK,
    BLUEPRINT,
    GREETING,
    LONG,
    PHRASES,
    SEGMENTS,
    SHORT,
    TURNS,
    Says,
    Sound,
    play,
)

QUESTION = Says(4_000, 1_500, "when are you open on weekdays")

# --- taking turns ---


def test_a_question_is_answered():
    scene = play([QUESTION], [LONG], until=16_000)

    assert scene.caller == ["when are you open on weekdays"]
    assert scene.agent == [GREETING, LONG]


def test_a_quiet_caller_is_heard_all_the_same():
    scene = play([replace(QUESTION, gain=0.08)], [SHORT], until=10_000)

    assert scene.caller == ["when are you open on weekdays"]


def test_a_very_loud_caller_is_one_caller():
    scene = play([replace(QUESTION, gain=3.0)], [SHORT], until=10_000)

    assert scene.caller == ["when are you open on weekdays"]
    assert scene.agent[-1] == SHORT


def test_a_pause_in_mid_sentence_is_waited_for():
    first = Says(4_000, 900, "i would like to")
    scene = play([first, Says(5_700, 900, "book an appointment", seed=2)], ["Of course."], until=12_000)

    assert scene.caller == ["i would like to book an appointment"]
    assert len(scene.llm.asked) == 1


def test_two_pauses_in_one_sentence_still_make_one_turn():
    scene = play(
        [
            Says(4_000, 700, "i want to"),
            Says(5_400, 700, "see the doctor for", seed=2),
            Says(6_800, 700, "my knee", seed=3),
        ],
        ["Of course."],
        until=12_000,
    )

    assert scene.caller == ["i want to see the doctor for my knee"]


def test_a_finished_sentence_is_not_waited_for_long():
    scene = play([QUESTION], [SHORT], hears=PHRASES, until=10_000)

    assert scene.replied_after(5_500) <= 700


def test_only_a_hesitation_is_given_time():
    scene = play([Says(4_000, 500, "um"), Says(5_500, 1_000, "when do you open", seed=2)], [SHORT], until=11_000)

    assert scene.agent[-1] == SHORT
    assert len(scene.llm.asked) == 1


def test_one_second_please_is_obeyed_in_silence():
    scene = play([Says(4_000, 900, "one second please")], ["never said"], until=16_000)

    assert scene.agent == [GREETING]
    assert scene.llm.asked == []


def test_ek_minute_is_obeyed_in_silence():
    scene = play([Says(4_000, 900, "ek minute")], ["never said"], language="hi", until=16_000)

    assert scene.agent == [GREETING]


def test_after_a_wait_the_caller_goes_on_where_they_want():
    scene = play(
        [Says(4_000, 900, "one moment"), Says(12_000, 1_200, "when do you open", seed=2)], [SHORT], until=17_000
    )

    assert scene.caller == ["one moment", "when do you open"]
    assert scene.agent == [GREETING, SHORT]


def test_a_cough_between_turns_is_no_turn():
    scene = play([Sound(4_000, 240), QUESTION_LATER], [SHORT], until=14_000)

    assert scene.caller == ["and on sundays"]


def test_a_door_that_slams_is_no_turn():
    scene = play([Sound(4_000, 120, "click"), QUESTION_LATER], [SHORT], until=14_000)

    assert scene.caller == ["and on sundays"]


def test_steady_noise_is_no_caller():
    scene = play([Sound(3_000, 6_000, "noise", 0.2)], [], until=9_000)

    assert scene.caller == []
    assert scene.agent == [GREETING]


QUESTION_LATER = Says(7_000, 1_200, "and on sundays", seed=2)


def test_speech_that_nobody_understands_is_asked_about_or_let_be_but_never_loops():
    scene = play([Says(4_000, 1_500, ""), Says(12_000, 1_500, "", seed=2)], ["Pardon?", "Pardon?"], until=24_000)

    assert len(scene.llm.asked) <= 2
    assert len(scene.agent) <= 5


def test_a_dictated_number_is_not_cut_between_its_groups():
    ask = [LlmExpect(("digits",)), LlmText("What is your number?")]
    scene = play(
        [
            Says(4_000, 900, "call me back"),
            Says(9_000, 1_200, "nine eight four", seed=2),
            Says(11_000, 1_200, "four two one", seed=3),
        ],
        [ask, "Thank you."],
        until=22_000,
    )

    assert scene.caller[-1] == "nine eight four four two one"


def test_a_providers_turn_end_is_taken_at_its_word():
    scene = play([QUESTION], [SHORT], hears=TURNS, until=10_000)

    assert scene.caller == ["when are you open on weekdays"]
    assert scene.replied_after(5_500) <= 800


def test_a_provider_is_not_asked_to_end_the_turn_at_each_pause():
    scene = play([QUESTION], [SHORT], hears=TURNS, until=10_000)

    assert scene.stt.finalized == 0


def test_two_quick_questions_get_one_conversation():
    scene = play(
        [QUESTION, Says(9_000, 1_200, "and do you take cards", seed=2)],
        ["Nine to five.", "We do."],
        until=16_000,
    )

    assert scene.caller == ["when are you open on weekdays", "and do you take cards"]
    assert scene.agent == [GREETING, "Nine to five.", "We do."]


def test_a_caller_who_speaks_again_before_the_answer_is_answered_once():
    scene = play(
        [QUESTION, Says(6_300, 1_200, "on saturdays i mean", partials=((500, "on saturdays"),), seed=2)],
        ["never heard", "Both are answered."],
        first_s=1.2,
        until=14_000,
    )

    assert scene.agent == [GREETING, "Both are answered."]
    assert "on saturdays i mean" in scene.llm.asked[-1][-1].text
    assert "when are you open" in scene.llm.asked[-1][-1].text


# --- interrupting ---

TALKS = Says(4_000, 1_500, "when are you open on weekdays")


def over(at, ms, text, *, first=300, **more):
    """Words over the agent; the first of them are known `first` ms after the sound began."""
    words = text.split()
    return Says(at, ms, text, partials=((first, words[0]), (first + 200, " ".join(words[:2]))), seed=2, **more)


def test_an_interruption_stops_the_agent_and_is_answered():
    scene = play([TALKS, over(9_000, 1_500, "no i mean the pharmacy")], [LONG, "Always."], until=16_000)

    assert [turn.kind for turn in scene.interrupted] == ["speech"]
    assert scene.silent(9_350, 10_700)
    assert scene.agent[-1] == "Always."


def test_what_was_not_heard_is_not_in_the_models_history():
    scene = play([TALKS, over(8_000, 1_500, "no i mean the pharmacy")], [LONG, "Always."], until=16_000)

    cut = scene.interrupted[0]
    said = next(message for message in scene.llm.asked[1] if message.role == "assistant" and message.interrupted)
    assert said.text == cut.text
    assert "closed" not in said.text


def test_stop_alone_is_enough():
    scene = play([TALKS, over(9_000, 600, "stop")], [LONG, "All right."], until=15_000)

    assert scene.interrupted
    assert scene.agent[-1] == "All right."


def test_ruko_alone_is_enough_in_hindi():
    scene = play([TALKS, over(9_000, 600, "nahi")], [LONG, "Theek hai."], language="hi", until=15_000)

    assert scene.interrupted


def test_haan_in_mid_sentence_does_not_stop_the_agent():
    scene = play([TALKS, over(8_000, 400, "haan")], [LONG], language="hi", until=18_000)

    assert not scene.interrupted
    assert scene.nods == ["haan"]
    assert scene.agent == [GREETING, LONG]


def test_haan_after_a_question_is_an_answer():
    scene = play([TALKS, Says(9_500, 500, "haan ji", seed=2)], [ASK, "Booked."], language="hi", until=15_000)

    assert scene.caller[-1] == "haan ji"
    assert scene.agent[-1] == "Booked."


def test_yes_over_the_last_word_of_a_question_is_an_answer():
    scene = play([TALKS, over(7_300, 500, "yes")], [ASK, "Booked."], until=15_000)

    assert scene.caller[-1] == "yes"
    assert scene.agent[-1] == "Booked."


def test_a_cough_over_the_agent_costs_no_word():
    scene = play([TALKS, Sound(8_500, 300)], [LONG], until=19_000)

    assert scene.agent == [GREETING, LONG]
    assert not scene.interrupted


def test_a_television_does_not_stop_the_agent_for_ever():
    scene = play([TALKS, *(Sound(at, 900) for at in range(7_500, 15_000, 1_500))], [LONG], until=30_000)

    assert LONG in scene.agent


NEWS = "and now the weather for tomorrow in the north of the country"


def television(since, until, *, gain=0.1):
    """Somebody talks all the time, far below the caller, and the recogniser understands them."""
    return [
        Says(
            at,
            2_400,
            NEWS,
            partials=tuple((300 * (number + 1), " ".join(NEWS.split()[: number + 1])) for number in range(7)),
            gain=gain,
            seed=at,
        )
        for at in range(since, until, 3_000)
    ]


@pytest.mark.parametrize("hears", [SEGMENTS, TURNS], ids=["segments", "turns"])
def test_a_television_whose_words_are_understood_interrupts_nobody_for_long(hears):
    scene = play([replace(TALKS, ms=2_500), *television(7_000, 60_000)], [LONG] * 20, hears=hears, until=60_000)

    assert scene.caller[0].startswith("when are you open")
    assert scene.agent.count(LONG) >= 1, "the answer was heard to its end"
    assert len(scene.interrupted) <= 1
    assert len(scene.llm.asked) <= 3, "a television is not talked to"
    assert scene.counters.get("background") == 1


@pytest.mark.parametrize("hears", [SEGMENTS, TURNS], ids=["segments", "turns"])
def test_a_caller_who_left_the_television_on_is_asked_for_and_then_let_go(hears):
    scene = play([replace(TALKS, ms=2_500), *television(7_000, 200_000)], [LONG] * 20, hears=hears, until=200_000)

    assert scene.report.outcome == "silence"
    assert scene.report.duration_ms < 90_000
    assert [turn.kind for turn in scene.report.turns if turn.speaker == "agent"][-3:] == ["idle", "idle", "goodbye"]


@pytest.mark.parametrize("hears", [SEGMENTS, TURNS], ids=["segments", "turns"])
def test_above_the_television_the_caller_still_interrupts_and_is_answered(hears):
    scene = play(
        [replace(TALKS, ms=2_500), *television(7_000, 30_000), over(12_100, 1_500, "no i mean the pharmacy")],
        [LONG, "Always.", "Always."],
        hears=hears,
        until=30_000,
    )

    assert scene.interrupted
    assert "no i mean the pharmacy" in " ".join(scene.caller)
    assert "Always." in scene.agent


def test_after_three_false_alarms_only_words_count():
    sounds = [Sound(at, 350) for at in (7_500, 10_000, 12_500, 15_000)]
    scene = play([TALKS, *sounds], [LONG + " " + LONG], until=36_000)

    assert scene.counters.get("noisy_line", 0) >= 1
    assert not scene.interrupted


def test_on_a_noisy_line_words_still_interrupt():
    sounds = [Sound(at, 350) for at in (7_500, 10_000, 12_500)]
    scene = play(
        [TALKS, *sounds, over(16_000, 1_800, "no the pharmacy please")],
        [LONG + " " + LONG, "Always."],
        until=24_000,
    )

    assert scene.interrupted
    assert scene.agent[-1] == "Always."


def test_the_greeting_can_be_interrupted():
    scene = play([over(700, 1_500, "stop i want to book")], ["Of course."], until=8_000)

    assert scene.report.turns[0].interrupted
    assert scene.agent[-1] == "Of course."


def test_a_greeting_that_must_be_heard_is_heard_and_then_answered():
    blueprint = replace(BLUEPRINT, greeting_interruptible=False)
    scene = play([over(500, 1_000, "i want to book")], ["Of course."], blueprint=blueprint, until=9_000)

    assert scene.agent == [GREETING, "Of course."]
    assert not scene.interrupted


def test_an_interruption_at_the_last_word_loses_nothing_that_was_heard():
    scene = play([TALKS, over(6_500, 1_200, "i see and on sundays")], [SHORT, "Closed."], until=14_000)

    assert scene.agent[-1] == "Closed."
    assert scene.caller[-1] == "i see and on sundays"


def test_a_second_interruption_works_as_the_first():
    scene = play(
        [TALKS, over(8_000, 1_200, "no the pharmacy"), replace(over(12_500, 1_200, "wait i meant the lab"), seed=4)],
        [LONG, LONG, "The lab is closed."],
        until=22_000,
    )

    assert len(scene.interrupted) == 2
    assert scene.agent[-1] == "The lab is closed."


def test_an_interruption_by_a_key_is_immediate():
    scene = play([TALKS], [LONG, "You pressed one."], keys=[(8_000, "1"), (8_300, "#")], until=15_000)

    assert scene.interrupted
    assert scene.agent[-1] == "You pressed one."


def test_a_line_without_acknowledgements_is_interrupted_all_the_same():
    scene = play(
        [TALKS, over(9_000, 1_500, "no i mean the pharmacy")],
        [LONG, "Always."],
        until=16_000,
        acks_clear=False,
        ack_marks=False,
    )

    assert scene.interrupted
    assert scene.agent[-1] == "Always."


@pytest.mark.parametrize("at", range(7_000, 12_000, 500))
def test_whenever_the_caller_interrupts_heard_and_unheard_make_the_whole(at):
    scene = play([TALKS, over(at, 1_500, "no i mean the pharmacy")], [LONG, "Always."], until=20_000)

    cut = next(turn for turn in scene.report.turns if turn.kind == "speech" and turn.speaker == "agent")
    assert f"{cut.text} {cut.unheard}".strip() == LONG


# --- endings ---


def test_goodbye_is_heard_to_its_end():
    scene = play([Says(4_000, 700, "goodbye")], [[LlmText("Thank you. Goodbye."), LlmEnd("goodbye")]], until=20_000)

    assert scene.agent[-1] == "Thank you. Goodbye."
    assert scene.report.outcome == "agent_hung_up"


def test_bye_over_the_farewell_does_not_hold_it_up():
    scene = play(
        [Says(4_000, 700, "goodbye"), over(6_000, 500, "bye")],
        [[LlmText("Thank you for calling us today. Goodbye."), LlmEnd("goodbye")]],
        until=20_000,
    )

    assert scene.report.outcome == "agent_hung_up"
    assert not scene.interrupted


def test_one_more_question_over_the_farewell_keeps_the_call():
    scene = play(
        [Says(4_000, 700, "goodbye"), over(6_200, 1_500, "wait one more question please")],
        [[LlmText("Thank you for calling us today. Goodbye."), LlmEnd("goodbye")], "Yes?"],
        until=14_000,
    )

    assert scene.agent[-1] == "Yes?"
    assert scene.report.outcome == "caller_hung_up"


def test_silence_is_asked_about_twice_and_then_ends():
    scene = play([], [], until=90_000)

    kinds = [turn.kind for turn in scene.report.turns]
    assert kinds == ["greeting", "idle", "idle", "goodbye"]
    assert scene.report.outcome == "silence"


def test_a_caller_who_comes_back_is_not_hung_up_on():
    scene = play([Says(16_000, 1_200, "sorry i was away")], ["No problem."], until=22_000)

    assert scene.agent[-1] == "No problem."


def test_the_longest_duration_ends_the_call_politely():
    limits = Limits(idle_ms=60_000, max_call_s=20, warn_before_s=8)
    scene = play([], [], blueprint=replace(BLUEPRINT, limits=limits), until=90_000)

    assert scene.report.outcome == "max_duration"
    assert [turn.kind for turn in scene.report.turns] == ["greeting", "closing", "goodbye"]


def test_a_caller_who_hangs_up_in_mid_reply_leaves_what_was_heard():
    scene = play([TALKS], [LONG], until=8_500)

    assert scene.report.outcome == "caller_hung_up"
    assert scene.report.turns[-1].interrupted
    assert LONG.startswith(scene.agent[-1])


def test_a_caller_who_hangs_up_while_speaking_leaves_no_task():
    scene = play([Says(4_000, 5_000, "a long story")], [], until=6_000)

    assert scene.report.outcome == "caller_hung_up"


# --- drafts ---


def test_a_draft_makes_the_answer_come_sooner_and_is_not_asked_twice():
    late = play([QUESTION], [SHORT], hears=TURNS, first_s=0.5, until=10_000)
    early = play([QUESTION], [SHORT, "twice"], hears=TURNS, eager=True, first_s=0.5, until=10_000)

    assert early.agent == late.agent == [GREETING, SHORT]
    assert early.replied_after(5_500) < late.replied_after(5_500)
    assert len(early.llm.asked) == 1
