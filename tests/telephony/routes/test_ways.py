"""Calls that go every way a number can have, as the carrier sees them: its callbacks in, documents out."""

from dataclasses import replace
from datetime import timedelta

import pytest
from django.utils import timezone

from agents import publishing
from agents.models import Agent
from telephony.models import Call, Outcome, RoutePlan, RouteShare, RouteStep, Status
from telephony.routes import entering
from telephony.takeover.models import CallNote
from tests.telephony.conftest import CONFIG
from tests.telephony.test_webhooks import events

NOW_CLOSED = {"weekly": [[(timezone.now().weekday() + 3) % 7, 0, 60]]}
"""Open for an hour on a day that is neither today nor next to it."""
DESK = "+918041234567"


def texts(document):
    return [element.text for tag, element in document if tag == "Speak"]


# --- one way ----------------------------------------------------------------------------------------------------------


def test_an_agent_answers_by_its_route(acme, carrier, route):
    route("open", "agent")

    assert [tag for tag, _ in carrier.ring()] == ["Stream", "Redirect"]
    assert carrier.call.version_id == acme.agent.published_id
    assert carrier.steps == [("open", "agent", "")]


def test_an_agent_elsewhere_gets_the_stream_at_its_own_address(acme, carrier, route):
    route("open", "websocket", target="wss://agents.example.com/in?from={caller}&id={call_id}")

    [(stream_tag, stream), (redirect_tag, redirect)] = carrier.ring()

    assert (stream_tag, redirect_tag) == ("Stream", "Redirect")
    assert stream.text == "wss://agents.example.com/in?from=%2B919876543210&id=uuid-1"
    assert stream.get("contentType") == "audio/x-mulaw;rate=8000"
    assert stream.get("maxRetries") == "0"
    assert redirect.text.endswith(f"/vobiz/routed/{acme.number.token}/open/")
    assert carrier.call.status == Status.TRANSFERRING
    assert carrier.call.version_id is None


@pytest.fixture
def elsewhere(carrier, route):
    """A call that was given to an agent elsewhere, so many seconds ago, and its stream opened then."""
    route("open", "websocket", target="wss://agents.example.com/in")
    route("fallback", "person", target=DESK)

    def give(began_s=20, connected_s=None):
        carrier.ring()
        now = timezone.now()
        if connected_s is not None:
            carrier.post("elsewhere", "open", Event="StartStream", StreamID="s-1")
        with carrier.shop.scope():
            steps = RouteStep.objects.filter(place="open")
            steps.update(began_at=now - timedelta(seconds=began_s))
            steps.exclude(connected_at=None).update(connected_at=now - timedelta(seconds=connected_s or 0))
        return carrier

    return give


def next_way(carrier, *, patient):
    """What follows the stream of the agent elsewhere, as tags; None: not known yet."""
    call = carrier.call
    with carrier.shop.scope():
        found = entering.came_back(carrier.shop.number, call, "open", None, timezone.now(), full=False, patient=patient)
        return found and [type(verb).__name__ for verb in found.verbs()]


def test_an_agent_elsewhere_ends_the_call_by_closing_its_stream(elsewhere):
    carrier = elsewhere(connected_s=10)

    assert carrier.tags("routed", "open") == ["Hangup"]
    carrier.hang_up()
    assert carrier.call.outcome == Outcome.ELSEWHERE
    assert carrier.steps == [("open", "websocket", "served")]


def test_an_agent_elsewhere_that_cannot_be_reached_gives_way_to_the_fallback_after_an_apology(elsewhere):
    carrier = elsewhere()

    for _ in range(2):
        assert next_way(carrier, patient=False) == ["Speak", "Speak", "Dial"]
    assert carrier.steps == [("open", "websocket", "failed"), ("fallback", "person", "")]


def test_an_agent_elsewhere_that_dies_at_once_has_not_served(elsewhere):
    carrier = elsewhere(connected_s=1)

    assert next_way(carrier, patient=True) is None, "it may have said stop"
    assert next_way(carrier, patient=False) == ["Speak", "Speak", "Dial"]
    document = carrier.fetch("routed", "open")

    assert "technical problem" in texts(document)[0]
    assert [tag for tag, _ in document] == ["Speak", "Speak", "Dial"]
    assert carrier.steps[0] == ("open", "websocket", "failed")


def test_an_agent_elsewhere_that_says_stop_has_served_however_soon(elsewhere):
    carrier = elsewhere(connected_s=1)
    carrier.post("elsewhere", "open", Event="StopStream", StreamID="s-1")

    assert carrier.tags("routed", "open") == ["Hangup"]
    assert carrier.steps == [("open", "websocket", "served")]


def test_that_a_stream_elsewhere_was_up_may_be_told_after_its_end(elsewhere):
    carrier = elsewhere()

    assert next_way(carrier, patient=True) is None
    carrier.post("elsewhere", "open", Event="StopStream", StreamID="s-1")

    assert next_way(carrier, patient=True) == ["Hangup"]


def test_a_late_word_on_another_stream_of_the_call_says_nothing_of_the_agent_elsewhere(elsewhere):
    carrier = elsewhere()
    carrier.post("stream-status", Event="StartStream", StreamID="of-the-agent-before")

    assert next_way(carrier, patient=True) is None


def test_nobody_tries_to_connect_for_a_minute(elsewhere):
    carrier = elsewhere(began_s=90)

    assert next_way(carrier, patient=True) == ["Hangup"]
    assert carrier.steps == [("open", "websocket", "served")]


def test_a_caller_who_hangs_up_before_the_agent_elsewhere_is_there_was_not_served(elsewhere):
    carrier = elsewhere()
    carrier.hang_up()

    assert carrier.steps == [("open", "websocket", "left")]
    assert carrier.call.outcome == Outcome.CALLER_HUNG_UP


def test_what_an_agent_elsewhere_plays_is_not_kept(elsewhere):
    carrier = elsewhere(connected_s=5)
    kept, steps = events(), carrier.steps

    carrier.post("elsewhere", "open", Event="PlayedStream", StreamID="s-1", Name="m-1")

    assert (events(), carrier.steps) == (kept, steps)


def test_a_sip_agent_is_dialled_after_a_sentence(acme, carrier, route):
    route("open", "sip", target="sip:asha@agents.example.com", ring_s=40)

    [(first, _), (second, dial)] = carrier.ring()

    assert (first, second) == ("Speak", "Dial")  # a leg that rings cannot dial: the sentence answers it
    assert [(user.tag, user.text) for user in dial] == [("User", "sip:asha@agents.example.com")]
    assert (dial.get("callerId"), dial.get("timeout")) == (acme.number.e164, "40")
    assert dial.get("action").endswith("/open/")
    assert carrier.call.status == Status.TRANSFERRING


def test_several_people_ring_at_once(carrier, route):
    route("open", "person", target=f"{DESK}\n+918041234568", say="I put you through.")

    document = carrier.ring()

    assert texts(document) == ["I put you through."]
    assert [(number.tag, number.text) for number in document[1][1]] == [("Number", DESK), ("Number", "+918041234568")]


def test_a_bridge_is_kept_with_its_leg(carrier, route):
    route("open", "person", target=DESK)
    carrier.ring()
    leg = {"DialBLegUUID": "leg-1", "DialBLegTo": DESK[1:], "DialALegUUID": "uuid-1"}
    carrier.post("stream-status", Event="DialAnswer", DialAction="answer", **leg)
    carrier.post("stream-status", Event="DialHangup", DialAction="hangup", DialBLegDuration="42", **leg)

    assert carrier.tags("routed", "open", DialStatus="completed", DialBLegUUID="leg-1") == ["Hangup"]

    carrier.hang_up()
    call = carrier.call
    with carrier.shop.scope():
        [step] = call.steps.all()
    assert (step.outcome, step.leg_id, step.leg_s) == ("served", "leg-1", 42)
    assert step.connected_at is not None
    assert (carrier.call.status, carrier.call.outcome) == (Status.ENDED, Outcome.TRANSFER)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("busy", "busy"),
        ("no-answer", "no_answer"),
        ("timeout", "no_answer"),
        ("cancel", "no_answer"),
        ("failed", "failed"),
    ],
)
def test_a_dial_that_nobody_answers_ends_with_a_sentence(carrier, route, status, outcome):
    route("open", "person", target=DESK)
    carrier.ring()

    for _ in range(2):  # the carrier repeats what it thinks we did not get
        document = carrier.fetch("routed", "open", DialStatus=status)
        assert "nobody could take your call" in texts(document)[0]

    assert carrier.steps == [("open", "person", outcome)]
    carrier.hang_up()
    assert carrier.call.outcome == Outcome.UNANSWERED


def test_a_caller_who_hangs_up_before_anybody_answers_has_left(carrier, route):
    route("open", "person", target=DESK)
    route("fallback", "voicemail")
    carrier.ring()
    carrier.hang_up()

    for status in ("no-answer", "cancel"):
        assert carrier.tags("routed", "open", DialStatus=status) == ["Hangup"]
    assert carrier.steps == [("open", "person", "left")]
    assert (carrier.call.status, carrier.call.outcome) == (Status.ENDED, Outcome.CALLER_HUNG_UP)


def test_voicemail_takes_a_message(acme, carrier, route):
    route("open", "voicemail", say="We are all busy.")

    document = carrier.fetch("answer", Event="StartApp", CallStatus="ringing")

    assert [tag for tag, _ in document] == ["Speak", "Record", "Speak", "Hangup"]
    record = document[1][1]
    assert (record.get("recordSession"), record.get("redirect"), record.get("action")) == ("false", "false", None)
    assert (record.get("maxLength"), record.get("playBeep")) == ("180", "true")
    assert record.get("callbackUrl").endswith(f"/vobiz/recording/{acme.number.token}/message/")


def test_a_refusal_says_why_or_rejects_unanswered(carrier, route, client, acme):
    refusing = route("open", "refusal", say="We have moved.")

    document = carrier.ring()
    assert (texts(document), [tag for tag, _ in document]) == (["We have moved."], ["Speak", "Hangup"])
    assert (carrier.call.status, carrier.call.error) == (Status.REFUSED, "not_taken")
    assert texts(carrier.ring()) == ["We have moved."]

    with acme.scope():
        refusing.say = ""
        refusing.save()
    carrier.call_id = "uuid-2"
    [(tag, hangup)] = carrier.ring()
    assert (tag, hangup.get("reason")) == ("Hangup", "rejected")


# --- hours, shares ----------------------------------------------------------------------------------------------------


def test_outside_of_its_hours_a_number_goes_its_other_way(carrier, route, settings_of_number):
    route("open", "agent")
    route("closed", "voicemail")
    settings_of_number(**NOW_CLOSED)

    assert [tag for tag, _ in carrier.ring()] == ["Speak", "Record", "Speak", "Hangup"]
    assert carrier.steps == [("closed", "voicemail", "")]


def test_a_closed_number_without_another_way_says_so_every_time(carrier, route, settings_of_number):
    route("open", "agent")
    settings_of_number(**NOW_CLOSED)

    assert "closed" in texts(carrier.ring())[0]
    assert texts(carrier.ring()) == texts(carrier.ring())
    assert (carrier.call.status, carrier.call.error) == (Status.REFUSED, "closed")


def test_a_pinned_version_answers_whatever_is_published_later(acme, carrier, route):
    from agents import publishing

    with acme.scope():
        pinned = acme.agent.published
        RouteShare.objects.create(route=route("open", "agent"), version=pinned, weight=1)
        publishing.edit_draft(acme.agent, greeting="Hello again, this call is recorded.")
        publishing.publish(acme.agent, None)

    carrier.ring()

    assert carrier.call.version_id == pinned.id
    with acme.scope():
        acme.agent.refresh_from_db()
    assert acme.agent.published_id != pinned.id


def test_a_version_is_chosen_once_for_a_call(acme, carrier, route):
    with acme.scope():
        made = route("open", "agent")
        RouteShare.objects.create(route=made, version=acme.agent.published, weight=1)
        RouteShare.objects.create(route=made, version=None, weight=1)

    carrier.ring()
    chosen = carrier.call.version_id
    carrier.ring()

    assert carrier.call.version_id == chosen
    assert len(acme.calls()) == 1


# --- the menu ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def menu(route, settings_of_number):
    route("open", "agent")
    route("1", "person", target=DESK, label="Front desk")
    return settings_of_number(menu_prompt="For the front desk press 1.", menu_wait_s=7)


def test_the_menu_asks_first(acme, carrier, menu):
    [(tag, gather), (again, redirect)] = carrier.ring()

    assert (tag, again) == ("Gather", "Redirect")
    assert gather.get("action") == redirect.text
    assert gather.get("action").endswith(f"/vobiz/menu/{acme.number.token}/1/")
    assert (gather.get("inputType"), gather.get("executionTimeout"), gather.get("numDigits")) == ("dtmf", "7", "1")
    assert [child.text for child in gather] == ["For the front desk press 1."]
    assert carrier.call.status == Status.ANSWERED


def test_a_key_leads_to_its_route(carrier, menu):
    carrier.ring()

    assert carrier.tags("menu", 1, Digits="1") == ["Speak", "Dial"]
    assert carrier.tags("menu", 1, Digits="1") == ["Speak", "Dial"]
    assert carrier.steps == [("menu", "menu", "chosen"), ("1", "person", "")]
    assert carrier.call.agent_id is None


@pytest.mark.parametrize(("key", "word"), [("#", "hash"), ("*", "star"), ("0", "0")])
def test_a_key_that_an_address_cannot_hold_has_a_word_there(acme, carrier, menu, route, key, word):
    route(key, "person", target=DESK)
    route("fallback", "voicemail")
    carrier.ring()

    dial = carrier.fetch("menu", 1, Digits=key)[-1][1]

    assert dial.get("action").endswith(f"/vobiz/routed/{acme.number.token}/{word}/")
    assert "Record" in carrier.tags("routed", word, DialStatus="busy")


def test_without_a_key_the_agent_answers(acme, carrier, menu):
    carrier.ring()

    assert carrier.tags("menu", 1) == ["Stream", "Redirect"]
    assert carrier.call.version_id == acme.agent.published_id
    assert carrier.steps == [("menu", "menu", "no_choice"), ("open", "agent", "")]


def test_a_wrong_key_is_asked_about_once(carrier, menu):
    carrier.ring()

    [(tag, gather), _] = carrier.fetch("menu", 1, Digits="9")
    assert tag == "Gather"
    assert gather.get("action").endswith("/2/")
    assert gather[0].text.startswith("Sorry, that is not one of the choices.")
    assert carrier.tags("menu", 2, Digits="9") == ["Stream", "Redirect"]


def test_after_the_menu_a_worker_that_refuses_is_followed_by_another(carrier, menu):
    carrier.ring()
    carrier.tags("menu", 1)

    assert "Stream" in carrier.tags("after-stream")
    assert carrier.call.stream_offers == 2


def test_who_hangs_up_in_the_menu_has_left(carrier, menu):
    carrier.ring()
    carrier.hang_up()

    assert carrier.tags("menu", 1) == ["Hangup"]
    assert (carrier.call.status, carrier.call.outcome) == (Status.ENDED, Outcome.CALLER_HUNG_UP)
    assert carrier.steps == [("menu", "menu", "left")]


def test_a_menu_that_was_taken_away_meanwhile_leads_to_the_agent(acme, carrier, menu):
    carrier.ring()
    with acme.scope():
        RoutePlan.objects.all().delete()

    assert carrier.tags("menu", 1, Digits="1") == ["Stream", "Redirect"]


# --- the fallback -----------------------------------------------------------------------------------------------------


def test_without_a_free_line_of_the_platform_the_fallback_answers(carrier, route, settings):
    settings.CALLS_PER_PROCESS = 1
    settings.STREAM_URLS = ["ws://127.0.0.1:9001"]
    carrier.shop.call(status=Status.STREAMING)
    route("open", "agent")
    route("fallback", "voicemail")

    assert "Record" in [tag for tag, _ in carrier.ring()]
    assert carrier.steps == [("fallback", "voicemail", "")]


def test_lines_that_are_all_busy_are_what_a_fallback_is_for_up_to_twice_as_many(acme, carrier, route):
    acme.tenant.max_calls = 1
    acme.tenant.save()
    route("open", "agent")
    route("fallback", "person", target=DESK)
    acme.call(status=Status.STREAMING)

    assert "Dial" in [tag for tag, _ in carrier.ring()]
    carrier.call_id = "uuid-2"
    assert "all our lines are busy" in texts(carrier.ring())[0]


@pytest.mark.parametrize("outcome", ["failed", "line_dead", "lost", "drained"])
def test_when_the_engine_has_failed_the_fallback_takes_the_call(acme, carrier, route, outcome):
    route("open", "agent")
    route("fallback", "person", target=DESK)
    carrier.ring()
    with acme.scope():
        Call.objects.filter(carrier_id="uuid-1").update(
            status=Status.ENDED,
            outcome=outcome,
            ended_at=timezone.now(),
            epoch=1,
            stream_started_at=timezone.now(),
            stream_stopped_at=timezone.now(),
        )

    for _ in range(2):
        document = carrier.fetch("after-stream")
        assert [tag for tag, _ in document] == ["Speak", "Speak", "Dial"]
        assert "technical problem" in texts(document)[0]

    assert carrier.steps == [("open", "agent", "failed"), ("fallback", "person", "")]
    assert (carrier.call.status, carrier.call.ended_at) == (Status.TRANSFERRING, None)
    assert carrier.tags("routed", "fallback", DialStatus="completed") == ["Hangup"]
    carrier.hang_up()
    assert (carrier.call.status, carrier.call.outcome) == (Status.ENDED, Outcome.TRANSFER)


def test_a_call_that_was_lost_too_often_goes_to_the_fallback(acme, carrier, route):
    route("open", "agent")
    route("fallback", "voicemail")
    carrier.ring()
    at = timezone.now().isoformat()
    with acme.scope():
        Call.objects.filter(carrier_id="uuid-1").update(
            status=Status.STREAMING,
            epoch=4,
            stream_started_at=timezone.now(),
            streams=[{"cause": cause, "at": at} for cause in ("first", "lost", "lost", "lost")],
        )

    assert carrier.tags("after-stream") == ["Speak", "Speak", "Record", "Speak", "Hangup"]
    assert carrier.steps == [("open", "agent", "failed"), ("fallback", "voicemail", "")]
    assert carrier.call.status == Status.TRANSFERRING


def test_a_call_that_no_worker_takes_goes_to_the_fallback_in_the_end(carrier, route):
    route("open", "agent")
    route("fallback", "person", target=DESK)
    carrier.ring()

    documents = [carrier.tags("after-stream")]
    while "Stream" in documents[-1]:
        documents.append(carrier.tags("after-stream"))

    assert documents[-1] == ["Speak", "Speak", "Dial"]
    assert carrier.tags("after-stream") == ["Speak", "Speak", "Dial"]


def test_a_caller_who_has_gone_is_not_put_through_to_anybody(acme, carrier, route):
    route("open", "agent")
    route("fallback", "person", target=DESK)
    carrier.ring()
    carrier.hang_up()
    with acme.scope():
        Call.objects.filter(carrier_id="uuid-1").update(outcome="failed", epoch=1, stream_started_at=timezone.now())

    assert carrier.tags("after-stream") == ["Hangup"]
    assert carrier.call.status == Status.ENDED


def test_a_person_who_does_not_answer_is_followed_by_the_agent(acme, carrier, route):
    route("open", "person", target=DESK)
    route("fallback", "agent")
    carrier.ring()

    document = carrier.fetch("routed", "open", DialStatus="busy")

    assert [tag for tag, _ in document] == ["Stream", "Redirect"]
    assert carrier.call.version_id == acme.agent.published_id
    assert carrier.steps == [("open", "person", "busy"), ("fallback", "agent", "")]


@pytest.fixture
def second_agent(acme):
    with acme.scope():
        agent = Agent.objects.create(name="Ravi", draft={}, draft_saved_at=timezone.now())
        publishing.save_draft(agent, replace(CONFIG, name="Ravi"))
        publishing.publish(agent, None)
        agent.refresh_from_db()
    return agent


def broken(acme):
    """The agent's conversation broke, and no worker took it over."""
    with acme.scope():
        Call.objects.filter(carrier_id="uuid-1").update(
            status=Status.ENDED,
            outcome="failed",
            ended_at=timezone.now(),
            epoch=1,
            stream_started_at=timezone.now(),
            stream_stopped_at=timezone.now(),
        )


def test_another_agent_takes_over_from_an_agent_that_failed(acme, carrier, route, second_agent):
    route("open", "agent")
    route("fallback", "agent", agent=second_agent)
    carrier.ring()
    broken(acme)

    first, again = carrier.fetch("after-stream"), carrier.tags("after-stream")

    assert [tag for tag, _ in first] == ["Speak", "Stream", "Redirect"]
    assert "technical problem" in texts(first)[0]
    assert again == ["Stream", "Redirect"], "offered to another worker, and apologised for once"
    assert (carrier.call.agent_id, carrier.call.version_id) == (second_agent.id, second_agent.published_id)
    assert (carrier.call.status, carrier.call.ended_at) == (Status.TRANSFERRING, None)
    with acme.scope():
        assert "this is Ravi" in CallNote.objects.get(key="advice").value
        assert RouteStep.objects.get(place="open").target == "Asha"


def test_an_agent_that_no_worker_takes_over_with_ends_with_an_apology(acme, carrier, route, second_agent):
    route("open", "agent")
    route("fallback", "agent", agent=second_agent)
    carrier.ring()
    broken(acme)

    documents = [carrier.tags("after-stream")]
    while "Stream" in documents[-1]:
        documents.append(carrier.tags("after-stream"))

    assert documents[-1] == ["Speak", "Hangup"]
    assert 2 < len(documents) < 10
    assert carrier.steps == [("open", "agent", "failed"), ("fallback", "agent", "failed")]


def test_an_agent_does_not_take_over_from_itself(acme, carrier, route):
    route("open", "agent")
    route("fallback", "agent")
    carrier.ring()
    with acme.scope():
        Call.objects.filter(carrier_id="uuid-1").update(
            status=Status.ENDED, outcome="failed", epoch=1, stream_stopped_at=timezone.now()
        )

    assert carrier.tags("after-stream") == ["Speak", "Hangup"]


def test_a_fallback_that_fails_too_is_the_last(carrier, route):
    route("open", "person", target=DESK)
    route("fallback", "person", target="+918041234568")
    carrier.ring()
    carrier.tags("routed", "open", DialStatus="busy")

    assert carrier.tags("routed", "fallback", DialStatus="busy") == ["Speak", "Hangup"]
    assert carrier.steps == [("open", "person", "busy"), ("fallback", "person", "busy")]


# --- odd callbacks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "more"), [("menu", 1), ("routed", "open"), ("routed", "never")])
def test_a_callback_about_an_unknown_call_hangs_up(carrier, kind, more):
    assert carrier.tags(kind, more) == ["Hangup"]


def test_a_place_that_the_call_never_came_to_hangs_up(carrier, route):
    route("open", "person", target=DESK)
    carrier.ring()

    assert carrier.tags("routed", "closed", DialStatus="busy") == ["Hangup"]
    assert carrier.steps == [("open", "person", "")]


def test_a_stranger_learns_nothing(client, carrier, route):
    route("open", "person", target=DESK)

    assert client.post("/vobiz/menu/no-such-token/1/").status_code == 404
    assert client.post("/vobiz/routed/no-such-token/open/").status_code == 404
