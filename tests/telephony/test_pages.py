"""The pages about calls and numbers."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.urls import reverse
from django.utils import timezone

from telephony import queries
from telephony.models import Outcome, PhoneNumber, Recording, Status, Turn
from tests import cast as people


@pytest.fixture
def as_role(client, acme):
    def sign_in(role):
        client.force_login(people.make_member(acme.tenant, people.Role(role)))
        return client

    return sign_in


@pytest.fixture
def owner(as_role):
    return as_role("owner")


def page(client, name, *args, status=200, **query):
    response = client.get(reverse(f"telephony:{name}", args=["acme", *args]), query)
    assert response.status_code == status
    return response.content.decode()


def talk(shop, call, recording=True):
    with shop.scope():
        common = {"tenant": shop.tenant, "call": call}
        Turn.objects.create(
            **common, index=0, speaker="agent", kind="greeting", text="Hello.", started_ms=0, ended_ms=900
        )
        Turn.objects.create(
            **common, index=1, speaker="caller", kind="speech", text="<b>Fee?</b>", started_ms=1500, ended_ms=2600
        )
        Turn.objects.create(
            **common, index=2, speaker="agent", kind="speech", text="Four", unheard="hundred rupees", started_ms=4300,
            ended_ms=5000, interrupted=True, barge_in_ms=58, gap_ms=1700, patience_ms=300, model_ms=1100, voice_ms=250,
            line_ms=50,
        )  # fmt: skip
        if recording:
            name = default_storage.save(f"recordings/{call.id}.wav", ContentFile(bytes(range(256)) * 4))
            Recording.objects.create(**common, name=name, duration_ms=10_000, bytes=1024, peaks=[[50, 0], [0, 100]])


# --- the list ---------------------------------------------------------------------------------------------------------


def test_a_tenant_without_calls_is_told_which_number_to_ring(owner):
    html = page(owner, "calls")

    assert "No calls yet" in html
    assert "+91 8071 387 001" in html
    assert "Asha answers it already" in html


def test_calls_are_grouped_by_the_tenants_day(acme, owner):
    acme.call(created_at=datetime(2026, 3, 1, 18, 0, tzinfo=UTC))
    acme.call(created_at=datetime(2026, 3, 1, 19, 0, tzinfo=UTC))

    html = page(owner, "calls")

    assert "Monday 2 March · 1 call shown" in html
    assert "Sunday 1 March · 1 call shown" in html
    assert "00:30" in html
    assert "23:30" in html


@pytest.mark.parametrize(
    ("call", "query"),
    [
        ({"caller": "+919812345678"}, {"q": "98123 45678"}),
        ({"caller": "anonymous"}, {"q": "anon"}),
        ({"outcome": Outcome.TRANSFER, "status": Status.ENDED}, {"outcome": "transfer"}),
        ({"status": Status.STREAMING}, {"outcome": "live"}),
        ({"interruptions": 2}, {"interrupted": "on"}),
        ({"created_at": datetime(2026, 3, 1, 19, 0, tzinfo=UTC)}, {"first": "2026-03-02", "last": "2026-03-02"}),
    ],
)
def test_a_filter_shows_what_it_names_and_nothing_else(acme, owner, call, query):
    common = {"created_at": datetime(2026, 3, 3, tzinfo=UTC), "status": Status.ENDED, "outcome": "silence"}
    wanted = acme.call(**{**common, **call})
    unwanted = acme.call(**{**common, "caller": "+911111111111"})

    html = page(owner, "calls", **query)

    assert f"call-{wanted.id}" in html
    assert f"call-{unwanted.id}" not in html


def test_filters_by_agent_and_number(acme, owner):
    call = acme.call()

    assert f"call-{call.id}" in page(owner, "calls", agent=acme.agent.id, number=acme.number.id)
    assert "No calls match" in page(owner, "calls", agent=acme.agent.id, q="000")


@pytest.mark.parametrize("query", [{"first": "tomorrow"}, {"agent": "x"}, {"outcome": "x"}, {"number": "%00"}])
def test_a_filter_that_makes_no_sense_is_said_so_and_ignored(acme, owner, query):
    call = acme.call()

    html = page(owner, "calls", **query)

    assert 'role="alert"' in html
    assert f"call-{call.id}" in html


@pytest.mark.parametrize("key", ["x", "AAAA", "é", "_" * 32, "-" * 400])
def test_a_key_that_is_none_is_ignored(acme, owner, key):
    call = acme.call()

    assert f"call-{call.id}" in page(owner, "calls", older=key)


def test_pages_by_key_show_each_call_once(acme):
    now = timezone.now()
    calls = [acme.call(created_at=now - timedelta(seconds=number // 2)) for number in range(8)]

    with acme.scope():
        rows = type(calls[0]).objects.all()
        first = queries.page(rows, size=3)
        second = queries.page(rows, older=first.older, size=3)
        third = queries.page(rows, older=second.older, size=3)
        back = queries.page(rows, newer=third.newer, size=3)

    seen = [call.id for part in (first, second, third) for call in part.calls]
    assert sorted(seen) == sorted(call.id for call in calls)
    assert [len(part.calls) for part in (first, second, third)] == [3, 3, 2]
    assert (first.newer, third.older) == ("", "")
    assert back.calls == second.calls


def test_htmx_gets_the_list_alone(acme, owner):
    acme.call()

    html = owner.get(reverse("telephony:calls", args=["acme"]), headers={"HX-Request": "true"}).content.decode()

    assert html.strip().startswith('<div id="calls">')


# --- one call ---------------------------------------------------------------------------------------------------------


def test_the_call_page_tells_the_conversation(acme, owner):
    call = acme.call(status=Status.ENDED, outcome="caller_hung_up", duration_ms=10_000, collected=[["day", "Saturday"]])
    talk(acme, call)

    html = page(owner, "call", call.id)

    for text in ("Hello.", "&lt;b&gt;Fee?&lt;/b&gt;", "hundred rupees", "stopped 58 ms after", "1.70 s", "Saturday"):
        assert text in html
    assert 'data-seek="4.30"' in html
    assert "patience 300 ms, model 1100 ms, voice 250 ms, line 50 ms" in html
    assert f"/calls/{call.id}/recording.wav" in html
    assert "ws-connect" not in html


def test_a_call_that_lost_its_worker_says_when_it_was_taken_over(acme, owner):
    streams = [
        {"epoch": 1, "at": "", "at_ms": 0, "cause": "", "gap_ms": None},
        {"epoch": 2, "at": "", "at_ms": 1_400, "cause": "lost", "gap_ms": 1_234},
        {"epoch": 3, "at": "", "at_ms": 4_000, "cause": "left", "gap_ms": 150},
    ]
    call = acme.call(status=Status.ENDED, outcome=Outcome.CALLER_HUNG_UP, duration_ms=10_000, streams=streams)
    talk(acme, call)

    html = page(owner, "call", call.id)

    places = [html.index(words) for words in ("Hello.", "taken over after 1.2 s", "Fee?", "to another worker", "Four")]
    assert places == sorted(places)


def test_a_live_call_is_watched(acme, owner):
    call = acme.call(status=Status.STREAMING)

    assert f'ws-connect="/live/acme/calls/?call={call.id}"' in page(owner, "call", call.id)


def test_a_role_that_may_not_listen_sees_that_there_was_a_call(acme, as_role):
    call = acme.call(status=Status.ENDED, outcome="caller_hung_up", collected=[["name", "Kamala"]])
    talk(acme, call)

    html = page(as_role("billing"), "call", call.id) + page(as_role("billing"), "calls")

    assert "not what was said" in html
    for text in ("Hello.", "Kamala", "recording.wav", "hundred rupees"):
        assert text not in html


def test_a_refused_call_says_why(acme, owner):
    call = acme.call(status=Status.REFUSED, outcome="refused", error="tenant_full")

    assert "all of your lines were busy" in page(owner, "call", call.id)


def test_a_call_whose_vendor_refused_the_key_says_so(acme, owner):
    errors = "openai: unauthorized (Incorrect API key)\nopenai: unauthorized\nrecording: No space left on device"
    call = acme.call(status=Status.ENDED, outcome="failed", error=errors)

    text = page(owner, "call", call.id)

    assert text.count("OpenAI refused the key.") == 1
    assert "recording: No space left on device" in text
    assert "Incorrect API key" not in text


def test_a_call_of_another_tenant_is_not_found(bazaar, owner):
    page(owner, "call", bazaar.call().id, status=404)


def test_no_page_holds_a_script_or_a_style_of_its_own(acme, owner):
    call = acme.call(status=Status.ENDED)
    talk(acme, call)

    for html in (page(owner, "calls"), page(owner, "call", call.id), page(owner, "numbers")):
        assert "style=" not in html
        assert "<style" not in html
        assert "<script>" not in html
        assert "onclick" not in html


# --- the recording ----------------------------------------------------------------------------------------------------

BODY = bytes(range(256)) * 4


@pytest.mark.parametrize(
    ("asked", "status", "body", "told"),
    [
        (None, 200, BODY, None),
        ("bytes=0-", 206, BODY, "bytes 0-1023/1024"),
        ("bytes=0-0", 206, BODY[:1], "bytes 0-0/1024"),
        ("bytes=100-199", 206, BODY[100:200], "bytes 100-199/1024"),
        ("bytes=1000-9999", 206, BODY[1000:], "bytes 1000-1023/1024"),
        ("bytes=-24", 206, BODY[-24:], "bytes 1000-1023/1024"),
        ("bytes=-9999", 206, BODY, "bytes 0-1023/1024"),
        ("bytes=1024-", 416, b"", "bytes */1024"),
        ("bytes=-0", 416, b"", "bytes */1024"),
        ("bytes=5-2", 200, BODY, None),
        ("bytes=0-1,5-9", 200, BODY, None),
        ("lines=0-1", 200, BODY, None),
        ("bytes=-", 200, BODY, None),
    ],
)
def test_a_player_gets_the_piece_that_it_asks_for(acme, owner, asked, status, body, told):
    call = acme.call(status=Status.ENDED)
    talk(acme, call)

    response = owner.get(
        reverse("telephony:recording", args=["acme", call.id]), headers={"Range": asked} if asked else None
    )

    assert response.status_code == status
    assert b"".join(response.streaming_content if response.streaming else [response.content]) == body
    assert response.get("Content-Range") == told
    if status != 416:
        assert (response["Content-Type"], response["Accept-Ranges"]) == ("audio/wav", "bytes")
        assert int(response["Content-Length"]) == len(body)


def test_a_recording_whose_file_is_gone_is_not_found(acme, owner):
    call = acme.call(status=Status.ENDED)
    talk(acme, call)
    with acme.scope():
        default_storage.delete(call.recording.name)

    page(owner, "recording", call.id, status=404)


def test_only_who_may_listen_gets_the_recording(acme, as_role):
    call = acme.call(status=Status.ENDED)
    talk(acme, call)

    page(as_role("billing"), "recording", call.id, status=403)
    response = as_role("analyst").get(reverse("telephony:recording", args=["acme", call.id]), {"download": ""})
    assert response.status_code == 200
    assert f'filename="call-{call.id}.wav"' in response["Content-Disposition"]


# --- numbers ----------------------------------------------------------------------------------------------------------


def post(client, name, data, *args):
    return client.post(reverse(f"telephony:{name}", args=["acme", *args]), data)


def test_numbers_show_who_answers_and_whether_they_are_ready(acme, owner):
    acme.call()

    html = page(owner, "numbers")

    assert "+91 8071 387 001" in html
    assert "Asha" in html
    assert "Ready" in html


def test_a_number_page_shows_what_to_paste_at_vobiz(acme, as_role):
    html = page(as_role("builder"), "number", acme.number.id)

    assert f"/vobiz/answer/{acme.number.token}/" in html
    assert f"/vobiz/hangup/{acme.number.token}/" in html


def test_who_may_not_edit_numbers_does_not_see_their_secret(acme, as_role):
    html = page(as_role("analyst"), "number", acme.number.id)

    assert acme.number.token not in html
    assert post(as_role("analyst"), "number", {"label": "x"}, acme.number.id).status_code == 403
    assert post(as_role("analyst"), "numbers", {"e164": "x"}).status_code == 403


def test_a_number_is_connected(acme, owner):
    response = post(owner, "numbers", {"e164": "080 4718 2210", "label": "Pharmacy", "agent": acme.agent.id})

    assert response.status_code == 303
    with acme.scope():
        number = PhoneNumber.objects.get(e164="+918047182210")
    assert (number.agent_id, number.label, len(number.token)) == (acme.agent.id, "Pharmacy", 43)


@pytest.mark.parametrize("e164", ["", "abc", "12", "+91", "+1234567890123456789"])
def test_what_is_no_number_is_refused_and_stays_in_the_form(acme, owner, e164):
    response = post(owner, "numbers", {"e164": e164, "label": "Pharmacy"})

    assert response.status_code == 422
    assert 'value="Pharmacy"' in response.content.decode()


def test_a_number_has_one_place_on_the_platform(acme, bazaar, owner):
    response = post(owner, "numbers", {"e164": bazaar.number.e164})

    assert response.status_code == 422
    assert "connected already" in response.content.decode()


def test_a_number_changes_hands_and_is_switched_off(acme, owner):
    response = post(owner, "number", {"label": "Night line", "agent": ""}, acme.number.id)

    assert response.status_code == 303
    with acme.scope():
        acme.number.refresh_from_db()
    assert (acme.number.label, acme.number.agent_id, acme.number.enabled) == ("Night line", None, False)


def test_an_agent_of_another_tenant_cannot_answer(acme, bazaar, owner):
    assert post(owner, "number", {"agent": bazaar.agent.id}, acme.number.id).status_code == 422
