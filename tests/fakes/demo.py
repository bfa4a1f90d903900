"""`make demo KEYED=fakes`: the demo conversation through Deepgram, OpenAI and Cartesia's adapters, without an account.

Three fakes serve in this process, on real local sockets and in the vendors' wire protocols: the recogniser gives the
words of the demo's recordings in turn, the model answers from a table, the voice is a tone. Everything on our side is
the real thing; `switchboard demo --keyed` is run with their addresses.
"""

import asyncio
import os
import sys
from pathlib import Path

from tests.fakes.cartesia import Cartesia
from tests.fakes.deepgram import Deepgram
from tests.fakes.openai import OpenAiFake, Pace, Say, Table
from tests.fakes.vendor import KEY

LINES = (
    "What are your opening hours?",
    "Stop, I would like to book an appointment.",
    "Doctor Khan, please.",
    "No, thank you, goodbye.",
)
ANSWERS = [
    (
        "opening hours",
        "We are open Monday to Saturday, from eight in the morning to eight in the evening. On Sunday we are closed.",
    ),
    ("book an appointment", "Certainly. Which doctor would you like to see: Doctor Rao, Doctor Mehta, or Doctor Khan?"),
    ("khan", "Doctor Khan has time tomorrow at ten. Shall I book it?"),
    ("goodbye", Say("", (("end_call", {"reason": "goodbye", "farewell": "Thank you for calling. Goodbye."}),))),
]


async def main():
    async with (
        Deepgram(LINES, think_s=0.1) as deepgram,
        OpenAiFake(table=Table(ANSWERS), pace=Pace(0.3, 0.015)) as openai,
        Cartesia() as cartesia,
    ):
        env = os.environ | {
            "DEEPGRAM_URL": deepgram.url,
            "DEEPGRAM_API_KEY": KEY,
            "OPENAI_BASE_URL": openai.base_url,
            "OPENAI_API_KEY": KEY,
            "CARTESIA_URL": cartesia.url,
            "CARTESIA_API_KEY": KEY,
        }
        print(
            "Stand-ins for Deepgram, OpenAI and Cartesia serve on this machine; the call goes through them.", flush=True
        )
        program = Path(sys.executable).with_name("switchboard")
        child = await asyncio.create_subprocess_exec(program, "demo", "--keyed", *sys.argv[1:], env=env)
        try:
            code = await child.wait()
        finally:
            if child.returncode is None:
                child.terminate()
                await child.wait()
        requests = ((fake.name, len(fake.requests)) for fake in (deepgram, openai, cartesia))
        print("Asked for: " + ", ".join(f"{name} {count} times" for name, count in requests), flush=True)
        return code


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
