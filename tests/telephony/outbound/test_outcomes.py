"""One word for how an attempt went."""

from datetime import UTC, datetime, timedelta

import pytest

from telephony.outbound.models import Result
from telephony.outbound.outcomes import QUIET, Told, is_over, result

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "word"),
    [
        (Told(False, "unanswered", hangup_code=3010), Result.BUSY),
        (Told(False, "unanswered", hangup_code=3110), Result.BUSY),
        (Told(False, "unanswered", hangup_code=6010), Result.NO_ANSWER),
        (Told(False, "unanswered", hangup_code=3050), Result.INVALID),
        (Told(False, "unanswered", hangup_cause="USER_BUSY"), Result.BUSY),
        (Told(False, "unanswered", hangup_code=5010), Result.FAILED),
        (Told(False, "lost"), Result.FAILED),
        (Told(False, "unanswered", hangup_code=9100), Result.VOICEMAIL),
        (Told(True, "agent_hung_up", 2, {"answered_by_voicemail": 1}, 4000), Result.VOICEMAIL),
        (Told(True, "agent_hung_up", 0, {"answered_by_unavailable": 1}, 4000), Result.NO_ANSWER),
        (Told(True, "caller_hung_up", 3, {}, 4000), Result.REACHED),
        (Told(True, "lost", 3), Result.REACHED),
        (Told(True, "failed", 0), Result.FAILED),
    ],
)
def test_a_result_is_what_the_person_met_with(told, word):
    assert result(told) is word


def test_an_end_that_only_we_tell_of_stands_after_a_while():
    ended = {"ended_at": NOW, "outcome": "caller_hung_up"}

    assert is_over(**ended, told_by_carrier=True, now=NOW)
    assert not is_over(**ended, told_by_carrier=False, now=NOW + QUIET - timedelta(seconds=1))
    assert is_over(**ended, told_by_carrier=False, now=NOW + QUIET)
    assert not is_over(ended_at=NOW, outcome="", told_by_carrier=True, now=NOW + QUIET)
    assert not is_over(ended_at=None, outcome="", told_by_carrier=True, now=NOW)
