"""Work that goes on once at a time, whatever its own transactions do."""

import pytest
from django.db import connection, transaction

from tenants.alone import alone, held

pytestmark = pytest.mark.django_db


def test_one_place_is_taken_once():
    with held("work") as first, held("work") as second, held("other work") as other:
        assert (first, second, other) == (True, False, True)

    with held("work") as again:
        assert again


def test_two_places_are_taken_twice():
    with held("work", 2) as first, held("work", 2) as second, held("work", 2) as third:
        assert (first, second, third) == (True, True, False)


def test_a_place_is_kept_while_the_work_rolls_back(transactional_db):
    with held("work"):
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            raise ZeroDivisionError
        connection.close()
        with held("work") as second:
            assert not second


def test_a_place_is_free_again_after_a_failure():
    with pytest.raises(ZeroDivisionError), held("work"):
        raise ZeroDivisionError

    with held("work") as mine:
        assert mine


def test_a_round_is_left_out_while_another_is_under_way():
    rounds = []

    @alone("rounds")
    def work(depth):
        rounds.append(depth)
        if depth < 3:
            work(depth + 1)

    work(1)
    work(3)

    assert rounds == [1, 3]
