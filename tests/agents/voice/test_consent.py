"""What callers are told before anything is stored, and that nothing is stored before: whole calls on virtual time."""

from dataclasses import replace

import pytest

from agents.voice import audio
from agents.voice.recorder import Recorder
from tests.agents.voice.conversing import BLUEPRINT, GREETING, call
from tests.agents.voice.test_resuming import live
from tests.fakes.providers import fakes
from tests.speech import babble

CONSENT = "This call is recorded."
ASKING = replace(BLUEPRINT, consent=CONSENT)
OVER_IT = (300, babble(900))
"""Speech while the sentence is said, which takes about 1.3 s."""


def channels(path):
    data = path.read_bytes()[audio.WAV_HEADER_BYTES :]
    return data[0::2], data[1::2]


def test_the_sentence_is_said_first_and_heard_to_its_end():
    outcome = call(fakes(["hello"], ["Yes?"]), blueprint=ASKING, speech=[OVER_IT], hang_up_ms=12_000)

    assert outcome.kinds("agent")[:2] == ["consent", "greeting"]
    assert outcome.said("agent")[:2] == [CONSENT, GREETING]
    assert not outcome.report.turns[0].interrupted


def test_nothing_of_what_came_before_is_stored(tmp_path):
    path = tmp_path / "call.wav"

    outcome = call(
        fakes(["hi", "hi"], ["Hello."]),
        blueprint=ASKING,
        speech=[OVER_IT, (7_000, babble(900))],
        hang_up_ms=11_000,
        recording=path,
    )

    consent = next(turn for turn in outcome.report.turns if turn.kind == "consent")
    left, right = channels(path)
    heard = round(consent.ended_ms) * 8
    assert set(left[: heard - 320]) == set(right[: heard - 320]) == {audio.SILENT_FRAME[0]}
    assert audio.rms(left[7_100 * 8 : 7_800 * 8]) > 1_000
    greeting = next(turn for turn in outcome.report.turns if turn.kind == "greeting")
    assert audio.rms(right[greeting.started_ms * 8 + 800 : greeting.ended_ms * 8 - 800]) > 1_000
    assert outcome.report.recording.duration_ms == pytest.approx(11_000, abs=40)  # still on the call's axis


def test_who_hangs_up_before_its_end_leaves_no_file(tmp_path):
    path = tmp_path / "call.wav"

    outcome = call(fakes(), blueprint=ASKING, speech=[OVER_IT], hang_up_ms=1_000, recording=path)

    assert outcome.report.recording is None
    assert not path.exists()


def test_a_sentence_that_nobody_could_hear_records_nothing(tmp_path):
    path = tmp_path / "call.wav"

    outcome = call(fakes(fail=("recorded",)), blueprint=ASKING, hang_up_ms=9_000, recording=path)

    assert outcome.report.recording is None
    assert not path.exists()


def test_without_a_greeting_the_caller_is_listened_to_after_it():
    outcome = call(
        fakes(["are you open"], ["At nine."]),
        blueprint=replace(ASKING, greeting=""),
        speech=[(3_000, babble(900))],
        hang_up_ms=8_000,
    )

    assert outcome.said("agent") == [CONSENT, "At nine."]


def test_a_called_party_hears_it_before_the_greeting_too(tmp_path):
    outcome = call(
        fakes(["hello"]),
        blueprint=replace(ASKING, outbound=True),
        speech=[(1_000, babble(500))],
        hang_up_ms=9_000,
        recording=tmp_path / "call.wav",
    )

    assert outcome.kinds("agent")[:2] == ["consent", "greeting"]
    left, _ = channels(tmp_path / "call.wav")
    assert set(left[: 1_600 * 8]) == {audio.SILENT_FRAME[0]}


def test_a_process_that_goes_on_in_the_middle_of_it_says_it_again(tmp_path):
    lives, _ = live(
        (fakes(), None, 0.8, {}),
        (fakes(), None, None, {"hang_up_ms": 6_000}),
        blueprint=ASKING,
        recording_path=tmp_path / "call.wav",
    )

    assert [turn.kind for turn in lives[1].turns if turn.speaker == "agent"][-2:] == ["consent", "greeting"]
    assert lives[1].report.recording is not None


def test_a_process_that_goes_on_later_says_nothing_and_records_at_once(tmp_path):
    lives, _ = live(
        (fakes(), None, 5.0, {}),
        (fakes(), None, None, {"hang_up_ms": 6_000, "speech": [(200, babble(900))]}),
        blueprint=ASKING,
        recording_path=tmp_path / "call.wav",
    )

    assert "consent" not in [turn.kind for turn in lives[1].turns]
    left, _ = channels(tmp_path / "call.wav")
    assert audio.rms(left[300 * 8 : 1_000 * 8]) > 1_000


def test_a_held_recorder_keeps_nothing_and_makes_no_file(tmp_path):
    recorder = Recorder(tmp_path / "call.wav", held=True)
    loud = bytes([0x10]) * 160
    for index in range(100):
        recorder.caller(index, loud)
        recorder.agent(index * 20, loud)

    assert recorder.take(10_000, everything=True) == []
    assert recorder.close() is None
    assert not (tmp_path / "call.wav").exists()

    recorder.begin()
    recorder.caller(100, loud)
    assert recorder.take(0, everything=True) == [(audio.SILENT_FRAME, audio.SILENT_FRAME)] * 100 + [
        (loud, audio.SILENT_FRAME)
    ]
