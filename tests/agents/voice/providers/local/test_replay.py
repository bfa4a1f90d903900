"""A recogniser's child that dies in the middle of a sentence: the sentence is heard all the same, but not for ever."""

import asyncio

import pytest

from agents.voice.errors import ProviderError
from agents.voice.providers.base import SttFinal
from agents.voice.providers.local import hearing_pool
from agents.voice.providers.local.stt import PocketSphinx
from tests.agents.voice.providers.local.example import agent
from tests.agents.voice.providers.local.hearing import listen, on_the_line, recording

pytest.importorskip("pocketsphinx")
pytestmark = pytest.mark.asyncio(loop_scope="module")


async def die(stream) -> None:
    """Kill the child that serves the stream, and let its end be noticed."""
    worker = next(worker for worker in hearing_pool.pool().workers if stream.number in worker.streams)
    worker.child.kill()
    await asyncio.sleep(0)


async def test_a_sentence_is_heard_although_the_child_dies_in_the_middle_of_it():
    frames = on_the_line(recording("hours"))

    async with PocketSphinx().open(agent()) as stream:
        for frame in frames[: len(frames) // 2]:
            stream.feed(frame)
        await die(stream)
        final, _ = await asyncio.wait_for(listen(stream, frames[len(frames) // 2 :]), 20)

    assert final == SttFinal("what are your opening hours", closes=True, confidence=final.confidence)


async def test_an_answer_that_was_owed_comes_from_the_next_child():
    async with PocketSphinx().open(agent()) as stream:
        for frame in on_the_line(recording("services")):
            stream.feed(frame)
        stream.finalize()
        await die(stream)
        final, _ = await asyncio.wait_for(listen(stream, []), 20)

    assert final.text == "what services do you offer"


async def test_a_child_that_dies_twice_over_the_same_words_is_a_typed_error():
    async with PocketSphinx().open(agent()) as stream:
        for frame in on_the_line(recording("hours")):
            stream.feed(frame)
        await die(stream)
        await die(stream)

        with pytest.raises(ProviderError) as failed:
            await asyncio.wait_for(listen(stream, []), 20)

    assert (failed.value.kind, failed.value.retryable) == ("crash", True)


async def test_the_other_calls_of_a_child_that_died_go_on():
    async with PocketSphinx().open(agent()) as one, PocketSphinx().open(agent()) as other:
        await die(one)
        final, _ = await asyncio.wait_for(listen(other, on_the_line(recording("hours"))), 20)

    assert final.text == "what are your opening hours"
