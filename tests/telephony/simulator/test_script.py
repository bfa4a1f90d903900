"""Scripts from files."""

import json
from pathlib import Path

import pytest

from telephony.simulator.errors import BadScript
from telephony.simulator.script import After, AfterAgent, At, HangUp, Interrupt, Keys, Say, Step, Wait, read_script


def read(tmp_path, content):
    path = tmp_path / "script.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return read_script(path, lambda text: text.encode(), lambda file: file.name.encode())


def test_every_step_and_moment_is_read(tmp_path):
    script = read(
        tmp_path,
        {
            "steps": [
                {"say": "Hello", "label": "greets"},
                {"wav": "speech/a.wav", "interrupt_after_ms": 700},
                {"keys": "12#", "after_ms": 500},
                {"wait_ms": 100},
                {"say": "Bye", "after_agent_ms": 1500},
                {"hang_up": True, "at_ms": 9000},
            ],
            "turn_silence_ms": 600,
            "hang_up_at_ms": 20000,
        },
    )

    assert script.steps == (
        Step(AfterAgent(), Say(b"Hello", "greets")),
        Step(Interrupt(700), Say(b"a.wav", "a")),
        Step(After(500), Keys("12#")),
        Step(After(0), Wait(100)),
        Step(AfterAgent(1500), Say(b"Bye", "Bye")),
        Step(At(9000), HangUp()),
    )
    assert (script.turn_silence_ms, script.hang_up_at_ms) == (600, 20000)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "script.json"),
        ({}, "steps"),
        ({"steps": [{"sya": "x"}]}, "sya"),
        ({"steps": [{}]}, "step 1: needs exactly one"),
        ({"steps": [{"say": "a"}, {"say": "x", "keys": "1"}]}, "step 2: needs exactly one"),
        ({"steps": [{"say": "x", "at_ms": 1, "after_ms": 2}]}, "more than one moment"),
        ({"steps": [{"keys": "12x"}]}, "keys are"),
    ],
)
def test_a_script_that_makes_no_sense_says_where(tmp_path, content, says):
    with pytest.raises(BadScript, match=says):
        read(tmp_path, content)


def test_a_missing_script_says_so():
    with pytest.raises(BadScript, match="cannot read"):
        read_script(Path("/nowhere/script.json"), str.encode, lambda file: b"")
