"""A test of an agent from its editor: who may begin one, when there is none, and what comes of the socket."""

import msgspec
import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from prometheus_client import REGISTRY

from agents import publishing
from agents.config import as_json, read
from agents.models import Agent
from agents.voice.blueprint import HttpTool, Stage
from telephony import dispatch, sweeping, wrapup
from telephony.browser import trying
from telephony.browser.chat_socket import ChatConsumer
from telephony.media_socket import MediaConsumer
from telephony.models import Call, Kind, Outcome, Recording, Status, Turn
from telephony.vobiz.callbacks import read_fetch
from tenants.models import AuditEntry, Role
from tests import cast as people
from tests import virtual_time
from tests.fakes.carrier import FakeCarrier
from tests.speech import babble

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme(transactional_db):
    from tests.telephony.conftest import open_shop

    return open_shop("acme", "+918071387001")


@pytest.fixture
def builder(acme):
    return people.make_member(acme.tenant, Role.BUILDER, name="Kavya Rao")


@pytest.fixture
def ask(acme, builder, client):
    """POST as a builder; the answer and its JSON."""
    client.force_login(builder)
    address = reverse("telephony:test", args=["acme", acme.agent.id])

    def post(way="call", version="draft"):
        answer = client.post(address, {"way": way, "version": version})
        return answer.status_code, answer.json()

    return post


def edit(shop, **parts):
    with shop.scope():
        publishing.edit_draft(shop.agent, **parts)


def only_call(shop):
    [call] = shop.calls()
    return call


def test_a_test_of_the_draft_keeps_what_the_draft_was(acme, ask, builder):
    edit(acme, greeting="Hello from the draft.")

    status, told = ask()

    call = only_call(acme)
    assert status == 201
    assert told["id"] == str(call.id)
    assert told["carrier_id"] == call.carrier_id
    assert told["page"] == reverse("telephony:call", args=["acme", call.id])
    assert (call.kind, call.status, call.caller, call.version) == (Kind.TEST, Status.RINGING, "Kavya Rao", None)
    edit(acme, greeting="Changed since.")
    with acme.scope():
        assert trying.blueprint(call).greeting == "Hello from the draft."
        assert read(call.draft).greeting == "Hello from the draft."


def test_a_chat_with_a_model_that_hears_and_speaks_is_answered_by_one_that_writes(acme, ask):
    edit(acme, realtime=Stage("openai", "gpt-realtime-2.1", "marin"))

    with acme.scope():
        draft = Call(kind=Kind.CHAT, agent=acme.agent, draft=Agent.objects.get(id=acme.agent.id).draft)
        made = trying.blueprint(draft)
        spoken = trying.blueprint(Call(kind=Kind.TEST, agent=acme.agent, draft=draft.draft))

    assert (made.realtime, made.llm) == (None, Stage("openai", "gpt-5.4-mini"))
    assert spoken.realtime == Stage("openai", "gpt-realtime-2.1", "marin")


def test_a_test_of_the_published_version_names_it(acme, ask):
    edit(acme, greeting="Not published.")

    ask(version="published")

    call = only_call(acme)
    assert call.version_id == acme.agent.published_id
    assert call.draft is None


@pytest.mark.parametrize(("way", "version"), [("fax", "draft"), ("call", "7"), ("", "")])
def test_nonsense_is_refused(acme, ask, way, version):
    assert ask(way, version)[0] == 422
    assert acme.calls() == []


def test_an_agent_that_was_never_published_can_be_tried_as_a_draft_only(acme, ask):
    with acme.scope():
        acme.agent.published = None
        acme.agent.save(update_fields=["published"])

    assert ask(version="draft")[0] == 201
    status, told = ask(version="published")
    assert status == 409
    assert "not published" in told["error"]


def test_a_draft_with_errors_says_the_first(acme, ask):
    edit(acme, greeting="")

    status, told = ask()

    assert status == 409
    assert told["error"].startswith("Solve this in the draft first: ")


def test_tests_at_once_and_in_a_minute_are_limited(acme, ask, monkeypatch):
    monkeypatch.setattr(trying, "AT_ONCE", 2)
    monkeypatch.setattr(trying, "PER_MINUTE", 3)
    assert [ask()[0], ask("chat")[0], ask()[0]] == [201, 201, 409]
    with acme.scope():
        Call.objects.update(status=Status.ENDED)
    assert [ask()[0], ask()[0]] == [201, 429]


def test_callers_come_first(acme, ask):
    acme.tenant.max_calls = 1
    acme.tenant.save()
    acme.call(status=Status.STREAMING)

    assert ask("call")[0] == 409
    assert ask("chat")[0] == 201


def test_a_chat_takes_no_line_from_a_caller(acme, ask):
    acme.tenant.max_calls = 1
    acme.tenant.save()
    ask("chat")

    fields = {"CallUUID": "uuid-1", "From": "919876543210", "To": acme.e164[1:], "Direction": "inbound"}

    assert isinstance(dispatch.decide(acme.number, read_fetch(fields)), dispatch.Connect)


def test_a_post_without_the_pages_token_is_refused(acme, builder):
    client = Client(enforce_csrf_checks=True)
    client.force_login(builder)

    answer = client.post(reverse("telephony:test", args=["acme", acme.agent.id]), {"way": "call", "version": "draft"})

    assert answer.status_code == 403
    assert acme.calls() == []


def test_an_agent_of_another_business_is_not_there(acme, builder, client):
    from tests.telephony.conftest import open_shop

    other = open_shop("bazaar", "+918071387101")
    client.force_login(builder)

    answer = client.post(reverse("telephony:test", args=["acme", other.agent.id]), {"way": "call", "version": "draft"})

    assert answer.status_code == 404


def token(told) -> str:
    return told["socket"].partition("/media/")[2].partition("/")[0]


def talk(told, script):
    """The browser's side of a test call on virtual time."""

    async def main(clock):
        carrier = FakeCarrier(MediaConsumer.as_asgi(clock=clock), token(told), call_id=told["carrier_id"])
        await script(carrier)
        await carrier.gone()
        return carrier

    return virtual_time.run(main)


def live(carrier, kind):
    return [said for said in carrier.said if said["event"] == "live" and said["kind"] == kind]


async def greeted_and_gone(carrier):
    carrier.start()
    await carrier.listen(4)
    carrier.hang_up()


def test_the_page_of_a_test_is_told_what_the_agent_says(acme, ask):
    edit(acme, greeting="Hello from the draft.")
    _, told = ask()

    carrier = talk(told, greeted_and_gone)

    assert live(carrier, "greeting")[0]["text"] == "Hello from the draft."
    [turn] = live(carrier, "turn")
    assert (turn["turn"]["speaker"], turn["turn"]["text"]) == ("agent", "Hello from the draft.")
    call = only_call(acme)
    assert (call.status, call.outcome) == (Status.ENDED, Outcome.CALLER_HUNG_UP)
    with acme.scope():
        assert Turn.objects.get(call=call).text == "Hello from the draft."
        assert Recording.objects.filter(call=call).exists()


def test_a_carrier_is_told_nothing_of_the_kind(acme):
    call = acme.call(carrier_id="uuid-1")
    from telephony import stream_token
    from telephony.stream_token import Ticket

    address = stream_token.address(Ticket(call.tenant_id, call.id))

    carrier = talk({"socket": address, "carrier_id": "uuid-1"}, greeted_and_gone)

    assert carrier.frames_heard > 0
    assert not [said for said in carrier.said if said["event"] == "live"]


def test_usage_of_a_test_is_told_apart_by_its_kind(acme, ask):
    _, told = ask(version="published")

    talk(told, greeted_and_gone)

    call = only_call(acme)
    assert call.is_test
    assert [usage["meter"] for usage in call.usage if usage["unit"] == "ms"]


def test_being_put_through_ends_a_test(acme, ask):
    from agents.voice.report import CallReport

    ask()
    call = only_call(acme)
    with acme.scope():
        from telephony import lifecycle

        lifecycle.advance(call.id, "stream_started", heartbeat_at=timezone.now())
    report = CallReport(
        outcome="transfer",
        started_at=timezone.now(),
        duration_ms=5_000,
        turns=(),
        usage=(),
        recording=None,
        transfer_to="Front desk",
    )

    wrapup.finish(acme.tenant.id, call.id, report)

    call = only_call(acme)
    assert (call.status, call.outcome, call.transfer_to) == (Status.ENDED, Outcome.TRANSFER, "Front desk")


def test_a_test_that_nobody_connects_is_swept(acme, ask):
    ask()
    with acme.scope():
        Call.objects.update(created_at=timezone.now() - sweeping.RINGING * 2)

    sweeping.sweep()

    assert only_call(acme).status == Status.ENDED


def chat(told, script, consumer=ChatConsumer):
    """The page's side of a chat."""

    async def main(clock):
        page = FakeCarrier(consumer.as_asgi(), token(told))
        await script(page)
        await page.gone()
        return page

    return virtual_time.run(main)


def say(page, words):
    page.tell({"say": words})


async def heard(page, kind, count=1):
    while len(live(page, kind)) < count and not page.closed.is_set():
        await virtual_time.asyncio.sleep(0.01)


def test_a_chat_is_answered_and_kept(acme, ask):
    _, told = ask("chat")
    assert told["socket"].endswith("/chat/")

    async def script(page):
        await heard(page, "turn")
        say(page, "hello")
        await heard(page, "turn", 3)
        page.tell("{")
        page.tell_binary(b"\x00")
        page.tell({"say": 7})
        page.hang_up()

    page = chat(told, script)

    assert [turn["turn"]["text"] for turn in live(page, "turn")] == [
        "Hello, this call is recorded.",
        "hello",
        "Hello to you.",
    ]
    assert live(page, "typing")[-1]["text"] == "Hello to you."
    call = only_call(acme)
    assert (call.kind, call.status, call.outcome) == (Kind.CHAT, Status.ENDED, Outcome.CALLER_HUNG_UP)
    with acme.scope():
        assert [turn.text for turn in Turn.objects.filter(call=call)] == [
            turn["turn"]["text"] for turn in live(page, "turn")
        ]
    assert {usage["meter"] for usage in call.usage} == {"llm.tokens_in", "llm.tokens_out"}


def test_what_a_chat_was_not_allowed_is_told_and_audited(acme, ask):
    lookup = HttpTool("lookup", "", "https://127.0.0.1:1/who", "GET")
    _, told = ask("chat")
    call = only_call(acme)
    with acme.scope():
        call.draft = {**as_json(read(call.draft)), "lookup": msgspec.to_builtins(lookup)}
        call.save(update_fields=["draft"])

    async def script(page):
        await heard(page, "turn")
        page.hang_up()

    page = chat(told, script)

    [trouble] = live(page, "trouble")
    assert trouble["text"].endswith("was not sent: 127.0.0.1 is a loopback address.")
    call = only_call(acme)
    assert call.error == trouble["text"]
    with acme.scope():
        [entry] = AuditEntry.objects.filter(object_id=str(call.id), verb="refused tool")
    assert entry.detail == {"tool": "lookup", "reason": "127.0.0.1 is a loopback address"}


def test_a_chat_in_which_nobody_writes_is_closed(acme, ask):
    _, told = ask("chat")

    async def script(page):
        await page.closed.wait()

    page = chat(told, script)

    assert page.close_code == 4008
    assert only_call(acme).status == Status.ENDED


@pytest.mark.parametrize(("way", "consumer"), [("call", ChatConsumer), ("chat", MediaConsumer)])
def test_an_address_opens_its_own_kind_of_socket_only(acme, ask, way, consumer):
    _, told = ask(way)

    async def script(page):
        await page.closed.wait()

    page = chat(told, script, consumer)

    assert not page.accepted
    assert only_call(acme).status == Status.RINGING


def test_a_forged_address_opens_nothing(acme, ask):
    _, told = ask("chat")
    told["socket"] = told["socket"].replace(token(told), token(told)[:-2] + "xx")

    async def script(page):
        await page.closed.wait()

    assert not chat(told, script).accepted


def test_the_list_shows_tests_with_a_badge_and_apart(acme, ask, client):
    ask()
    acme.call(carrier_id="uuid-9")
    address = reverse("telephony:calls", args=["acme"])

    everything, tests, calls = (client.get(address, {"kind": kind}).content.decode() for kind in ("", "tests", "calls"))

    assert everything.count("Kavya Rao") == tests.count("Kavya Rao") >= 1
    assert '<span class="tag">Test</span>' in tests
    assert '<span class="tag">Test</span>' not in calls
    assert "+91 98765 43210" in calls
    assert "+91 98765 43210" not in tests


def test_the_editor_has_a_phone_for_those_who_may_edit(acme, client, builder):
    address = reverse("agents:edit", args=["acme", acme.agent.id])
    client.force_login(builder)
    assert "data-phone" in client.get(address).content.decode()
    client.force_login(people.make_member(acme.tenant, Role.ANALYST))
    assert "data-phone" not in client.get(address).content.decode()


def test_pages_may_use_the_microphone_and_reach_the_stream_workers(acme, client, builder, settings):
    client.force_login(builder)

    answer = client.get(reverse("agents:edit", args=["acme", acme.agent.id]))

    assert "microphone=(self)" in answer.headers["Permissions-Policy"]
    assert settings.STREAM_URL in answer.headers["Content-Security-Policy"]


async def asks_and_is_answered(carrier):
    carrier.start()
    await carrier.listen(4)
    sound = babble(1_200)
    for at in range(0, len(sound), 160):
        carrier.frame(sound[at : at + 160])
        await virtual_time.asyncio.sleep(0.02)
    await carrier.listen(5)
    carrier.hang_up()


def counted() -> tuple[float, float]:
    """How many calls ended by the caller, and how many replies, the metrics tell of."""
    over = REGISTRY.get_sample_value("switchboard_calls_total", {"outcome": Outcome.CALLER_HUNG_UP})
    return over or 0.0, REGISTRY.get_sample_value("switchboard_response_gap_seconds_count") or 0.0


def test_metrics_tell_of_callers_and_not_of_tests(acme, ask):
    from telephony import stream_token
    from telephony.stream_token import Ticket

    phone = acme.call(carrier_id="uuid-1")
    address = stream_token.address(Ticket(phone.tenant_id, phone.id))
    _, told = ask()
    before = counted()

    talk(told, asks_and_is_answered)
    after_the_test = counted()
    talk({"socket": address, "carrier_id": "uuid-1"}, asks_and_is_answered)

    with acme.scope():
        assert Turn.objects.filter(gap_ms__gt=0).values("call").distinct().count() == 2
    assert after_the_test == before
    assert [now - then for now, then in zip(counted(), before, strict=True)] == [1.0, 1.0]
