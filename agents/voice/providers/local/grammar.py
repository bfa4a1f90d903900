"""From a blueprint to what a caller may say: a JSGF grammar whose every word has a pronunciation. Pure.

A word without one makes pocketsphinx refuse the whole grammar with "Failed to parse JSGF" and no more, so a phrase
that holds such a word is left out, and named in `dropped`. What the agent has just asked for is allowed and weighs
more; values of a form that nobody asks for are not allowed alone, or every cough would be a digit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from agents.voice.blueprint import Blueprint, Form, Slot
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
_ALSO: Final = 0.005
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
    return _Writer(blueprint, None).build(("yesno", *all_slots(blueprint))).words


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
            if trigger := self.trigger(form):
                rules.append(f"<form{index}> = {trigger};")
                ways.append(f"<form{index}>")
        rules.append(self.transfers())
        ways.append("<transfer>")
        ways += self.asked(slots, hints)
        public = f"public <said> = [/{_EXTRA}/ <opener>] ({' | '.join(ways)}) [/{_RARE}/ <closer>];"
        text = "\n".join(["#JSGF V1.0;", "grammar agent;", *(rule for rule in rules if rule), public, ""])
        return Grammar(text, frozenset(self.words), tuple(self.dropped))

    def trigger(self, form: Form) -> str:
        """How a form is asked for, with what may come along: "an appointment with Doctor Rao on Tuesday at four".

        Phrases that begin with a verb take "I would like to" before them; the others do not.
        """
        said = [spoken(text) for text in form.phrases]
        doing = [text for text in said if text and text.split()[0] not in _NOT_VERBS]
        ways = [self.alternatives(text for text in said if text not in doing)]
        if verbs := self.alternatives(doing):
            ways.append(f"[/{_RARE}/ <wanting>] ({verbs})")
        if not any(ways):
            return ""
        return f"({' | '.join(filter(None, ways))})" + "".join(self.along(slot) for slot in form.slots)

    def along(self, slot: Slot) -> str:
        """A fact that comes along with the wish."""
        values = {"day": "<soon>", "time": "<time>", "number": "<number>"}.get(slot.kind, "")
        if slot.kind == "choice":
            values = self.alternatives(aliases(slot))
        return f" [/{_EXTRA}/ [{self.alternatives(BEFORE[slot.kind][:3])}] ({values})]" if values else ""

    def transfers(self) -> str:
        names = [text for target in self.blueprint.targets for text in (f"the {spoken(target.name)}", target.name)]
        whom = self.alternatives([*names, *phrases.PERSONS])
        ways = self.alternatives([*phrases.CONNECT, *phrases.TALK])
        return f"<transfer> = [/{_RARE}/ [<wanting>] ({ways})] ({whom});"

    def kinds(self, kinds: set[str]) -> list[str]:
        for kind in sorted(kinds):
            for rule in RULES[kind]:
                self.take(_words_of(rule))
        return [rule for kind in sorted(kinds) for rule in RULES[kind]]

    def values(self, slot: Slot) -> str:
        """The expression for what a slot may hold."""
        return self.alternatives(aliases(slot)) if slot.kind == "choice" else f"<{slot.kind}>"

    def asked(self, slots: list[Slot], hints: tuple[str, ...]) -> list[str]:
        """Facts alone, one after the other in the order of the form; each rule is used once, or memory doubles."""
        names = {slot.name for slot in slots}
        wanted = [hint for hint in hints if hint in names]
        kinds = [hint for hint in hints if hint in RULES and not wanted]
        ways: list[str] = []
        changed: list[str] = []
        for slot in dict.fromkeys(slots):
            if slot.kind == "yesno" or (slot.name not in wanted and slot.kind not in kinds):
                continue
            first = slot.name in wanted[:1] or slot.kind in kinds
            values = self.values(slot)
            if not values or (slot.kind == "digits" and not first and "yesno" not in hints):
                continue
            before = self.alternatives(BEFORE[slot.kind])
            ways.append(f"[/{_ASKED if first else _ALSO}/ [/{_RARE}/ ({before})] ({values})]")
            changed.append(slot.name)
        if not ways:
            return []
        said = [f"change {the}{name} {to}" for name in changed for the in ("", "the ") for to in ("", "to")]
        if change := self.alternatives(said):
            ways.insert(0, f"[/{_EXTRA}/ [<wanting>] ({change})]")
        return [" ".join(ways)]

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
            kept.append(words)
        return _tree(kept)

    def take(self, words: Iterable[str]) -> None:
        self.words.update(dict.fromkeys(words))


def _tree(phrases: list[list[str]]) -> str:
    """Alternatives with what they begin with in common written once: a third of the states, and of the time."""
    branches: dict[str, list[list[str]]] = {}
    for words in phrases:
        branches.setdefault(words[0], []).append(words[1:])
    ways = []
    for word, rests in branches.items():
        longer = [rest for rest in rests if rest]
        if not longer:
            ways.append(word)
        elif len(longer) < len(rests):
            ways.append(f"{word} [{_tree(longer)}]")
        else:
            ways.append(f"{word} ({_tree(longer)})" if len(longer) > 1 else f"{word} {' '.join(longer[0])}")
    return " | ".join(ways)


def _words_of(rule: str) -> set[str]:
    """The words of a piece of JSGF that is known to be sound."""
    body = rule.split("=", 1)[-1]
    for mark in "[]()|;+*":
        body = body.replace(mark, " ")
    return {word for word in body.split() if not word.startswith("<")}
