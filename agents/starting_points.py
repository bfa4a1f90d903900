"""What a new agent may begin with, so that nobody starts from an empty page.

Callers' words are kept to those of the CMU pronouncing dictionary, which the built-in recogniser knows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from agents.config import AgentConfig
from agents.voice.blueprint import Answer, Form, Slot


@dataclass(frozen=True, slots=True)
class StartingPoint:
    """`make(name, business)` gives the draft."""

    id: str
    name: str
    summary: str
    make: Callable[[str, str], AgentConfig]


def greeting(name: str, business: str) -> str:
    """Says who it is, that it is a machine, and that the call is recorded."""
    return f"Hello, I am {name}, the automated assistant of {business}. This call is recorded. How can I help?"


def _blank(name: str, business: str) -> AgentConfig:
    return AgentConfig(name=name, greeting=greeting(name, business))


def _clinic(name: str, business: str) -> AgentConfig:
    return AgentConfig(
        name=name,
        greeting=greeting(name, business),
        instructions=(
            f"You answer the phone for {business}. Callers want to book, move or cancel an appointment, ask about fees "
            "and timings, or speak to someone.\n\n"
            "One question at a time, never more than two sentences.\n\n"
            "If someone describes chest pain, heavy bleeding or trouble breathing, tell them to call one one two."
        ),
        answers=CLINIC_ANSWERS,
        forms=(
            Form(
                name="Appointment",
                phrases=(
                    "I want to book an appointment",
                    "I would like to make an appointment",
                    "can I book an appointment",
                    "can I get an appointment",
                    "I need an appointment",
                    "book an appointment",
                    "I want to see a doctor",
                    "I need to see a doctor",
                ),
                slots=(
                    Slot(
                        name="doctor",
                        prompt="Which doctor would you like to see: Doctor Rao, Doctor Mehta, or Doctor Khan?",
                        kind="choice",
                        options=("Doctor Rao", "Doctor Mehta", "Doctor Khan"),
                    ),
                    Slot(name="day", prompt="On which day would you like to come?", kind="day"),
                    Slot(name="time", prompt="At what time?", kind="time"),
                    Slot(name="confirmation", prompt="Shall I note that for you?", kind="yesno"),
                ),
                done="I have noted {doctor}, {day} at {time}. The front desk will confirm it by text message.",
            ),
            _message(("an appointment", "a bill", "a report", "something else")),
        ),
    )


def _restaurant(name: str, business: str) -> AgentConfig:
    return AgentConfig(
        name=name,
        greeting=greeting(name, business),
        instructions=(
            f"You answer the phone for {business}. Callers want to book a table, ask about the menu and the opening "
            "hours, or speak to the manager.\n\nOne question at a time, never more than two sentences."
        ),
        answers=RESTAURANT_ANSWERS,
        forms=(
            Form(
                name="Table",
                phrases=(
                    "I want to book a table",
                    "I would like to book a table",
                    "can I book a table",
                    "can I reserve a table",
                    "I want to make a reservation",
                    "book a table",
                    "do you have a table free",
                ),
                slots=(
                    Slot(name="guests", prompt="For how many people?", kind="number"),
                    Slot(name="day", prompt="On which day?", kind="day"),
                    Slot(name="time", prompt="At what time?", kind="time"),
                    Slot(
                        name="place",
                        prompt="Would you like to sit inside, or in the garden?",
                        kind="choice",
                        options=("inside", "garden"),
                    ),
                    Slot(name="confirmation", prompt="Shall I note that for you?", kind="yesno"),
                ),
                done="I have noted a table for {guests}, {day} at {time}, {place}. We will confirm it by text message.",
            ),
            _message(("a party", "a bill", "a complaint", "something else")),
        ),
    )


def _message(topics: tuple[str, ...]) -> Form:
    return Form(
        name="Message",
        phrases=(
            "I want to leave a message",
            "can I leave a message",
            "can you take a message",
            "please take a message",
            "leave a message",
            "please call me back",
            "can somebody call me back",
        ),
        slots=(
            Slot(
                name="topic",
                prompt=f"What is it about: {', '.join(topics[:-1])}, or {topics[-1]}?",
                kind="choice",
                options=topics,
            ),
            Slot(name="callback", prompt="Which number shall we call? Please say it digit by digit.", kind="digits"),
        ),
        done="Thank you. I have noted your message about {topic}, and somebody will call you on {callback}.",
    )


CLINIC_ANSWERS: Final = (
    Answer(
        "What are your opening hours?",
        "We are open Monday to Saturday, from eight in the morning to eight in the evening. On Sunday we are closed.",
        (
            "when are you open",
            "what time do you open",
            "what time do you close",
            "are you open today",
            "are you open on Saturday",
            "are you open on Sunday",
        ),
    ),
    Answer(
        "Where is the clinic?",
        "We are at twelve, Park Road, on the first floor, next to the post office.",
        ("what is your address", "where are you", "where are you located", "how do I find you", "how do I get there"),
    ),
    Answer(
        "Is there parking?",
        "Yes. There is free parking behind the building, and the lift goes up from there.",
        ("do you have parking", "where can I park", "can I park there", "is the parking free"),
    ),
    Answer(
        "How much is a consultation?",
        "A consultation is four hundred rupees, and a second visit within seven days is free.",
        (
            "how much does it cost",
            "what is the fee",
            "what are your fees",
            "how much do you charge",
            "what does it cost",
        ),
    ),
    Answer(
        "How can I pay?",
        "You can pay at the front desk, in cash, by card, or with your phone.",
        ("can I pay by card", "do you take cards", "do you take cash", "can I pay with my phone"),
    ),
    Answer(
        "Which doctors do you have?",
        "Doctor Rao sees adults, Doctor Mehta sees children, and Doctor Khan is our dentist.",
        (
            "who are your doctors",
            "which doctors are there",
            "what doctors do you have",
            "do you have a dentist",
            "do you have a doctor for children",
        ),
    ),
    Answer(
        "What services do you offer?",
        "We are a family clinic, and there is quite a lot that we can do for you. We see adults and children with "
        "coughs, fevers and injuries. We do health checks, blood tests and X-rays, we give vaccinations, and our "
        "dentist is here every afternoon. We also look after people with diabetes or high blood pressure, and we can "
        "send a nurse to your home. I can book an appointment for you, or take a message.",
        ("what do you do", "what can you do", "what services do you have", "how can you help me", "what do you offer"),
    ),
    Answer(
        "Do you take health insurance?",
        "Yes, we work with most health insurance companies. Please bring your insurance card and a photo identity.",
        ("do you take insurance", "do you accept insurance", "can I use my insurance", "is it covered by insurance"),
    ),
    Answer(
        "When will I get my report?",
        "Reports are ready the next day after four in the afternoon. We send them to your phone.",
        (
            "is my report ready",
            "can I get my report",
            "where is my report",
            "are my test results ready",
            "when will I get my test results",
        ),
    ),
    Answer(
        "What should I do in an emergency?",
        "If this is an emergency, please hang up and call one one two for an ambulance now.",
        ("this is an emergency", "it is an emergency", "I have chest pain", "I need an ambulance"),
    ),
    Answer(
        "Can I cancel my appointment?",
        "Yes, you can cancel or move an appointment free of charge until two hours before. "
        "Reply to the text message that you got, or ask me for the front desk.",
        (
            "I want to cancel my appointment",
            "cancel my appointment",
            "can I change my appointment",
            "I want to change my appointment",
            "can I move my appointment",
        ),
    ),
    Answer(
        "Do you give vaccinations?",
        "Yes, we give vaccinations to children and adults every morning from nine to eleven, without an appointment.",
        (
            "can I get a vaccination",
            "can I get a vaccine",
            "can my child get a vaccine",
            "when do you give vaccinations",
            "can I get a flu shot",
        ),
    ),
)

RESTAURANT_ANSWERS: Final = (
    Answer(
        "What are your opening hours?",
        "We are open every day, from seven in the morning to eleven at night. The kitchen closes at half past ten.",
        (
            "when are you open",
            "what time do you open",
            "what time do you close",
            "are you open today",
            "are you open on Sunday",
        ),
    ),
    Answer(
        "Where is the restaurant?",
        "We are at forty, Garden Street, across from the railway station.",
        ("what is your address", "where are you", "where are you located", "how do I find you", "how do I get there"),
    ),
    Answer(
        "Is there parking?",
        "Yes, we park your car for you, free of charge. Just stop at the door.",
        ("do you have parking", "where can I park", "can I park there"),
    ),
    Answer(
        "What is on the menu?",
        "We cook the food of the coast, all of it vegetarian. In the morning there are rice cakes, pancakes and strong "
        "coffee. At lunch we serve a full meal on a banana leaf, with eleven dishes that change every day. In the "
        "evening there are snacks, curries and breads from the oven, and at any time there is home made ice cream. "
        "Would you like to book a table?",
        ("what do you serve", "what can I eat", "what food do you have", "tell me about the menu", "what do you offer"),
    ),
    Answer(
        "Is the food vegetarian?",
        "Yes, everything is vegetarian, and there are dishes without milk as well.",
        ("do you have vegetarian food", "is it vegetarian", "do you have vegan food", "do you serve meat"),
    ),
    Answer(
        "How much is a meal?",
        "The lunch on a banana leaf is two hundred and fifty rupees. Most other dishes are between one hundred and two "
        "hundred.",
        ("how much does it cost", "what does it cost", "how much is lunch", "how much is dinner", "is it expensive"),
    ),
    Answer(
        "Do you deliver?",
        "Yes, we deliver within five kilometers, from eleven in the morning to ten at night. Please order in our app.",
        ("do you have delivery", "can I order food", "do you deliver food", "can I get a delivery"),
    ),
    Answer(
        "Can I order a takeaway?",
        "Yes. Order at the counter, and it is ready in about fifteen minutes.",
        ("do you have takeaway", "can I take food home", "can I pick up food"),
    ),
    Answer(
        "Can I have a party at the restaurant?",
        "Yes, the upper floor is for parties of twenty to eighty people. The manager can tell you more.",
        ("can I have a birthday party", "do you do parties", "do you have a room for a party"),
    ),
    Answer(
        "How can I pay?",
        "You can pay in cash, by card, or with your phone.",
        ("can I pay by card", "do you take cards", "do you take cash", "can I pay with my phone"),
    ),
    Answer(
        "Can I bring children?",
        "Of course. There are small chairs for children, and they get a small plate at half the price.",
        ("are children welcome", "do you have food for children", "is there a menu for children"),
    ),
)

STARTING_POINTS: Final = (
    StartingPoint("clinic", "Clinic reception", "Books appointments, takes messages, knows twelve questions.", _clinic),
    StartingPoint("restaurant", "Restaurant tables", "Books tables, knows the menu and the hours.", _restaurant),
    StartingPoint("blank", "Blank", "Only first words, which you can change.", _blank),
)


def starting_point(name: str) -> StartingPoint:
    """Raises `KeyError` for an unknown id."""
    return {point.id: point for point in STARTING_POINTS}[name]
