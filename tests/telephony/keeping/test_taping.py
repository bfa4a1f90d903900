"""The carrier's recording of a whole call: announced first, asked for once."""

import pytest

from agents import publishing
from telephony.models import Status

CONSENT = "This call is recorded."


@pytest.fixture
def taped(acme):
    with acme.scope():
        publishing.edit_draft(acme.agent, recorder="carrier", consent=CONSENT)
        publishing.publish(acme.agent, None)
        acme.number.refresh_from_db()
    return acme


def test_callers_hear_of_it_before_the_carrier_records(taped, carrier):
    for _ in range(2):  # the same webhook again
        [(first, speak), (second, record), (third, _), (fourth, _)] = carrier.ring()

        assert (first, second, third, fourth) == ("Speak", "Record", "Stream", "Redirect")
        assert speak.text == CONSENT
        assert (record.get("recordSession"), record.get("redirect"), record.get("fileFormat")) == (
            "true",
            "false",
            "wav",
        )
        assert record.get("callbackUrl").endswith(f"/vobiz/recording/{taped.number.token}/session/")


def test_a_further_stream_of_the_call_is_not_recorded_twice(taped, carrier):
    carrier.ring()

    assert carrier.tags("after-stream") == ["Stream", "Redirect"]


def test_after_the_menu_too_the_carrier_records(taped, carrier, route):
    route("open", "person", target="+918041234567")
    route("fallback", "agent")
    carrier.ring()

    assert carrier.tags("routed", "open", DialStatus="busy") == ["Speak", "Record", "Stream", "Redirect"]


def test_what_the_carrier_records_we_do_not(taped):
    with taped.scope():
        taped.agent.refresh_from_db()
        made = publishing.blueprint(taped.agent.published)

    assert (made.record, made.consent) == (False, "")


def test_our_own_recording_has_no_part_in_the_document(acme, carrier):
    with acme.scope():
        publishing.edit_draft(acme.agent, consent=CONSENT)
        publishing.publish(acme.agent, None)

    assert [tag for tag, _ in carrier.ring()] == ["Stream", "Redirect"]
    assert carrier.call.status == Status.RINGING


def test_without_a_word_before_it_the_carrier_does_not_record(acme):
    with acme.scope():
        publishing.edit_draft(acme.agent, recorder="carrier")

        with pytest.raises(publishing.NotReadyError) as refused:
            publishing.publish(acme.agent, None)

    assert [problem.field for problem in refused.value.problems] == ["consent"]
