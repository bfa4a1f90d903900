"""Sending to the carrier's API over real HTTP: what is tried again, what is not, and what an error says."""

import logging

import pytest

from telephony.carrier import Carrier, CarrierError, Identity, Placement, carrier_for
from telephony.carrier_link import carrier_errors_total
from tests.fakes.threaded import serving
from tests.fakes.vendor import Gone, Reply, VendorFake

TOKEN = "a-token-that-nobody-may-see"
CALL = Placement("+918071387001", "+919876543210", "https://v.example/a/")


class Api(VendorFake):
    """Answers by script, in order; the last answer stays. An exception ends the connection."""

    def __init__(self, *replies):
        super().__init__(key=None)
        self.replies = list(replies)

    def denied(self, request):
        return None

    async def http(self, request):
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if isinstance(reply, Exception):
            raise reply
        return reply

    @property
    def asked(self):
        return [(request.method, request.path) for request in self.requests]


@pytest.fixture
def asking():
    """Runs an `Api` and gives a carrier that talks to it; `carrier.waited` are its pauses."""
    contexts = []

    def start(*replies):
        context = serving(Api(*replies))
        api = context.__enter__()
        contexts.append(context)
        waited = []
        carrier = Carrier(Identity("MA_1", TOKEN), base_url=f"{api.url}/api/v1", pause=waited.append)
        carrier.waited = waited
        return api, carrier

    yield start
    for context in contexts:
        context.__exit__(None, None, None)


def refused(carrier, order, *args):
    with pytest.raises(CarrierError) as caught:
        order(carrier, *args)
    return caught.value


def test_credentials_go_in_headers_and_numbers_keep_their_plus(asking):
    api, carrier = asking(Reply(b"", 204))

    carrier.attach("+918071387001", "9")

    [request] = api.requests
    assert request.headers["x-auth-id"] == "MA_1"
    assert request.headers["x-auth-token"] == TOKEN
    assert request.json() == {"application_id": "9"}
    assert request.path == "/api/v1/Account/MA_1/numbers/%2B918071387001/application"


@pytest.mark.parametrize("status", [200, 201, 202])
def test_any_2xx_places_a_call(asking, status):
    _, carrier = asking(Reply({"message": "call fired", "request_uuid": "u-1"}, status))

    assert carrier.place(CALL) == "u-1"


def test_a_question_is_asked_again_with_growing_pauses(asking):
    api, carrier = asking(Reply("", 503), Reply("", 500), Reply({"uuid": "u-1"}))

    assert carrier.cdr("u-1").uuid == "u-1"
    assert carrier.waited == [0.25, 1.0]
    assert len(api.requests) == 3


def test_three_failures_are_enough(asking):
    api, carrier = asking(Reply("", 503))

    assert refused(carrier, Carrier.balance).kind == "unreachable"
    assert len(api.requests) == 3


@pytest.mark.parametrize("reply", [Reply("", 500), Reply("<html>", 502), Reply("", 504), Reply({"message": "?"}, 200)])
def test_a_call_whose_placing_is_uncertain_is_not_placed_again(asking, reply):
    api, carrier = asking(reply)

    error = refused(carrier, Carrier.place, CALL)

    assert (error.kind, error.unknown_outcome) == ("unknown_outcome", True)
    assert (len(api.requests), carrier.waited) == (1, [])


def test_a_connection_cut_in_mid_order_leaves_the_outcome_unknown(asking):
    api, carrier = asking(Gone())

    assert refused(carrier, Carrier.place, CALL).kind == "unknown_outcome"
    assert len(api.requests) == 1

    assert refused(carrier, Carrier.balance).kind == "unreachable"
    assert len(api.requests) == 4


def test_an_order_that_never_left_may_be_sent_again(asking):
    _, carrier = asking(Reply({"request_uuid": "u-1"}))
    gone = Carrier(Identity("MA_1", TOKEN), base_url="http://127.0.0.1:9/api/v1", pause=carrier.waited.append)

    assert refused(gone, Carrier.place, CALL).kind == "unreachable"
    assert carrier.waited == [0.25, 1.0]


@pytest.mark.parametrize(("after", "waited", "asked"), [("1", [1.0], 2), ("60", [], 1)])
def test_a_short_wish_of_the_carrier_is_kept_and_a_long_one_is_the_callers(asking, after, waited, asked):
    api, carrier = asking(Reply("", 429, {"Retry-After": after}), Reply({"available_balance": "10"}))

    if asked == 1:
        error = refused(carrier, Carrier.balance)
        assert (error.kind, error.retry_after) == ("busy", 60.0)
    else:
        assert carrier.balance().available_micros == 10_000_000
    assert (carrier.waited, len(api.requests)) == (waited, asked)


def test_too_many_calls_are_said_at_once_and_not_dialled_again(asking):
    api, carrier = asking(Reply({"error": "cps"}, 429))

    assert refused(carrier, Carrier.place, CALL).kind == "busy"
    assert len(api.requests) == 1


def test_where_the_pages_disagree_about_the_path_both_are_tried(asking):
    api, carrier = asking(Reply({"message": "Unauthorized"}, 401), Reply({"uuid": "u-1"}))

    assert carrier.cdr("u-1").uuid == "u-1"
    assert [path for _, path in api.asked] == ["/api/v1/Account/MA_1/cdr/u-1", "/api/v1/account/MA_1/cdr/u-1"]


@pytest.mark.parametrize("statuses", [(404, 401), (401, 404), (404, 404)])
def test_no_record_yet_is_none_whatever_the_wrong_spelling_answers(asking, statuses):
    _, carrier = asking(*(Reply({"message": "?"}, status) for status in statuses))

    assert carrier.cdr("u-1") is None


def test_wrong_credentials_are_wrong_on_both_paths(asking):
    _, carrier = asking(Reply("", 401))

    assert refused(carrier, Carrier.cdr, "u-1").kind == "unauthorized"


def counted(kind):
    return carrier_errors_total.labels(kind)._value.get()


def test_what_is_not_there_yet_is_no_error_and_what_fails_is_counted(asking):
    _, carrier = asking(Reply("", 404))
    before = counted("not_found"), counted("unknown_outcome")

    carrier.cdr("u-1")
    carrier.hang_up("u-1")
    assert (counted("not_found"), counted("unknown_outcome")) == before

    refused(carrier, Carrier.transfer, "u-1", "https://v.example/t/")
    assert counted("not_found") == before[0] + 1


def test_hanging_up_what_is_gone_is_done(asking):
    _, carrier = asking(Reply({"message": "Not Found"}, 404))

    carrier.hang_up("u-1")
    carrier.kick("room", "7")
    assert refused(carrier, Carrier.transfer, "u-1", "https://v.example/t/").kind == "not_found"


def test_an_error_names_the_field_and_no_secret(asking, caplog):
    _, carrier = asking(Reply({"error": "bad", "details": {"from": "not yours"}}, 400))

    with caplog.at_level(logging.DEBUG):
        error = refused(carrier, Carrier.place, CALL)

    assert (error.kind, error.status, error.field, str(error)) == (
        "refused",
        400,
        "from",
        "Vobiz refused: bad: from not yours",
    )
    assert TOKEN not in caplog.text + repr(error) + repr(Identity("MA_1", TOKEN))


def test_all_pages_are_read_and_one_that_repeats_itself_ends(asking):
    first = {"items": [{"e164": f"91807138{index:04}"} for index in range(100)]}
    api, carrier = asking(Reply(first), Reply({"items": [{"e164": "918071390000"}]}))
    assert len(carrier.numbers()) == 101
    assert [request.option("page") for request in api.requests] == ["1", "2"]

    api, carrier = asking(Reply(first))
    assert len(carrier.numbers()) == 100
    assert len(api.requests) == 2


def test_a_recording_is_fetched_with_credentials_but_only_from_the_carrier(asking):
    api, carrier = asking(Reply(b"RIFFdata", 200, {"content-type": "audio/mpeg"}))

    with carrier.fetch_recording(f"{api.url}/api/v1/Account/MA_1/Recording/1.mp3") as chunks:
        assert b"".join(chunks) == b"RIFFdata"
    assert api.requests[0].headers["x-auth-token"] == TOKEN

    for elsewhere in (
        "https://vobiz.ai.evil.example/1.mp3",
        "http://media.vobiz.ai/1.mp3",
        "https://evilvobiz.ai/1.mp3",
    ):
        with pytest.raises(CarrierError, match="not at Vobiz"), carrier.fetch_recording(elsewhere):
            pass
    assert len(api.requests) == 1


def test_a_recording_that_is_gone_says_so(asking):
    api, carrier = asking(Reply({"message": "Not Found"}, 404))

    with pytest.raises(CarrierError) as caught, carrier.fetch_recording(f"{api.url}/api/v1/x.mp3"):
        pass
    assert caught.value.kind == "not_found"


def test_no_redirect_takes_the_credentials_elsewhere(asking):
    _, carrier = asking(Reply("", 302, {"location": "http://127.0.0.1:9/"}))

    assert refused(carrier, Carrier.balance).status == 302


# --- whose account ----------------------------------------------------------------------------------------------------


def test_a_tenant_is_sent_with_its_own_credentials(acme):
    acme.account(auth_id="MA_OWN", auth_token="own-token")

    carrier = carrier_for(acme.tenant)

    assert (carrier.auth_id, carrier._link._headers["X-Auth-Token"]) == ("MA_OWN", "own-token")


def test_without_credentials_nothing_is_asked(acme, bazaar):
    bazaar.account()

    with pytest.raises(CarrierError, match="no Vobiz account") as caught:
        carrier_for(acme.tenant.id)
    assert caught.value.kind == "no_account"
