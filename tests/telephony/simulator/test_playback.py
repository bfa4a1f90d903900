"""The queue between the application's sending and the caller's ear."""

from random import Random

from telephony.simulator.audio import SILENCE
from telephony.simulator.playback import Playback

A, B = b"\x01" * 160, b"\x02" * 160


def test_it_plays_20_ms_per_pull_in_order_and_then_silence():
    queue = Playback()
    queue.add(A)
    queue.add(B)

    pulls = [queue.pull() for _ in range(3)]

    assert [pull.frame for pull in pulls] == [A, B, SILENCE]
    assert [pull.queued_ms for pull in pulls] == [40, 20, 0]
    assert [pull.played_bytes for pull in pulls] == [160, 160, 0]


def test_a_mark_comes_out_only_after_what_was_before_it_has_played():
    queue = Playback()
    queue.add(A)
    queue.mark("one")
    queue.add(B)
    queue.mark("two")

    marks = [queue.pull().marks for _ in range(3)]

    assert marks == [(), ("one",), ("two",)]


def test_a_mark_on_an_empty_queue_comes_out_at_once():
    queue = Playback()
    queue.mark("now")

    assert queue.pull().marks == ("now",)


def test_how_the_audio_was_cut_does_not_change_what_is_heard():
    sound = bytes(Random(1).randbytes(160 * 20))
    random = Random(2)
    queue, at = Playback(), 0
    while at < len(sound):
        piece = sound[at : at + random.randint(1, 700)]
        at += len(piece)
        queue.add(piece)
        if random.random() < 0.3:
            queue.mark(f"m{at}")

    heard = b"".join(queue.pull().frame for _ in range(20))

    assert heard == sound
    assert queue.queued_ms == 0


def test_a_short_rest_is_padded_with_silence():
    queue = Playback()
    queue.add(A[:100])

    pull = queue.pull()

    assert pull.frame == A[:100] + b"\xff" * 60
    assert pull.played_bytes == 100


def test_a_flush_drops_audio_and_tells_which_marks_are_void():
    queue = Playback()
    queue.add(A + B)
    queue.mark("never")

    lost_ms, marks = queue.flush()

    assert (lost_ms, marks) == (40, ["never"])
    assert queue.pull().frame == SILENCE
    assert queue.pull().marks == ()


def test_what_does_not_fit_is_dropped_and_counted():
    queue = Playback(limit_ms=30)

    queue.add(A + B)

    assert queue.queued_ms == 30
    assert queue.overflowed_bytes == 80


def test_a_dry_queue_says_whether_the_end_was_meant():
    meant, not_meant = Playback(), Playback()
    for queue in (meant, not_meant):
        queue.add(A)
    meant.mark("end")
    meant.pull()
    not_meant.pull()

    assert meant.pull().at_boundary
    assert not not_meant.pull().at_boundary
