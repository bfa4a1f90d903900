"""Who may speak. Each test is a small timeline: events with their seconds, and what the floor wants done."""

import pytest

from agents.voice import events as e
from agents.voice.blueprint import Limits
from agents.voice.floor import Agent, Caller, Floor
from agents.voice.words import ENGLISH, HINDI

LIMITS = Limits(idle_ms=8_000, idle_prompts=2, max_call_s=300, warn_before_s=60)


@pytest.fixture
def floor() -> Floor:
    """The greeting has been heard; both sides are silent at 10 s."""
    floor = Floor(ENGLISH, LIMITS, now=0.0)
    floor.on(e.ReplyAudible(), 0.1)
    floor.on(e.ReplyHeard(), 10.0)
    return floor


def play(floor: Floor, *timeline):
    """Feed (seconds, event) pairs; a number alone is a tick. All actions with their time."""
    done = []
    for entry in timeline:
        at, event = entry if isinstance(entry, tuple) else (entry, e.Tick())
        done += [(at, action) for action in floor.on(event, at)]
    return done


def kinds(done):
    return [type(action).__name__ for _, action in done]


def speak(at: float, text: str, until: float, **final):
    """Voice on, then a pause, then the final words 100 ms after it was noticed."""
    return [
        (at + 0.1, e.CallerMaybe()),
        (at + 0.2, e.CallerOn(at)),
        (until + 0.2, e.CallerOff(until)),
        (until + 0.3, e.HeardFinally(text, closes=True, complete=True, **final)),
    ]


def agent_speaks(floor: Floor, at: float, *, until=None):
    """A turn at `at` has been answered, and the answer can be heard from `at` + 1.5 s."""
    play(floor, *speak(at, "what are your hours", at + 1.0), at + 1.31, (at + 1.5, e.ReplyAudible()))
    assert floor.agent is Agent.SPEAKING


def test_a_finished_sentence_is_answered_300_ms_after_the_speech(floor):
    done = play(floor, *speak(11.0, "what are your hours", 12.0), 12.31)

    assert kinds(done) == ["AskFinalize", "CommitCaller"]
    assert done[-1][1] == e.CommitCaller("what are your hours", 11.0, 12.0)
    assert floor.agent is Agent.THINKING


def test_a_click_is_no_turn(floor):
    done = play(floor, (11.0, e.CallerMaybe()), (11.2, e.CallerNothing()), 15.0)

    assert done == []
    assert floor.caller is Caller.QUIET


def test_a_pause_inside_a_sentence_does_not_end_the_turn(floor):
    done = play(
        floor,
        (11.2, e.CallerOn(11.0)),
        (12.2, e.CallerOff(12.0)),
        (12.3, e.HeardFinally("i would like to", closes=True)),
        (12.9, e.CallerOn(12.7)),
        (14.2, e.CallerOff(14.0)),
        (14.3, e.HeardFinally("book a table", closes=True, complete=True)),
        14.9,
    )

    assert [action.text for _, action in done if isinstance(action, e.CommitCaller)] == ["i would like to book a table"]


def test_a_hanging_word_waits_longer(floor):
    play(floor, (11.2, e.CallerOn(11.0)), (12.2, e.CallerOff(12.0)), (12.3, e.HeardFinally("book a table for", True)))

    assert floor.next_deadline == pytest.approx(13.2)


def test_digits_wait_longer(floor):
    floor.hints = ("digits",)

    play(floor, *speak(11.0, "nine eight four", 12.0))

    assert floor.next_deadline == pytest.approx(12.9)


def test_a_missing_final_falls_back_to_the_running_words(floor):
    done = play(floor, (11.2, e.CallerOn(11.0)), (11.8, e.Heard("what time")), (12.2, e.CallerOff(12.0)), 12.8, 13.3)

    assert kinds(done)[-1] == "CommitCaller"
    assert done[-1][1].text == "what time"


def test_noise_without_words_is_dropped(floor):
    done = play(floor, (11.2, e.CallerOn(11.0)), (11.6, e.CallerOff(11.4)), 12.5, 13.5, 14.0)

    assert kinds(done) == ["AskFinalize"]
    assert floor.caller is Caller.QUIET
    assert floor.agent is Agent.IDLE


def test_speech_that_was_not_understood_is_answered_as_such(floor):
    done = play(
        floor, (11.2, e.CallerOn(11.0)), (12.7, e.CallerOff(12.5)), (12.8, e.HeardFinally("", True, True)), 14.0
    )

    assert done[-1][1] == e.CommitCaller("", 11.0, 12.5, reply=True, rejected=True)


def test_please_wait_is_not_answered_and_not_nagged(floor):
    done = play(floor, *speak(11.0, "one moment", 11.6), 12.5, 25.0)

    assert done[-1][1].reply is False
    assert floor.agent is Agent.IDLE
    assert floor.next_deadline == pytest.approx(11.91 + 20.0, abs=0.7)


def test_a_provider_that_ends_turns_is_believed_at_once():
    floor = Floor(ENGLISH, LIMITS, now=0.0, turns="provider")
    floor.on(e.ReplyHeard(), 10.0)

    done = play(floor, (11.2, e.CallerOn(11.0)), (11.9, e.TurnEnded("book a table")))

    assert kinds(done) == ["CommitCaller"]


def test_words_from_a_quiet_caller_count_without_any_voice(floor):
    done = play(floor, (11.0, e.HeardFinally("opening hours please", closes=True)), 11.4)

    assert [action.text for _, action in done if isinstance(action, e.CommitCaller)] == ["opening hours please"]


# --- barge-in ---


def test_speech_over_the_agent_pauses_it_and_words_stop_it(floor):
    agent_speaks(floor, 11.0)

    done = play(floor, (15.0, e.CallerMaybe()), (15.1, e.CallerOn(14.9)), (15.6, e.Heard("no i meant")))

    assert done == [(15.1, e.Hold()), (15.6, e.CutReply(14.9))]
    assert floor.agent is Agent.IDLE


def test_a_cough_pauses_the_agent_and_it_goes_on(floor):
    agent_speaks(floor, 11.0)

    done = play(floor, (15.1, e.CallerOn(14.9)), (15.5, e.CallerOff(15.3)), (15.6, e.HeardFinally("", True)), 16.4)

    assert kinds(done) == ["Hold", "AskFinalize", "Note", "Release"]
    assert floor.agent is Agent.SPEAKING


def test_mm_hmm_resumes_after_300_ms_and_is_noted(floor):
    agent_speaks(floor, 11.0)

    done = play(floor, *speak(15.0, "okay", 15.4), 16.0)

    assert kinds(done) == ["Hold", "AskFinalize", "Nod", "Release"]


def test_yes_is_an_answer_when_the_agent_asked(floor):
    agent_speaks(floor, 11.0)
    floor.asked = True

    done = play(floor, *speak(15.0, "yes", 15.4), 16.0)

    assert kinds(done) == ["Hold", "AskFinalize", "CutReply", "CommitCaller"]


def test_one_stop_word_is_enough(floor):
    agent_speaks(floor, 11.0)

    done = play(floor, (15.1, e.CallerOn(14.9)), (15.3, e.Heard("stop")))

    assert kinds(done) == ["Hold", "CutReply"]


def test_ruko_stops_a_hindi_agent():
    floor = Floor(HINDI, LIMITS, now=0.0)
    floor.on(e.ReplyAudible(), 0.1)

    assert kinds(play(floor, (1.1, e.CallerOn(1.0)), (1.3, e.Heard("ruko")))) == ["Hold", "CutReply"]


def test_noise_that_goes_on_is_overruled_after_two_seconds(floor):
    agent_speaks(floor, 11.0)

    done = play(floor, (15.1, e.CallerOn(14.9)), 17.1)

    assert kinds(done) == ["Hold", "Note", "Raise", "Release"]
    assert floor.agent is Agent.SPEAKING


def test_without_running_words_long_speech_is_believed():
    floor = Floor(ENGLISH, LIMITS, now=0.0, partials=False)
    floor.on(e.ReplyAudible(), 0.1)

    assert kinds(play(floor, (5.1, e.CallerOn(4.9)), 6.3)) == ["Hold", "CutReply"]


def test_three_false_alarms_make_a_noisy_line_that_only_words_interrupt(floor):
    agent_speaks(floor, 11.0)
    for at in (15.0, 18.0, 21.0):
        play(
            floor,
            (at, e.CallerOn(at)),
            (at + 0.4, e.CallerOff(at + 0.2)),
            (at + 0.5, e.HeardFinally("", True)),
            at + 1.3,
        )

    done = play(floor, (24.0, e.CallerOn(24.0)), (24.5, e.Heard("please stop")))

    assert kinds(done) == ["CutReply"]


def test_speaking_on_before_the_answer_merges_into_one_turn(floor):
    play(floor, *speak(11.0, "what are your hours", 12.0), 12.31)

    done = play(floor, *speak(12.5, "on sunday i mean", 13.5), 13.9)

    assert kinds(done) == ["Hold", "AskFinalize", "CutReply", "CommitCaller"]


def test_a_nod_while_thinking_lets_the_answer_come(floor):
    play(floor, *speak(11.0, "what are your hours", 12.0), 12.31)

    done = play(floor, *speak(12.5, "mm hmm", 12.9), 13.5)

    assert kinds(done) == ["Hold", "AskFinalize", "Nod", "Release"]
    assert floor.agent is Agent.THINKING


def test_an_uninterruptible_agent_answers_afterwards():
    floor = Floor(ENGLISH, LIMITS, now=0.0, interruptible=False)
    floor.on(e.ReplyAudible(), 0.1)

    done = play(floor, *speak(2.0, "what are your hours", 3.0), 3.5, (6.0, e.ReplyHeard()))

    assert kinds(done) == ["AskFinalize", "CommitCaller"]
    assert done[-1][0] == 6.0


# --- silence, keys, endings ---


def test_silence_is_asked_about_twice_and_then_ends_the_call(floor):
    done = []
    for at in (18.0, 27.0, 36.0):
        done += play(floor, at, (at + 0.1, e.ReplyAudible()), (at + 1.0, e.ReplyHeard()))

    assert kinds(done) == ["SayIdle", "SayIdle", "SayGoodbye", "EndCall"]
    assert done[-1][1].reason == "silence"


def test_speech_resets_the_idle_prompts(floor):
    play(floor, 18.0, (18.1, e.ReplyAudible()), (19.0, e.ReplyHeard()))
    play(floor, *speak(20.0, "yes i am here", 21.0), 21.4, (21.6, e.ReplyAudible()), (24.0, e.ReplyHeard()))

    assert play(floor, 32.0)[0][1] == e.SayIdle(1)


def test_keys_stop_the_agent_and_are_one_turn(floor):
    agent_speaks(floor, 11.0)

    done = play(floor, (15.0, e.Pressed("4")), (15.5, e.Pressed("2")), (16.0, e.Pressed("#")))

    assert kinds(done) == ["CutReply", "CommitCaller"]
    assert done[-1][1] == e.CommitCaller("42", 15.0, 16.0, keys=True)


def test_the_farewell_is_heard_before_the_call_ends(floor):
    agent_speaks(floor, 11.0)

    done = play(floor, (15.0, e.Closing("goodbye")), (17.0, e.ReplyHeard()))

    assert done == [(17.0, e.EndCall("goodbye"))]


def test_bye_does_not_hold_up_the_farewell_but_a_question_does(floor):
    agent_speaks(floor, 11.0)
    play(floor, (15.0, e.Closing("goodbye")))

    assert kinds(play(floor, *speak(15.1, "goodbye", 15.6), 16.0)) == ["AskFinalize", "Nod"]
    assert "CutReply" in kinds(play(floor, *speak(16.5, "wait one more thing", 17.5), 18.0))
    assert floor.agent is Agent.THINKING


def test_the_longest_duration_is_announced_and_kept(floor):
    done = play(floor, (239.0, e.Pressed("1")), 240.0)
    done += play(floor, (242.0, e.ReplyAudible()), (243.0, e.ReplyHeard()), (244.0, e.ReplyAudible()))
    done += play(floor, (245.0, e.ReplyHeard()), (246.0, e.Pressed("2")), 299.0, 300.5, (303.0, e.ReplyHeard()))

    assert "SayClosing" in kinds(done)
    assert done[-1][1] == e.EndCall("max_duration")


def test_an_ending_always_ends(floor):
    play(floor, (15.0, e.Finish("drained")))

    assert play(floor, 33.0)[-1][1] == e.EndCall("drained")
