"""`switchboard dial`: the command line of the simulator. It knows no database: `resolve` says where a number leads."""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from telephony.simulator.dialects import DIALECTS
from telephony.simulator.errors import BadScript, SimulatorError
from telephony.simulator.faults import FAULTS
from telephony.simulator.plan import CallPlan, Target, copies
from telephony.simulator.profiles import PROFILES, as_profile
from telephony.simulator.remote import dial_at
from telephony.simulator.report import Report, summary
from telephony.simulator.script import AfterAgent, Interrupt, Keys, Say, Script, Step, read_script
from telephony.simulator.simulate import run_many
from telephony.simulator.voice import synthesise
from telephony.simulator.wav import ulaw_from_file
from telephony.simulator.webhooks import SIGNINGS, Retries

INTERRUPT_AFTER_MS = 800
Resolve = Callable[[str], Target]


class _InOrder(argparse.Action):
    """Keeps what the caller does in the order of the command line, whatever options it comes from."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        namespace.doings = [*(getattr(namespace, "doings", None) or []), (self.dest, values)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `dial` on `parser` (a management command's, or one's own)."""
    add = parser.add_argument
    add("number", nargs="?", default="", help="the number to dial, e.g. +918071387423")
    talk = parser.add_argument_group(
        "what the caller does",
        "In the order given. Each waits until the agent has finished its turn. After the last the caller listens to "
        "the answer and hangs up.",
    )
    for name, metavar, explain in (
        ("say", "TEXT", "speak TEXT with a voice of this machine"),
        ("wav", "FILE", "speak a sound file: WAV, 8 kHz or more"),
        ("dtmf", "DIGITS", "press keys: 0-9 * # A-D"),
        ("interrupt-say", "TEXT", "speak into the agent's next turn"),
        ("interrupt-wav", "FILE", "the same with a sound file"),
    ):
        talk.add_argument(f"--{name}", action=_InOrder, metavar=metavar, help=explain)
    talk.add_argument(
        "--interrupt-after",
        action=_InOrder,
        type=_ms,
        metavar="MS",
        help="the next --say or --wav (the last one, when none follows) interrupts the agent's turn once that has been "
        f"audible for MS; also sets the moment of --interrupt-say and --interrupt-wav (otherwise {INTERRUPT_AFTER_MS})",
    )
    talk.add_argument(
        "--script", type=Path, metavar="FILE", help="a JSON script instead, see telephony/simulator/README.md"
    )
    talk.add_argument("--hangup-after", type=_ms, metavar="MS", help="hang up MS after the answer, whatever goes on")
    talk.add_argument("--die-after", type=_ms, metavar="MS", help="vanish without a word: TCP reset, no callback")
    talk.add_argument("--turn-silence", type=_ms, metavar="MS", help="silence that ends an agent's turn (900)")
    talk.add_argument("--give-up", type=_ms, metavar="MS", help="go on when the agent says nothing for so long (12000)")
    talk.add_argument("--max-seconds", type=_ms, metavar="S", help="end the call after so long (600)")
    talk.add_argument("--stay", action="store_true", help="do not hang up after the last words: the agent shall")
    line = parser.add_argument_group("the carrier")
    line.add_argument("--profile", choices=PROFILES, default="current", help="which carrier to be (current)")
    line.add_argument("--dialect", choices=DIALECTS, help="how the stream speaks (as the profile says)")
    line.add_argument("--signature", choices=SIGNINGS, help="how callbacks are signed (as the profile says)")
    line.add_argument("--from", dest="caller", default="", metavar="NUMBER", help="the caller's number")
    line.add_argument("--noise", type=_ms, default=24, metavar="LEVEL", help="line noise, peak of 32767 (24)")
    line.add_argument("--jitter", type=_ms, default=0, metavar="MS", help="hold frames up to MS, then send a burst")
    line.add_argument("--fault", action="append", default=[], choices=FAULTS, help="misbehave; may be repeated")
    line.add_argument("--tries", type=_calls, default=4, metavar="N", help="times to try a callback (4)")
    line.add_argument("--get", action="store_true", help="fetch the answer with GET instead of POST")
    line.add_argument("--seed", type=int, metavar="N", help="the same N, the same run; random otherwise")
    line.add_argument(
        "--replay",
        action="store_true",
        help="with --seed: repeat even call id and nonces, which a server takes for a replay of the first call",
    )
    line.add_argument("--calls", type=_calls, default=1, metavar="N", help="so many calls at once")
    line.add_argument("--ramp", type=_ms, default=20, metavar="MS", help="between the starts of two calls (20)")
    where = parser.add_argument_group("where to, instead of looking the number up")
    where.add_argument("--answer-url", default="", metavar="URL")
    where.add_argument("--hangup-url", default="", metavar="URL")
    where.add_argument("--fallback-url", default="", metavar="URL")
    where.add_argument(
        "--carrier", default="", metavar="URL", help="dial at this `switchboard carrier` instead of here"
    )
    where.add_argument("--auth-id", default="", metavar="ID")
    where.add_argument("--auth-token", default="", metavar="TOKEN")
    out = parser.add_argument_group("the outcome")
    out.add_argument("--json", action="store_true", help="print the report as JSON")
    out.add_argument("--out", type=Path, metavar="FILE", help="write what the caller heard as a WAV")


def main(argv: Sequence[str] | argparse.Namespace, resolve: Resolve | None = None) -> int:
    """Dial. `argv` are arguments, or what a parser with `add_arguments` made of them.

    Returns 0 when every conversation ran to an ordinary end, 1 when one did not, 2 for a command line or script that
    makes no sense, 130 after Ctrl-C. `resolve` may raise `LookupError` with a sentence for a number it does not know.
    """
    if isinstance(argv, argparse.Namespace):
        given = argv
    else:
        parser = argparse.ArgumentParser(prog="dial", description="Dial a number as the carrier would.")
        add_arguments(parser)
        given = parser.parse_args(argv)
    try:
        plan = plan_from(given, resolve)
    except (SimulatorError, LookupError) as error:
        _print(f"dial: {error.args[0] if error.args else error}", sys.stderr)
        return 2
    try:
        plans = copies(plan, given.calls)
        if given.carrier:
            reports = asyncio.run(dial_at(given.carrier, plans, given.ramp))
        else:
            reports = asyncio.run(run_many(plans, given.ramp))
    except SimulatorError as error:
        _print(f"dial: {error}", sys.stderr)
        return 1
    except KeyboardInterrupt:
        _print("dial: stopped; the call vanished without a hang-up", sys.stderr)
        return 130
    _print(_shown(reports, as_json=given.json))
    return 0 if all(report.ran for report in reports) else 1


def plan_from(given: argparse.Namespace, resolve: Resolve | None = None) -> CallPlan:
    """Parsed arguments → the first call's plan. `BadScript`, `BadAudio` or `LookupError` say what is wrong."""
    seed = given.seed if given.seed is not None else secrets.randbelow(2**31)
    plan = CallPlan(
        number=given.number or "+910000000000",
        target=_target(given, resolve),
        script=_script(given),
        caller=given.caller,
        seed=seed,
        salt="" if given.replay else secrets.token_hex(8),
        noise=given.noise,
        jitter_ms=given.jitter,
        faults=tuple(given.fault),
        out=given.out,
        retries=Retries(tries=given.tries),
        answer_method="GET" if given.get else "POST",
    )
    over = {"dialect": given.dialect, "signing": given.signature}
    return replace(as_profile(given.profile, plan), **{key: value for key, value in over.items() if value})


def _target(given: argparse.Namespace, resolve: Resolve | None) -> Target:
    if given.carrier and given.out:
        raise BadScript("--out needs the call here, not at another carrier")
    if given.answer_url:
        if not given.answer_url.startswith(("http://", "https://")):
            raise BadScript("--answer-url needs an http or https URL")
        target = Target(given.answer_url)
    elif given.carrier and given.number:
        target = Target()
    elif resolve is not None and given.number:
        target = resolve(given.number)
    else:
        raise BadScript("a number or --answer-url is needed")
    over = {
        "hangup_url": given.hangup_url,
        "fallback_url": given.fallback_url,
        "auth_id": given.auth_id,
        "auth_token": given.auth_token,
    }
    return replace(target, **{key: value for key, value in over.items() if value})


def _script(given: argparse.Namespace) -> Script:
    doings = getattr(given, "doings", None) or []
    if given.script and doings:
        raise BadScript("either --script or what the caller does, not both")
    if given.script:
        script = read_script(given.script, synthesise, ulaw_from_file)
    else:
        script = Script(steps=tuple(_steps(doings)))
    over = {
        "hang_up_at_ms": given.hangup_after,
        "die_at_ms": given.die_after,
        "turn_silence_ms": given.turn_silence,
        "give_up_ms": given.give_up,
        "max_ms": None if given.max_seconds is None else given.max_seconds * 1000,
        "stay": given.stay or None,
    }
    return replace(script, **{key: value for key, value in over.items() if value is not None})


def _steps(doings: list[tuple[str, Any]]) -> list[Step]:
    steps: list[Step] = []
    interrupt_ms, pending_ms = INTERRUPT_AFTER_MS, None
    for name, value in doings:
        if name == "interrupt_after":
            interrupt_ms = pending_ms = value
            continue
        if name == "dtmf":
            steps.append(Step(AfterAgent(), Keys(value.upper())))
            continue
        text = name.endswith("say")
        say = Say(synthesise(value), value) if text else Say(ulaw_from_file(Path(value)), Path(value).stem)
        if name.startswith("interrupt"):
            steps.append(Step(Interrupt(interrupt_ms), say))
        elif pending_ms is not None:
            steps.append(Step(Interrupt(pending_ms), say))
        else:
            steps.append(Step(AfterAgent(), say))
        pending_ms = None
    if pending_ms is not None:
        spoken = [index for index, step in enumerate(steps) if isinstance(step.do, Say)]
        if not spoken:
            raise BadScript("--interrupt-after needs something to say: --say or --wav")
        steps[spoken[-1]] = replace(steps[spoken[-1]], when=Interrupt(pending_ms))
    return steps


def _shown(reports: list[Report], *, as_json: bool) -> str:
    if not as_json:
        text = "\n\n".join(report.as_text() for report in reports)
        return text if len(reports) == 1 else f"{text}\n\n{json.dumps(summary(reports), indent=2)}"
    if len(reports) == 1:
        return json.dumps(reports[0].as_json(), indent=2)
    return json.dumps({"summary": summary(reports), "calls": [report.as_json() for report in reports]}, indent=2)


def _ms(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError("cannot be negative")
    return value


def _calls(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 1000:
        raise argparse.ArgumentTypeError("from 1 to 1000")
    return value


def _print(text: str, file: Any = None) -> None:
    print(text, file=file)
