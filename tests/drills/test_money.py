"""The money drill, small: it runs as `make money-drill` with a thousand calls."""

import pytest

from tests.drills import money

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


def test_every_call_is_charged_to_the_micro_rupee(settings):
    verdict = money.drill(40, 5, seed=11)

    assert verdict.faults == []
    assert verdict.told["workers killed"] >= 1
    assert verdict.told["messages lost"] >= 1
    assert sum(row[4] for row in verdict.rows) > 0
