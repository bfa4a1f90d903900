"""What is said when another agent takes a call over whose own agent has failed. Pure."""

from __future__ import annotations

from typing import Final

_PHRASE: Final = {
    "en": "Hello, this is {agent}. I am taking over from here.",
    "hi": "नमस्ते, मैं {agent}। अब मैं आपकी मदद करूँगी।",
}


def note(agent: str) -> str:
    """For the model of the agent who goes on."""
    return (
        "The assistant that talked with the caller until now is gone after a technical problem, and the caller has "
        f"heard an apology. You are {agent} and have just said that you take over. Go on from what was said: say in "
        "one sentence what you understood that the caller wants, and ask for what you still need."
    )


def phrase(language: str, agent: str) -> str:
    """For the caller, before anything else."""
    return _PHRASE.get(language.split("-")[0], _PHRASE["en"]).format(agent=agent)
