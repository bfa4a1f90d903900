"""What the review before publishing shows."""

from dataclasses import replace

from agents.comparison import Change, Line, Piece, compare
from agents.config import AgentConfig
from agents.starting_points import starting_point

CLINIC = starting_point("clinic").make("Asha", "Sanjeevani Clinic")


def text(line: Line) -> str:
    return "".join(piece.text for piece in line.pieces)


def test_the_same_config_has_no_change():
    assert compare(CLINIC, CLINIC) == ()


def test_a_changed_word_is_marked_among_the_words_that_stay():
    old = replace(CLINIC, instructions="Be kind.\nNever more than three sentences.")
    new = replace(CLINIC, instructions="Be kind.\nNever more than two sentences.")

    (change,) = compare(old, new)

    assert change == Change(
        "opening",
        "Instructions",
        (
            Line("same", (Piece("Be kind."),)),
            Line("out", (Piece("Never more than "), Piece("three ", True), Piece("sentences."))),
            Line("in", (Piece("Never more than "), Piece("two ", True), Piece("sentences."))),
        ),
    )


def test_a_row_that_is_added_and_one_that_goes_are_two_changes():
    new = replace(CLINIC, answers=(*CLINIC.answers[1:], replace(CLINIC.answers[0], question="When?")))

    changes = compare(CLINIC, new)

    assert [(change.section, change.label) for change in changes] == [
        ("answers", "When?"),
        ("answers", CLINIC.answers[0].question),
    ]
    assert {line.kind for line in changes[0].lines} == {"in"}
    assert {line.kind for line in changes[1].lines} == {"out"}


def test_another_order_of_rows_is_one_change():
    new = replace(CLINIC, answers=(CLINIC.answers[1], CLINIC.answers[0], *CLINIC.answers[2:]))

    (change,) = compare(CLINIC, new)

    assert (change.section, change.label) == ("answers", "Order")


def test_two_rows_of_one_name_are_told_apart():
    twice = replace(CLINIC, answers=(CLINIC.answers[0], replace(CLINIC.answers[0], answer="Never.")))

    changes = compare(replace(CLINIC, answers=(CLINIC.answers[0],)), twice)

    assert [change.label for change in changes] == [f"{CLINIC.answers[0].question} (2)"]


def test_without_a_published_version_all_that_is_set_is_new():
    changes = compare(None, AgentConfig(name="Asha", greeting="Hello"))

    assert ("opening", "First words") in [(change.section, change.label) for change in changes]
    assert {line.kind for change in changes for line in change.lines} == {"in"}


def test_models_and_voices_are_called_by_their_names():
    new = replace(CLINIC, tts=replace(CLINIC.tts, voice="en-us+m3"))

    (change,) = compare(CLINIC, new)

    assert text(change.lines[-1]) == "eSpeak NG, American, another man"
