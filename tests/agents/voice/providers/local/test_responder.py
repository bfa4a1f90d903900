"""Conversations with the built-in brain, as tables: what the caller says, and what must be in the answer."""

import pytest

from agents.voice.providers.local.responder import Responder, Said, State
from tests.agents.voice.providers.local.example import agent

BOOK = "I would like to book an appointment"
FEES = "four hundred rupees"
DOCTOR, DAY, TIME, SURE = "Which doctor", "On which day", "At what time?", "Shall I note that"
MORE = "Is there anything else?"
PERSON = "Shall I put you through to the front desk?"
CHANGE = "What should I change: doctor, day, or time?"

CONVERSATIONS = {
    "a booking step by step": [
        (BOOK, DOCTOR),
        ("Doctor Rao", DAY),
        ("on Tuesday", TIME),
        ("at half past four", "Doctor Rao, Tuesday, 4:30. Shall I note that"),
        ("yes please", "I have noted Doctor Rao, Tuesday at 4:30."),
        ("no", "Goodbye"),
    ],
    "a booking in one sentence": [
        ("I want to see a doctor with Doctor Khan tomorrow at four thirty p m", "Doctor Khan, tomorrow, 4:30 PM."),
        ("yes", "I have noted Doctor Khan, tomorrow at 4:30 PM."),
    ],
    "a fact that comes early is not asked for": [(f"please, {BOOK} with Doctor Khan", DAY), ("Friday at noon", SURE)],
    "a fact corrected in mid-form": [(BOOK, DOCTOR), ("Doctor Rao", DAY), ("no, Doctor Mehta", DAY), ("Friday", TIME)],
    "a fact corrected at the end": [
        (f"{BOOK} with Doctor Rao on Monday at nine o'clock", "Doctor Rao, Monday, 9 o'clock."),
        ("no, Tuesday", "I have changed that. Doctor Rao, Tuesday, 9 o'clock."),
        ("change the time to five o'clock", "Doctor Rao, Tuesday, 5 o'clock."),
        ("no", CHANGE),
        ("the doctor", DOCTOR),
        ("Doctor Mehta", "Doctor Mehta, Tuesday, 5 o'clock."),
        ("I made a mistake", CHANGE),
        ("the day to Friday", "Doctor Mehta, Friday, 5 o'clock."),
        ("that's right", "I have noted Doctor Mehta, Friday at 5 o'clock."),
    ],
    "a question in mid-form": [(BOOK, DOCTOR), ("what are your fees", f"{FEES}"), ("Doctor Rao", DAY)],
    "a question in mid-form is followed by the form's": [(BOOK, DOCTOR), ("is there parking", DOCTOR)],
    "a form dropped": [
        (BOOK, DOCTOR),
        ("never mind", "I have dropped that"),
        ("Doctor Rao", "I cannot help with that"),
    ],
    "repeating an answer": [("what are your fees", FEES), ("say that again", FEES), ("pardon", FEES)],
    "repeating a question of the form": [(BOOK, DOCTOR), ("could you repeat that", DOCTOR), ("Doctor Rao", DAY)],
    "repeating the greeting": [("what did you say", "This call is recorded")],
    "help": [("help", "I can answer questions such as: What are your opening hours?")],
    "help names forms and desks": [
        ("what can I say", "an appointment or a message. I can put you through to the front")
    ],
    "help in a form": [(BOOK, DOCTOR), ("help", "Please say Doctor Rao, Doctor Mehta, or Doctor Khan.")],
    "an undecided caller in a form": [(f"{BOOK} with Doctor Rao", DAY), ("I don't know", "such as Tuesday, tomorrow")],
    "stop in a form": [(BOOK, DOCTOR), ("stop", "Please say Doctor Rao")],
    "small talk": [("hello", "Hello. How can I help you?"), ("yes", "What can I do"), ("stop", "What would you like")],
    "an interruption with a wish": [(f"Stop, {BOOK}.", DOCTOR)],
    "thanks, and nothing more": [("thank you", MORE), ("no thank you", "Goodbye")],
    "thanks, and something more": [("thanks", MORE), ("what are your fees", FEES)],
    "no, but a question": [("thanks", MORE), ("no, is there parking", "free parking")],
    "three misses offer a person, accepted": [("", "other words"), ("", "I can"), ("", PERSON), ("yes", "putting you")],
    "three misses offer a person, declined": [("", "words"), ("", "I can"), ("", PERSON), ("no", "What else")],
    "three misses in a form": [
        (BOOK, DOCTOR),
        ("", "Please say Doctor Rao"),
        ("", "Please say Doctor Rao"),
        ("", PERSON),
        ("no", DOCTOR),
        ("Doctor Rao", DAY),
    ],
    "what nobody asked for, three times": [("bananas", "I cannot help"), ("bananas", "I can"), ("bananas", PERSON)],
    "an answer in between forgets the misses": [
        ("", "words"),
        ("", "I can"),
        ("what are your fees", FEES),
        ("", "words"),
    ],
    "digits, with a confirmation that the form does not have": [
        ("leave a message", "What is it about"),
        ("a bill", "digit by digit"),
        ("nine eight double seven", "A bill, 9 8 7 7. Is that right?"),
        ("no", "What should I change: topic or callback?"),
        ("the callback", "digit by digit"),
        ("one two three four", "A bill, 1 2 3 4. Is that right?"),
        ("yes", "about a bill, and somebody will call you on 1 2 3 4."),
    ],
}


def talk(lines: list[str], **blueprint) -> tuple[State, Said]:
    made = agent(**blueprint)
    state, said = State(last=made.greeting), Said("")
    for line in lines:
        state, said = Responder(made).respond(state, line)
    return state, said


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_conversation(name: str):
    blueprint = agent()
    responder, state = Responder(blueprint), State(last=blueprint.greeting)

    for line, expected in CONVERSATIONS[name]:
        state, said = responder.respond(state, line)

        assert expected in said.text, line


@pytest.mark.parametrize(
    ("line", "target"),
    [
        ("put me through to the pharmacy", "Pharmacy"),
        ("I would like to speak to the front desk please", "Front desk"),
        ("pharmacy", "Pharmacy"),
        ("speak to a person", "Front desk"),
        ("can I talk to somebody", "Front desk"),
        ("give me a human", "Front desk"),
    ],
)
@pytest.mark.parametrize("before", [[], [BOOK], [BOOK, "Doctor Rao"], ["", ""]])
def test_a_caller_is_put_through_by_name_or_to_a_person_from_anywhere(before: list[str], line: str, target: str):
    _, said = talk([*before, line])

    assert said.transfer == target
    assert "I am putting you through" in said.text


def test_a_desk_that_is_not_there_is_said_with_those_that_are():
    _, said = talk(["put me through to the kitchen"])

    assert not said.transfer
    assert "I can put you through to the front desk or the pharmacy" in said.text


def test_without_targets_nobody_is_promised():
    _, asked = talk(["speak to a person"], targets=())
    _, missed = talk(["", "", ""], targets=())

    assert not asked.transfer
    assert "there is nobody" in asked.text
    assert "I am a simple assistant" in missed.text


@pytest.mark.parametrize(
    "before",
    [[], [BOOK], [BOOK, "Doctor Rao"], [BOOK, "Doctor Rao", "Friday", "nine"], ["thanks"], ["", ""], ["", "", ""]],
)
@pytest.mark.parametrize("line", ["goodbye", "that's all, thank you", "okay bye", "hang up"])
def test_goodbye_ends_the_call_at_every_place(before: list[str], line: str):
    _, said = talk([*before, line])

    assert said.ends == "goodbye"
    assert said.text == agent().phrases.goodbye


@pytest.mark.parametrize(
    ("lines", "hints"),
    [
        (["what are your fees"], ()),
        ([BOOK], ("doctor", "choice", "day", "time")),
        ([BOOK, "Doctor Rao"], ("day", "doctor", "time")),
        ([BOOK, "Doctor Rao", "Friday", "noon"], ("confirmation", "yesno", "doctor", "day", "time")),
        (["leave a message", "a bill"], ("callback", "digits", "topic")),
        (["thanks"], ("yesno",)),
        (["", "", ""], ("yesno",)),
    ],
)
def test_the_recogniser_is_told_what_was_asked(lines: list[str], hints: tuple[str, ...]):
    _, said = talk(lines)

    assert said.hints == hints


def test_facts_are_told_as_they_come_and_a_corrected_one_again():
    blueprint = agent()
    responder, state, collected = Responder(blueprint), State(), []

    for line in (BOOK, "Doctor Rao", "no, Doctor Khan", "Friday", "noon", "yes"):
        state, said = responder.respond(state, line)
        collected += said.collected

    assert collected == [
        ("doctor", "Doctor Rao"),
        ("doctor", "Doctor Khan"),
        ("day", "Friday"),
        ("time", "noon"),
        ("confirmation", "yes"),
    ]


def test_an_agent_that_knows_nothing_says_so():
    _, said = talk(["help"], targets=(), answers=(), forms=())

    assert said.text == "I can only say hello and goodbye."


def test_a_number_answers_only_the_question_for_it():
    _, said = talk(["book a table", "for four", "tomorrow", "at eight p m", "garden"], point="restaurant")

    assert said.text.startswith("4, tomorrow, 8:00 PM, garden.")
