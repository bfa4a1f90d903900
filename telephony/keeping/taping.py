"""Whether the carrier records an agent's calls, and what it says before."""

from __future__ import annotations

from agents.config import ConfigError, read
from agents.models import AgentVersion
from telephony.addresses import callback_url
from telephony.keeping.models import Purpose
from telephony.models import PhoneNumber
from telephony.vobiz import answers


def tape(number: PhoneNumber, version: AgentVersion | None) -> tuple[str, answers.Record] | None:
    """What callers hear first, and the element that records from there on, transfers included; None: not recorded.

    Goes into the first document of an agent's call alone: the recording outlives every stream.
    """
    if version is None:
        return None
    try:
        config = read(version.config)
    except ConfigError:
        return None  # the stream says so
    if not config.record or config.recorder != "carrier" or not config.consent:
        return None
    url = callback_url("recording", number, Purpose.SESSION.value)
    return config.consent, answers.Record(url, file_format="wav")
