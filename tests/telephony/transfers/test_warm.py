"""Warm transfers, step by step: the room, the colleagues' legs, and callbacks that come late, twice or never."""

from datetime import timedelta

import pytest
from django.utils import timezone

from agents.voice.blueprint import Tongue
from agents.voice.tongues import books
from telephony.models import Call, CarrierCdr, Kind, Outcome, Status
from telephony.simulator.people import Person
from telephony.simulator.rest import Trouble
from telephony.transfers import briefing, course, ringing
from telephony.transfers.models import Transfer, TransferLeg
from tests.telephony.conftest import CONFIG
from tests.telephony.transfers.conftest import DESK, SECOND


@pytest.fixture
def warm(promised, vobiz, acme, settings):
    """A caller in the room; colleagues who never pick up by themselves."""
    settings.CARRIER_IN_REACH = True
    acme.account()
    vobiz.world.people[DESK] = vobiz.world.people[SECOND] = Person("no_answer")

    def make(*destinations, **target):
        scene = promised(*destinations, warm=True, **target)
        scene.document = scene.after_stream()
        return scene

    return make


def pursue(scene):
    ringing.pursue(scene.shop.tenant.id, scene.transfer.id)


def leg_of(scene, position=0):
    with scene.shop.scope():
        return TransferLeg.objects.get(transfer=scene.transfer, position=position)


def answers(scene, position=0):
    leg = leg_of(scene, position)
    return scene.carrier.fetch("colleague", leg.id, Event="StartApp", CallUUID=leg.carrier_id)


def decides(scene, outcome, position=0, **facts):
    """The agent's word with the colleague has ended; what the carrier runs next on their leg."""
    leg = leg_of(scene, position)
    with scene.shop.scope():
        facts = {"status": Status.ANSWERED, "epoch": 1, "stream_stopped_at": timezone.now(), **facts}
        Call.objects.filter(id=leg.brief_id).update(outcome=outcome, **facts)
    return tags(scene.carrier.fetch("after-stream", CallUUID=leg.carrier_id))


def over(scene, position=0, **fields):
    leg = leg_of(scene, position)
    end = {"Event": "Hangup", "CallUUID": leg.carrier_id or "leg-x", "CallStatus": "completed"}
    return scene.carrier.post("colleague-over", leg.id, **end | fields)


def walks(scene, action, position=0):
    fields = {"ConferenceAction": action, "ConferenceName": scene.transfer.room, "ConferenceMemberID": "10"}
    return scene.carrier.post("room", scene.transfer.id, CallUUID=leg_of(scene, position).carrier_id, **fields)


def tags(document):
    return [tag for tag, _ in document]


def asked(vobiz, method, part):
    return [path for wanted, path, _ in vobiz.requests if wanted == method and part in path]


def test_the_caller_waits_in_a_room_with_music(warm):
    scene = warm()

    (_, room), (_, redirect) = scene.document
    assert room.text == scene.transfer.room
    assert room.get("stayAlone") == room.get("endConferenceOnExit") == "true"
    assert "/hold/" in room.get("waitSound")
    assert "/after-stream/" in redirect.text
    assert scene.again().status == Status.TRANSFERRING


def test_a_colleague_is_rung_once_however_often_a_worker_is_told(warm, vobiz):
    scene = warm(DESK, SECOND)

    pursue(scene)
    pursue(scene)
    ringing.sweep(timezone.now())

    assert len(asked(vobiz, "POST", "/Call/")) == 1
    assert scene.legs == ["ringing", "due"]
    assert leg_of(scene).carrier_id


def test_at_once_means_all(warm, vobiz):
    scene = warm(DESK, SECOND, at_once=True)

    pursue(scene)

    assert len(asked(vobiz, "POST", "/Call/")) == 2
    assert scene.legs == ["ringing", "ringing"]


def test_a_colleague_who_answers_gets_a_word_of_the_agent(warm):
    scene = warm()
    pursue(scene)

    first, second = answers(scene), answers(scene)

    assert tags(first) == tags(second) == ["Stream", "Redirect"]
    assert (scene.transfer.state, scene.legs) == ("briefing", ["briefing"])
    with scene.shop.scope():
        [brief] = Call.objects.filter(kind=Kind.BRIEF)
        made = briefing.blueprint(brief)
    assert brief.agent_id == scene.call.agent_id
    assert "press 1" in made.greeting
    assert (made.offers, made.record, made.tools) == ("the caller", False, ())


def test_a_word_with_a_colleague_in_another_language_has_its_own_sentences_too(warm):
    scene = warm(tongues=(Tongue("hi", CONFIG.tts, "नमस्ते, रिकॉर्ड।", instructions="Sell."),))
    pursue(scene)
    answers(scene)

    with scene.shop.scope():
        made = briefing.blueprint(Call.objects.get(kind=Kind.BRIEF))

    hindi = books(made)["hi"]
    assert (hindi.idle, hindi.goodbye) == ("क्या मैं जोड़ दूँ?", "ठीक है, मैं उन्हें बता दूँगी। नमस्ते।")
    assert (made.tongues[0].greeting, made.tongues[0].instructions) == ("", "")


def test_the_one_who_takes_it_first_gets_it(warm, vobiz):
    scene = warm(DESK, SECOND, at_once=True)
    pursue(scene)
    answers(scene)
    answers(scene, 1)

    won, lost = decides(scene, "transfer", 1), decides(scene, "transfer", 0)
    again = decides(scene, "transfer", 1)
    pursue(scene)

    assert won == again == ["Conference", "Hangup"]
    assert lost == ["Speak", "Hangup"]
    assert (scene.transfer.state, scene.legs) == ("joining", ["lost_race", "joining"])
    assert len(asked(vobiz, "DELETE", leg_of(scene).carrier_id)) == 1


def test_a_loser_who_is_hung_up_is_no_failure(warm):
    scene = warm(DESK, SECOND, at_once=True)
    pursue(scene)
    answers(scene)
    decides(scene, "transfer")

    over(scene, 1, HangupCause="ORIGINATOR_CANCEL", HangupCauseCode="1000", CallStatus="cancel")

    assert (scene.transfer.state, scene.legs) == ("joining", ["joining", "lost_race"])


@pytest.mark.parametrize("order", [("enter", "exit"), ("exit", "enter")])
def test_who_came_into_the_room_and_left_it_has_talked_in_whatever_order_it_is_told(warm, order):
    scene = warm()
    pursue(scene)
    answers(scene)
    decides(scene, "transfer")

    for action in (*order, *order):
        walks(scene, action)
    over(scene, HangupCauseCode="4000")
    scene.carrier.hang_up()

    assert (scene.transfer.state, scene.legs) == ("done", ["done"])
    assert (scene.again().status, scene.call.outcome) == (Status.ENDED, Outcome.TRANSFER)


def test_a_caller_nobody_takes_comes_back_to_the_agent(warm, vobiz):
    scene = warm()
    pursue(scene)
    answers(scene)

    hung_up = decides(scene, "agent_hung_up")
    pursue(scene)
    pursue(scene)
    document = scene.after_stream()

    assert hung_up == ["Hangup"]
    assert (scene.transfer.state, scene.legs) == ("declined", ["declined"])
    assert len(asked(vobiz, "POST", "/Call/uuid-1/")) == 1
    assert tags(document) == ["Stream", "Redirect"]
    assert "cannot take the call now" in scene.advice()


@pytest.mark.parametrize(
    ("counted", "wanted"),
    [({"answered_by_voicemail": 1}, "voicemail"), ({"answered_by_unavailable": 1}, "no_answer"), ({}, "declined")],
)
def test_a_machine_is_no_colleague(warm, counted, wanted):
    scene = warm()
    pursue(scene)
    answers(scene)

    decides(scene, "agent_hung_up", counters=counted)

    assert scene.legs == [wanted]


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ({"CallStatus": "busy", "HangupCauseCode": "3010"}, "busy"),
        ({"CallStatus": "timeout", "HangupCauseCode": "6010"}, "no_answer"),
        ({"CallStatus": "no-answer", "HangupCauseCode": "3000"}, "no_answer"),
        ({"CallStatus": "failed", "HangupCauseCode": "3110"}, "declined"),
        ({"CallStatus": "failed", "HangupCauseCode": "3050"}, "failed"),
        ({"CallStatus": "no-answer"}, "no_answer"),
    ],
)
def test_after_a_colleague_who_does_not_answer_the_next_one_is_rung(warm, vobiz, told, wanted):
    scene = warm(DESK, SECOND)
    pursue(scene)

    over(scene, **told)
    over(scene, **told)
    pursue(scene)

    assert scene.legs == [wanted, "ringing"]
    assert len(asked(vobiz, "POST", "/Call/")) == 2


def test_a_caller_who_leaves_while_it_rings_stops_the_ringing(warm, vobiz):
    scene = warm()
    pursue(scene)

    scene.carrier.hang_up()
    pursue(scene)

    assert (scene.transfer.state, scene.legs) == ("left", ["left"])
    assert scene.again().outcome == Outcome.CALLER_HUNG_UP
    assert len(asked(vobiz, "DELETE", leg_of(scene).carrier_id)) == 1


def test_a_colleague_who_answers_after_that_hears_so(warm):
    scene = warm()
    pursue(scene)
    scene.carrier.hang_up()

    assert tags(answers(scene)) == ["Speak", "Hangup"]
    with scene.shop.scope():
        assert not Call.objects.filter(kind=Kind.BRIEF).exists()


def test_a_caller_who_leaves_before_anybody_was_rung_rings_nobody(warm, vobiz):
    scene = warm()

    scene.carrier.hang_up()
    pursue(scene)

    assert asked(vobiz, "POST", "/Call/") == []


def test_a_carrier_that_refuses_is_told_to_the_caller(warm, vobiz):
    scene = warm()
    vobiz.trouble(Trouble("Call/", status=402, method="POST"))

    pursue(scene)
    pursue(scene)

    assert (scene.transfer.state, scene.legs) == ("failed", ["failed"])
    assert tags(scene.after_stream()) == ["Stream", "Redirect"]


def test_where_nobody_knows_whether_it_rings_nobody_rings_again(warm, vobiz):
    scene = warm()
    vobiz.trouble(Trouble("Call/", status=500, method="POST"))

    pursue(scene)
    pursue(scene)

    assert scene.legs == ["placing"]
    assert len(asked(vobiz, "POST", "/Call/")) == 1


def test_a_colleague_whom_the_carrier_rang_without_saying_so_is_welcome(warm, vobiz):
    scene = warm()
    vobiz.trouble(Trouble("Call/", status=500, method="POST"))
    pursue(scene)

    document = scene.carrier.fetch("colleague", leg_of(scene).id, Event="StartApp", CallUUID="leg-uuid")

    assert tags(document) == ["Stream", "Redirect"]
    assert leg_of(scene).carrier_id == "leg-uuid"


@pytest.mark.parametrize("stage", ["ringing", "briefing", "joining"])
def test_what_hangs_comes_to_an_end_and_the_caller_back(warm, vobiz, stage):
    scene = warm()
    pursue(scene)
    if stage != "ringing":
        answers(scene)
    if stage == "joining":
        decides(scene, "transfer")
    late = timezone.now() + max(course.BRIEFING, timedelta(minutes=3))

    ringing.sweep(late)
    pursue(scene)

    assert scene.transfer.state in ("no_answer", "failed")
    assert len(asked(vobiz, "POST", "/Call/uuid-1/")) == 1
    assert tags(scene.after_stream()) == ["Stream", "Redirect"]


def test_a_caller_whom_the_carrier_does_not_fetch_is_put_out_of_the_room_at_last(warm, vobiz):
    scene = warm()
    pursue(scene)
    answers(scene)
    decides(scene, "agent_hung_up")

    for turn in range(6):
        ringing.sweep(timezone.now() + turn * 2 * course.SOON)

    assert len(asked(vobiz, "POST", "/Call/uuid-1/")) == ringing.RETURNS
    assert len(asked(vobiz, "POST", f"/Conference/{scene.transfer.room}/Member/all/Kick/")) == 1
    assert tags(scene.after_stream()) == ["Stream", "Redirect"]


# --- without a worker ------------------------------------------------------------------------------------------------


def listens(scene):
    """The carrier fetches what the caller hears in the room."""
    return tags(scene.carrier.fetch("hold", scene.transfer.id, Event="ConferenceRemoteSounds"))


def ago(scene, **times):
    """Let this transfer's moments be so many seconds ago."""
    with scene.shop.scope():
        values = {name: timezone.now() - timedelta(seconds=seconds) for name, seconds in times.items()}
        Transfer.objects.filter(id=scene.transfer.id).update(**values)


def test_while_a_worker_may_live_the_hold_sound_rings_nobody(warm, vobiz):
    scene = warm()

    assert listens(scene) == ["Play"]
    assert asked(vobiz, "POST", "/Call/") == []


def test_without_a_worker_the_colleague_is_rung_while_the_caller_listens(warm, vobiz):
    scene = warm(DESK, SECOND)
    ago(scene, began_at=11)

    for _ in range(2):
        assert listens(scene) == ["Play"]

    assert len(asked(vobiz, "POST", "/Call/")) == 1
    assert scene.legs == ["ringing", "due"]


def test_without_a_worker_an_overdue_colleague_is_followed_by_the_next(warm, vobiz):
    scene = warm(DESK, SECOND)
    pursue(scene)
    ago(scene, due_at=11)
    with scene.shop.scope():
        TransferLeg.objects.filter(position=0).update(placed_at=timezone.now() - timedelta(minutes=3))

    listens(scene)

    assert scene.legs == ["no_answer", "ringing"]
    assert len(asked(vobiz, "POST", "/Call/")) == 2


def test_without_a_worker_a_caller_whom_nobody_takes_is_brought_back(warm, vobiz):
    scene = warm()
    pursue(scene)
    answers(scene)
    decides(scene, "agent_hung_up")
    ago(scene, due_at=11)

    listens(scene)

    assert len(asked(vobiz, "POST", "/Call/uuid-1/")) == 1
    assert tags(scene.after_stream()) == ["Stream", "Redirect"]


def test_a_carrier_that_cannot_be_asked_leaves_the_music_on(warm, vobiz):
    scene = warm()
    pursue(scene)
    answers(scene)
    decides(scene, "agent_hung_up")
    ago(scene, due_at=11)
    vobiz.trouble(Trouble("Call/", status=403, method="POST", times=9))
    vobiz.trouble(Trouble("Kick", status=403, method="POST", times=9))

    assert listens(scene) == ["Play"]


# --- records ----------------------------------------------------------------------------------------------------------


def test_a_leg_that_was_dropped_before_the_carrier_named_it_has_a_record_too(warm, vobiz):
    scene = warm()
    vobiz.trouble(Trouble("Call/", status=500, method="POST"))
    pursue(scene)
    scene.carrier.hang_up()
    assert leg_of(scene).carrier_id == ""

    over(scene, CallUUID="leg-late")

    with scene.shop.scope():
        assert [(row.uuid, row.role) for row in CarrierCdr.objects.filter(role="colleague")] == [
            ("leg-late", "colleague")
        ]


def test_without_an_account_there_is_nobody_to_ask(warm):
    scene = warm()
    with scene.shop.scope():
        from telephony.models import CarrierAccount

        CarrierAccount.objects.all().delete()

    pursue(scene)

    assert scene.transfer.state == "failed"
    assert tags(scene.after_stream()) == ["Stream", "Redirect"]


def test_another_tenant_sees_nothing_of_it(warm, bazaar):
    scene = warm()

    with bazaar.scope():
        assert not Transfer.objects.exists()
        assert not TransferLeg.objects.exists()
    assert scene.transfer.legs.count() == 1
