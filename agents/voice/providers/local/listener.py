"""The child process that runs pocketsphinx: `python -m agents.voice.providers.local.listener`.

pocketsphinx holds the interpreter lock while it decodes, so it may not run beside a call's event loop. One child serves
many calls: a decoder with a small dictionary of its own costs 6 MB and is lent to a caller only while he speaks; what
one caller's line sounds like (the cepstral mean) stays with the caller. Audio waits at most 10 s; the oldest goes.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
import warnings
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

from agents.voice.providers.local.dictionary import model_folder
from agents.voice.providers.local.wire import Parent

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

LEXICON, GRAMMAR, OPEN, EXPECT, AUDIO, FINALIZE, DROP, CLOSE = range(1, 9)
PARTIAL, RESULT, TROUBLE = range(1, 4)

_SLICE: Final = 800
"""µ-law bytes decoded at a time: 100 ms, so that nobody waits long for another caller."""
_MOST_WAITING: Final = 80_000
_PARTIAL_EVERY: Final = 1_600
_MOST_IDLE: Final = 8
"""Decoders kept for the next speaker: 25 MB with one grammar, 11 MB for each other that they have read."""
_MOST_GRAMMARS: Final = 4
_CEPSTRAL_MEAN: Final = "54.8,-0.7,-6.1,9.8,-4.2,-0.1,-2.0,0.8,-12.2,2.5,-6.5,2.8,-5.9"
"""Measured over telephone speech; the model's own first guess costs the first words."""
_REJECT_ABOVE: Final = 5.55
"""Of `_strain`, chosen by ear: synthetic voices at 8 kHz with noise. Comparing with a decoding by the full language
model did no better there and costs 0.4 of real time and 110 MB; comparing with a loop of phones did worse."""
_ASKED_FOR: Final = 0.35
"""More is believed of an answer to a question, which is short, and expected."""
_SCALE: Final = 1024
"""pocketsphinx gives segment scores shifted by ten bits when it makes no lattice; the lattice costs seconds here."""


def new_decoder(dictionary: str) -> Any:
    """A decoder that knows these words. Raises `RuntimeError`."""
    import pocketsphinx

    with tempfile.NamedTemporaryFile("w", suffix=".dict") as file:
        file.write(dictionary)
        file.flush()
        return pocketsphinx.Decoder(
            hmm=f"{model_folder()}/en-us",
            dict=file.name,
            lm=None,
            samprate=16_000,
            bestpath=False,
            topn=8,
            wip=0.1,
            cmninit=_CEPSTRAL_MEAN,
            loglevel="FATAL",
        )


@dataclass(slots=True)
class Lent:
    """A decoder with the grammars that it has read."""

    decoder: Any
    lexicon: int
    grammars: list[int] = field(default_factory=list)
    """The most recent last."""


@dataclass(slots=True)
class Caller:
    """One stream. `queue` holds audio, and numbers where an answer is due, in order; None stands for "forget it"."""

    lexicon: int
    grammar: int
    limit: float
    queue: deque[bytes | int | None] = field(default_factory=deque)
    waiting: int = 0
    dropped: int = 0
    lent: Lent | None = None
    state: Any = None
    mean: str = ""
    since_partial: int = 0
    before: list[str] = field(default_factory=list)
    told: str = ""
    trouble: str = ""


class Listener:
    """All callers of this child."""

    def __init__(self, parent: Parent) -> None:
        self.parent = parent
        self.lexicons: dict[int, str] = {}
        self.grammars: dict[int, str] = {}
        self.callers: OrderedDict[int, Caller] = OrderedDict()
        self.idle: list[Lent] = []

    def run(self) -> None:
        """Until the parent has gone."""
        while (messages := self.parent.messages(wait=not self.busy())) is not None:
            for message in messages:
                self.take(*message)
            self.work()

    def busy(self) -> bool:
        """Whether audio waits to be decoded."""
        return any(caller.queue for caller in self.callers.values())

    def take(self, kind: int, number: int, payload: bytes) -> None:
        """One message of the parent."""
        if kind == LEXICON:
            self.lexicons[number] = payload.decode()
        elif kind == GRAMMAR:
            self.grammars[number] = payload.decode()
        elif kind == OPEN:
            lexicon, grammar, asked = json.loads(payload)
            self.callers[number] = Caller(lexicon, grammar, _limit(asked))
            self.prepare(lexicon, grammar)
        elif (caller := self.callers.get(number)) is None:
            return
        elif kind == EXPECT:
            caller.grammar, asked = json.loads(payload)
            caller.limit = _limit(asked)
            self.prepare(caller.lexicon, caller.grammar)
        elif kind == AUDIO:
            self.audio(caller, payload)
        elif kind == FINALIZE:
            caller.queue.append(json.loads(payload))
        elif kind == DROP:
            caller.queue.append(None)
        elif kind == CLOSE:
            self.give_back(caller)
            del self.callers[number]

    def prepare(self, lexicon: int, grammar: int) -> None:
        """Read a grammar before somebody speaks, while the agent still does: it takes 80 ms."""
        if not any(lent.lexicon == lexicon and grammar in lent.grammars for lent in self.idle):
            try:
                self.idle.append(self.find(lexicon, grammar))
            except RuntimeError:
                return  # whoever speaks first is told

    def audio(self, caller: Caller, data: bytes) -> None:
        caller.queue.extend(data[at : at + _SLICE] for at in range(0, len(data), _SLICE))
        caller.waiting += len(data)
        while caller.waiting > _MOST_WAITING:
            oldest = next(index for index, entry in enumerate(caller.queue) if isinstance(entry, bytes))
            lost = caller.queue[oldest]
            del caller.queue[oldest]
            if isinstance(lost, bytes):
                caller.waiting -= len(lost)
                caller.dropped += len(lost)

    def work(self) -> None:
        """One slice of everybody who has one."""
        for number, caller in list(self.callers.items()):
            if not caller.queue:
                continue
            entry = caller.queue.popleft()
            if isinstance(entry, bytes):
                caller.waiting -= len(entry)
                self.decode(number, caller, entry)
            elif entry is None:
                self.give_back(caller)
            else:
                self.finish(number, caller, entry)

    def find(self, lexicon: int, grammar: int) -> Lent:
        """A free decoder that has read the grammar. Raises `RuntimeError`."""
        fitting = [lent for lent in self.idle if lent.lexicon == lexicon]
        lent = next((lent for lent in fitting if grammar in lent.grammars), fitting[0] if fitting else None)
        if lent is None:
            lent = Lent(new_decoder(self.lexicons[lexicon]), lexicon)
        else:
            self.idle.remove(lent)
        decoder = lent.decoder
        if grammar in lent.grammars:
            lent.grammars.remove(grammar)
        else:
            decoder.add_jsgf_string(f"g{grammar}", self.grammars[grammar])
        lent.grammars.append(grammar)
        decoder.activate_search(f"g{grammar}")
        if len(lent.grammars) > _MOST_GRAMMARS:
            decoder.remove_search(f"g{lent.grammars.pop(0)}")
        return lent

    def begin(self, caller: Caller) -> Any:
        if caller.lent is None:
            caller.lent = self.find(caller.lexicon, caller.grammar)
            decoder = caller.lent.decoder
            decoder.set_cmn(caller.mean or _CEPSTRAL_MEAN)
            decoder.start_utt()
            caller.state, caller.since_partial, caller.before, caller.told = None, 0, [], ""
        return caller.lent.decoder

    def give_back(self, caller: Caller, *, ended: bool = False) -> None:
        """The utterance is over, or is given up."""
        if caller.lent is not None:
            if not ended:
                caller.lent.decoder.end_utt()
            caller.mean = caller.lent.decoder.get_cmn(False)
            self.idle.append(caller.lent)
            caller.lent = None
            del self.idle[:-_MOST_IDLE]

    def decode(self, number: int, caller: Caller, mulaw: bytes) -> None:
        try:
            decoder = self.begin(caller)
            pcm, caller.state = audioop.ratecv(audioop.ulaw2lin(mulaw, 2), 2, 1, 8_000, 16_000, caller.state)
            decoder.process_raw(pcm, False, False)
        except RuntimeError as error:
            self.forget(number, caller, error)
            return
        caller.since_partial += len(mulaw)
        if caller.since_partial >= _PARTIAL_EVERY:
            caller.since_partial = 0
            self.partial(number, caller, decoder)

    def partial(self, number: int, caller: Caller, decoder: Any) -> None:
        """Words that two looks in a row agree on, when they fit the sound at all."""
        words, strain = heard(decoder)
        pairs = zip(words, caller.before, strict=False)
        agreed = [word for word, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
        caller.before = words
        text = " ".join(agreed)
        if text and text != caller.told and strain <= caller.limit:
            caller.told = text
            self.parent.send(PARTIAL, number, text.encode())

    def finish(self, number: int, caller: Caller, ticket: int) -> None:
        """Answer a `finalize`."""
        words: list[str] = []
        strain = math.inf
        spoke = caller.lent is not None
        if caller.lent is not None:
            caller.lent.decoder.end_utt()
            words, strain = heard(caller.lent.decoder)
            self.give_back(caller, ended=True)
        good = bool(words) and strain <= caller.limit
        answer = {
            "ticket": ticket,
            "text": " ".join(words) if good else "",
            "confidence": round(1 / (1 + math.exp(min(strain - 4.6, 50.0) * 2)), 2) if words else None,
            "rejected": spoke and not good,
            "dropped": caller.dropped,
        }
        caller.dropped = 0
        self.parent.send(RESULT, number, json.dumps(answer).encode())

    def forget(self, number: int, caller: Caller, error: RuntimeError) -> None:
        caller.lent = None
        caller.queue.clear()
        caller.waiting = 0
        self.parent.send(TROUBLE, number, str(error).encode()[:500])


def _limit(asked: bool) -> float:
    return _REJECT_ABOVE + (_ASKED_FOR if asked else 0.0)


def heard(decoder: Any) -> tuple[list[str], float]:
    """The words so far, and how badly they fit: mean cost per frame, some of the worst word's, some of the silence's.

    Costs are pocketsphinx' acoustic log likelihoods relative to each frame's best sound, so they mean the same in any
    utterance; speech that the grammar does not know is charged to wrong words or to silence.
    """
    words: list[str] = []
    frames = total = 0.0
    worst = silence = 0.0
    for segment in decoder.seg() or ():
        cost = -_SCALE * math.log(segment.ascore) if segment.ascore > 0 else 1e6
        length = segment.end_frame - segment.start_frame + 1
        if segment.word[0] in "<[" or segment.word == "(NULL)":
            silence = max(silence, cost)
            continue
        words.append(segment.word.partition("(")[0])
        frames += length
        total += cost
        worst = max(worst, cost / length)
    if not words:
        return [], math.inf
    return words, total / frames + 0.15 * worst + 0.002 * silence


def main() -> None:
    """Serve the parent on standard input."""
    os.nice(5)  # the call's own process sends audio on a clock
    Listener(Parent()).run()


if __name__ == "__main__":
    main()
