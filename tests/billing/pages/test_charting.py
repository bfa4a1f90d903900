"""Bars: figures only."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.money import MICROS
from billing.pages.charting import BASE, TOP, Day, bars, nice_step


@pytest.mark.parametrize(
    ("most", "step"), [(0, 1), (4, 1), (5, 2), (9, 5), (1999, 500), (2001, 1000), (1_000_000, 500_000)]
)
def test_steps_are_round(most, step):
    assert nice_step(most * MICROS) == step * MICROS


def test_the_highest_bar_reaches_no_further_than_the_top_and_nothing_is_below_the_base():
    chart = bars([Day("1", "", (0,)), Day("2", "", (1234 * MICROS,)), Day("3", "", (-5 * MICROS,))])

    assert chart.bars[0].height == chart.bars[2].height == 0
    assert TOP <= chart.bars[1].y < BASE


@given(st.lists(st.integers(-(10**9), 10**12), min_size=1, max_size=366), st.integers(0, 10**12))
def test_everything_is_inside_the_chart(values, cap):
    chart = bars([Day(str(at), "", (micros,)) for at, micros in enumerate(values)], cap)

    for bar in chart.bars:
        assert 0 <= bar.x <= 100
        assert bar.x + bar.width <= 100.1
        assert TOP - 0.1 <= bar.y <= BASE
    assert 2 <= len(chart.ticks) <= 6
    assert chart.cap_y is None or TOP - 0.1 <= chart.cap_y <= BASE


def test_a_cap_far_above_is_left_out():
    assert bars([Day("1", "", (MICROS,))], 1000 * MICROS).cap_y is None


def test_pairs_stand_side_by_side():
    first, second = bars([Day("1", "", (2 * MICROS, MICROS))]).bars

    assert first.x + first.width <= second.x
    assert second.tone == "rest"


def test_no_days_are_a_chart_too():
    assert bars([]).bars == ()
