"""What the engine remembers per process, forgotten before each test."""

import pytest

from agents.voice import health
from agents.voice.phrases import PROCESS_CACHE


@pytest.fixture(autouse=True)
def _fresh_process():
    PROCESS_CACHE._kept.clear()
    health.PROCESS_HEALTH._failures.clear()
    health.HEDGES._tokens = 3.0
