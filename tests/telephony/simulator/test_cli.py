"""The command line: what becomes of the options, what is printed, which exit code."""

import argparse
import asyncio
import json
import threading
from pathlib import Path

import pytest

from telephony.simulator import audio, cli
from telephony.simulator.errors import BadScript
from telephony.simulator.plan import Target
from telephony.simulator.script import AfterAgent, Interrupt, Keys, Say
from telephony.simulator.wav import write_wav
from tests.fakes.echo_app import BEEP, EchoApp, serving


@pytest.fixture
def speech(tmp_path):
    """Two sound files, by name."""
    for name in ("one", "two"):
        write_wav(tmp_path / f"{name}.wav", BEEP * 5)
    return lambda name: str(tmp_path / f"{name}.wav")


def plan(*argv, resolve=lambda number: Target(f"https://x.example/{number}", auth_token="t")):
    parser = argparse.ArgumentParser()
    cli.add_arguments(parser)
    return cli.plan_from(parser.parse_args(argv), resolve)


def moments(made):
    return [(type(step.when), getattr(step.do, "label", getattr(step.do, "digits", ""))) for step in made.script.steps]


def test_what_the_caller_does_keeps_the_order_of_the_command_line(speech):
    made = plan("+911", "--wav", speech("one"), "--dtmf", "12#", "--interrupt-wav", speech("two"))

    assert moments(made) == [(AfterAgent, "one"), (AfterAgent, "12#"), (Interrupt, "two")]
    assert made.script.steps[2].when == Interrupt(800)


def test_interrupt_after_belongs_to_the_next_words_or_to_the_last(speech):
    before = plan("+911", "--wav", speech("one"), "--interrupt-after", "300", "--wav", speech("two"))
    behind = plan("+911", "--wav", speech("one"), "--wav", speech("two"), "--dtmf", "1", "--interrupt-after", "300")

    assert before.script.steps[1].when == Interrupt(300)
    assert before.script.steps[0].when == AfterAgent()
    assert behind.script.steps[1].when == Interrupt(300)
    assert isinstance(behind.script.steps[2].do, Keys)


def test_the_number_is_looked_up_and_options_win():
    assert plan("+911").target == Target("https://x.example/+911", auth_token="t")
    assert plan("+911", "--auth-token", "mine").target.auth_token == "mine"
    assert plan("--answer-url", "http://y.example/").target.answer_url == "http://y.example/"


def test_the_same_seed_repeats_ids_only_when_asked_to():
    assert plan("+911", "--seed", "5").salt != plan("+911", "--seed", "5").salt
    assert plan("+911", "--seed", "5", "--replay").salt == ""


def test_text_is_spoken_in_another_voice_than_silence():
    made = plan("+911", "--say", "Hello there")

    [step] = made.script.steps
    assert isinstance(step.do, Say)
    assert audio.audible_span_ms(step.do.ulaw) is not None


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["--answer-url", "example.com"],
        ["+911", "--interrupt-after", "5"],
        ["+911", "--carrier", "http://x.example", "--out", "heard.wav"],
        ["+911", "--wav", "/nowhere.wav"],
        ["+911", "--dtmf", "abc x"],
        ["+911", "--script", "/nowhere.json"],
        ["+911", "--script", "a.json", "--say", "x"],
    ],
)
def test_a_command_line_that_makes_no_sense_is_told_in_a_line(argv, capsys):
    assert cli.main(argv, lambda number: Target("http://x.example")) == 2

    assert capsys.readouterr().err.startswith("dial: ")


def test_an_unknown_number_is_told_in_a_line(capsys):
    def resolve(number):
        raise LookupError(f"{number} is not connected here")

    assert cli.main(["+911"], resolve) == 2
    assert capsys.readouterr().err == "dial: +911 is not connected here\n"


def test_without_a_lookup_a_url_is_needed():
    with pytest.raises(BadScript):
        plan("+911", resolve=None)


@pytest.fixture
def echo():
    """The beeping application, served from a thread of its own as `dial` runs a loop of its own."""
    app, ready, over = EchoApp(), threading.Event(), threading.Event()

    async def serve():
        async with serving(app):
            ready.set()
            await asyncio.to_thread(over.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    ready.wait(10)
    yield app
    over.set()
    thread.join()


def test_dialling_prints_a_report_and_says_whether_it_ran(echo, speech, capsys, tmp_path):
    heard = tmp_path / "heard.wav"
    where = ["--answer-url", echo.url + "/answer", "--turn-silence", "120", "--seed", "3", "--out", str(heard)]

    code = cli.main([*where, "--wav", speech("one"), "--wav", speech("two"), "--json"])

    report = json.loads(capsys.readouterr().out)
    assert code == 0
    assert report["ran"]
    assert report["outcome"] == "agent_hung_up"
    assert Path(report["wav"]).exists()
    assert {"turns", "underruns", "lead_ms", "barge_ins", "webhooks", "response_gaps_ms", "seed"} <= set(report)


def test_several_calls_print_a_summary_and_fail_together(echo, capsys):
    echo.documents["/answer"] = (403, "text/plain", b"")
    code = cli.main(["--answer-url", echo.url + "/answer", "--calls", "2", "--json", "--tries", "1"])

    printed = json.loads(capsys.readouterr().out)
    assert code == 1
    assert printed["summary"]["outcomes"] == {"failed": 2}
    assert len(printed["calls"]) == 2
