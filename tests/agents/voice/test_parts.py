"""The engine's small pure parts: audio, activity, ledger, recorder, sentences, patience, dialogue, meter."""

import wave

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.voice import audio
from agents.voice.activity import Activity, VoiceMaybe, VoiceNothing, VoiceOff, VoiceOn
from agents.voice.dialogue import Dialogue
from agents.voice.ledger import FRAME_US, Ledger, Piece
from agents.voice.meter import Meter
from agents.voice.patience import Patience
from agents.voice.providers.base import Message
from agents.voice.recorder import BUCKETS, Recorder, join, repair
from agents.voice.reply import Reply
from agents.voice.sentences import Pieces
from agents.voice.words import ENGLISH, has_stop, is_backchannel

# --- audio ---


@given(st.binary(max_size=2_000), st.lists(st.integers(1, 400), max_size=20))
def test_frames_do_not_depend_on_how_the_chunks_fell(data, sizes):
    cutter, frames, at = audio.Cutter(), [], 0
    for size in [*sizes, len(data)]:
        frames += cutter.cut(data[at : at + size])
        at += size

    frames += cutter.flush()

    assert b"".join(frames)[: len(data)] == data
    assert all(len(frame) == audio.FRAME_BYTES for frame in frames)
    assert set(b"".join(frames)[len(data) :]) <= {0xFF}


def test_silence_is_silent_and_a_tone_is_not():
    assert audio.rms(audio.SILENT_FRAME) == 0
    assert np.all(audio.floats(audio.SILENT_FRAME) == 0)
    assert audio.rms(b"\x00" * 160) > 30_000


# --- activity ---


def windows(activity: Activity, *runs: tuple[int, float]):
    """Feed runs of (count, probability) of 32 ms each; the events with the window's end."""
    found, at = [], 0.0
    for count, probability in runs:
        for _ in range(count):
            at += 32
            event = activity.window(probability, at)
            if event is not None:
                found.append(event)
    return found


def test_speech_is_reported_with_where_it_really_began_and_ended():
    found = windows(Activity(), (10, 0.1), (20, 0.9), (10, 0.1))

    assert found == [VoiceMaybe(320.0), VoiceOn(320.0), VoiceOff(960.0)]


def test_a_click_is_forgotten():
    assert windows(Activity(), (3, 0.9), (8, 0.1)) == [VoiceMaybe(0.0), VoiceNothing()]


def test_over_the_agent_more_certainty_is_needed():
    activity = Activity()
    activity.strict = True

    assert windows(activity, (20, 0.7)) == []


def test_a_line_that_dies_in_mid_word_ends_the_speech():
    activity = Activity()
    windows(activity, (20, 0.9))

    assert activity.stop() == VoiceOff(640.0)
    assert activity.stop() is None


# --- ledger ---


def spoken(ledger: Ledger, frames: int, *, now_us=0):
    ledger.begin(1)
    for _ in range(frames):
        ledger.sent(now_us, expected=True)


def test_what_was_heard_is_counted_in_played_frames():
    ledger = Ledger()
    spoken(ledger, 100)

    assert ledger.heard_bytes(ledger.delay_us + 50 * FRAME_US) == 50 * audio.FRAME_BYTES
    assert ledger.heard_bytes(10**9) == 100 * audio.FRAME_BYTES


def test_a_cut_falls_between_words_by_their_times():
    ledger = Ledger()
    spoken(ledger, 100)
    words = [("One", 3_200), ("two", 6_400), ("three.", 16_000)]
    ledger.said.pieces.append(Piece("One two three.", 0, 16_000, words))

    assert ledger.heard_text(ledger.delay_us + 45 * FRAME_US) == ("One two", "three.")


def test_without_word_times_the_share_of_the_audio_decides():
    ledger = Ledger()
    spoken(ledger, 100)
    ledger.said.pieces.append(Piece("aaaa bbbb cccc dddd", 0, 16_000))

    heard, unheard = ledger.heard_text(ledger.delay_us + 50 * FRAME_US)

    assert (heard, unheard) == ("aaaa bbbb", "cccc dddd")


def test_under_300_ms_nothing_counts_as_heard():
    ledger = Ledger()
    spoken(ledger, 100)
    ledger.said.pieces.append(Piece("Hello there.", 0, 16_000))

    assert ledger.heard_text(ledger.delay_us + 10 * FRAME_US) == ("", "Hello there.")


def test_marks_teach_the_delay_and_impossible_ones_do_not():
    ledger = Ledger()
    spoken(ledger, 100)
    before = ledger.delay_us

    ledger.played(ledger.due_us, ledger.due_us + 300_000)
    learned = ledger.delay_us
    ledger.played(ledger.due_us, ledger.due_us - 1_000_000)

    assert before < learned < 300_000
    assert ledger.delay_us == learned


def test_a_late_frame_in_mid_reply_is_an_underrun():
    ledger = Ledger()
    spoken(ledger, 5)

    ledger.sent(5 * FRAME_US + 1, expected=True)
    ledger.sent(60 * FRAME_US, expected=False)

    assert ledger.underruns == 1


@given(st.text("abc d.", max_size=60), st.integers(0, 20_000))
def test_heard_and_unheard_are_the_text(text, heard_us):
    ledger = Ledger()
    spoken(ledger, 50)
    ledger.said.pieces.append(Piece(text, 0, 8_000))

    heard, unheard = ledger.heard_text(heard_us * 100)

    assert f"{heard} {unheard}".split() == text.split()


# --- recorder ---


def test_both_sides_lie_on_one_time_axis(tmp_path):
    recorder = Recorder(tmp_path / "call.wav")
    loud = b"\x80" * 160
    for index in range(100):
        recorder.caller(index, loud if index < 10 else audio.SILENT_FRAME)
    recorder.agent(1_000, loud)
    recorder.write(recorder.take(1_500))
    recorder.write(recorder.take(0, everything=True))
    info = recorder.close()

    assert info.duration_ms == 2_000
    assert info.bytes == 58 + 32_000
    data = (tmp_path / "call.wav").read_bytes()[58:]
    left, right = data[0::2], data[1::2]
    assert left == loud * 10 + audio.SILENCE * 160 * 90
    assert right == audio.SILENCE * 160 * 50 + loud + audio.SILENCE * 160 * 49
    assert (tmp_path / "call.wav").stat().st_mode & 0o077 == 0


def test_what_was_cleared_is_not_in_the_recording(tmp_path):
    recorder = Recorder(tmp_path / "call.wav")
    slots = [recorder.agent(20 * index, b"\x80" * 160) for index in range(10)]

    recorder.take_back(slots[4:])

    assert [agent != audio.SILENT_FRAME for _, agent in recorder.take(0, everything=True)] == [True] * 4


def test_a_recording_whose_writer_died_can_be_mended(tmp_path):
    recorder = Recorder(tmp_path / "call.wav")
    for index in range(200):
        recorder.caller(index, b"\x90" * 160)
    recorder.write(recorder.take(4_000))
    with (tmp_path / "call.wav").open("r+b") as file:
        file.write(b"\0" * 58)

    info = repair(tmp_path / "call.wav")

    assert info.duration_ms == 3_000
    assert max(caller for caller, _ in info.peaks) > 0
    with pytest.raises(wave.Error, match="unknown format: 7"):  # a right header, of a codec that wave does not know
        wave.open(str(tmp_path / "call.wav"))  # noqa: SIM115


def test_an_hour_has_at_most_1200_peaks(tmp_path):
    recorder = Recorder(tmp_path / "call.wav")
    recorder.write([(audio.SILENT_FRAME, audio.SILENT_FRAME)] * 180_000)

    assert len(recorder.close().peaks) <= BUCKETS + 1


def piece(path, ms, level):
    """A recording of one level on both channels."""
    path.write_bytes(audio.wav_header(16 * ms, 2) + bytes([level]) * 16 * ms)
    return path


def test_pieces_lie_where_they_belong_and_silence_between_them(tmp_path):
    first, second, whole = (
        piece(tmp_path / "a.wav", 100, 1),
        piece(tmp_path / "b.wav", 60, 2),
        tmp_path / "call.whole",
    )

    info = join(whole, [(first, 0), (second, 160)])

    data = whole.read_bytes()[audio.WAV_HEADER_BYTES :]
    assert (info.duration_ms, info.bytes) == (220, whole.stat().st_size)
    assert data[:1600] == b"\x01" * 1600
    assert data[1600:2560] == b"\xff" * 960
    assert data[2560:] == b"\x02" * 960
    assert join(whole, [(second, 160)]).bytes == info.bytes, "once is as good as twice"
    assert whole.read_bytes()[audio.WAV_HEADER_BYTES :] == data


def test_a_piece_that_overlaps_takes_the_place_of_what_was_there(tmp_path):
    whole = tmp_path / "call.whole"

    join(whole, [(piece(tmp_path / "a.wav", 100, 1), 0), (piece(tmp_path / "b.wav", 20, 2), 40)])

    data = whole.read_bytes()[audio.WAV_HEADER_BYTES :]
    assert [data[16 * ms] for ms in (0, 39, 40, 59, 60, 99)] == [1, 1, 2, 2, 1, 1]


def test_nothing_joined_is_no_recording(tmp_path):
    assert join(tmp_path / "call.whole", [(piece(tmp_path / "a.wav", 0, 1), 0)]) is None


# --- sentences ---


def pieces(*tokens: str):
    cutter = Pieces()
    return [piece for token in tokens for piece in cutter.push(token)] + cutter.flush()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("We open at nine. We close at five.", ["We open at nine.", "We close at five."]),
        ("Dr. Rao is in. Yes.", ["Dr. Rao is in.", "Yes."]),
        ("It costs Rs. 3.50 today. Good?", ["It costs Rs. 3.50 today.", "Good?"]),
        (
            "We are open on all the weekdays, and on Sunday too.",
            ["We are open on all the weekdays,", "and on Sunday too."],
        ),
        ("**Bold** and `code` [link](http://x)", ["Bold and code link"]),
        ("नमस्ते। आप कैसे हैं?", ["नमस्ते।", "आप कैसे हैं?"]),
        ("Fine \U0001f600 thanks", ["Fine thanks"]),
        ("... !? \u2026", []),
    ],
)
def test_text_becomes_speakable_pieces(text, expected):
    assert pieces(*text) == expected


def test_the_first_piece_does_not_wait_for_a_long_sentence():
    assert len(pieces(*(["word "] * 40))[0]) <= 60


# --- patience, words, dialogue, meter, timing ---


def test_patience_learns_from_pauses_and_from_cutting_in():
    patience = Patience(ENGLISH)
    before = patience.wait_s("i want", complete=True)
    for _ in range(20):
        patience.went_on(0.6)
    learned = patience.wait_s("i want", complete=True)
    patience.spoke_after_commit(0.5)
    patience.spoke_after_commit(0.5)

    assert before == pytest.approx(0.3)
    assert learned == pytest.approx(0.8)
    assert patience.wait_s("i want", complete=True) == pytest.approx(0.95)


@pytest.mark.parametrize(
    ("text", "nod", "stop"),
    [("Mm-hmm.", True, False), ("okay yes", True, False), ("Wait!", False, True), ("yes but when is it", False, False)],
)
def test_nods_and_stops(text, nod, stop):
    assert (is_backchannel(text, ENGLISH), has_stop(text, ENGLISH)) == (nod, stop)


def test_the_model_sees_only_what_was_heard_and_one_user_message_at_a_time():
    dialogue = Dialogue("Be kind.")
    dialogue.caller("I want")
    dialogue.agent("", interrupted=True)
    dialogue.caller("a table")
    dialogue.agent("For how", interrupted=True)

    assert dialogue.messages() == (
        Message("system", "Be kind."),
        Message("user", "I want a table"),
        Message("assistant", "For how", interrupted=True),
    )


def test_usage_is_summed_per_meter():
    meter = Meter()
    meter.add("local", "espeak-ng", "tts.characters", 10, "characters")
    meter.add("local", "espeak-ng", "tts.characters", 5, "characters")
    meter.add("local", "espeak-ng", "tts.nothing", 0, "characters")

    assert [(usage.meter, usage.amount) for usage in meter.usage()] == [("tts.characters", 15)]


def test_the_parts_of_a_reply_add_up_to_its_gap():
    reply = Reply(1, "speech", 10.3, spoken_until=10.0, first_piece_at=10.5, first_byte_at=10.6, audible_at=10.62)

    timing = reply.timing()

    assert (timing.patience_ms, timing.model_ms, timing.voice_ms, timing.line_ms) == (300, 200, 100, 20)
    assert timing.gap_ms == 620
