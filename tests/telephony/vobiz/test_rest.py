"""Requests to the carrier's API as values, and what its replies mean."""

import json
from datetime import UTC, datetime

import pytest

from telephony.vobiz import lenient, rest, rest_replies
from telephony.vobiz.errors import LocalError
from telephony.vobiz.lenient import BadReply
from telephony.vobiz.rest import ApplicationUrls, MachineDetection, Placement
from telephony.vobiz.rest_failures import failure

URLS = ApplicationUrls("https://v.example/a/", "https://v.example/h/", "https://v.example/f/")
CALL = Placement("+918071387001", "+919876543210", "https://v.example/a/")

REQUESTS = [
    (rest.place("MA_1", CALL), "POST", "/Account/MA_1/Call/", False),
    (rest.transfer("MA_1", "u-1", "https://v.example/t/"), "POST", "/Account/MA_1/Call/u-1/", False),
    (rest.hang_up("MA_1", "u-1"), "DELETE", "/Account/MA_1/Call/u-1", True),
    (rest.send_digits("MA_1", "u-1", "12wW#"), "POST", "/Account/MA_1/Call/u-1/DTMF/", False),
    (rest.speak("MA_1", "u-1", "Hello"), "POST", "/Account/MA_1/Call/u-1/Speak/", False),
    (rest.live_call("MA_1", "u-1"), "GET", "/Account/MA_1/Call/u-1", True),
    (rest.kick("MA_1", "room 1", "a,b"), "POST", "/Account/MA_1/Conference/room%201/Member/a,b/Kick/", True),
    (rest.mute("MA_1", "room", "7"), "POST", "/Account/MA_1/Conference/room/Member/7/Mute/", True),
    (rest.mute("MA_1", "room", "7", on=False), "DELETE", "/Account/MA_1/Conference/room/Member/7/Mute/", True),
    (rest.cdr("MA_1", "u-1"), "GET", "/Account/MA_1/cdr/u-1", True),
    (rest.attach("MA_1", "+918071387001", "9"), "POST", "/Account/MA_1/numbers/%2B918071387001/application", True),
    (rest.buy("MA_1", "+918071387001"), "POST", "/Account/MA_1/numbers/purchase-from-inventory", False),
    (rest.release("MA_1", "+918071387001"), "DELETE", "/Account/MA_1/numbers/%2B918071387001", False),
    (rest.number_health("MA_1", "+918071387001"), "GET", "/account/MA_1/numbers/%2B918071387001/health", True),
    (rest.create_application("MA_1", "x", URLS), "POST", "/Account/MA_1/Application/", False),
    (rest.update_application("MA_1", "9", URLS), "POST", "/Account/MA_1/Application/9/", True),
    (rest.create_sub_account("MA_1", "x", "x@x.test"), "POST", "/accounts/MA_1/sub-accounts/", False),
    (rest.me(), "GET", "/auth/me", True),
]


@pytest.mark.parametrize(("request_", "method", "path", "repeatable"), REQUESTS, ids=lambda value: str(value)[:40])
def test_each_request_has_its_literal_path_and_says_whether_it_may_be_repeated(request_, method, path, repeatable):
    assert (request_.method, request_.path, request_.repeatable) == (method, path, repeatable)


def test_a_call_is_placed_with_every_method_and_the_text_that_the_carrier_wants():
    call = Placement(
        "+918071387001",
        "sip:desk@registrar.vobiz.ai",
        "https://v.example/a/",
        hangup_url="https://v.example/h/",
        caller_name="x" * 80,
        ring_s=25,
        machine=MachineDetection("https://v.example/m/"),
        sip_headers={"Ref": "a1"},
    )

    body = rest.place("MA_1", call).body

    assert body == {
        "from": "+918071387001",
        "to": "sip:desk@registrar.vobiz.ai",
        "answer_url": "https://v.example/a/",
        "answer_method": "POST",
        "ring_timeout": "25",
        "time_limit": 14_400,
        "hangup_url": "https://v.example/h/",
        "hangup_method": "POST",
        "caller_name": "x" * 50,
        "machine_detection": "true",
        "machine_detection_time": 5_000,
        "machine_detection_url": "https://v.example/m/",
        "machine_detection_method": "POST",
        "sip_headers": "RefX-VH=a1",
    }


@pytest.mark.parametrize(
    "make",
    [
        lambda: rest.place("MA_1", Placement("+918071387001", "+919876543210<+919876543211", "https://v.example/")),
        lambda: rest.place("MA_1", Placement("+918071387001", "sip:a@x<sip:b@x", "https://v.example/")),
        lambda: rest.place("MA_1", Placement("8071387001", "+919876543210", "https://v.example/")),
        lambda: rest.place("MA_1", Placement("+918071387001", "+919876543210", "/relative/")),
        lambda: rest.place("MA_1", Placement("+918071387001", "+919876543210", "https://v.example/", ring_s=500)),
        lambda: rest.send_digits("MA_1", "u-1", "12,3"),
        lambda: rest.speak("MA_1", "u-1", "  "),
        lambda: rest.hang_up("MA_1", ""),
        lambda: rest.hang_up("MA_1", ".."),
        lambda: rest.buy("MA_1", "80 71"),
    ],
)
def test_what_would_dial_several_or_ask_for_something_else_is_never_sent(make):
    with pytest.raises(LocalError):
        make()


def test_an_id_from_outside_stays_one_part_of_the_path():
    assert rest.hang_up("MA_1", "../../MA_2/Call/u").path == "/Account/MA_1/Call/..%2F..%2FMA_2%2FCall%2Fu"


# --- failures ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "repeatable", "kind"),
    [
        (400, False, "refused"),
        (401, False, "unauthorized"),
        (402, False, "balance"),
        (403, False, "forbidden"),
        (404, False, "not_found"),
        (409, False, "conflict"),
        (422, False, "refused"),
        (429, False, "busy"),
        (500, False, "unknown_outcome"),
        (504, False, "unknown_outcome"),
        (302, False, "unknown_outcome"),
        (500, True, "unreachable"),
    ],
)
def test_a_status_has_its_kind_and_5xx_of_what_must_not_be_repeated_is_unknown(status, repeatable, kind):
    assert failure(status, {}, b"", repeatable=repeatable).kind == kind


@pytest.mark.parametrize(
    ("body", "message", "field"),
    [
        ({"api_id": "1", "error": "invalid from", "message": "x"}, "invalid from", ""),
        ({"error": "bad", "details": {"answer_url": "is no URL"}}, "bad: answer_url is no URL", "answer_url"),
        ({"status": "error", "error": {"code": "E1", "message": "no", "details": {"to": "?"}}}, "no: to ?", "to"),
        ({"message": "Not Found"}, "Not Found", ""),
        ([1], "", ""),
        ("text", "", ""),
    ],
)
def test_every_shape_of_an_error_says_what_is_wrong(body, message, field):
    found = failure(400, {"Retry-After": "2"}, json.dumps(body).encode(), repeatable=False)

    assert (found.message, found.field, found.retry_after_s) == (message, field, 2.0)


@pytest.mark.parametrize("body", [b"", b"<html>Bad gateway</html>", b"\xff\xfe", b"null"])
def test_rubbish_is_a_failure_without_words(body):
    assert failure(502, {"retry-after": "soon"}, body, repeatable=True).retry_after_s is None


# --- replies ----------------------------------------------------------------------------------------------------------

CDR = {
    "uuid": "u-1",
    "call_direction": "inbound",
    "caller_id_number": "+919876543210",
    "destination_number": "918071387001",
    "bridge_uuid": "u-2",
    "start_time": "2026-11-21T10:00:00Z",
    "answer_time": "2026-11-21T10:00:03.250Z",
    "end_time": "2026-11-21T15:31:10+05:30",
    "ring_time": 3,
    "duration": "70",
    "billsec": 67,
    "cost": "0.90000",
    "streaming_cost": 0.4,
    "total_cost": "1.3",
    "currency": "INR",
    "hangup_cause_code": "4000",
    "mos": "4.31",
    "jitter": 2.5,
    "packet_loss": "0.1%",
}


@pytest.mark.parametrize(
    "wrap", [lambda row: row, lambda row: {"data": row}, lambda row: {"cdr": row}, lambda row: {"data": [row]}]
)
def test_a_call_record_is_read_from_any_envelope(wrap):
    found = rest_replies.read_cdr(json.dumps(wrap(CDR)).encode())

    assert (found.uuid, found.bridge_uuid, found.duration_s, found.billed_s) == ("u-1", "u-2", 70, 67)
    assert (found.cost_micros, found.streaming_micros, found.total_micros) == (900_000, 400_000, 1_300_000)
    assert found.answered_at == datetime(2026, 11, 21, 10, 0, 3, 250_000, tzinfo=UTC)
    assert found.ended_at == datetime(2026, 11, 21, 10, 1, 10, tzinfo=UTC)
    assert (found.hangup_code, found.mos, found.jitter_ms, found.loss_percent) == (4000, 4.31, 2.5, 0.1)


def test_what_a_record_does_not_say_is_nothing_and_no_zero():
    found = rest_replies.read_cdr(json.dumps({"uuid": "u-1", "cost": None, "duration": -1, "mos": "n/a"}).encode())

    assert (found.cost_micros, found.duration_s, found.mos, found.answered_at) == (None, None, None, None)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0.45", 450_000), (0.2, 200_000), ("0.0000005", 0), ("0.0000015", 2), ("x", None), (True, None), ("NaN", None)],
)
def test_money_is_whole_millionths_half_to_even(text, expected):
    assert lenient.micros(text) == expected


def test_an_empty_list_and_a_reply_without_a_list_are_not_the_same():
    assert rest_replies.read_numbers(b'{"items": []}') == ()
    with pytest.raises(BadReply):
        rest_replies.read_numbers(b'{"error": "failed"}')
    with pytest.raises(BadReply):
        rest_replies.read_call_ids(b"")


def test_a_number_without_a_price_is_not_offered():
    body = {"items": [{"e164": "918071387001", "monthly_fee": 500}, {"e164": "918071387002"}, {"e164": "12"}]}

    [offer] = rest_replies.read_inventory(json.dumps(body).encode())

    assert (offer.e164, offer.monthly_micros, offer.first_micros) == ("+918071387001", 500_000_000, 500_000_000)


def test_the_accounts_secret_is_not_among_what_is_kept_of_it():
    secret = "s3cret-of-the-account"
    body = {"auth_id": "MA_1", "auth_secret": secret, "pricing_tier": {"rate_per_minute": "0.45"}}

    found = rest_replies.read_me(json.dumps(body).encode())

    assert secret not in repr(found)
    assert found.minute_micros == 450_000


def test_members_of_a_conference_that_the_carrier_fails_to_tell_are_none():
    assert rest_replies.read_members(b'{"error": "failed"}') == ()
    assert rest_replies.read_members(b'{"members": [{"member_id": "7"}]}') == ("7",)
