"""Our measurements against the carrier's record, as a table."""

import pytest

from telephony.settling.comparing import Difference, Measured, Price, Recorded, compare

PRICE = Price(450_000)


@pytest.mark.parametrize(
    ("ours", "theirs", "differences"),
    [
        # ours: answered, streamed; theirs: billed seconds, voice, streaming
        ((58, 58), (58, 450_000, 200_000), []),
        ((58, 58), (61, 900_000, 400_000), []),  # a pulse that three seconds explain
        ((58, 58), (62, 900_000, 400_000), [("answered", 61, 62)]),
        ((40, 40), (40, 900_000, 200_000), [("cost", 450_000, 900_000)]),
        ((40, 40), (40, 450_000, 300_000), [("streaming", 200_000, 300_000)]),
        ((130, 10), (130, 1_350_000, 200_000), []),
        ((130, 10), (130, 450_000, 0), [("cost", 1_350_000, 450_000), ("streaming", 200_000, 0)]),
        ((0, None), (0, 0, None), []),
        ((0, None), (30, 450_000, None), [("answered", 3, 30)]),
        ((None, None), (30, 450_000, 200_000), []),
        ((30, 30), (None, None, None), []),
    ],
)
def test_what_seconds_and_pulses_do_not_explain_differs(ours, theirs, differences):
    found = compare(Measured(*ours), Recorded(*theirs), PRICE)

    assert list(found) == [Difference(*each) for each in differences]


def test_without_the_accounts_price_costs_are_not_judged():
    assert compare(Measured(40, None), Recorded(40, 9_000_000, None), None) == ()


def test_an_account_with_pulses_of_a_second_pays_by_the_second():
    by_second = Price(600_000, pulse_s=1)

    assert compare(Measured(40, None), Recorded(40, 400_000, None), by_second) == ()
    assert compare(Measured(40, None), Recorded(40, 600_000, None), by_second) == (
        Difference("cost", 430_000, 600_000),
    )
