"""What a caller's words are, in English, Hindi and both at once."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.voice import lexicons
from agents.voice.bargein import confirms
from agents.voice.patience import Patience
from agents.voice.turn import Turn
from agents.voice.words import (
    ENGLISH,
    HINDI,
    asks_for_digits,
    has_stop,
    is_answer,
    is_backchannel,
    is_farewell,
    is_left_hanging,
    is_wait,
    lexicon,
    normal,
    spoken_digits,
)

BOTH = pytest.mark.parametrize("known", [ENGLISH, HINDI], ids=["en", "hi"])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello,   WORLD!", "hello world"),
        ("Mm-hmm.", "mm hmm"),
        ("Hmmmmmm", "hmm"),
        ("It\u2019s 10000", "it's 10000"),
        ("हाँ, जी।", "हां जी"),
        ("ज\u093cरा", normal("\u095bरा")),
        ("स्\u200dकूल", "स्कूल"),
    ],
)
def test_what_makes_two_transcripts_equal(text, expected):
    assert normal(text) == expected


@given(st.text())
def test_normalising_twice_changes_nothing(text):
    assert normal(normal(text)) == normal(text)


@BOTH
@pytest.mark.parametrize(
    "text",
    ["haan", "Haan ji", "हाँ", "ठीक है", "theek hai", "Achha", "okay", "I see", "okay i see", "no problem"],
)
def test_nods_in_either_language(text, known):
    assert is_backchannel(text, known)
    assert not has_stop(text, known)


@BOTH
@pytest.mark.parametrize("text", ["haan lekin kab", "okay what about monday", "yes yes yes yes", "", "theek nahi hai"])
def test_what_is_more_than_a_nod(text, known):
    assert not is_backchannel(text, known)


@BOTH
@pytest.mark.parametrize("text", ["Ruko!", "suno", "नहीं", "रुकिए", "no", "Hello?", "excuse me", "haan nahi", "oh wait"])
def test_stops_in_either_language(text, known):
    assert has_stop(text, known)


@BOTH
@pytest.mark.parametrize(
    "text",
    [
        "one second",
        "Okay, one minute please",
        "ek minute",
        "haan ek minute ruko",
        "एक मिनट",
        "just a moment sir",
        "hold on",
    ],
)
def test_pleas_for_time_in_either_language(text, known):
    assert is_wait(text, known)


@BOTH
@pytest.mark.parametrize("text", ["one second opinion", "in a minute it starts", "okay", "please", ""])
def test_what_is_no_plea_for_time(text, known):
    assert not is_wait(text, known)


@BOTH
@pytest.mark.parametrize("text", ["bye", "okay thank you bye", "धन्यवाद", "theek hai thank you", "no thank you"])
def test_farewells_in_either_language(text, known):
    assert is_farewell(text, known)


@BOTH
@pytest.mark.parametrize(("text", "answers"), [("yes", True), ("haan ji", True), ("नहीं", True), ("hmm", False)])
def test_only_some_nods_are_answers(text, answers, known):
    assert is_answer(text, known) is answers


@pytest.mark.parametrize(
    ("text", "english", "hindi"),
    [
        ("i would like to", True, True),
        ("book a table for two", False, False),
        ("my number is nine eight", True, True),
        ("mera number hai nau aath", False, True),
        ("मैं आना चाहता हूं लेकिन", False, True),
        ("kal milte hain aur", False, True),
        ("it is 98", True, True),
        ("i want it um", True, True),
        ("um", False, False),
        ("", False, False),
    ],
)
def test_what_is_left_hanging(text, english, hindi):
    assert (is_left_hanging(text, ENGLISH), is_left_hanging(text, HINDI)) == (english, hindi)


@pytest.mark.parametrize(
    ("text", "english", "hindi"),
    [
        ("nine eight double four zero", "98440", "98440"),
        ("98 440", "98440", "98440"),
        ("double 4 7", "447", "447"),
        ("um nine, please", "9", "9"),
        ("नौ आठ double four", None, "9844"),
        ("ek do teen", None, "123"),
        ("a table for two", None, None),
        ("", None, None),
        ("please", None, None),
    ],
)
def test_spoken_digits(text, english, hindi):
    assert (spoken_digits(text, ENGLISH), spoken_digits(text, HINDI)) == (english, hindi)


@BOTH
@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("Sure. What is your phone number?", True),
        ("Please tell me your order number.", True),
        ("Could you spell that for me?", True),
        ("Apna mobile number bataiye.", True),
        ("कृपया अपना पता बताइए।", True),
        ("Your order number is 4521.", False),
        ("What is your phone number? Or shall I look it up?", False),
        ("When would you like to come?", False),
        ("", False),
    ],
)
def test_a_question_for_something_that_is_dictated(text, asks, known):
    assert asks_for_digits(text, known) is asks


def test_a_language_without_lists_is_english():
    assert lexicon("ta-IN") is lexicon("ta-IN")
    assert lexicon("fr").stops == ENGLISH.stops
    assert lexicon("hi-IN").digits == HINDI.digits


def test_a_tenants_own_words():
    known = ENGLISH.plus(stops=["Basta!"], waits=["un momento"], backchannels=["claro"])

    assert has_stop("basta", known)
    assert is_wait("Un momento, please", known)
    assert is_backchannel("claro", known)
    assert not has_stop("basta", ENGLISH)


@pytest.mark.parametrize("language", lexicons.LANGUAGES)
def test_the_lists_are_normalised_unique_and_do_not_contradict_each_other(language):
    table = lexicons.table(language)

    for name, entries in table.items():
        if isinstance(entries, list):
            assert len(entries) == len(set(entries)), name
            assert all(entry == normal(entry) or "ज़" in entry or "ड़" in entry for entry in entries), name
    stops, nods = set(table["stops"]), set(table["backchannels"])
    assert not stops & nods


def test_both_files_have_the_same_lists():
    english, hindi = (lexicons.table(language) for language in ("en", "hi"))

    assert english.keys() == hindi.keys()
    assert english["machine"].keys() == hindi["machine"].keys()


# --- barge-in ---


@pytest.mark.parametrize(
    ("text", "final", "asked", "farewell", "stops"),
    [
        ("no i meant", False, False, False, True),
        ("stop", False, False, False, True),
        ("tomorrow", False, False, False, False),
        ("tomorrow", True, False, False, True),
        ("haan", True, False, False, False),
        ("haan", True, True, False, True),
        ("haan", False, True, False, False),
        ("hmm", True, True, False, False),
        ("um uh", True, False, False, False),
        ("", True, True, False, False),
        ("thank you bye", True, False, True, False),
        ("wait one more thing", False, False, True, True),
    ],
)
def test_what_stops_the_agent(text, final, asked, farewell, stops):
    assert confirms(text, ENGLISH, Turn(), final=final, asked=asked, farewell=farewell) is stops


# --- patience ---


@pytest.mark.parametrize(
    ("text", "options", "seconds"),
    [
        ("book a table", {"complete": True}, 0.3),
        ("book a table", {"complete": None}, 0.7),
        ("book a table for", {"complete": None}, 1.2),
        ("book a table for", {"complete": True}, 0.3),
        ("book a table", {"complete": False}, 1.2),
        ("book a table", {"complete": None, "score": 0.5}, 0.3),
        ("book a table for", {"complete": None, "score": 0.9}, 0.9),
        ("book a table", {"complete": None, "score": 0.49}, 0.9),
        ("book a table", {"complete": None, "score": 0.3}, 0.9),
        ("book a table", {"complete": None, "score": 0.29}, 1.8),
        ("um", {"complete": None}, 1.3),
        ("um", {"complete": None, "hesitated": True}, 0.7),
        ("um", {"complete": None, "score": 0.1}, 2.4),
        ("hold on", {"complete": None}, 0.7),
        ("nine eight", {"complete": True, "hints": ("digits",)}, 0.9),
        ("nine eight", {"complete": None, "hints": ("digits",), "score": 0.9}, 0.9),
        ("nine eight", {"complete": None, "hints": ("digits",), "short": True}, 4.0),
        ("nine eight and", {"complete": None, "hints": ("digits",)}, 4.0),
    ],
)
def test_how_long_to_wait(text, options, seconds):
    assert Patience(ENGLISH).wait_s(text, **options) == pytest.approx(seconds)


def test_patience_never_exceeds_its_profiles_longest():
    patience = Patience(ENGLISH)
    for _ in range(30):
        patience.went_on(5.0)
    patience.spoke_after_commit(0.1)
    assert patience.spoke_after_commit(0.1)

    assert patience.wait_s("ok then", complete=True) == pytest.approx(0.95)
    assert patience.wait_s("um", complete=False, score=0.0) == 2.5
    assert patience.wait_s("nine and", complete=None, hints=("digits",)) == 4.0
