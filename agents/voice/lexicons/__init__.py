"""What callers say, per language, as data: one TOML file for each. `agents.voice.words` gives it a shape."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

LANGUAGES = ("en", "hi")
"""Languages with lists of their own."""


@cache
def table(language: str) -> dict[str, Any]:
    """The lists of one of `LANGUAGES`, as they stand in its file."""
    return tomllib.loads(files(__name__).joinpath(f"{language}.toml").read_text("utf-8"))
