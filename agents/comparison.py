"""What changed between two configs, in words and in the order of the editor: for the review before publishing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from agents import catalogue
from agents.config import AgentConfig
from agents.hours import said_week
from agents.voice.blueprint import Form, HttpTool, McpServer, Slot, Stage, Tongue, TransferTarget

SectionName = (
    Literal["identity", "opening", "recording", "languages", "answers", "forms", "model", "second", "limits", "targets"]
    | Literal["tools", "mcp", "lookup", "variables"]
)


@dataclass(frozen=True, slots=True)
class Piece:
    """Some words of a line."""

    text: str
    changed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """`same` lines stand next to a changed one."""

    kind: Literal["same", "out", "in"]
    pieces: tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One setting that differs; `label` is what the editor calls it."""

    section: SectionName
    label: str
    lines: tuple[Line, ...]


Setting = tuple[SectionName, str]

_WORD = re.compile(r"\S+\s*|\s+")  # with the space behind it, so that changed words in a row are one piece


def compare(old: AgentConfig | None, new: AgentConfig) -> tuple[Change, ...]:
    """Empty when nothing differs. Without `old` everything that is set is new."""
    before = dict(_settings(old)) if old else {}
    after = dict(_settings(new))
    changes = [
        Change(setting[0], setting[1], _lines(before.get(setting, ""), after.get(setting, "")))
        for setting in [*after, *(setting for setting in before if setting not in after)]
        if before.get(setting, "") != after.get(setting, "")
    ]
    if old is not None and old != new and not changes:
        changes = list(_reordered(list(before), list(after)))
    return tuple(changes)


def _settings(config: AgentConfig) -> Iterator[tuple[Setting, str]]:
    """Every setting as text. Rows of a list are known by their name; a second one of a name is counted."""
    yield ("identity", "Name"), config.name
    yield ("identity", "Language"), catalogue.language_name(config.language)
    yield ("identity", "Voice"), _stage("tts", config.tts)
    yield ("opening", "First words"), config.greeting
    yield ("opening", "Instructions"), config.instructions
    interrupted = "may" if config.greeting_interruptible else "may not"
    yield ("opening", "Interrupting"), f"Callers {interrupted} interrupt the first words"
    yield ("recording", "Recording"), _recording(config)
    yield ("recording", "Said before it"), config.consent
    yield ("recording", "Kept"), f"{config.keep_days} days" if config.keep_days else "Until it is deleted"
    yield from _rows("languages", [(catalogue.language_name(row.language), _tongue(row)) for row in config.tongues])
    yield from _rows("answers", [(row.question, _paragraphs(row.answer, *row.phrasings)) for row in config.answers])
    yield from _rows("forms", [(form.name, _form(form)) for form in config.forms])
    yield ("model", "Hears and speaks"), _stage("realtime", config.realtime)
    yield ("model", "Model"), _stage("llm", config.llm)
    yield ("model", "Listening"), _stage("stt", config.stt)
    yield ("model", "Words to expect"), _paragraphs(*config.key_terms)
    yield ("second", "Second listener"), _stage("stt", config.second.stt)
    yield ("second", "Second model"), _stage("llm", config.second.llm)
    yield ("second", "Second voice"), _stage("tts", config.second.tts)
    yield ("limits", "Asks again after"), f"{config.limits.idle_ms / 1000:g} s of silence"
    yield ("limits", "Asks again"), f"{config.limits.idle_prompts} times"
    yield ("limits", "Longest call"), f"{config.limits.max_call_s / 60:g} minutes"
    yield ("limits", "Warns"), f"{config.limits.warn_before_s} s before the end"
    yield ("limits", "When the caller is silent"), config.phrases.idle
    yield ("limits", "When the caller cannot be understood"), config.phrases.unheard
    yield ("limits", "Goodbye"), config.phrases.goodbye
    yield ("limits", "Before the end"), config.phrases.closing
    yield ("limits", "When something fails"), config.phrases.trouble
    yield ("limits", "When something takes long"), config.phrases.wait
    yield ("limits", "When nothing works"), config.phrases.failed
    yield ("limits", "Message for a voicemail"), config.phrases.voicemail
    yield ("limits", "After the line was lost"), config.phrases.resumed
    yield ("limits", "To have something said again"), config.phrases.again
    yield from _rows("targets", [(target.name, _target(target)) for target in config.targets])
    yield from _rows("tools", [(tool.name, _tool(tool)) for tool in config.tools])
    yield from _rows("mcp", [(server.name, _server(server)) for server in config.mcp])
    yield ("lookup", "Look-up"), _lookup(config.lookup)
    yield from _rows("variables", list(config.variables))


def _target(target: TransferTarget) -> str:
    several = len(target.destinations) > 1
    lines = (
        ", ".join(target.destinations) + (", all at once" if several and target.at_once else ""),
        "After a word with the colleague" if target.warm else "",
        f"Each rings for {target.ring_s} s" if target.ring_s != TransferTarget("").ring_s else "",
        target.waiting,
        said_week(target.weekly),
    )
    return _paragraphs(*filter(None, lines))


def _recording(config: AgentConfig) -> str:
    if not config.record:
        return "Calls are not recorded"
    return "Calls are recorded" if config.recorder == "ours" else "Calls are recorded by the carrier"


def _rows(section: SectionName, rows: list[tuple[str, str]]) -> Iterator[tuple[Setting, str]]:
    seen: dict[str, int] = {}
    for name, text in rows:
        seen[name] = seen.get(name, 0) + 1
        label = name or "Without a name"
        yield (section, label if seen[name] == 1 else f"{label} ({seen[name]})"), text or " "


def _stage(name: catalogue.StageName, stage: Stage | None) -> str:
    if stage is None:
        return ""
    model = catalogue.find(name, stage.provider, stage.model)
    if model is None:
        return f"{stage.provider}/{stage.model}"
    made = f"{stage.model}, on a server of your own" if model.free_name else model.name
    return ", ".join(filter(None, (made, catalogue.voice_name(model, stage.voice))))


def _tongue(tongue: Tongue) -> str:
    own = tuple(text for _, text in tongue.phrases)
    said = (tongue.greeting, tongue.consent, tongue.instructions, *own)
    return _paragraphs(f"Voice: {_stage('tts', tongue.tts)}", *filter(None, said))


def _form(form: Form) -> str:
    return _paragraphs(
        *(f"Begins with: {phrase}" for phrase in form.phrases),
        *(_slot(slot) for slot in form.slots),
        f"Ends with: {form.done}",
    )


def _slot(slot: Slot) -> str:
    options = f" ({', '.join(slot.options)})" if slot.options else ""
    return f"Asks {slot.name}, {slot.kind}{options}: {slot.prompt}"


def _tool(tool: HttpTool) -> str:
    changes = "only reads" if tool.effect == "read" else "changes something"
    return _paragraphs(
        tool.description,
        f"{tool.method} {tool.url}",
        *_headers(tool.headers),
        *(f"Arguments: {line}" for line in tool.schema.splitlines()),
        f"It {changes}, and is waited for {tool.timeout_ms / 1000:g} s",
        *filter(None, [tool.excuse and f"Says: {tool.excuse}"]),
    )


def _server(server: McpServer) -> str:
    allowed = ", ".join(server.tools) or "all of its tools"
    return _paragraphs(
        server.url, *_headers(server.headers), f"May use {allowed}, each for {server.timeout_ms / 1000:g} s"
    )


def _lookup(lookup: HttpTool | None) -> str:
    if lookup is None:
        return ""
    wait = f"Waited for {lookup.timeout_ms / 1000:g} s"
    return _paragraphs(f"{lookup.method} {lookup.url}", *_headers(lookup.headers), wait)


def _headers(headers: tuple[tuple[str, str], ...]) -> list[str]:
    return [f"{key}: {value}" for key, value in headers]


def _paragraphs(*lines: str) -> str:
    return "\n".join(lines)


def _reordered(before: list[Setting], after: list[Setting]) -> Iterator[Change]:
    """Same settings, other order of rows."""
    for section in dict.fromkeys(section for section, _ in after):
        old = ", ".join(label for name, label in before if name == section)
        new = ", ".join(label for name, label in after if name == section)
        if old != new:
            yield Change(section, "Order", _lines(old, new))


def _lines(before: str, after: str) -> tuple[Line, ...]:
    old, new = before.splitlines(), after.splitlines()
    lines: list[Line] = []
    codes = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    for place, (tag, start, stop, new_start, new_stop) in enumerate(codes):
        if tag == "equal":
            lines += _context(old[start:stop], first=place == 0, last=place == len(codes) - 1)
            continue
        pairs = min(stop - start, new_stop - new_start)
        for offset in range(pairs):
            lines += _words(old[start + offset], new[new_start + offset])
        lines += [Line("out", (Piece(line, True),)) for line in old[start + pairs : stop] if line]
        lines += [Line("in", (Piece(line, True),)) for line in new[new_start + pairs : new_stop] if line]
    return tuple(lines)


def _context(lines: list[str], *, first: bool, last: bool) -> list[Line]:
    """The nearest unchanged line on either side of a change."""
    near = lines[-1:] if first else lines[:1] if last else [*lines[:1], *lines[1:][-1:]]
    return [Line("same", (Piece(line),)) for line in near if line.strip()]


def _words(before: str, after: str) -> tuple[Line, ...]:
    old, new = _WORD.findall(before), _WORD.findall(after)
    plain_old, plain_new = [word.strip() for word in old], [word.strip() for word in new]
    out: list[Piece] = []
    into: list[Piece] = []
    for tag, start, stop, new_start, new_stop in SequenceMatcher(None, plain_old, plain_new, False).get_opcodes():
        if start < stop:
            out.append(Piece("".join(old[start:stop]), tag != "equal"))
        if new_start < new_stop:
            into.append(Piece("".join(new[new_start:new_stop]), tag != "equal"))
    return tuple(Line(kind, tuple(pieces)) for kind, pieces in (("out", out), ("in", into)) if pieces)  # type: ignore[arg-type]
