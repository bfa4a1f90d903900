"""Nothing is left behind: the children end when the process that started them does, however it ends."""

import subprocess
import sys
from contextlib import suppress

import psutil
import pytest

pytest.importorskip("pocketsphinx")
pytest.importorskip("espeakng_loader")

PARENT = """
import asyncio, os, psutil, sys
from agents.voice.providers import local
from agents.voice.providers.local.stt import PocketSphinx
from agents.voice.providers.local.tts import Espeak
from tests.agents.voice.providers.local.example import agent

async def main():
    async with PocketSphinx().open(agent()) as ear, Espeak().open(agent()) as mouth:
        async for _ in mouth.speak("Hello."):
            pass
        print(*(child.pid for child in psutil.Process().children()), flush=True)
        END

asyncio.run(main())
"""


@pytest.mark.parametrize("end", ["os._exit(0)", "os.kill(os.getpid(), 9)", "raise KeyboardInterrupt", "pass"])
def test_no_child_outlives_its_parent(end: str):
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.replace("END", end)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    children = []
    for pid in parent.stdout.readline().split():
        with suppress(psutil.NoSuchProcess):
            children.append(psutil.Process(int(pid)))
    parent.communicate(timeout=60)

    _, alive = psutil.wait_procs(children, timeout=30)

    assert alive == []
