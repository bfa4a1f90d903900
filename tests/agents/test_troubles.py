"""What went wrong with a vendor, in words."""

import pytest

from agents import troubles
from agents.voice.errors import ProviderError, ProviderRefused, ProviderTimeout


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ProviderRefused("openai", "unauthorized", "bad"), "OpenAI refused the key."),
        (ProviderRefused("cartesia", "no_key"), "There is no key for Cartesia."),
        (ProviderRefused("deepgram", "no_balance"), "Deepgram says that the account has no balance."),
        (ProviderRefused("openai", "http_404"), "OpenAI answered with an error (404)."),
        (ProviderTimeout("anthropic", "stall"), "Anthropic did not answer in time."),
        (ProviderError("openai_compatible", "connect"), "Another server could not be reached."),
        (ProviderError("openai", "something_new"), "OpenAI did not answer."),
    ],
)
def test_an_error_is_a_sentence_that_names_the_vendor_and_nothing_that_it_wrote(error, words):
    assert troubles.of(error) == words


def test_the_lines_of_a_report_are_said_once_and_what_is_unknown_stays():
    report = "\n".join(
        [
            str(ProviderRefused("openai", "unauthorized", "Incorrect API key provided: sk-12***")),
            "ProviderRefused: openai: unauthorized",
            "openai: unauthorized",
            "recording: No space left on device",
            "nobody: unauthorized",
            "deepgram: something_new (1011)",
            str(ProviderTimeout("cartesia", "first_audio", "nothing for 2 s")),
            "",
        ]
    )

    assert troubles.lines(report) == [
        "OpenAI refused the key.",
        "recording: No space left on device",
        "nobody: unauthorized",
        "deepgram: something_new (1011)",
        "Cartesia did not begin to speak in time.",
    ]


def test_no_report_is_no_trouble():
    assert troubles.lines("") == []
