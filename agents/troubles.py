"""What went wrong with a vendor, as a sentence. Never what the vendor wrote: that may say more than it should."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from agents import catalogue
from agents.voice.errors import ProviderError

_SENTENCES: Final = {
    "unauthorized": "{name} refused the key.",
    "no_key": "There is no key for {name}.",
    "no_balance": "{name} says that the account has no balance.",
    "rate_limited": "{name} took no more requests.",
    "connect": "{name} could not be reached.",
    "stall": "{name} did not answer in time.",
    "timeout": "{name} did not answer in time.",
    "closed": "{name} broke the connection off.",
    "missing": "{name} cannot be asked from here.",
    "protocol": "{name} answered with something that makes no sense.",
    "first_token": "{name} did not begin to answer in time.",
    "first_audio": "{name} did not begin to speak in time.",
    "no_audio": "{name} gave no sound.",
    "gave_up": "{name} failed again and again.",
}
_STATUS: Final = re.compile(r"http_(\d{3})")
_LINE: Final = re.compile(r"(?:[A-Z]\w+: )?(?P<provider>[a-z_]+): (?P<kind>[a-z_0-9]+)(?: \(.*\))?", re.DOTALL)

REFUSALS: Final = frozenset({"unauthorized", "no_key"})
"""Kinds of errors that another try with the same key does not change."""


def sentence(provider: str, kind: str) -> str:
    """Such as `OpenAI refused the key.`; empty for a kind that has none."""
    name = catalogue.provider_name(provider)
    status = _STATUS.fullmatch(kind)
    if status:
        return f"{name} answered with an error ({status[1]})."
    return _SENTENCES.get(kind, "").format(name=name)


def of(error: ProviderError) -> str:
    """The error as a sentence."""
    return sentence(error.provider, error.kind) or f"{catalogue.provider_name(error.provider)} did not answer."


def refusers(report: Iterable[str]) -> frozenset[str]:
    """Ids of the vendors that refused their key, from the errors of a call's report."""
    found = [_LINE.fullmatch(line.strip()) for line in report]
    return frozenset(match["provider"] for match in found if match and match["kind"] == "unauthorized")


def lines(report: str) -> list[str]:
    """The errors of a call's report, each once: in words where they are a vendor's, else as they are."""
    said = []
    for line in filter(None, map(str.strip, report.splitlines())):
        match = _LINE.fullmatch(line)
        known = match and catalogue.provider(match["provider"])
        said.append((sentence(match["provider"], match["kind"]) if match and known else "") or line)
    return list(dict.fromkeys(said))
