"""REST as a function of a request: numbers, applications, accounts, money; literal paths; the four shapes of errors."""

import json
from decimal import Decimal

import httpx
import pytest

from telephony.simulator import rest_account, rest_calls, rest_numbers, rest_records
from telephony.simulator.plan import CallPlan
from telephony.simulator.rest import Api, Request, Trouble
from telephony.simulator.switch import Switch
from telephony.simulator.world import Account, Application, Number, World

OURS, FREE, OTHERS = "+918071387001", "+918071387100", "+918071387200"


class Rest:
    """The API of a small world, asked as `MA_1`."""

    def __init__(self):
        accounts = [
            Account("MA_1", "one", balance=Decimal(700)),
            Account("MA_2", "two"),
            Account("SA_1", "sub", parent="MA_1"),
        ]
        numbers = [Number(OURS, "MA_1"), Number(FREE), Number(OTHERS, "MA_2")]
        self.world = World.of(
            accounts, numbers, applications=[Application("7", "MA_2", "theirs", "https://x.example/")]
        )
        routes = (*rest_account.ROUTES, *rest_numbers.ROUTES, *rest_calls.ROUTES, *rest_records.ROUTES)
        self.switch = Switch(httpx.AsyncClient(), self.world, CallPlan(""))
        self.api = Api(self.switch, routes)

    def __call__(self, method, path, body=None, *, who="MA_1", token="", **query):
        headers = {"x-auth-id": who, "x-auth-token": token or {"MA_1": "one", "MA_2": "two", "SA_1": "sub"}[who]}
        payload = b"" if body is None else json.dumps(body).encode()
        reply = self.api.answer(Request(method, f"/api/v1{path}", query, headers, payload))
        return reply.status, reply.body


@pytest.fixture
async def rest():
    return Rest()


async def test_numbers_are_listed_searched_and_paged(rest):
    _, owned = rest("GET", "/Account/MA_1/numbers")
    _, stock = rest("GET", "/Account/MA_1/inventory/numbers", country="IN", search="7100")
    _, none = rest("GET", "/Account/MA_1/inventory/numbers", search="999")
    _, second = rest("GET", "/Account/MA_1/numbers", page="2", per_page="1")

    assert [each["e164"] for each in owned["items"]] == [OURS]
    assert [(each["e164"], each["setup_fee"], each["currency"]) for each in stock["items"]] == [(FREE, 100.0, "INR")]
    assert (none["items"], second["items"], second["total"]) == ([], [], 1)


async def test_buying_debits_the_account_at_once_and_only_once(rest):
    buy = "/Account/MA_1/numbers/purchase-from-inventory"
    first = rest("POST", buy, {"e164": FREE, "currency": "INR"})
    again = rest("POST", buy, {"e164": FREE, "currency": "INR"})
    _, balance = rest("GET", "/Account/MA_1/balance/INR")
    _, transactions = rest("GET", "/Account/MA_1/transactions")

    assert (first[0], again[0]) == (201, 404)
    assert balance["available_balance"] == "100.0000"
    assert [each["amount"] for each in transactions["transactions"]] == ["600.00000"]


async def test_without_money_nothing_is_bought(rest):
    rest.world.accounts["MA_1"].balance = Decimal(599)

    status, body = rest("POST", "/Account/MA_1/numbers/purchase-from-inventory", {"e164": FREE})

    assert (status, body["error"]["message"]) == (402, "Insufficient balance")
    assert rest.world.number(FREE).auth_id == ""


async def test_a_bought_number_may_be_the_outcome_nobody_knows(rest):
    rest.api.troubles.append(Trouble("purchase-from-inventory", status=502, applied=True, shape="gateway"))

    status, body = rest("POST", "/Account/MA_1/numbers/purchase-from-inventory", {"e164": FREE})
    _, owned = rest("GET", "/Account/MA_1/numbers")

    assert (status, body) == (502, {"message": "trouble on request"})
    assert FREE in [each["e164"] for each in owned["items"]]


async def test_an_application_is_made_attached_changed_and_kept_while_in_use(rest):
    urls = {"answer_url": "https://v.example/answer", "hangup_url": "https://v.example/over"}
    status, made = rest("POST", "/Account/MA_1/Application/", {"app_name": "ours"} | urls)
    attached = rest("POST", f"/Account/MA_1/numbers/{OURS}/application", {"application_id": made["app_id"]})
    lower = rest("POST", f"/account/MA_1/numbers/{OURS}/application", {"application_id": made["app_id"]})
    one = f"/Account/MA_1/Application/{made['app_id']}/"
    changed = rest("POST", one, {"fallback_answer_url": "https://w.example/"})
    _, shown = rest("GET", one)
    in_use = rest("DELETE", one)
    detached = rest("DELETE", f"/Account/MA_1/numbers/{OURS}/application")
    dropped = rest("DELETE", one)

    assert (status, made["message"]) == (201, "created")
    assert attached == (204, None)
    assert lower[0] == 200
    assert (changed[0], shown["answer_url"], shown["fallback_answer_url"]) == (
        202,
        "https://v.example/answer",
        "https://w.example/",
    )
    assert (in_use[0], detached[0], dropped[0]) == (409, 204, 204)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", f"/Account/MA_1/numbers/{OTHERS}/application", {"application_id": "7"}, 404),
        ("POST", f"/Account/MA_1/numbers/{OURS}/application", {"application_id": "7"}, 404),
        ("POST", f"/Account/MA_1/numbers/{OURS}/application", {}, 400),
        ("POST", "/Account/MA_1/Application/", {"app_name": "x", "answer_url": "ftp://x"}, 400),
        ("POST", "/Account/MA_1/Application/", {"app_name": "x"}, 400),
        ("GET", "/Account/MA_1/Application/7/", None, 404),
        ("GET", "/Account/MA_1/balance/USD", None, 404),
        ("GET", "/Account/MA_1/Call/7", None, 400),
        ("POST", "/Account/MA_1/Call/", {"from": OURS, "to": "1"}, 400),
        ("POST", "/Account/MA_1/Call/", {"from": OURS, "to": "+911234567890"}, 400),
        ("PUT", "/Account/MA_1/numbers", None, 405),
    ],
)
async def test_what_is_wrong_is_refused_with_its_status(rest, method, path, body, status):
    assert rest(method, path, body)[0] == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/Account/MA_1/cdr", 200),
        ("/ACCOUNT/MA_1/cdr", 401),
        ("/Account/MA_1/Cdr", 401),
        ("/account/MA_1/numbers", 401),
        ("/Accounts/MA_1/sub-accounts/", 401),
        ("/accounts/MA_1/sub-accounts", 404),
        ("/Account/MA_1/nothing", 404),
        ("/Account/MA_2/cdr", 403),
    ],
)
async def test_paths_are_literal(rest, path, status):
    assert rest("GET", path)[0] == status


async def test_a_body_that_is_no_json_object_is_refused(rest):
    headers = {"x-auth-id": "MA_1", "x-auth-token": "one"}
    for body in (b"{", b"[]", b"\xff"):
        reply = rest.api.answer(Request("POST", "/api/v1/Account/MA_1/Call/", {}, headers, body))
        assert reply.status == 400


async def test_the_errors_have_four_shapes(rest):
    shapes = ("sdk", "details", "nested", "gateway")
    rest.api.troubles += [Trouble("/auth/me", status=422, shape=shape, message="no") for shape in shapes]

    bodies = [rest("GET", "/auth/me")[1] for _ in shapes]

    assert [sorted(body) for body in bodies] == [
        ["api_id", "error", "message"],
        ["details", "error"],
        ["error", "requestId", "status", "timestamp"],
        ["message"],
    ]


async def test_releasing_costs_a_fee_that_comes_back_when_it_is_cancelled(rest):
    pending = rest("DELETE", f"/Account/MA_1/numbers/{OURS}")
    after_fee = rest("GET", "/Account/MA_1/balance/INR")[1]["available_balance"]
    status = rest("GET", "/Account/MA_1/numbers")[1]["items"][0]["status"]
    cancelled = rest("POST", f"/account/MA_1/numbers/{OURS}/cancel-release")
    twice = rest("POST", f"/account/MA_1/numbers/{OURS}/cancel-release")
    back = rest("GET", "/Account/MA_1/balance/INR")[1]["available_balance"]
    rest("DELETE", f"/Account/MA_1/numbers/{OURS}", immediate="true")

    assert (pending[0], after_fee, status) == (200, "650.0000", "pending_release")
    assert (cancelled[0], twice[0], back) == (200, 409, "700.0000")
    assert rest("GET", "/Account/MA_1/numbers")[1]["items"] == []


async def test_a_sub_account_shows_its_token_once_and_is_paid_for_by_its_parent(rest):
    status, made = rest("POST", "/accounts/MA_1/sub-accounts/", {"name": "Asha", "email": "a@example.com"})
    sub = made["sub_account"]
    lent = rest("POST", f"/account/MA_1/numbers/{OURS}/assign-subaccount", {"sub_account_id": sub["auth_id"]})
    taken_back = rest("DELETE", f"/account/MA_1/numbers/{OURS}/assign-subaccount")
    _, shown = rest("GET", f"/accounts/MA_1/sub-accounts/{sub['auth_id']}")
    _, listed = rest("GET", "/accounts/MA_1/sub-accounts/")
    strangers = rest("GET", f"/accounts/MA_2/sub-accounts/{sub['auth_id']}", who="MA_2")
    grandchild = rest("POST", "/accounts/SA_1/sub-accounts/", {"name": "x"}, who="SA_1")
    as_parent = rest("GET", f"/Account/{sub['auth_id']}/numbers")

    assert (status, len(sub["auth_token"]), sub["auth_id"][:3]) == (201, 40, "SA_")
    assert (lent[0], taken_back) == (200, (409, taken_back[1]))
    assert "did_cool_off_in_effect" in str(taken_back[1])
    assert "auth_token" not in shown
    assert len(listed["sub_accounts"]) == 2
    assert (strangers[0], grandchild[0]) == (404, 403)
    assert [each["e164"] for each in as_parent[1]["items"]] == [OURS]
    assert rest.world.payer(sub["auth_id"]).auth_id == "MA_1"


async def test_capacity_is_bought_in_blocks(rest):
    preview = {"resource_type": "concurrent_calls", "quantity": "10"}
    rest.world.accounts["MA_1"].balance = Decimal(5000)
    _, priced = rest("GET", "/accounts/MA_1/channel-pricing-preview", **preview)
    odd = rest("GET", "/accounts/MA_1/channel-pricing-preview", resource_type="cps", quantity="2")
    bought = rest("POST", "/accounts/MA_1/channel-subscriptions", preview)
    _, me = rest("GET", "/auth/me")

    assert (priced["total"], odd[0], bought[0]) == ("2500.00", 422, 201)
    assert me["concurrent_calls_limit"] == 1010
    assert (me["auth_secret"], me["pricing_tier"]["rate_per_minute"]) == ("one", "0.45")


async def test_an_endpoint_is_a_sip_login(rest):
    made = rest("POST", "/Account/MA_1/Endpoint/", {"username": "desk", "password": "secret1"})[1]
    one = f"/Account/MA_1/Endpoint/{made['endpoint_id']}/"

    assert (made["sip_uri"], made["sip_registered"]) == ("sip:desk@registrar.vobiz.ai", "false")
    assert rest("GET", one)[0] == 200
    assert rest("GET", one.replace("MA_1", "MA_2"), who="MA_2")[0] == 404
    assert rest("DELETE", one)[0] == 204
    assert rest("GET", "/Account/MA_1/Endpoint/")[1]["objects"] == []


async def test_calls_are_placed_in_bulk(rest):
    body = {
        "from": OURS,
        "to": "+919800000001<+919800000002",
        "answer_url": "https://x.example/",
        "answer_method": "POST",
    }
    status, reply = rest("POST", "/Account/MA_1/Call/", body)
    queued = rest("GET", "/Account/MA_1/Call/", status="queued")[1]["calls"]
    await rest.switch.cut_off()

    assert (status, len(set(reply["request_uuid"]))) == (201, 2)
    assert queued == reply["request_uuid"]


async def test_a_hanging_answer_is_told_to_the_server(rest):
    rest.api.troubles.append(Trouble("/auth/me", hang_s=3.0))
    headers = {"x-auth-id": "MA_1", "x-auth-token": "one"}

    reply = rest.api.answer(Request("GET", "/api/v1/auth/me", {}, headers))

    assert (reply.hang_s, reply.status) == (3.0, 500)
