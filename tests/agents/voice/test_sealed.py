"""Secret numbers: a name outside, the digits on the way to a tool, and nothing of them on the way back."""

from dataclasses import replace

import pytest

from agents.voice.blueprint import HttpTool
from agents.voice.sealed import Sealed
from agents.voice.tools.box import open_tools
from tests.agents.voice.conversing import BLUEPRINT


@pytest.fixture
def sealed():
    kept = Sealed()
    assert (kept.keep("4829"), kept.keep("77"), kept.keep("4829")) == ("{{keyed.1}}", "{{keyed.2}}", "{{keyed.1}}")
    return kept


@pytest.mark.parametrize(
    ("arguments", "filled"),
    [
        ('{"pin": "{{keyed.1}}"}', '{"pin":"4829"}'),
        ('{"pin": " {{ keyed.1 }} ", "n": 1}', '{"pin":"4829","n":1}'),
        ('{"pins": ["{{keyed.1}}", {"b": "{{keyed.2}}"}]}', '{"pins":["4829",{"b":"77"}]}'),
        ('{"{{keyed.1}}": true}', '{"{{keyed.1}}":true}'),
        ('{"pin": "x{{keyed.1}}"}', '{"pin":"x{{keyed.1}}"}'),
        ('{"pin": "4829"}', '{"pin": "4829"}'),
        ("no json {{keyed.1}}", "no json {{keyed.1}}"),
    ],
)
def test_a_value_that_is_a_name_and_nothing_else_means_the_digits(sealed, arguments, filled):
    assert sealed.put_in(arguments) == filled


@pytest.mark.parametrize(
    ("arguments", "takes", "told"),
    [
        ('{"pin": "{{keyed.1}}"}', True, None),
        ('{"pin": "{{ keyed.1 }}"}', True, None),
        ("{}", False, None),
        ('{"pin": "{{keyed.1}}"}', False, "cannot be given"),
        ('{"pin": "{{keyed.3}}"}', True, "not known here"),
        ('{"pin": "my pin is {{keyed.1}}"}', True, "whole value"),
        ("{{keyed.1}}", True, "whole value"),
    ],
)
def test_what_cannot_be_filled_in_is_told(sealed, arguments, takes, told):
    problem = sealed.problem(arguments, takes=takes)

    assert (problem is None) == (told is None)
    assert told is None or told in problem


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("4829 is right", "{{keyed.1}} is right"),
        ('{"pin":"4829","short":"77"}', '{"pin":"{{keyed.1}}","short":"{{keyed.2}}"}'),
        ("48 29, 4-8-2-9", "{{keyed.1}}, {{keyed.1}}"),
        ("14829 and 48290 and 771 are others", "14829 and 48290 and 771 are others"),
    ],
)
def test_what_comes_back_is_searched_for_the_digits(sealed, text, hidden):
    assert sealed.hide(text) == hidden


def test_keys_that_are_no_digits_are_hidden_too():
    sealed = Sealed()
    sealed.keep("12*4")

    assert sealed.hide("12*4 or 1284") == "{{keyed.1}} or 1284"


async def test_the_tenants_own_requests_get_them_and_others_do_not():
    tool = HttpTool("check", "Checks a PIN.", "https://bank.example/pin")
    async with open_tools(replace(BLUEPRINT, tools=(tool,))) as box:
        assert box.facts("check").keyed
        assert not box.facts("bank_check").keyed
