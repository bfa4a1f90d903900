"""Blind transfers: what the carrier is told to dial, and what its results lead to, whenever they come."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from agents.voice.resuming import State
from telephony import next_document
from telephony.journal import Stream, write_notes
from telephony.models import Call, Outcome, Status
from telephony.takeover import workers
from telephony.transfers import ringing, steps
from telephony.transfers.models import Transfer
from telephony.vobiz import answers
from tenants.scope import platform_scope
from tests.telephony.transfers.conftest import DESK, SECOND


def dialled(document):
    [(tag, dial)] = document
    assert tag == "Dial"
    return [number.text for number in dial]


def result(scene, status, position=0, **more):
    return scene.carrier.fetch(
        "put-through", scene.transfer.id, position, Event="DialAction", DialStatus=status, **more
    )


def news(scene, action, to=DESK, leg="leg-1", **more):
    fields = {"DialAction": action, "DialALegUUID": "uuid-1", "DialBLegUUID": leg, "DialBLegTo": to[1:], **more}
    return scene.carrier.post("put-through-news", scene.transfer.id, **fields)


def tags(document):
    return [tag for tag, _ in document]


def test_colleagues_are_rung_one_after_the_other_and_then_the_agent_goes_on(promised):
    scene = promised(DESK, SECOND)

    first = scene.after_stream()
    second = result(scene, "busy")
    back = result(scene, "no-answer", 1)

    assert (dialled(first), dialled(second)) == ([DESK], [SECOND])
    assert tags(back) == ["Stream", "Redirect"]
    assert scene.legs == ["busy", "no_answer"]
    assert (scene.transfer.state, scene.transfer.returned_at is not None) == ("busy", True)
    assert "Front desk is busy" in scene.advice()
    assert "the line is busy there" in scene.advice()


def test_all_are_rung_at_once_and_the_one_who_was_quicker_talks(promised):
    scene = promised(DESK, SECOND, at_once=True)

    assert dialled(scene.after_stream()) == [DESK, SECOND]
    news(scene, "answer", SECOND, "leg-2", DialBLegPosition="2")
    news(scene, "hangup", DESK, "leg-1", DialBLegPosition="1", DialBLegHangupCauseCode="9000")
    document = result(scene, "completed", DialBLegUUID="leg-2")

    assert tags(document) == ["Hangup"]
    assert (scene.transfer.state, scene.legs) == ("done", ["lost_race", "done"])


@pytest.mark.parametrize("status", ["completed", "busy", "no-answer", "timeout", "failed", "cancel"])
def test_a_repeated_result_changes_nothing_and_gets_the_same_answer(promised, status):
    scene = promised(DESK, SECOND)
    scene.after_stream()

    first = tags(result(scene, status)), scene.legs, scene.transfer.state
    second = tags(result(scene, status)), scene.legs, scene.transfer.state

    assert first == second
    with scene.shop.scope():
        assert Transfer.objects.count() == 1


def test_a_cancelled_dial_gives_the_caller_back_who_is_still_there(promised):
    scene = promised()
    scene.after_stream()

    document = result(scene, "cancel")

    assert tags(document) == ["Stream", "Redirect"]
    assert (scene.transfer.state, scene.legs) == ("no_answer", ["no_answer"])


def test_a_cancelled_dial_after_the_hang_up_leads_nowhere(promised):
    scene = promised()
    scene.after_stream()
    scene.carrier.hang_up()

    assert tags(result(scene, "cancel")) == ["Hangup"]
    assert (scene.transfer.state, scene.again().outcome) == ("left", Outcome.CALLER_HUNG_UP)


def test_who_hangs_up_on_the_way_back_to_the_agent_was_not_put_through(promised):
    scene = promised()
    scene.after_stream()
    result(scene, "cancel")

    scene.carrier.hang_up()

    assert (scene.again().status, scene.call.outcome) == (Status.ENDED, Outcome.CALLER_HUNG_UP)


def test_no_row_is_locked_while_workers_are_asked_whether_they_live(promised, monkeypatch, transactional_db):
    free = []

    def ask(url):
        with ThreadPoolExecutor(1) as other:
            free.append(other.submit(take_the_rows).result())
        return True

    def take_the_rows():
        try:
            with platform_scope("test"):
                list(Call.objects.select_for_update(nowait=True))
                list(Transfer.objects.select_for_update(nowait=True))
        except OperationalError:
            return False
        finally:
            connection.close()
        return True

    scene = promised()
    scene.after_stream()
    workers._known.clear()
    monkeypatch.setattr(workers, "lives", ask)
    result(scene, "busy")

    assert free == [True]


def test_asked_again_the_carrier_rings_the_same_colleague(promised):
    scene = promised()

    assert dialled(scene.after_stream()) == dialled(scene.after_stream()) == [DESK]
    assert scene.legs == ["ringing"]
    assert scene.again().status == Status.TRANSFERRING


def test_a_caller_who_leaves_while_it_rings_has_hung_up(promised):
    scene = promised()
    scene.after_stream()

    scene.carrier.hang_up()

    assert (scene.transfer.state, scene.legs) == ("left", ["left"])
    assert (scene.again().status, scene.call.outcome) == (Status.ENDED, Outcome.CALLER_HUNG_UP)


def test_the_carriers_result_after_the_hang_up_says_that_they_talked(promised):
    """With a bridge that the caller ends, the hang-up comes before the dial's result (vobiz.md 6.2)."""
    scene = promised()
    scene.after_stream()

    scene.carrier.hang_up()
    document = result(scene, "completed", DialBLegUUID="leg-1")
    news(scene, "answer")
    news(scene, "hangup", DialBLegDuration="42", DialBLegHangupCauseCode="4000")

    assert tags(document) == ["Hangup"]
    assert (scene.transfer.state, scene.legs, scene.again().outcome) == ("done", ["done"], Outcome.TRANSFER)
    assert scene.transfer.legs.all()[0].talked_s == 42


def test_while_they_talk_nothing_hangs(promised):
    scene = promised()
    scene.after_stream()
    news(scene, "answer")

    with scene.shop.scope():
        Transfer.objects.update(due_at=timezone.now() - timedelta(seconds=1))
    ringing.sweep(timezone.now())

    assert (scene.transfer.state, scene.legs) == ("talking", ["talking"])
    assert scene.transfer.due_at > timezone.now()


def test_a_caller_whose_end_was_lost_is_found_by_the_sweep(promised):
    scene = promised()
    scene.after_stream()
    with scene.shop.scope():
        Transfer.objects.update(due_at=timezone.now() - timedelta(seconds=1))
        type(scene.call).objects.filter(id=scene.call.id).update(status=Status.ENDED, ended_at=timezone.now())

    ringing.sweep(timezone.now())

    assert (scene.transfer.state, scene.legs) == ("left", ["left"])


def test_nobody_is_rung_outside_of_the_targets_hours(promised):
    away = (timezone.now() + timedelta(days=3)).weekday()
    scene = promised(weekly=((away, 540, 541),))

    document = scene.after_stream()

    assert tags(document) == ["Stream", "Redirect"]
    assert (scene.transfer.state, scene.legs) == ("closed", ["due"])
    assert "cannot be reached at this hour" in scene.advice()


def test_a_caller_who_comes_back_is_told_in_the_language_that_was_spoken(promised):
    scene = promised()
    with scene.shop.scope():
        write_notes(Stream(scene.shop.tenant.id, scene.call.id, 1), {"state": State(greeted=True, language="hi")})
    scene.after_stream()

    result(scene, "busy")

    assert "माफ़ कीजिए" in scene.advice()


def test_a_caller_may_hear_something_else_than_ringing(promised):
    scene = promised(waiting="We ring the desk.")

    [(_, dial)] = scene.after_stream()
    hold = scene.carrier.fetch("hold", scene.transfer.id, Event="ConferenceRemoteSounds")
    [(_, quiet)] = promised_music(scene)

    assert f"/hold/{scene.shop.number.token}/" in dial.get("dialMusic")
    assert tags(hold) == ["Speak", "Play"]
    assert quiet.text.endswith(".wav")


def promised_music(scene):
    with scene.shop.scope():
        Transfer.objects.update(waiting="")
    return scene.carrier.fetch("hold", scene.transfer.id)


def test_the_hold_sound_is_a_file_that_the_carrier_can_play(client, acme):
    from telephony.simulator import wav

    response = client.get(f"/vobiz/hold-sound/{acme.number.token}.wav")

    assert response["Content-Type"] == "audio/wav"
    assert len(wav.ulaw_from_wav(response.content, "hold")) == 8 * 8000


def test_a_caller_who_comes_back_to_no_worker_is_not_left_without_a_word(promised):
    scene = promised()
    scene.after_stream()

    documents = [tags(result(scene, "busy"))] + [tags(scene.after_stream()) for _ in range(steps.OFFERS)]

    assert documents[:-1] == [["Stream", "Redirect"]] * steps.OFFERS
    assert documents[-1] == ["Speak", "Hangup"]
    assert scene.again().outcome == Outcome.UNANSWERED


def test_a_promise_is_kept_although_the_agents_report_never_came(promised):
    scene = promised()
    with scene.shop.scope():
        type(scene.call).objects.filter(id=scene.call.id).update(outcome="", transfer_to="")
    stream = Stream(scene.shop.tenant.id, scene.call.id, 1)
    with scene.shop.scope():
        write_notes(stream, {"state": State(greeted=True, ending="transfer", transfer_to="Front desk")})

    assert next_document.after(scene.shop.number, "uuid-1", None, patient=True) is None
    document = next_document.after(scene.shop.number, "uuid-1", None, patient=False)

    assert isinstance(document, answers.Dial)
    assert (scene.again().outcome, scene.call.transfer_to) == (Outcome.TRANSFER, "Front desk")


def test_a_result_of_another_call_leads_nowhere(promised):
    scene = promised()
    scene.after_stream()

    assert tags(result(scene, "completed", CallUUID="uuid-2")) == ["Hangup"]
    assert scene.transfer.state == "ringing"
