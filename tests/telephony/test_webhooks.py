"""The carrier's callbacks, as they come over HTTP: genuine, forged, repeated, malformed."""

import json
from urllib.parse import urlencode
from xml.etree import ElementTree

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from telephony import next_document, stream_token, sweeping
from telephony.models import Outcome, Status, UsedNonce, WebhookEvent
from telephony.vobiz import answers, signature
from tenants.scope import platform_scope
from tests.telephony.conftest import AUTH_TOKEN

NONCE = "12345678901234567890"


def fields(shop, **more):
    return {
        "CallUUID": "uuid-1",
        "From": "919876543210",
        "To": shop.number.e164[1:],
        "Direction": "inbound",
        "CallStatus": "ringing",
        "Event": "StartApp",
        **more,
    }


FORM = "application/x-www-form-urlencoded"


def send(client, url, data, headers=None):
    return client.post(url, urlencode(data), content_type=FORM, headers=headers)


def path(kind, shop):
    return reverse(f"vobiz:{kind}", args=[shop.number.token])


def signed(url_path, nonce=NONCE, token=AUTH_TOKEN, version="V3"):
    url = django_settings.PUBLIC_URL.rstrip("/") + url_path
    return {
        f"X-Vobiz-Signature-{version}": signature.sign(version, token, url, nonce),
        f"X-Vobiz-Signature-{version}-Nonce": nonce,
    }


def events():
    with platform_scope("test"):
        return list(WebhookEvent.objects.order_by("received_at"))


@pytest.fixture
def post(client, acme):
    def post(kind="answer", data=None, headers=None, **more):
        return send(client, path(kind, acme), data if data is not None else fields(acme, **more), headers)

    return post


def elements(response):
    assert response.status_code == 200, response.content
    assert response["Content-Type"] == "application/xml"
    return [(element.tag, element) for element in ElementTree.fromstring(response.content)]


# --- the answer -------------------------------------------------------------------------------------------------------


def test_a_call_is_answered_with_a_stream_that_names_it(acme, post):
    [(stream_tag, stream), (redirect_tag, redirect)] = elements(post())

    [call] = acme.calls()
    ticket = stream_token.read(stream.text.rstrip("/").rsplit("/", 1)[1])
    assert (stream_tag, redirect_tag) == ("Stream", "Redirect")
    assert ticket == stream_token.Ticket(acme.tenant.id, call.id)
    assert stream.get("contentType") == "audio/x-mulaw;rate=8000"
    assert redirect.text == django_settings.PUBLIC_URL + path("after-stream", acme)


def test_a_get_is_answered_like_a_post(acme, client):
    response = client.get(path("answer", acme), fields(acme))

    assert [tag for tag, _ in elements(response)] == ["Stream", "Redirect"]
    assert len(acme.calls()) == 1


def test_the_same_webhook_twice_makes_one_call(acme, post):
    first, second = post(), post()

    assert [tag for tag, _ in elements(first)] == [tag for tag, _ in elements(second)] == ["Stream", "Redirect"]
    assert len(acme.calls()) == 1
    assert len(events()) == 2


def test_a_hang_up_on_the_answer_url_ends_the_call(acme, post):
    post()

    response = post(Event="Hangup", CallStatus="completed", HangupCauseCode="4000")

    [call] = acme.calls()
    assert response.status_code == 200
    assert (call.status, call.hangup_code) == (Status.ENDED, 4000)


def test_stream_workers_take_turns(acme, post, settings):
    settings.STREAM_URLS = ["ws://127.0.0.1:9001", "ws://127.0.0.1:9002"]

    hosts = {elements(post(CallUUID=f"uuid-{n}"))[0][1].text.split("/media/")[0] for n in range(4)}

    assert hosts == set(settings.STREAM_URLS)


def test_a_number_that_nobody_answers_says_so_politely(acme, post):
    with acme.scope():
        acme.number.agent = None
        acme.number.save()

    [(speak, sentence), (hangup, _)] = elements(post())

    assert (speak, hangup) == ("Speak", "Hangup")
    assert "nobody can take your call" in sentence.text


def test_a_call_for_another_number_is_told_so_and_leaves_no_row(acme, post):
    [(speak, sentence), (hangup, _)] = elements(post(To="918099999999"))

    assert (speak, hangup) == ("Speak", "Hangup")
    assert "not in service" in sentence.text
    assert acme.calls() == []


# --- who may ask ------------------------------------------------------------------------------------------------------

SIGNED = {
    "V3": signed,
    "V2": lambda url: signed(url, version="V2"),
    "MA-V3": lambda url: {
        **signed(url, token="PARENT"),
        "X-Vobiz-Signature-MA-V3": signed(url, token="PARENT")["X-Vobiz-Signature-V3"],
    },
}
FORGED = {
    "another token": lambda url: signed(url, token="WRONG"),
    "another address": lambda url: signed(url + "x/"),
    "no nonce": lambda url: {"X-Vobiz-Signature-V3": signed(url)["X-Vobiz-Signature-V3"]},
    "rubbish": lambda url: {"X-Vobiz-Signature-V3": "=" * 300, "X-Vobiz-Signature-V3-Nonce": NONCE},
    "parent's, unknown": lambda url: {"X-Vobiz-Signature-MA-V3": "x", "X-Vobiz-Signature-V3-Nonce": NONCE},
}


@pytest.mark.parametrize("mode", ["off", "if-present", "required"])
@pytest.mark.parametrize("how", SIGNED)
def test_a_good_signature_is_taken_in_every_mode(acme, post, mode, how):
    acme.account(signature_mode=mode, parent_token="PARENT")

    assert post(headers=SIGNED[how](path("answer", acme))).status_code == 200


@pytest.mark.parametrize("mode", ["if-present", "required"])
@pytest.mark.parametrize("how", FORGED)
def test_a_forged_signature_is_403_and_leaves_no_row(acme, post, mode, how):
    acme.account(signature_mode=mode)

    response = post(headers=FORGED[how](path("answer", acme)))

    assert response.status_code == 403
    assert acme.calls() == []
    assert events() == []


@pytest.mark.parametrize(("mode", "status"), [("off", 200), ("if-present", 200), ("required", 401)])
def test_no_signature_counts_by_mode(acme, post, mode, status):
    acme.account(signature_mode=mode)

    assert post().status_code == status
    assert len(acme.calls()) == (status == 200)


def test_with_checks_off_a_bad_signature_does_not_matter(acme, post):
    acme.account(signature_mode="off")

    assert post(headers=FORGED["another token"](path("answer", acme))).status_code == 200


@pytest.mark.parametrize("kind", ["answer", "hangup", "after-stream", "stream-status", "machine"])
@pytest.mark.parametrize("token", ["x", "A" * 43, "%00", "é"])
def test_an_unknown_address_is_404_and_leaves_no_row(acme, client, kind, token):
    response = send(client, f"/vobiz/{kind}/{token}/", fields(acme))

    assert response.status_code == 404
    assert acme.calls() == []
    assert events() == []


def test_a_nonce_is_good_once(acme, post):
    acme.account(signature_mode="required")
    headers = signed(path("answer", acme))
    first = post(headers=headers)

    second = post(headers=headers, CallUUID="uuid-2")

    assert (first.status_code, second.status_code) == (200, 403)
    assert len(acme.calls()) == 1


def test_a_replay_of_a_handled_callback_is_refused_and_nothing_is_done_twice(acme, post):
    acme.account(signature_mode="required")
    headers = signed(path("after-stream", acme))
    acme.call(carrier_id="uuid-1", status=Status.RINGING, stream_offers=1)
    asked = {"Event": "Redirect", "CallStatus": "in-progress"}

    first, second = (post("after-stream", headers=headers, **asked) for _ in range(2))

    assert (first.status_code, second.status_code) == (200, 403)
    assert b"media" not in second.content
    assert acme.calls()[0].stream_offers == 2, "offered once more, not twice"
    assert len(events()) == 1


def test_a_replay_of_what_is_being_handled_is_refused(acme, post):
    acme.account(signature_mode="required")
    headers = signed(path("answer", acme))
    post(headers=headers)
    with platform_scope("test"):
        WebhookEvent.objects.update(handled_at=None)

    assert post(headers=headers).status_code == 403


def test_a_repeat_whose_secrets_differ_is_none(acme, post):
    acme.account(signature_mode="required")
    headers = signed(path("answer", acme))

    assert post(headers=headers, X_token="one").status_code == 200
    assert post(headers=headers, X_token="two").status_code == 403


def test_a_copy_that_leaves_out_one_of_two_signatures_is_a_replay_too(acme, post):
    acme.account(signature_mode="required")
    v3, v2 = signed(path("answer", acme)), signed(path("answer", acme), nonce="9" * 20, version="V2")
    post(headers={**v3, **v2})

    assert post(headers=v2).status_code == post(headers=v3).status_code == 403
    with platform_scope("test"):
        assert UsedNonce.objects.count() == 2


def test_a_nonce_of_a_callback_that_failed_may_come_again_just_as_it_was(acme, post):
    acme.account(signature_mode="required")
    headers = signed(path("hangup", acme))
    bad = fields(acme, Event="Hangup", Duration="soon")
    assert post("hangup", bad, headers).status_code == 400

    assert post("hangup", bad, headers).status_code == 400
    assert post("hangup", fields(acme, Event="Hangup"), headers).status_code == 403
    assert len(events()) == 1


def of_playback(shop, event, **more):
    return {"Event": event, "CallUUID": "uuid-1", "StreamID": "s-1", "Name": "m-1", **more}


PLAYBACK = pytest.mark.parametrize("event", ["PlayedStream", "ClearedAudio"])
STATUS_URLS = pytest.mark.parametrize("more", [("stream-status",), ("elsewhere", "open")], ids=lambda more: more[0])


@PLAYBACK
@STATUS_URLS
def test_what_was_played_is_judged_like_the_rest_and_not_kept(acme, client, event, more):
    acme.account(signature_mode="required")
    kind, *place = more
    url, unknown = (reverse(f"vobiz:{kind}", args=[token, *place]) for token in (acme.number.token, "A" * 43))
    data = of_playback(acme, event)
    used = signed(path("answer", acme))
    send(client, path("answer", acme), fields(acme), used)

    assert send(client, url, data, signed(url, "1" * 20)).status_code == 200
    assert send(client, unknown, data, signed(unknown, "1" * 20)).status_code == 404
    assert send(client, url, data).status_code == 401
    assert send(client, url, data, signed(url, token="another")).status_code == 403
    assert send(client, url, data, signed(url)).status_code == 403, "a nonce that a stored callback has used"
    assert send(client, url, data | {"CallUUID": "a b"}, signed(url, "2" * 20)).status_code == 400
    assert client.get(url, data, headers=signed(url, "3" * 20)).status_code == 405
    assert [event.kind for event in events()] == ["answer"]


def test_two_tenants_may_see_the_same_nonce(acme, bazaar, client):
    for shop in (acme, bazaar):
        shop.account(signature_mode="required")
        headers = signed(path("answer", shop))
        assert send(client, path("answer", shop), fields(shop), headers).status_code == 200


def test_a_signature_is_checked_against_the_public_address(acme, client, settings):
    settings.PUBLIC_URL = "https://voice.example.in"
    acme.account(signature_mode="required")

    response = send(client, path("answer", acme), fields(acme), signed(path("answer", acme)))

    assert response.status_code == 200


# --- what they say ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "change", "field"),
    [
        ("answer", {"CallUUID": ""}, "CallUUID"),
        ("answer", {"CallUUID": "a b"}, "CallUUID"),
        ("answer", {"CallUUID": "x" * 65}, "CallUUID"),
        ("answer", {"To": ""}, "To"),
        ("answer", {"Direction": "sideways"}, "Direction"),
        ("answer", {"From": "\x00\x01"}, "From"),
        ("answer", {"SessionStart": "yesterday"}, "SessionStart"),
        ("hangup", {"Event": "Hangup", "Duration": "soon"}, "Duration"),
        ("hangup", {"Event": "Hangup", "HangupCauseCode": "1e9"}, "HangupCauseCode"),
        ("stream-status", {"Event": ""}, "Event"),
        ("after-stream", {"DialStatus": "completed", "CallUUID": "", "DialALegUUID": ""}, "CallUUID"),
    ],
)
def test_a_malformed_parameter_is_400_and_named(acme, post, kind, change, field):
    response = post(kind, **change)

    assert response.status_code == 400
    assert field in response.content.decode()
    assert acme.calls() == []
    assert field in events()[-1].error


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", "text/html"])
def test_what_is_no_form_has_no_fields(acme, client, content_type):
    response = client.post(path("answer", acme), json.dumps(fields(acme)), content_type=content_type)

    assert response.status_code == 400
    assert "CallUUID" in response.content.decode()


def test_a_huge_body_is_refused(acme, post):
    assert post(X="x" * 70_000).status_code == 413
    assert events() == []


def test_too_many_fields_are_refused(acme, post):
    assert post(**{f"X{n}": "" for n in range(2_000)}).status_code == 400


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_other_methods_are_refused(acme, client, method):
    assert getattr(client, method)(path("answer", acme)).status_code == 405


def test_a_callback_is_stored_without_its_secrets(acme, post):
    post(AuthToken="hush", X_password="hush", Note="a\x00b")

    [event] = events()
    assert event.fields["AuthToken"] == event.fields["X_password"] == "(removed)"
    assert event.carrier_id == "uuid-1"
    assert "hush" not in json.dumps(event.fields)


def test_a_handled_callback_says_so(acme, post):
    post()

    [event] = events()
    assert (event.kind, event.error) == ("answer", "")
    assert event.handled_at is not None


# --- the end ----------------------------------------------------------------------------------------------------------


def test_the_hang_up_is_kept_as_the_carrier_tells_it(acme, post):
    post()

    for _ in range(2):
        response = post(
            "hangup",
            Event="Hangup",
            CallStatus="completed",
            HangupCause="NORMAL_CLEARING",
            HangupCauseCode="4000",
            HangupSource="Caller",
            Duration="13",
            BillDuration="60",
        )

    [call] = acme.calls()
    assert response.status_code == 200
    assert (call.status, call.hangup_cause, call.hangup_source) == (Status.ENDED, "NORMAL_CLEARING", "Caller")
    assert (call.carrier_duration_s, call.carrier_billed_s) == (13, 60)


def test_the_hang_up_of_a_call_that_we_never_saw_is_taken_calmly(acme, post):
    assert post("hangup", Event="Hangup").status_code == 200
    assert acme.calls() == []


@pytest.mark.parametrize("kind", ["hangup", "answer"])
def test_an_answer_that_its_hang_up_has_overtaken_opens_no_call(acme, post, kind):
    post(kind, Event="Hangup", CallStatus="completed")

    assert [tag for tag, _ in elements(post())] == ["Speak", "Hangup"]
    assert acme.calls() == []


def test_our_own_secrets_that_the_carrier_says_back_are_not_stored(acme, post):
    post("stream-status", Event="StartStream", ServiceURL="wss://x.example/media/hush.hush/")
    post("stream-status", Event="StartStream", Where=f"https://x.example{path('answer', acme)}")

    assert events()[0].fields["ServiceURL"] == "wss://x.example/media/(removed)/"
    assert events()[1].fields["Where"] == "https://x.example/vobiz/answer/(removed)/"


def test_news_of_a_stream_is_kept(acme, post):
    assert post("stream-status", Event="DroppedStream", StreamID="s-1", Error="gone").status_code == 200
    assert events()[-1].fields["Event"] == "DroppedStream"


# --- what is next -----------------------------------------------------------------------------------------------------


def after(acme, post, monkeypatch=None, **more):
    return [tag for tag, _ in elements(post("after-stream", Event="Redirect", CallStatus="in-progress", **more))]


def offers(post):
    """What a carrier gets that can open no stream: of each document its tags and the seconds it waits, to the last."""
    post()
    while True:
        document = elements(post("after-stream", Event="Redirect", CallStatus="in-progress"))
        yield [tag for tag, _ in document], sum(int(one.get("length")) for tag, one in document if tag == "Wait")
        if document[-1][0] == "Hangup":
            return


def test_a_stream_that_could_not_be_opened_is_offered_to_another_worker_at_once(acme, post):
    assert next(offers(post)) == (["Stream", "Redirect"], 0)


def test_a_call_outlives_the_only_workers_restart(acme, post):
    """A stream is offered after every worker's death of 1 to 12 s, at most 5 s late, and the caller is spoken to."""
    documents = list(offers(post))

    waited = [sum(wait for _, wait in documents[: n + 1]) for n in range(len(documents) - 1)]
    for back_s in range(13):
        assert any(back_s <= at <= back_s + 5 for at in waited)
    assert ["Speak", "Wait", "Stream", "Redirect"] in [tags for tags, _ in documents]
    assert acme.calls()[0].stream_offers == len(documents)


def test_a_call_that_no_worker_takes_is_given_up_before_the_sweep_finds_it(acme, post):
    documents = list(offers(post))

    assert documents[-1] == (["Speak", "Hangup"], 0)
    assert sum(wait for _, wait in documents) < sweeping.RINGING.total_seconds() / 4
    [call] = acme.calls()
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.FAILED)


@pytest.mark.parametrize("outcome", ["agent_hung_up", "silence", "max_duration"])
def test_after_a_proper_goodbye_the_carrier_hangs_up(acme, post, outcome):
    acme.call(carrier_id="uuid-1", status=Status.ENDED, outcome=outcome)

    assert after(acme, post) == ["Hangup"]


@pytest.mark.parametrize("outcome", ["failed", "line_dead", "lost", "drained"])
def test_after_a_failure_the_caller_hears_a_sentence(acme, post, outcome):
    acme.call(carrier_id="uuid-1", status=Status.ENDED, outcome=outcome)

    assert after(acme, post) == ["Speak", "Hangup"]


@pytest.mark.parametrize(
    ("status", "document"),
    [(Status.STREAMING, answers.Goodbye(next_document.APOLOGY)), (Status.ANSWERED, answers.Hangup())],
)
def test_the_engines_report_is_waited_for_but_not_for_ever(acme, status, document):
    acme.call(carrier_id="uuid-1", status=status)

    assert next_document.after(acme.number, "uuid-1", None, patient=True) is None
    assert next_document.after(acme.number, "uuid-1", None, patient=False) == document


def test_a_transfer_dials_the_number_behind_the_name(acme, post):
    acme.call(carrier_id="uuid-1", status=Status.ANSWERED, outcome="transfer", transfer_to="Front desk")

    [(dial, element)] = elements(post("after-stream", Event="Redirect"))

    assert dial == "Dial"
    assert [number.text for number in element] == ["+918041234567"]
    assert element.get("callerId") == acme.number.e164
    assert acme.calls()[0].status == Status.TRANSFERRING


def test_a_transfer_to_somebody_who_is_not_listed_ends_politely(acme, post):
    acme.call(carrier_id="uuid-1", status=Status.ANSWERED, outcome="transfer", transfer_to="+917777777777")

    assert after(acme, post) == ["Speak", "Hangup"]


@pytest.mark.parametrize(
    ("status", "document"),
    [("completed", ["Hangup"]), ("busy", ["Speak", "Hangup"]), ("no-answer", ["Speak", "Hangup"])],
)
def test_after_a_dial_of_an_older_release_the_call_ends_well_or_with_a_sentence(acme, post, status, document):
    acme.call(carrier_id="uuid-1", status=Status.TRANSFERRING, outcome="transfer", transfer_to="Front desk")

    assert after(acme, post, DialStatus=status) == document


def test_an_unknown_call_is_hung_up(acme, post):
    assert after(acme, post, CallUUID="never-seen") == ["Hangup"]


def test_a_call_of_another_tenant_is_unknown(acme, bazaar, post):
    bazaar.call(carrier_id="uuid-1", status=Status.ANSWERED, outcome="transfer", transfer_to="Front desk")

    assert after(acme, post) == ["Hangup"]
