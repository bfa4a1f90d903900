"""The carrier's recordings: told by a callback, fetched once with the account's credentials, kept, played."""

import struct
from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from telephony.keeping import fetching
from telephony.keeping.models import CarrierRecording
from telephony.keeping.sniffing import sniff
from telephony.models import Outcome, Status
from telephony.simulator.rest import Trouble
from telephony.simulator.tape import Recorded

WAV = (
    b"RIFF\x00\x00\x00\x00WAVEfmt " + struct.pack("<IHHIIHH", 16, 7, 2, 8000, 16_000, 2, 8) + b"data" + b"\x00" * 32_020
)
MP3 = b"ID3\x04\x00" + bytes(4_000)


def kept_there(vobiz, recording_id="rec-1", data=WAV, length_ms=2_000):
    """The carrier has this recording; where it says it is."""
    recorder = vobiz.switch.recorder
    began = datetime(2026, 11, 21, tzinfo=UTC)
    recorder.kept[recording_id] = Recorded(recording_id, "MA_TEST", "uuid-1", "", "mp3", length_ms, began, data)
    return recorder.url("MA_TEST", recording_id, "mp3")


def stopped(carrier, url, purpose="session", **fields):
    told = {"RecordingID": "rec-1", "RecordUrl": url, "RecordFile": url, "RecordingDurationMs": "2000"}
    return carrier.post("recording", purpose, **{"Event": "RecordStop", **told, **fields})


def tapes(shop):
    with shop.scope():
        return list(CarrierRecording.objects.all())


@pytest.fixture
def call(acme):
    acme.account()
    return acme.call(carrier_id="uuid-1", status=Status.ENDED, outcome=Outcome.CALLER_HUNG_UP)


def test_a_recording_is_fetched_looked_at_and_kept_once(acme, vobiz, carrier, call):
    url = kept_there(vobiz)

    for _ in range(3):
        assert stopped(carrier, url).status_code == 200
    assert fetching.fetch_due(timezone.now()) == 1
    stopped(carrier, url)
    assert fetching.fetch_due(timezone.now()) == 0

    [tape] = tapes(acme)
    assert (tape.state, tape.media_type, tape.bytes, tape.duration_ms) == ("kept", "audio/wav", len(WAV), 2_000)
    assert tape.name.endswith(f"{tape.id}.wav")  # the carrier called it .mp3
    assert default_storage.open(tape.name).read() == WAV
    assert sum("/Recording/" in str(request) for request in vobiz.requests) == 1


def test_the_callback_of_the_beginning_brings_nothing(acme, carrier, call):
    stopped(carrier, "", Event="Record", RecordingDurationMs="-1", RecordFile="")

    assert tapes(acme) == []


def test_a_carrier_that_fails_is_asked_later_and_later_and_at_last_no_more(acme, vobiz, carrier, call):
    stopped(carrier, kept_there(vobiz, "another"), RecordUrl=vobiz.switch.recorder.url("MA_TEST", "rec-1", "mp3"))
    now, waits = timezone.now(), []

    while (tape := tapes(acme)[0]).state == "due":
        waits.append(tape.next_try_at - now)
        now = max(now, tape.next_try_at)
        assert fetching.fetch_due(now) == 0

    assert tape.state == "failed"
    assert [round(wait.total_seconds()) for wait in waits[1:]] == [5, 15, 60, 300, 1800, 7200, 21600, 43200]
    assert tape.problem


def test_a_second_worker_leaves_what_the_first_is_fetching(acme, vobiz, carrier, call):
    stopped(carrier, kept_there(vobiz))
    now = timezone.now()
    with acme.scope():
        CarrierRecording.objects.update(next_try_at=now + fetching.CLAIMED)

    assert fetching.fetch_due(now) == 0
    assert fetching.fetch_due(now + fetching.CLAIMED) == 1


def test_what_is_no_sound_is_not_kept(acme, vobiz, carrier, call):
    stopped(carrier, kept_there(vobiz, data=b"<html>Sign in</html>"))

    assert fetching.fetch_due(timezone.now()) == 0

    [tape] = tapes(acme)
    assert (tape.state, tape.name) == ("failed", "")
    assert "no sound file" in tape.problem


def test_our_credentials_go_to_the_carrier_alone(acme, vobiz, carrier, call):
    stopped(carrier, "https://elsewhere.example.com/steal.mp3")

    assert fetching.fetch_due(timezone.now()) == 0
    assert "not at Vobiz" in tapes(acme)[0].problem


def test_a_recording_of_an_unknown_call_is_taken_calmly(acme, vobiz, carrier):
    assert stopped(carrier, "https://media.vobiz.ai/x.mp3").status_code == 200
    assert tapes(acme) == []


# --- voicemail --------------------------------------------------------------------------------------------------------


def test_a_message_makes_the_call_one_that_left_a_message(acme, vobiz, carrier, route):
    acme.account()
    route("open", "voicemail", keep_days=30)
    carrier.ring()
    carrier.hang_up()
    assert carrier.call.outcome == Outcome.CALLER_HUNG_UP

    stopped(carrier, kept_there(vobiz), "message")
    fetching.fetch_due(timezone.now())

    assert carrier.call.outcome == Outcome.MESSAGE
    assert carrier.steps == [("open", "voicemail", "message")]
    [tape] = tapes(acme)
    assert tape.purpose == "message"
    assert timedelta(days=29) < tape.delete_at - timezone.now() < timedelta(days=31)


def test_a_receiver_put_down_is_no_message(acme, vobiz, carrier, route):
    route("open", "voicemail")
    carrier.ring()
    carrier.hang_up()

    stopped(carrier, kept_there(vobiz), "message", RecordingDurationMs="400")

    assert tapes(acme) == []
    assert carrier.steps == [("open", "voicemail", "no_message")]


# --- on the page ------------------------------------------------------------------------------------------------------


def test_a_message_is_played_on_the_calls_page(acme, vobiz, carrier, route, owner):
    acme.account()
    route("open", "voicemail")
    carrier.ring()
    carrier.hang_up()
    stopped(carrier, kept_there(vobiz, data=MP3), "message")
    fetching.fetch_due(timezone.now())
    [tape] = tapes(acme)
    address = reverse("telephony:tape", args=["acme", carrier.call.id, tape.id])

    html = owner.get(reverse("telephony:call", args=["acme", carrier.call.id])).content.decode()
    whole, part = owner.get(address), owner.get(address, headers={"Range": "bytes=0-2"})

    assert f'src="{address}"' in html
    assert "Message" in html
    assert (whole["Content-Type"], b"".join(whole.streaming_content)) == ("audio/mpeg", MP3)
    assert (part.status_code, b"".join(part.streaming_content)) == (206, b"ID3")
    assert 'filename="message-' in owner.get(address, {"download": ""})["Content-Disposition"]


def test_who_may_not_listen_hears_no_message(acme, bazaar, vobiz, carrier, call, as_role):
    stopped(carrier, kept_there(vobiz))
    fetching.fetch_due(timezone.now())
    [tape] = tapes(acme)
    other = bazaar.call()

    billing = as_role("billing")
    assert billing.get(reverse("telephony:tape", args=["acme", call.id, tape.id])).status_code == 403
    assert str(tape.id) not in billing.get(reverse("telephony:call", args=["acme", call.id])).content.decode()
    analyst = as_role("analyst")
    assert analyst.get(reverse("telephony:tape", args=["acme", call.id, tape.id])).status_code == 200
    assert analyst.get(reverse("telephony:tape", args=["acme", other.id, tape.id])).status_code == 404


def test_a_recording_that_is_on_its_way_has_no_player(acme, vobiz, carrier, call, owner):
    stopped(carrier, kept_there(vobiz))
    [tape] = tapes(acme)

    html = owner.get(reverse("telephony:call", args=["acme", call.id])).content.decode()

    assert "Being fetched" in html
    assert owner.get(reverse("telephony:tape", args=["acme", call.id, tape.id])).status_code == 404


# --- what a file is ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("head", "found"),
    [
        (WAV, ("audio/wav", 2_003)),
        (MP3, ("audio/mpeg", None)),
        (b"\xff\xfb\x90\x00" + bytes(60), ("audio/mpeg", None)),
        (b"\xff\xf3\x40\x00" + bytes(60), ("audio/mpeg", None)),
        (b"OggS" + bytes(60), ("audio/ogg", None)),
        (b"RIFF\x00\x00\x00\x00AVI ", None),
        (b"\xff\xff\xff\xff", None),
        (b"<html>", None),
        (b"", None),
        (b"\xff", None),
    ],
)
def test_a_file_is_what_its_first_bytes_say(head, found):
    sound = sniff(head[:64])

    assert (sound and (sound.media_type, sound.duration_ms(len(head)))) == found


def test_trouble_at_the_carrier_is_passed_over(acme, vobiz, carrier, call):
    stopped(carrier, kept_there(vobiz))
    vobiz.trouble(Trouble("Recording", times=9))

    assert fetching.fetch_due(timezone.now()) == 0
    assert tapes(acme)[0].state == "due"
