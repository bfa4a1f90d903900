"""From a blueprint to what a caller may say: a JSGF grammar whose every word has a pronunciation. Pure.

A word without one makes pocketsphinx refuse the whole grammar with "Failed to parse JSGF" and no more, so a phrase
that holds such a word is left out, and named in `dropped`. What the agent has just asked for is allowed and weighs
more; values of a form that nobody asks for are not allowed alone, or every cough would be a digit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from agents.voice.blueprint import Blueprint, Slot
from agents.voice.providers.local import phrases
from agents.voice.providers.local.dictionary import model_folder, pronunciations
from agents.voice.providers.local.slots import BEFORE, RULES, aliases
from agents.voice.providers.local.spoken import spoken

_NOT_VERBS: Final = frozenset(
    [
        "i",
        "i'd",
        "i'm",
        "can",
        "could",
        "may",
        "do",
        "does",
        "did",
        "is",
        "are",
        "am",
        "what",
        "when",
        "where",
        "who",
        "why",
        "how",
        "which",
        "please",
        "the",
        "a",
        "an",
        "it",
        "my",
        "there",
        "this",
        "that",
        "will",
        "would",
        "should",
        "have",
        "has",
    ]
)
_ASKED: Final = 1.0
_ALSO: Final = 0.3
_RARE: Final = 0.2
_EXTRA: Final = 0.05
"""Weights. JSGF alternatives are not normalised by pocketsphinx: 1 costs nothing, and short words that cost nothing are
heard in every breath. The language weight (6.5) is their exponent."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """`text` is JSGF; `words` are all words in it; `dropped` are phrases with a word that nobody can pronounce."""

    text: str
    words: frozenset[str]
    dropped: tuple[str, ...]


def unknown_words(texts: list[str]) -> list[str]:
    """Words of these texts that the recogniser's dictionary does not hold, in order, each once.

    At run time their sound is guessed from espeak-ng, which is less reliable. Nothing without the `offline` extra.
    """
    if model_folder() is None:
        return []
    words = list(dict.fromkeys(word for text in texts for word in spoken(text).split()))
    known = pronunciations(words)
    return [word for word in words if word not in known]


def vocabulary(blueprint: Blueprint) -> frozenset[str]:
    """Every word that any grammar of this blueprint may hold."""
    return _Writer(blueprint, None).build(all_slots(blueprint)).words


def all_slots(blueprint: Blueprint) -> tuple[str, ...]:
    """The hint that allows everything."""
    return tuple(dict.fromkeys(slot.name for form in blueprint.forms for slot in form.slots))


def build(blueprint: Blueprint, hints: tuple[str, ...] = (), known: Collection[str] | None = None) -> Grammar:
    """The grammar after the agent asked for `hints` (kinds and names of slots; the first one that fits weighs most).

    `known` are the words with a pronunciation; None takes all for known.
    """
    return _Writer(blueprint, known).build(hints)


class _Writer:
    def __init__(self, blueprint: Blueprint, known: Collection[str] | None) -> None:
        self.blueprint = blueprint
        self.known = known
        self.words: dict[str, None] = {}
        self.dropped: list[str] = []

    def build(self, hints: tuple[str, ...]) -> Grammar:
        blueprint = self.blueprint
        slots = [slot for form in blueprint.forms for slot in form.slots]
        rules = [
            self.rule("opener", phrases.OPENERS),
            self.rule("closer", phrases.CLOSERS),
            self.rule("asking", phrases.ASKING),
            self.rule("wanting", phrases.WANTING),
            self.rule("saying", (text for group in phrases.SAYINGS.values() for text in group)),
            *self.kinds({slot.kind for slot in slots} | {"yesno"}),
        ]
        ways = ["<saying>", "<yesno>"]
        questions = [text for answer in blueprint.answers for text in (answer.question, *answer.phrasings)]
        if rule := self.rule("question", questions):
            rules.append(rule)
            ways.append(f"[/{_RARE}/ <asking>] <question>")
        for index, form in enumerate(blueprint.forms):
            fills = [name for slot in form.slots if (name := self.fill(rules, slot, f"fill{index}"))]
            for name, texts in self.triggers(form.phrases):
                if rule := self.rule(f"{name}{index}", texts):
                    rules.append(rule)
                    lead = f"[/{_RARE}/ <wanting>] " if name == "doing" else ""
                    ways.append(lead + f"<{name}{index}>" + "".join(f" [/{_EXTRA}/ <{fill}>]" for fill in fills))
        rules.append(self.transfers())
        ways.append("<transfer>")
        ways += self.asked(rules, slots, hints)
        public = f"public <said> = [/{_EXTRA}/ <opener>] ({' | '.join(ways)}) [/{_RARE}/ <closer>];"
        text = "\n".join(["#JSGF V1.0;", "grammar agent;", *(rule for rule in rules if rule), public, ""])
        return Grammar(text, frozenset(self.words), tuple(self.dropped))

    def triggers(self, texts: Iterable[str]) -> list[tuple[str, list[str]]]:
        """Phrases that begin with a verb take "I would like to" before them; the others do not."""
        said = [spoken(text) for text in texts]
        doing = [text for text in said if text and text.split()[0] not in _NOT_VERBS]
        return [("saying", [text for text in said if text not in doing]), ("doing", doing)]

    def transfers(self) -> str:
        names = [f"the {spoken(target.name)}" for target in self.blueprint.targets if target.name]
        names += [spoken(target.name) for target in self.blueprint.targets]
        whom = self.alternatives([*names, *phrases.PERSONS])
        connect, talk = self.alternatives(phrases.CONNECT), self.alternatives(phrases.TALK)
        return (
            f"<whom> = {whom};\n"
            f"<transfer> = [<wanting>] (({connect}) <whom> | ({talk}) <whom>) | <whom>;"
        )  # fmt: skip

    def kinds(self, kinds: set[str]) -> list[str]:
        for kind in sorted(kinds):
            for rule in RULES[kind]:
                self.take(_words_of(rule))
        return [rule for kind in sorted(kinds) for rule in RULES[kind]]

    def values(self, slot: Slot) -> str:
        """The expression for what a slot may hold."""
        return self.alternatives(aliases(slot)) if slot.kind == "choice" else f"<{slot.kind}>"

    def fill(self, rules: list[str], slot: Slot, name: str) -> str:
        """A rule for a fact that comes along with the wish, as in "an appointment with Doctor Rao on Tuesday"."""
        if slot.kind in {"digits", "yesno"}:
            return ""
        values = self.values(slot)
        if not values:
            return ""
        name = f"{name}{sum(1 for rule in rules if rule.startswith(f'<{name}'))}"
        rules.append(f"<{name}> = [{self.alternatives(BEFORE[slot.kind][:3])}] ({values});")
        return name

    def asked(self, rules: list[str], slots: list[Slot], hints: tuple[str, ...]) -> list[str]:
        names = {slot.name for slot in slots}
        wanted = [hint for hint in hints if hint in names]
        kinds = [hint for hint in hints if hint in RULES and not wanted]
        ways: list[str] = []
        changes: list[str] = []
        for slot in dict.fromkeys(slots):
            if slot.kind == "yesno" or (slot.name not in wanted and slot.kind not in kinds):
                continue
            values = self.values(slot)
            if not values:
                continue
            first = slot.name in wanted[:1] or slot.kind in kinds
            if slot.kind == "digits" and not first and "yesno" not in hints:
                continue
            name = f"value{len(rules)}"
            rules.append(f"<{name}> = [/{_RARE}/ ({self.alternatives(BEFORE[slot.kind])})] ({values});")
            ways.append(f"/{_ASKED if first else _ALSO}/ <{name}>")
            if name_said := self.alternatives([slot.name]):
                changes.append(f"{name_said} [to <{name}>]")
        if changes:
            self.take({"change", "to", "the"})
            rules.append(f"<change> = change [the] ({' | '.join(changes)});")
            ways.append(f"/{_ALSO}/ [<wanting>] <change>")
        if not ways:
            return []
        rules.append(f"<wanted> = {' | '.join(ways)};")
        return [f"<wanted> [/{_EXTRA}/ <wanted>]" if len(ways) > 2 else "<wanted>"]

    def rule(self, name: str, texts: Iterable[str]) -> str:
        body = self.alternatives(texts)
        return f"<{name}> = {body};" if body else ""

    def alternatives(self, texts: Iterable[str]) -> str:
        kept = []
        for text in dict.fromkeys(map(spoken, texts)):
            words = text.split()
            if not words:
                continue
            if self.known is not None and not all(word in self.known for word in words):
                self.dropped.append(text)
                continue
            self.take(words)
            kept.append(text)
        return " | ".join(kept)

    def take(self, words: Iterable[str]) -> None:
        self.words.update(dict.fromkeys(words))


def _words_of(rule: str) -> set[str]:
    """The words of a piece of JSGF that is known to be sound."""
    body = rule.split("=", 1)[-1]
    for mark in "[]()|;+*":
        body = body.replace(mark, " ")
    return {word for word in body.split() if not word.startswith("<")}
