"""What the caller does: a list of steps, each with the moment it starts. Values only; `caller.py` performs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from telephony.simulator.errors import BadScript

KEYS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True, slots=True)
class AfterAgent:
    """When the agent has said something since the last step and has then been silent for `silent_ms` (None: what the
    script says). Goes on without it after the script's `give_up_ms`."""

    silent_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Interrupt:
    """When the agent's next turn has been audible for `after_ms`."""

    after_ms: int


@dataclass(frozen=True, slots=True)
class After:
    """`ms` after the previous step ended, or after the answer for the first."""

    ms: int


@dataclass(frozen=True, slots=True)
class At:
    """`ms` after the call was answered."""

    ms: int


When = AfterAgent | Interrupt | After | At


@dataclass(frozen=True, slots=True)
class Say:
    """Speak `ulaw` (8 kHz). `label` is what the report calls it."""

    ulaw: bytes
    label: str


@dataclass(frozen=True, slots=True)
class Keys:
    """Press keys, one every 250 ms."""

    digits: str

    def __post_init__(self) -> None:
        if not self.digits or set(self.digits) - KEYS:
            raise BadScript(f"keys are 0-9 * # A-D, not {self.digits!r}")


@dataclass(frozen=True, slots=True)
class HangUp:
    """Put the receiver down."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Stay silent for `ms`."""

    ms: int


Action = Say | Keys | HangUp | Wait


@dataclass(frozen=True, slots=True)
class Step:
    """One thing the caller does and when it starts."""

    when: When
    do: Action


@dataclass(frozen=True, slots=True)
class Script:
    """The caller's whole part. Steps run one after another; `hang_up_at_ms` and `die_at_ms` cut across them.

    After the last step the caller waits for the agent's answer and hangs up, unless `stay` (then until the agent does,
    or `max_ms`). `turn_silence_ms` is how long the agent must be silent before it counts as finished.
    """

    steps: tuple[Step, ...] = ()
    hang_up_at_ms: int | None = None
    die_at_ms: int | None = None
    turn_silence_ms: int = 900
    give_up_ms: int = 12_000
    max_ms: int = 600_000
    stay: bool = False


class _StepFile(msgspec.Struct, forbid_unknown_fields=True):
    say: str | None = None
    wav: str | None = None
    ulaw: bytes | None = None
    keys: str | None = None
    wait_ms: int | None = None
    hang_up: bool = False
    label: str | None = None
    after_ms: int | None = None
    at_ms: int | None = None
    interrupt_after_ms: int | None = None
    after_agent_ms: int | None = None


class ScriptFile(msgspec.Struct, forbid_unknown_fields=True):
    """A script as JSON; `script_from` makes it of use."""

    steps: list[_StepFile]
    hang_up_at_ms: int | None = None
    die_at_ms: int | None = None
    turn_silence_ms: int = 900
    give_up_ms: int = 12_000
    max_ms: int = 600_000
    stay: bool = False


def read_script(path: Path, speak: Callable[[str], bytes], load: Callable[[Path], bytes]) -> Script:
    """Read a JSON script.

    Each step has one of `say` (text), `wav` (a file, relative to the script), `ulaw` (the sound itself, base64),
    `keys`, `wait_ms`, `hang_up`; and at most one moment of `after_ms`, `at_ms`, `interrupt_after_ms`, `after_agent_ms`
    (without: when the agent has finished).
    `speak` and `load` make µ-law from a text and from a sound file. `BadScript` names the step.
    """
    try:
        file = msgspec.json.decode(path.read_bytes(), type=ScriptFile)
    except OSError as error:
        raise BadScript(f"cannot read {path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise BadScript(f"{path}: {error}") from error
    return script_from(file, str(path), path.parent, speak, load)


def script_from(
    file: ScriptFile, name: str, folder: Path, speak: Callable[[str], bytes], load: Callable[[Path], bytes]
) -> Script:
    """A script that was read from anywhere. `name` is for errors, `folder` for its sound files."""
    steps = []
    for number, step in enumerate(file.steps, 1):
        try:
            steps.append(Step(_when(step), _action(step, folder, speak, load)))
        except BadScript as error:
            raise BadScript(f"{name}, step {number}: {error}") from error
    return Script(
        steps=tuple(steps),
        hang_up_at_ms=file.hang_up_at_ms,
        die_at_ms=file.die_at_ms,
        turn_silence_ms=file.turn_silence_ms,
        give_up_ms=file.give_up_ms,
        max_ms=file.max_ms,
        stay=file.stay,
    )


def _when(step: _StepFile) -> When:
    given: list[When] = []
    if step.after_ms is not None:
        given.append(After(step.after_ms))
    if step.at_ms is not None:
        given.append(At(step.at_ms))
    if step.interrupt_after_ms is not None:
        given.append(Interrupt(step.interrupt_after_ms))
    if step.after_agent_ms is not None:
        given.append(AfterAgent(step.after_agent_ms))
    if len(given) > 1:
        raise BadScript("more than one moment is given")
    return given[0] if given else After(0) if step.wait_ms is not None else AfterAgent()


def _action(step: _StepFile, folder: Path, speak: Callable[[str], bytes], load: Callable[[Path], bytes]) -> Action:
    given: list[Action] = []
    if step.say is not None:
        given.append(Say(speak(step.say), step.label or step.say))
    if step.wav is not None:
        given.append(Say(load(folder / step.wav), step.label or Path(step.wav).stem))
    if step.ulaw is not None:
        given.append(Say(step.ulaw, step.label or ""))
    if step.keys is not None:
        given.append(Keys(step.keys))
    if step.wait_ms is not None:
        given.append(Wait(step.wait_ms))
    if step.hang_up:
        given.append(HangUp())
    if len(given) != 1:
        raise BadScript("needs exactly one of say, wav, ulaw, keys, wait_ms, hang_up")
    return given[0]


def as_file(script: Script) -> ScriptFile:
    """The script as JSON can carry it, sounds and all."""
    return ScriptFile(
        steps=[_as_step(step) for step in script.steps],
        hang_up_at_ms=script.hang_up_at_ms,
        die_at_ms=script.die_at_ms,
        turn_silence_ms=script.turn_silence_ms,
        give_up_ms=script.give_up_ms,
        max_ms=script.max_ms,
        stay=script.stay,
    )


def _as_step(step: Step) -> _StepFile:
    made = _StepFile()
    match step.when:
        case At(ms):
            made.at_ms = ms
        case After(ms):
            made.after_ms = ms
        case Interrupt(after_ms):
            made.interrupt_after_ms = after_ms
        case AfterAgent(silent_ms) if silent_ms is not None:
            made.after_agent_ms = silent_ms
    match step.do:
        case Say(ulaw, label):
            made.ulaw, made.label = ulaw, label
        case Keys(digits):
            made.keys = digits
        case Wait(ms):
            made.wait_ms = ms
        case HangUp():
            made.hang_up = True
    return made
