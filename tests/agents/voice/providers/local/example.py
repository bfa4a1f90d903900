"""Blueprints of the agents that a tenant begins with."""

from agents.starting_points import starting_point
from agents.voice.blueprint import Blueprint, Stage, TransferTarget

DESKS = (TransferTarget("Front desk", "+918047182211"), TransferTarget("Pharmacy", "+918047182244"))


def agent(point: str = "clinic", *, targets: tuple[TransferTarget, ...] = DESKS, voice: str = "en-us", **changes):
    """One starting point as the engine gets it."""
    config = starting_point(point).make("Asha", "Sunrise Clinic")
    given = {"answers": config.answers, "forms": config.forms, **changes}
    return Blueprint(
        agent="Asha",
        version=1,
        language="en",
        greeting=config.greeting,
        instructions="",
        stt=Stage("local", "pocketsphinx"),
        llm=Stage("local", "builtin"),
        tts=Stage("local", "espeak-ng", voice),
        targets=targets,
        **given,
    )
