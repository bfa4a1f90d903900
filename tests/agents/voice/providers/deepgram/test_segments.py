"""Nova's segments: what is final, and what answers a `Finalize`."""

from agents.voice.providers.base import SttFinal, SttPartial
from agents.voice.providers.deepgram.frames import Alternative, Channel, Results
from agents.voice.providers.deepgram.segments import Segments


def results(text="", start=0.0, duration=1.0, **flags):
    return Results(start=start, duration=duration, channel=Channel([Alternative(text, 0.9 if text else 0.0)]), **flags)


def final(text="", **more):
    return results(text, is_final=True, **more)


def test_an_interim_is_a_partial_once():
    segments = Segments()

    assert segments.hear(results("I would")) == [SttPartial("I would")]
    assert segments.hear(results("I would")) == []
    assert segments.hear(results("")) == []


def test_a_final_segment_closes_nothing_that_was_not_asked_for():
    segments = Segments()

    assert segments.hear(final("I would like", speech_final=True)) == [SttFinal("I would like", False, 0.9)]


def test_noise_that_ends_is_nothing():
    assert Segments().hear(final("", speech_final=True)) == []
    assert Segments().hear(Results(is_final=True)) == []


def test_the_answer_to_finalize_closes_with_or_without_words():
    for text in ("thank you", ""):
        segments = Segments()
        segments.ask(1.0)
        assert segments.hear(final(text, from_finalize=True)) == [SttFinal(text, True, 0.9 if text else None)]
        assert not segments.asked


def test_an_answer_to_an_earlier_finalize_does_not_close_the_later_one():
    segments = Segments()
    segments.ask(1.0)
    segments.ask(2.0)

    assert segments.hear(final("one", from_finalize=True)) == [SttFinal("one", False, 0.9)]
    assert segments.hear(final("two", from_finalize=True)) == [SttFinal("two", True, 0.9)]


def test_its_own_end_of_speech_answers_too_when_it_covers_the_point():
    segments = Segments()
    segments.ask(1.0)
    assert segments.hear(final("one", start=0.0, duration=0.5, speech_final=True)) == [SttFinal("one", False, 0.9)]
    assert segments.hear(final("two", start=0.5, duration=0.5, speech_final=True)) == [SttFinal("two", True, 0.9)]


def test_a_finalize_that_is_never_answered_is_closed_by_silence_read_past_it():
    segments = Segments()
    segments.ask(2.0)

    assert segments.hear(results("", start=0.5, duration=1.0)) == []
    assert segments.hear(results("", start=1.5, duration=1.0)) == [SttFinal("", True)]
    assert segments.hear(results("", start=2.5, duration=1.0)) == []


def test_words_that_may_still_change_keep_it_open():
    segments = Segments()
    segments.hear(results("hello", start=0.5, duration=1.0))
    segments.ask(1.5)

    assert segments.hear(results("", start=0.5, duration=2.0)) == []
    assert segments.hear(final("hello there", start=0.5, duration=2.0)) == [SttFinal("hello there", False, 0.9)]
    assert segments.hear(results("", start=2.5, duration=1.0)) == [SttFinal("", True)]


def test_the_end_of_an_earlier_utterance_closes_nothing():
    segments = Segments()
    segments.ask(5.0)

    assert segments.silence(3.0) == []
    assert segments.silence(5.0) == [SttFinal("", True)]
    assert segments.silence(6.0) == []
