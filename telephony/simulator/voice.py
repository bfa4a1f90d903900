"""The caller's voice from text: whatever speech program this machine has, always in a child process.

Preferred is flite (a recorded voice, the nearest to a person), then the espeak-ng program, then the espeak-ng library
of the `offline` extra. That library is GPL: it is loaded only inside the child, by a script of its own. The voices
differ from the ones that agents are offered.
"""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from telephony.simulator.errors import BadAudio
from telephony.simulator.wav import ulaw_from_wav

FLITE_VOICE = "rms"
ESPEAK_VOICE = "en-us+m7"
WORDS_PER_MINUTE = 150
CHILD_SECONDS = 30
LONGEST_TEXT = 2000


@lru_cache(maxsize=64)
def synthesise(text: str) -> bytes:
    """`text` spoken, as µ-law 8 kHz. The same text gives the same bytes. `BadAudio` when no voice can speak here."""
    text = " ".join(text.split())
    if not text or len(text) > LONGEST_TEXT:
        raise BadAudio(f"a text to say has 1 to {LONGEST_TEXT} characters")
    flite, espeak = shutil.which("flite"), shutil.which("espeak-ng")
    with tempfile.TemporaryDirectory(prefix="switchboard-voice-") as folder:
        file = Path(folder) / "said.wav"
        if flite:
            _run([flite, "-voice", FLITE_VOICE, "-o", str(file), "-t", text])
        elif espeak:
            speed = str(WORDS_PER_MINUTE)
            _run([espeak, "-v", ESPEAK_VOICE, "-s", speed, "-w", str(file), "--stdin"], text)
        elif importlib.util.find_spec("espeakng_loader"):
            script = Path(__file__).with_name("espeak_child.py")
            _run([sys.executable, str(script), ESPEAK_VOICE, str(WORDS_PER_MINUTE), str(file)], text)
        else:
            raise BadAudio("no voice on this machine: install flite, espeak-ng or the extra `offline`; or use --wav")
        return ulaw_from_wav(file.read_bytes(), "the spoken text")


def _run(command: list[str], text: str = "") -> None:
    try:
        done = subprocess.run(  # noqa: S603  a program found on the path, arguments as a list
            command, input=text.encode(), capture_output=True, timeout=CHILD_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BadAudio(f"the voice failed: {error}") from error
    if done.returncode:
        detail = done.stderr.decode(errors="replace").strip().splitlines()
        raise BadAudio(f"the voice failed: {detail[-1] if detail else f'exit code {done.returncode}'}")
