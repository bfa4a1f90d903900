"""The built-in brain as a language model: what it announces, and when its state changes."""

from contextlib import aclosing

from agents.voice.providers.base import LlmCollected, LlmEnd, LlmExpect, LlmText, LlmTransfer, Message
from agents.voice.providers.local.llm import BuiltIn
from tests.agents.voice.providers.local.example import agent

BOOK = "I would like to book an appointment"


class Talk:
    """Keeps the messages as the engine does."""

    def __init__(self, chat) -> None:
        self.chat = chat
        self.messages: tuple[Message, ...] = ()

    async def says(self, text: str, *, heard: bool = True) -> list:
        self.messages = (*self.messages, Message("user", text))
        events = [event async for event in self.chat.reply(self.messages)]
        if heard:
            self.messages = (*self.messages, Message("assistant", spoken(events)))
        return events


def spoken(events: list) -> str:
    return "".join(event.text for event in events if isinstance(event, LlmText))


async def test_what_is_asked_comes_first_then_sentences_then_facts():
    async with BuiltIn().open(agent()) as chat:
        talk = Talk(chat)
        await talk.says(BOOK)
        events = await talk.says("Doctor Rao at noon")

    assert events[0] == LlmExpect(("day", "doctor", "time"))
    assert spoken(events) == "On which day would you like to come?"
    assert events[2:] == [LlmCollected("doctor", "Doctor Rao"), LlmCollected("time", "noon")]


async def test_goodbye_ends_and_a_wish_for_a_desk_transfers():
    async with BuiltIn().open(agent()) as chat:
        desk = await Talk(chat).says("put me through to the pharmacy")
        bye = await Talk(chat).says("goodbye")

    assert desk[-1] == LlmTransfer("Pharmacy")
    assert bye[-1] == LlmEnd("goodbye")


async def test_a_caller_who_comes_back_from_nobody_is_asked_what_else_to_do():
    async with BuiltIn().open(agent()) as chat:
        talk = Talk(chat)
        await talk.says(BOOK)
        events = await talk.says("(Not done: Pharmacy did not answer. The caller is back with you.)")
        goes_on = await talk.says("Doctor Rao")

    assert spoken(events) == "What else can I do for you?"
    assert LlmCollected("doctor", "Doctor Rao") in goes_on


async def test_words_merged_after_an_unheard_reply_are_answered_as_one():
    async with BuiltIn().open(agent()) as chat:
        talk = Talk(chat)
        await talk.says(BOOK)
        await talk.says("Doctor Rao", heard=False)
        talk.messages = talk.messages[:-1]
        events = await talk.says("Doctor Rao no Doctor Mehta")
        asked = await talk.says("Friday")

    assert LlmCollected("doctor", "Doctor Mehta") in events
    assert spoken(asked) == "At what time?"


async def test_a_miss_whose_answer_nobody_heard_does_not_count():
    async with BuiltIn().open(agent()) as chat:
        talk = Talk(chat)
        for _ in range(3):
            events = await talk.says("what", heard=False)
            talk.messages = talk.messages[:-1]

    assert "I cannot help with that" in spoken(events)


async def test_the_same_words_again_after_a_heard_reply_are_new_words():
    async with BuiltIn().open(agent()) as chat:
        talk = Talk(chat)
        for _ in range(3):
            events = await talk.says("bananas")

    assert "Shall I put you through" in spoken(events)


async def test_a_reply_cancelled_before_its_words_has_never_happened():
    async with BuiltIn().open(agent()) as chat:
        talk = Talk(chat)
        async with aclosing(chat.reply((Message("user", BOOK),))) as events:
            assert isinstance(await anext(events), LlmExpect)
        answer = await talk.says("Doctor Rao")

    assert "On which day" not in spoken(answer)


async def test_two_calls_do_not_know_each_other():
    model = BuiltIn()
    async with model.open(agent()) as one, model.open(agent()) as other:
        await Talk(one).says(BOOK)
        answer = await Talk(other).says("Doctor Rao")

    assert "On which day" not in spoken(answer)


async def test_another_process_goes_on_in_the_middle_of_a_form():
    async with BuiltIn().open(agent()) as chat:
        before = Talk(chat)
        await before.says(BOOK)
        await before.says("Doctor Rao at noon")
    async with BuiltIn().open(agent()) as chat:
        after = Talk(chat)
        after.messages = before.messages
        events = await after.says("On Friday")

    assert LlmCollected("day", "Friday") in events
    assert "Friday" in spoken(events)
    assert "noon" in spoken(events)
