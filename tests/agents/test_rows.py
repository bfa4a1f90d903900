"""Rows of what was posted: added, removed, moved, and nothing else touched."""

import pytest

from agents import rows
from agents.rows import UnknownRowError

POSTED = {
    "csrfmiddlewaretoken": "t",
    "forms-TOTAL_FORMS": "2",
    "forms-INITIAL_FORMS": "0",
    "forms-0-name": "Table",
    "forms-0-slots-TOTAL_FORMS": "2",
    "forms-0-slots-0-name": "day",
    "forms-0-slots-1-name": "time",
    "forms-1-name": "Message",
    "forms-1-slots-TOTAL_FORMS": "1",
    "forms-1-slots-0-name": "topic",
}


def test_a_row_that_goes_takes_its_own_rows_along_and_the_next_takes_its_number():
    assert rows.removed(POSTED, "forms-0") == {
        "csrfmiddlewaretoken": "t",
        "forms-TOTAL_FORMS": "1",
        "forms-INITIAL_FORMS": "0",
        "forms-0-name": "Message",
        "forms-0-slots-TOTAL_FORMS": "1",
        "forms-0-slots-0-name": "topic",
    }


def test_a_nested_row_goes_alone():
    left = rows.removed(POSTED, "forms-0-slots-0")

    assert (left["forms-0-slots-TOTAL_FORMS"], left["forms-0-slots-0-name"]) == ("1", "time")
    assert left["forms-1-slots-0-name"] == "topic"


def test_two_rows_change_places_with_all_that_they_hold():
    moved = rows.moved_up(POSTED, "forms-1")

    assert (moved["forms-0-name"], moved["forms-0-slots-0-name"]) == ("Message", "topic")
    assert (moved["forms-1-name"], moved["forms-1-slots-1-name"]) == ("Table", "time")


def test_moving_the_first_row_up_changes_nothing():
    assert rows.moved_up(POSTED, "forms-0") == POSTED


def test_an_added_row_is_counted():
    assert rows.added(POSTED, "forms-1-slots")["forms-1-slots-TOTAL_FORMS"] == "2"


@pytest.mark.parametrize(("total", "counted"), [("3", 3), ("-1", 0), ("many", 0), ("", 0), ("9" * 20, rows.MOST_ROWS)])
def test_a_count_is_never_out_of_measure(total, counted):
    assert rows.count({"forms-TOTAL_FORMS": total}, "forms") == counted


@pytest.mark.parametrize("row", ["forms-2", "forms-", "forms", "", "answers-0"])
def test_a_row_that_was_not_posted_cannot_go(row):
    with pytest.raises(UnknownRowError):
        rows.removed(POSTED, row)
