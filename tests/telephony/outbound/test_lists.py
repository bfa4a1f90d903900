"""Lists as they come: read, guessed, checked, without losing a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telephony.outbound import lists, zones
from telephony.outbound.lists import UnreadableFileError

LIST = "Name,Mobile No,Due date,Time zone\nAsha,98765 43210,1 Dec,\nRavi,+1 212 555 0123,2 Dec,America/New_York\n"


def checked(text, columns=None, region="IN"):
    table = lists.read(text)
    return lists.lines(table, columns or lists.guess(table), region)


def test_columns_are_guessed_by_their_titles():
    assert lists.guess(lists.read(LIST)) == ["var:name", "number", "var:due_date", "zone"]


def test_a_list_without_a_header_keeps_its_first_line():
    table = lists.read("9876543210;Asha\n9876543211;Ravi\n")

    assert lists.guess(table)[0] == "number"
    assert [line.phone for line in lists.lines(table, ["number", ""], "IN")] == ["+919876543210", "+919876543211"]
    assert [line.line for line in lists.lines(table, ["number", ""], "IN")] == [1, 2]


def test_lines_have_numbers_zones_and_variables():
    asha, ravi = checked(LIST)

    assert (asha.phone, asha.zone, asha.line) == ("+919876543210", "Asia/Kolkata", 2)
    assert asha.variables == {"name": "Asha", "due_date": "1 Dec"}
    assert (ravi.phone, ravi.zone) == ("+12125550123", "America/New_York")


def test_a_country_with_several_zones_is_all_of_them_unless_the_list_says():
    [line] = checked("number\n+12125550123\n")

    assert line.zone == "@US"
    assert len(zones.zones(line.zone, "UTC")) > 4
    assert zones.title(line.zone) == "all of US"


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("", "There is no number."),
        ("n/a", "This is no number."),
        ("12345", "No number has so many digits."),
        ("9.19877E+11", "The sheet has cut this number."),
        ("98765 43210 ext 12", "Numbers with an extension"),
    ],
)
def test_what_is_wrong_with_a_number_is_said(cell, says):
    [line] = checked(f"name,number\nx,{cell}\n", ["", "number"])

    assert says in line.problem
    assert line.typed == cell
    assert not line.is_good


def test_the_same_number_twice_is_kept_once_to_call():
    first, second, third = checked("number\n9876543210\n+91 98765-43210\n'919876543210\n")

    assert first.is_good
    assert (second.twin, third.twin) == (2, 2)


def test_an_unknown_zone_is_said():
    [line] = checked("number,zone\n9876543210,Asia/Bangaluru\n")

    assert "Asia/Bangaluru" in line.problem


def test_lines_are_counted_as_the_file_has_them():
    lines = checked('name,number\n"two\nlines",9876543210\n\nRavi,9876543211,too much\n')

    assert [line.line for line in lines] == [2, 5]
    assert lines[1].problem == "The line has more cells than the header."


@given(
    st.lists(st.lists(st.text("0123456789+ ab,\"'=\n", max_size=12), min_size=1, max_size=4), min_size=1, max_size=12)
)
def test_no_line_is_lost(rows):
    text = lists.written([["number", "x", "y", "z"], *rows])
    table = lists.read(text) if any(cell.strip() for row in rows for cell in row) else None

    if table is not None:
        kept = [row for row in rows if any(cell.strip() for cell in row)]
        assert len(lists.lines(table, ["number", "", "", ""], "IN")) == len(kept)


@pytest.mark.parametrize("data", [b"", b"number\n", b"\x89PNG\0\0\0", b"a" * (lists.MOST_BYTES + 1)])
def test_what_is_no_list_is_refused_in_words(data):
    with pytest.raises(UnreadableFileError):
        lists.read(lists.decode(data))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_files_of_spreadsheets_are_read(encoding):
    text = lists.decode("नाम,number\nआशा,9876543210\n".encode(encoding))

    assert lists.read(text).rows[0][1] == ("आशा", "9876543210")


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        (["", "", "", ""], "which one column"),
        (["number", "number", "", ""], "which one column"),
        (["var:name", "number", "var:name", ""], "same variable"),
        (["var:call_id", "number", "", ""], "own facts"),
        (["var:2", "number", "", ""], "cannot be a variable"),
        (["number"], "have changed"),
    ],
)
def test_a_wrong_choice_of_columns_is_said(columns, says):
    assert says in lists.wrong_columns(columns, lists.read(LIST))


@pytest.mark.parametrize(
    ("value", "cell"),
    [("=1+1", "'=1+1"), ("@x", "'@x"), ("-2+3", "'-2+3"), ("+919876543210", "+919876543210"), ("-5", "-5"), ("x", "x")],
)
def test_a_written_cell_is_no_formula(value, cell):
    assert lists.safe_cell(value) == cell
