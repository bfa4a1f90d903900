"""Who answered an outbound call: first words and rhythm, what is decided, and when we speak."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.voice import audio
from agents.voice import events as e
from agents.voice.machine import Answering, AskModel, Beep, Decided, Party, Speak, party_of


def play(answering: Answering, *timeline):
    """(seconds, method, arguments…); deadlines in between are answered. All outcomes with their time."""
    done = []
    for at, method, *arguments in timeline:
        while answering.next_deadline is not None and answering.next_deadline <= at:
            due = answering.next_deadline
            done += [(round(due, 3), outcome) for outcome in answering.tick(due)]
        done += [(at, outcome) for outcome in getattr(answering, method)(*arguments, at)]
    return done


def says(began: float, text: str, ended: float, words_after: float = 0.35):
    """An utterance as the voice detector and a recogniser report it."""
    return [
        (began + 0.2, "voice_on", began),
        (ended + 0.2, "voice_off", ended),
        (ended + words_after, "words", text),
    ]


HELLO = [Decided(Party.HUMAN, "short"), Speak()]


def test_a_short_hello_is_a_person_and_is_greeted_half_a_second_later():
    done = play(Answering(0.0), *says(0.4, "Hello?", 0.9), (3.0, "tick"))

    assert done == [(1.4, outcome) for outcome in HELLO]


@pytest.mark.parametrize("hold", ["Thanks, just a moment.", "कृपया लाइन पर बने रहिए", "Line par bane rahiye"])
def test_who_only_asks_to_wait_is_still_the_bot(hold):
    answering = Answering(0.0)
    play(answering, *says(0.3, "State your name", 2.0), (4.0, "tick"))
    answering.take()

    assert play(answering, *says(6.0, hold, 7.0), (20.0, "tick")) == []


def test_a_person_without_words_is_a_person_too():
    done = play(Answering(0.0), (0.6, "voice_on", 0.4), (1.1, "voice_off", 0.9), (3.0, "tick"))

    assert [outcome for _, outcome in done] == HELLO


def test_silence_is_greeted_after_1200_ms():
    assert play(Answering(0.0), (5.0, "tick")) == [(1.2, Decided(Party.HUMAN, "silence")), (1.2, Speak())]


def test_a_voicemail_gets_its_message_after_the_tone():
    done = play(
        Answering(0.0),
        (0.5, "voice_on", 0.3),
        (2.5, "words", "Hi, this is Asha, please leave a message"),
        (4.2, "voice_off", 4.0),
        (4.9, "beep"),
        (40.0, "tick"),
    )

    assert done == [(2.5, Decided(Party.VOICEMAIL, "words")), (4.9, Speak())]


def test_a_voicemail_without_a_tone_gets_it_after_1500_ms_of_silence():
    done = play(
        Answering(0.0), (0.5, "voice_on", 0.3), (2.0, "words", "leave a message"), (3.2, "voice_off", 3.0), (9, "tick")
    )

    assert done[-1] == (4.5, Speak())


def test_a_voicemail_that_never_stops_gets_it_after_30_s():
    done = play(Answering(0.0), (0.5, "voice_on", 0.3), (2.0, "words", "leave a message"), (60.0, "tick"))

    assert done[-1] == (32.0, Speak())


def test_speech_without_a_pause_is_a_machine_after_3500_ms():
    done = play(Answering(0.0), (0.5, "voice_on", 0.3), (10.0, "tick"))

    assert done == [(3.8, Decided(Party.VOICEMAIL, "long"))]


def test_a_long_first_sentence_is_for_a_model_to_judge_within_800_ms():
    text = "Good morning you are speaking with the front desk of Asha"
    done = play(Answering(0.0), *says(0.3, text, 3.2, words_after=0.4), (3.9, "opinion", Party.HUMAN))

    assert done == [(3.7, AskModel(text)), (3.9, Decided(Party.HUMAN, "model")), (3.9, Speak())]


def test_without_an_opinion_it_is_a_person():
    text = "Good morning you are speaking with the front desk of Asha"
    done = play(Answering(0.0), *says(0.3, text, 3.2, words_after=0.4), (9.0, "tick"))

    assert [outcome for _, outcome in done] == [AskModel(text), Decided(Party.HUMAN, "default"), Speak()]
    assert done[-1][0] == pytest.approx(4.5)


def test_a_machine_that_shows_itself_late_is_still_noticed():
    done = play(
        Answering(0.0),
        *says(0.3, "Hi, this is Ravi.", 1.2),
        (2.2, "voice_on", 2.0),
        (4.0, "words", "Hi, this is Ravi. I can't come to the phone right now"),
        (4.7, "voice_off", 4.5),
        (20.0, "tick"),
    )

    assert [outcome for _, outcome in done] == [*HELLO, Decided(Party.VOICEMAIL, "words"), Speak()]


def test_a_screening_bot_is_answered_when_it_pauses():
    done = play(Answering(0.0), *says(0.3, "Please state your name and reason for calling", 3.0), (9.0, "tick"))

    assert done == [(3.35, Decided(Party.SCREENING, "words")), (3.85, Speak())]


SCREENED = says(0.3, "Please state your name and reason for calling", 3.0)


def test_the_person_after_a_screening_bot_is_greeted():
    answering = Answering(0.0)
    done = play(answering, *SCREENED)
    done += play(answering, (4.0, "tick"))
    answering.take()
    done += play(answering, *says(6.0, "Please stay on the line", 7.0), *says(12.0, "Hello?", 12.5), (14.0, "tick"))

    assert [outcome for _, outcome in done] == [Decided(Party.SCREENING, "words"), Speak(), *HELLO]
    assert done[-1][0] == pytest.approx(13.0)


def test_a_bot_that_asks_again_is_told_once_more_and_no_more():
    answering = Answering(0.0)
    done = play(answering, *SCREENED, (4.0, "tick"))
    for began in (6.0, 12.0):
        answering.take()
        done += play(answering, *says(began, "Sorry, say your name", began + 1.5), (began + 4, "tick"))

    assert [outcome for _, outcome in done] == [Decided(Party.SCREENING, "words"), Speak(), Speak()]


def test_music_while_a_bot_looks_for_the_person_is_nobody():
    answering = Answering(0.0)
    play(answering, *SCREENED, (4.0, "tick"))
    answering.take()

    done = play(answering, (6.2, "voice_on", 6.0), (9.2, "voice_off", 9.0), (60.0, "tick"))

    assert done == []


def test_when_nobody_comes_to_the_phone_it_is_over():
    done = play(Answering(0.0), *SCREENED, (90.0, "tick"))

    assert done[-1] == (pytest.approx(63.85), Decided(Party.UNAVAILABLE, "silence"))


def test_the_end_of_what_a_bot_had_said_is_not_the_person():
    answering = Answering(0.0)
    for at, event in [
        (0.5, e.CallerOn(0.3)),
        (2.5, e.Heard("state your name")),
        (3.0, e.CallerOff(2.8)),
        (3.4, e.ReplyHeard()),
    ]:
        answering.on(event, at)
    answering.take()

    done = answering.on(e.HeardFinally("State your name and reason for calling.", closes=True), 3.6)

    assert done == []
    assert answering.heard == ""


def test_a_bots_long_sentence_is_for_a_model_to_judge():
    text = "I have passed your words to the owner of this phone"
    answering = Answering(0.0)
    play(answering, *SCREENED, (4.0, "tick"))
    answering.take()
    done = play(answering, *says(6.0, text, 9.0), (9.6, "opinion", Party.SCREENING), (20.0, "tick"))

    assert done == [(9.5, AskModel(text))]


def test_a_menu_gets_no_greeting():
    done = play(Answering(0.0), *says(0.3, "For sales press one", 3.0), (30.0, "tick"))

    assert done == [(3.35, Decided(Party.IVR, "words"))]


def test_the_carriers_verdict_counts_within_five_seconds_only():
    early = play(Answering(0.0), *says(0.3, "Hello", 0.8), (3.0, "carrier", True), (9.0, "tick"))
    late = play(Answering(0.0), *says(0.3, "Hello", 0.8), (6.0, "carrier", True), (9.0, "tick"))

    assert [outcome for _, outcome in early] == [*HELLO, Decided(Party.VOICEMAIL, "carrier"), Speak()]
    assert [outcome for _, outcome in late] == HELLO


@pytest.mark.parametrize(
    ("text", "party"),
    [
        ("Please record your message after the tone.", Party.VOICEMAIL),
        ("The number you are calling is switched off.", Party.UNAVAILABLE),
        ("The subscriber you have dialled is currently unavailable, leave a message after the beep", Party.VOICEMAIL),
        ("Welcome to Acme. You have reached the main menu.", Party.IVR),
        ("You've reached Meera, talk soon", Party.VOICEMAIL),
        ("Hi! The person you called is using a screening service", Party.SCREENING),
        ("Aap jis vyakti se sampark karna chahte hain", Party.UNAVAILABLE),
        ("बीप के बाद अपना संदेश छोड़ें", Party.VOICEMAIL),
        ("हिंदी के लिए दो दबाएं", Party.IVR),
        ("Haan ji boliye", None),
        ("Hello, who is this?", None),
        ("I am busy, call me later", None),
    ],
)
def test_what_the_words_give_away(text, party):
    assert party_of(text) is party


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from([0.0, 0.1, 0.4, 1.0, 3.0]),
            st.sampled_from(["on", "off", "hello", "leave a message", "press one", "", "beep", "human", "machine"]),
        ),
        max_size=30,
    )
)
def test_there_is_always_a_verdict_in_time_and_a_person_is_greeted_at_once(steps):
    answering, now, outcomes = Answering(0.0), 0.0, []
    for wait, what in steps:
        now += wait
        calls = {
            "on": ("voice_on", now),
            "off": ("voice_off", now),
            "beep": ("beep",),
            "human": ("carrier", False),
            "machine": ("carrier", True),
        }
        method, *arguments = calls.get(what, ("words", what))
        outcomes += getattr(answering, method)(*arguments, now)
    for _ in range(40):
        if answering.next_deadline is not None:
            now = max(now, answering.next_deadline)
            outcomes += answering.tick(now)

    assert answering.next_deadline is None
    assert answering.party is not None
    for outcome, following in zip(outcomes, [*outcomes[1:], None], strict=True):
        if isinstance(outcome, Decided) and outcome.party is Party.HUMAN:
            assert following == Speak()
    if answering.party in (Party.IVR, Party.UNAVAILABLE):
        assert not answering.spoke


def test_it_takes_the_floors_events():
    answering = Answering(0.0)
    timeline = [
        (0.5, e.CallerOn(0.3)),
        (1.0, e.Heard("the number you")),
        (1.2, e.HeardFinally("The number you have dialled", closes=False)),
        (1.9, e.Heard("is switched off")),
        (2.0, e.ReplyHeard()),
        (2.4, e.CallerOff(2.2)),
    ]

    done = [(at, outcome) for at, event in timeline for outcome in answering.on(event, at)]

    assert done == [(1.2, Decided(Party.UNAVAILABLE, "words"))]
    assert answering.heard == "The number you have dialled is switched off"


# --- the tone ---


def frames(*parts: np.ndarray):
    return audio.Cutter().cut(audio.mulaw(np.concatenate(parts).astype("=i2").tobytes()))


def tone(hertz: float, seconds: float):
    return 4000 * np.sin(2 * np.pi * hertz * np.arange(int(8000 * seconds)) / 8000)


def noise(seconds: float, level: float = 2000):
    return np.random.default_rng(2).normal(0, level, int(8000 * seconds))


def heard(*parts: np.ndarray) -> list[int]:
    beep = Beep()
    return [number for number, frame in enumerate(frames(*parts)) if beep.frame(frame)]


@pytest.mark.parametrize("hertz", [620, 1000, 1400, 2000])
def test_a_tone_is_noticed_when_it_ends(hertz):
    assert heard(noise(0.4, 20), tone(hertz, 0.4), noise(0.4, 20)) == [40]


def test_ringing_noise_and_clicks_are_no_tone():
    assert heard(tone(420, 1.0), noise(1.0), tone(1000, 0.06), noise(0.3, 20), tone(1000, 4.0), noise(0.2)) == []
