"""Moments of a call as short scripts against the floor alone: who does what when, and what the floor wants done.

A script is lines of `seconds who what`. The caller: `on`, `off` (the detector notices each 200 ms late), `says` a
running transcript, `said` the last words of a segment (`said?` for words that may not be all, `mumbled` for a
guess), `eager`, `resumed`, `ended` (a provider's turns), `maybe`, `nothing`, `keys`. The agent: `audible`, `heard`,
`empty`, `last` (this reply ends the call), `wants` (that many keys). Others: `left` (ms of the reply), `score`, `set`,
`wait` (nothing happens).

The greeting is over at 10 s unless the script begins earlier. What is expected is written the same way: each action in
short, with the time of those that matter.
"""

import pytest

from agents.voice import events as e
from agents.voice.blueprint import Limits
from agents.voice.floor import Floor
from agents.voice.words import lexicon

LIMITS = Limits(idle_ms=8_000, idle_prompts=2, max_call_s=300, warn_before_s=60)
SEGMENTS = {"turns": "segments"}
MODEL = {"turns": "segments", "turn_model": True}
FLUX = {"turns": "provider"}

ASKED = """
10.2 caller on
11.0 caller off
11.1 caller said what are your hours
11.75 wait
"""
"""The caller has asked something; the answer is being thought of."""
SPEAKING = ASKED + "12.0 agent audible\n"
"""The answer can be heard."""
MURMUR = "10.2 caller on\n11.2 caller off\n11.3 caller said\n"
MURMUR_AGAIN = "14.2 caller on\n15.2 caller off\n15.3 caller said\n15.9 wait\n"


def perform(script: str, language: str = "en", greeted: bool = True, **options) -> list[str]:
    """Play a script; what was done, as `seconds action`."""
    floor = Floor(lexicon(language), LIMITS, now=0.0, **options)
    if greeted:
        floor.on(e.ReplyAudible(), 0.1)
        floor.on(e.ReplyHeard(), 10.0)
    done: list[str] = []
    for line in filter(str.strip, script.splitlines()):
        at, who, *rest = line.split(maxsplit=3)
        now = float(at)
        while floor.next_deadline is not None and floor.next_deadline <= now:
            due = floor.next_deadline
            done += [f"{due:.2f} {short(action)}" for action in floor.on(e.Tick(), due)]
        what, text = [*rest, "", ""][:2]
        event = happened(floor, now, who, what, text)
        done += [f"{now:.2f} {short(action)}" for action in floor.on(event, now)]
    return done


def happened(floor: Floor, now: float, who: str, what: str, text: str) -> e.Event:
    match who, what:
        case "wait", _:
            return e.Tick()
        case "set", _:
            words = text if what == "saying" else tuple(text.split(","))
            setattr(floor, what, {"yes": True, "no": False}.get(text, words))
            return e.Tick()
        case "left", _:
            floor.remaining_ms = None if what == "unknown" else float(what)
            return e.Tick()
        case "score", _:
            return e.Scored(floor.turn.ended, None if what == "none" else float(what))
        case "caller", "on":
            return e.CallerOn(now - 0.2)
        case "caller", "off":
            return e.CallerOff(now - 0.2)
        case "caller", "said":
            return e.HeardFinally(text, closes=True)
        case "caller", "mumbled":
            return e.HeardFinally(text, closes=True, confidence=0.2)
        case "caller", "said?":
            return e.HeardFinally(text, closes=False)
        case "caller", "keys":
            return e.Pressed(text)
        case "agent", "last":
            return e.Closing("goodbye")
        case "agent", "wants":
            return e.WantDigits(int(text) if text else None)
    simple = {"maybe": e.CallerMaybe, "nothing": e.CallerNothing, "resumed": e.Resumed, "audible": e.ReplyAudible}
    simple |= {"heard": e.ReplyHeard, "empty": e.ReplyEmpty}
    if what in simple:
        return simple[what]()
    return {"says": e.Heard, "eager": e.Eager, "ended": e.TurnEnded}[what](text)


def short(action: e.Action) -> str:
    match action:
        case e.CommitCaller():
            how = "keys" if action.keys else "rejected" if action.rejected else "turn" if action.reply else "noted"
            return f"{how} {action.text}".strip()
        case e.Nod(text=text):
            return f"nod {text}"
        case e.Release(rewind=rewind):
            return "rewind" if rewind else "release"
        case e.Note(kind=kind):
            return kind
        case e.StartDraft(text=text):
            return f"draft {text}"
        case e.DropDraft(why=why):
            return f"drop {why}"
        case e.DigitsDone():
            return f"digits {action.digits or '-'} {'complete' if action.complete else action.said or 'timeout'}"
        case e.Raise(boost=boost):
            return f"raise {boost}"
        case e.SayIdle(number=number):
            return f"idle {number}"
        case e.EndCall(reason=reason):
            return f"end {reason}"
        case e.ScoreTurn():
            return "score?"
    return {
        e.Hold: "hold",
        e.CutReply: "cut",
        e.AskFinalize: "finalize",
        e.StopPrompt: "stop",
        e.SayClosing: "closing",
        e.SayUnheard: "cannot hear",
        e.SayGoodbye: "goodbye",
    }[type(action)]


SCENARIOS = {
    # --- one speaks ---
    "a finished sentence without a turn model waits 700 ms": (
        SEGMENTS,
        ASKED,
        "11.00 finalize; 11.10 draft what are your hours; 11.50 turn what are your hours",
    ),
    "a pause in mid-sentence": (
        SEGMENTS,
        """
        10.2 caller on
        11.0 caller off
        11.1 caller said i would like to
        11.9 caller on
        13.0 caller off
        13.1 caller said book a table
        14 wait
        """,
        "11.00 finalize; 13.00 finalize; 13.10 draft i would like to book a table; "
        "13.50 turn i would like to book a table",
    ),
    "the same with a model that hears that it goes on": (
        MODEL,
        """
        10.2 caller on
        11.0 caller off
        11.08 score 0.1
        11.1 caller said i need
        12.5 caller on
        13.0 caller off
        13.08 score 0.9
        13.15 caller said a table
        14 wait
        """,
        "11.00 finalize; 11.00 score?; 13.00 finalize; 13.00 score?; 13.25 turn i need a table",
    ),
    "an unsure model waits 900 ms": (
        MODEL,
        """
        10.2 caller on
        11.0 caller off
        11.08 score 0.4
        11.1 caller said a table tomorrow
        13 wait
        """,
        "11.00 finalize; 11.00 score?; 11.70 turn a table tomorrow",
    ),
    "a model without time counts as unsure": (
        MODEL,
        """
        10.2 caller on
        11.0 caller off
        11.12 score none
        11.13 caller said a table tomorrow
        13 wait
        """,
        "11.00 finalize; 11.00 score?; 11.70 turn a table tomorrow",
    ),
    "a model that hears an open end waits 1800 ms": (
        MODEL,
        """
        10.2 caller on
        11.0 caller off
        11.08 score 0.1
        11.1 caller said a table tomorrow
        14 wait
        """,
        "11.00 finalize; 11.00 score?; 12.60 turn a table tomorrow",
    ),
    "a complete melody with a hanging word waits 900 ms": (
        MODEL,
        """
        10.2 caller on
        11.0 caller off
        11.08 score 0.9
        11.1 caller said book a table and
        14 wait
        """,
        "11.00 finalize; 11.00 score?; 11.10 draft book a table and; 11.70 turn book a table and",
    ),
    "a model that never answers leaves it to the language": (
        MODEL,
        """
        10.2 caller on
        11.0 caller off
        11.1 caller said a table tomorrow
        14 wait
        """,
        "11.00 finalize; 11.00 score?; 11.50 turn a table tomorrow",
    ),
    "a hesitation gets 600 ms more, once": (
        SEGMENTS,
        """
        10.2 caller on
        10.6 caller off
        10.7 caller said um
        11.6 caller on
        12.0 caller off
        12.1 caller said uh
        14 wait
        """,
        "10.60 finalize; 12.00 finalize; 13.00 turn um uh",
    ),
    "digits in groups": (
        SEGMENTS,
        """
        10.0 set hints digits
        10.2 caller on
        11.0 caller off
        11.1 caller said nine eight four
        11.6 caller on
        12.4 caller off
        12.5 caller said five six
        14 wait
        """,
        "11.00 finalize; 12.40 finalize; 13.10 turn nine eight four five six",
    ),
    "digits after a question for them": (
        SEGMENTS,
        """
        10.0 set saying Sure. What is your phone number?
        10.2 caller on
        11.0 caller off
        11.1 caller said nine eight four
        11.6 caller on
        12.4 caller off
        12.5 caller said five six
        14 wait
        """,
        "11.00 finalize; 12.40 finalize; 13.10 turn nine eight four five six",
    ),
    "digits left hanging wait four seconds": (
        SEGMENTS,
        """
        10.0 set hints digits
        10.2 caller on
        11.0 caller off
        11.1 caller said nine eight and
        16 wait
        """,
        "11.00 finalize; 14.80 turn nine eight and",
    ),
    "one moment please": (
        SEGMENTS,
        """
        10.2 caller on
        11.0 caller off
        11.1 caller said one moment please
        31.4 wait
        31.6 wait
        """,
        "11.00 finalize; 11.50 noted one moment please; 31.50 idle 1",
    ),
    "ek minute, with a cough while the caller looks": (
        {**SEGMENTS, "language": "hi"},
        """
        10.2 caller on
        11.0 caller off
        11.1 caller said haan ek minute
        15.0 caller maybe
        15.2 caller nothing
        31.4 wait
        31.6 wait
        """,
        "11.00 finalize; 11.50 noted haan ek minute; 31.50 idle 1",
    ),
    "a cough in silence": (
        SEGMENTS,
        """
        10.2 caller on
        10.5 caller off
        10.6 caller said
        13 wait
        """,
        "10.50 finalize",
    ),
    "speech that never becomes words is asked about": (
        SEGMENTS,
        """
        10.2 caller on
        11.5 caller off
        17 wait
        """,
        "11.50 finalize; 16.30 rejected",
    ),
    "a quiet caller whom only the recogniser hears": (
        SEGMENTS,
        """
        11.0 caller said opening hours please
        12 wait
        """,
        "11.30 turn opening hours please",
    ),
    "a quiet yes after a question": (
        SEGMENTS,
        """
        10.1 set asked yes
        11.0 caller said yes
        12 wait
        """,
        "11.30 turn yes",
    ),
    "a final that comes after the turn was closed without it": (
        SEGMENTS,
        """
        10.2 caller on
        10.9 caller says what are your hours
        11.0 caller off
        12.1 caller said what are your hours
        13 wait
        """,
        "11.00 finalize; 12.00 turn what are your hours",
    ),
    "the rest of a final that comes late": (
        SEGMENTS,
        """
        10.2 caller on
        10.9 caller says what are your
        11.0 caller off
        12.6 caller said what are your hours on sunday
        13 wait
        """,
        "11.00 finalize; 12.50 turn what are your; 12.60 cut; 12.60 turn hours on sunday",
    ),
    "thirty seconds of noise": (
        SEGMENTS,
        """
        10.2 caller on
        41.0 wait
        """,
        "40.20 noisy_line; 40.20 finalize",
    ),
    # --- a provider ends the turns ---
    "a provider's draft is adopted": (
        FLUX,
        """
        10.2 caller on
        10.8 caller eager book a table
        11.0 caller off
        11.1 caller ended Book a table.
        13 wait
        """,
        "10.80 draft book a table; 11.10 turn Book a table.",
    ),
    "a provider takes its guess back": (
        FLUX,
        """
        10.2 caller on
        10.8 caller eager book a table
        11.2 caller resumed
        11.3 caller says book a table for
        11.9 caller eager book a table for two
        12.1 caller ended book a table for two
        13 wait
        """,
        "10.80 draft book a table; 11.20 drop resumed; 11.90 draft book a table for two; "
        "12.10 turn book a table for two",
    ),
    "three drafts per turn at most": (
        FLUX,
        """
        10.2 caller on
        10.8 caller eager one
        11.0 caller resumed
        11.2 caller eager one two
        11.4 caller resumed
        11.6 caller eager one two three
        11.8 caller resumed
        12.0 caller eager one two three four
        12.3 caller ended one two three four
        """,
        "10.80 draft one; 11.00 drop resumed; 11.20 draft one two; 11.40 drop resumed; 11.60 draft one two three; "
        "11.80 drop resumed; 12.30 turn one two three four",
    ),
    "no draft after ten seconds of speech": (
        FLUX,
        """
        10.2 caller on
        20.5 caller eager a very long story
        20.7 caller ended a very long story
        """,
        "20.70 turn a very long story",
    ),
    "no drafts when they are not worth their price": (
        {**FLUX, "drafts": False},
        """
        10.2 caller on
        10.8 caller eager book a table
        11.1 caller ended book a table
        """,
        "11.10 turn book a table",
    ),
    "a provider is not asked at each pause, and believed over the detector": (
        FLUX,
        """
        10.2 caller on
        11.0 caller says book a
        11.0 caller off
        11.8 caller on
        12.5 caller ended book a table
        14 wait
        """,
        "12.50 turn book a table",
    ),
    "a provider that is stuck is asked, and then overruled": (
        FLUX,
        """
        10.2 caller on
        10.9 caller says book a table
        11.0 caller off
        15 wait
        """,
        "13.30 finalize; 13.80 stuck_turn; 13.80 turn book a table",
    ),
    "a stuck provider's late word changes nothing": (
        FLUX,
        """
        10.2 caller on
        10.9 caller says book a table
        11.0 caller off
        14.5 caller ended Book a table.
        15 wait
        """,
        "13.30 finalize; 13.80 stuck_turn; 13.80 turn book a table",
    ),
    "a provider that answers the question": (
        FLUX,
        """
        10.2 caller on
        10.9 caller says book a table
        11.0 caller off
        13.6 caller ended book a table
        15 wait
        """,
        "13.30 finalize; 13.60 turn book a table",
    ),
    "a provider hears a caller whom the detector does not": (
        FLUX,
        """
        10.9 caller says book a
        11.5 caller says book a table
        11.9 caller ended book a table
        """,
        "11.90 turn book a table",
    ),
    "a provider that says nothing to a noise": (
        FLUX,
        """
        10.2 caller on
        10.7 caller off
        14 wait
        22 wait
        """,
        "21.00 idle 1",
    ),
    "a provider that takes its guess back while the detector hears nothing": (
        FLUX,
        """
        10.2 caller on
        10.8 caller says book a
        11.0 caller off
        11.1 caller eager book a
        11.3 caller resumed
        13.5 caller says book a table
        15.9 caller ended book a table
        """,
        "11.10 draft book a; 11.30 drop resumed; 15.90 turn book a table",
    ),
    "a provider's turns are groups while a number is dictated": (
        FLUX,
        """
        10.1 set saying What is your phone number?
        10.2 caller on
        10.9 caller says nine eight four
        11.2 caller off
        11.5 caller ended nine eight four
        11.8 caller on
        12.3 caller says four two
        12.8 caller off
        13.1 caller ended four two one
        15 wait
        """,
        "13.50 turn nine eight four four two one",
    ),
    "a caller who dictates nothing more is not kept waiting": (
        FLUX,
        """
        10.1 set saying What is your phone number?
        10.2 caller on
        11.2 caller off
        12.1 caller ended nine eight four
        """,
        "12.10 turn nine eight four",
    ),
    "a number of which digits are missing is waited for, and a cough does not end it": (
        FLUX,
        """
        10.1 agent wants 6
        10.2 caller on
        10.9 caller says nine eight four
        11.2 caller off
        11.5 caller ended nine eight four
        12.2 caller on
        12.6 caller off
        13.7 caller on
        14.0 caller says four two one
        14.2 caller off
        14.5 caller ended four two one
        16 wait
        """,
        "14.90 digits - nine eight four four two one",
    ),
    # --- a segment recogniser's drafts ---
    "a draft when the melody is complete and the words stand still": (
        MODEL,
        """
        10.2 caller on
        10.95 caller says book a table
        11.0 caller off
        11.05 score 0.9
        11.4 caller said book a table
        12 wait
        """,
        "11.00 finalize; 11.00 score?; 11.07 draft book a table; 11.40 turn book a table",
    ),
    "a draft of words that changed is dropped": (
        MODEL,
        """
        10.2 caller on
        10.8 caller says book a table
        11.0 caller off
        11.05 score 0.9
        11.15 caller says book a table for two
        11.6 caller said book a table for two
        12 wait
        """,
        "11.00 finalize; 11.00 score?; 11.05 draft book a table; 11.15 drop changed; 11.27 draft book a table for two; "
        "11.60 turn book a table for two",
    ),
    "a draft is dropped when the caller goes on": (
        SEGMENTS,
        """
        10.2 caller on
        11.0 caller off
        11.1 caller said book a table
        11.4 caller on
        12.4 caller off
        12.5 caller said tomorrow
        13 wait
        """,
        "11.00 finalize; 11.10 draft book a table; 11.40 drop went_on; 12.40 finalize; "
        "12.50 draft book a table tomorrow; 12.90 turn book a table tomorrow",
    ),
    "a sound just before the end of a turn puts it off": (
        SEGMENTS,
        """
        10.2 caller on
        11.0 caller off
        11.1 caller said book a table
        11.45 caller maybe
        11.6 caller nothing
        12 wait
        """,
        "11.00 finalize; 11.10 draft book a table; 11.70 turn book a table",
    ),
    "a recogniser that murmurs in silence is no turn, and no silence either": (
        SEGMENTS,
        """
        17.0 caller says hm
        18.1 wait
        25.1 wait
        """,
        "25.00 idle 1",
    ),
    # --- both speak ---
    "a barge-in": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.5 caller says no i meant",
        "15.20 hold; 15.50 cut",
    ),
    "one word is enough when it means stop": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.4 caller says wait",
        "15.20 hold; 15.40 cut",
    ),
    "ruko is enough for an English agent": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.4 caller says ruko",
        "15.20 hold; 15.40 cut",
    ),
    "one other word is enough after 800 ms": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.4 caller says tomorrow\n16.5 wait",
        "15.20 hold; 15.80 cut",
    ),
    "one other word is enough when it was all": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.5 caller off\n15.6 caller said tomorrow\n16.5 wait",
        "15.20 hold; 15.50 finalize; 15.60 cut; 15.60 draft tomorrow; 16.00 turn tomorrow",
    ),
    "a provider's guess is enough": (
        FLUX,
        SPEAKING.replace("said", "ended") + "15.2 caller on\n15.5 caller eager tomorrow\n15.8 caller ended tomorrow",
        "15.20 hold; 15.50 cut; 15.50 draft tomorrow; 15.80 turn tomorrow",
    ),
    "haan in mid-sentence": (
        SEGMENTS,
        SPEAKING + "15.0 left 5000\n15.2 caller on\n15.5 caller off\n15.55 caller said haan\n17 wait",
        "15.20 hold; 15.50 finalize; 15.60 release; 16.00 nod haan",
    ),
    "a long achha theek hai is still a nod": (
        {**SEGMENTS, "language": "hi"},
        SPEAKING + "15.2 caller on\n15.6 caller says achha\n16.3 caller off\n16.4 caller said achha theek hai\n18 wait",
        "15.20 hold; 16.30 finalize; 16.40 rewind; 16.80 nod achha theek hai",
    ),
    "haan after a question": (
        SEGMENTS,
        SPEAKING + "15.0 set asked yes\n15.2 caller on\n15.5 caller off\n15.6 caller said haan\n17 wait",
        "15.20 hold; 15.50 finalize; 15.60 cut; 15.60 draft haan; 16.00 turn haan",
    ),
    "haan long before the question at the end": (
        SEGMENTS,
        SPEAKING
        + "15.0 set asked yes\n15.0 left 6000\n15.2 caller on\n15.5 caller off\n15.55 caller said haan\n17 wait",
        "15.20 hold; 15.50 finalize; 15.60 release; 16.00 nod haan",
    ),
    "yes in the last second is an answer": (
        SEGMENTS,
        SPEAKING + "15.0 left 900\n15.2 caller on\n15.5 caller off\n15.6 caller said yes\n17 wait",
        "15.20 hold; 15.50 finalize; 15.60 cut; 15.60 draft yes; 16.00 turn yes",
    ),
    "hmm in the last second is none": (
        SEGMENTS,
        SPEAKING + "15.0 left 900\n15.2 caller on\n15.5 caller off\n15.55 caller said hmm\n17 wait",
        "15.20 hold; 15.50 finalize; 15.60 release; 16.60 nod hmm",
    ),
    "a barge-in at the last word": (
        SEGMENTS,
        SPEAKING + "15.0 left 200\n15.2 caller on\n15.3 agent heard\n15.5 caller off\n15.6 caller said okay\n17 wait",
        "15.20 hold; 15.30 release; 15.50 finalize; 15.60 draft okay; 16.00 turn okay",
    ),
    "a cough over the agent": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.5 caller off\n15.6 caller said\n17 wait",
        "15.20 hold; 15.50 finalize; 16.30 false_alarm; 16.30 rewind",
    ),
    "a very short hold does not go back": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.25 caller off\n15.3 caller said okay\n17 wait",
        "15.20 hold; 15.25 finalize; 15.35 release; 15.75 nod okay",
    ),
    "um over the agent": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.5 caller off\n15.6 caller said um\n18 wait",
        "15.20 hold; 15.50 finalize; 16.30 rewind; 16.60 nod um",
    ),
    "a television": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n21 wait",
        "15.20 hold; 17.20 false_alarm; 17.20 raise 0.1; 17.20 rewind; 20.20 raise 0.0",
    ),
    "a television whose words are understood": (
        SEGMENTS,
        SPEAKING
        + "".join(f"{15 + n}.0 set faint yes\n{15 + n}.0 caller said and now the weather\n" for n in range(6))
        + "22.0 agent heard\n23.0 caller said and now the sports\n31 wait",
        "18.00 background; 30.00 idle 1",
    ),
    "a faint voice while the agent thinks": (
        SEGMENTS,
        ASKED
        + "11.9 set far_voice yes\n11.9 caller on\n12.2 caller says and now the\n12.5 caller off\n"
        + "12.6 caller said and now the weather\n13.2 agent audible\n14 wait",
        "12.50 finalize",
    ),
    "a caller above a faint voice is a caller": (
        SEGMENTS,
        SPEAKING + "15.0 set far_voice yes\n15.2 caller on\n15.4 set far_voice no\n15.5 caller says no i meant",
        "15.40 hold; 15.50 cut",
    ),
    "faint words in silence are a turn as long as nobody talked through the agent": (
        SEGMENTS,
        "11.0 set faint yes\n11.0 caller said book a table please\n12 wait",
        "11.30 turn book a table please",
    ),
    "a recogniser gone deaf does not make the agent unstoppable": (
        SEGMENTS,
        SPEAKING + "15.0 set deaf yes\n15.2 caller on\n17 wait",
        "15.20 hold; 16.40 cut",
    ),
    "a double barge-in": (
        SEGMENTS,
        SPEAKING
        + """
        15.2 caller on
        15.5 caller says no not that
        16.0 caller off
        16.1 caller said no not that one
        16.5 wait
        17.0 agent audible
        18.2 caller on
        18.5 caller says the other one
        """,
        "15.20 hold; 15.50 cut; 16.00 finalize; 16.10 draft no not that one; 16.50 turn no not that one; "
        "18.20 hold; 18.50 cut",
    ),
    "a nod and then a real interruption": (
        SEGMENTS,
        SPEAKING
        + """
        15.2 caller on
        15.5 caller off
        15.55 caller said okay
        15.9 caller on
        16.2 caller says but how much
        """,
        "15.20 hold; 15.50 finalize; 15.60 release; 15.90 hold; 16.20 cut",
    ),
    "words without any voice stop the agent too": (
        SEGMENTS,
        SPEAKING
        + "15.0 caller says please\n15.3 caller says please tell me\n15.6 caller said please tell me more\n17 wait",
        "15.30 cut; 15.60 draft please tell me more; 16.00 turn please tell me more",
    ),
    "going on before the answer": (
        SEGMENTS,
        ASKED + "11.9 caller on\n12.3 caller says on sunday\n12.5 caller off\n12.6 caller said on sunday\n14 wait",
        "11.90 hold; 12.30 cut; 12.50 finalize; 12.60 draft on sunday; 13.00 turn on sunday",
    ),
    "a nod while the agent thinks": (
        SEGMENTS,
        ASKED + "11.9 caller on\n12.1 caller off\n12.15 caller said okay\n14 wait",
        "11.90 hold; 12.10 finalize; 12.20 release; 12.60 nod okay",
    ),
    "hold on, over the agent": (
        SEGMENTS,
        SPEAKING + "15.2 caller on\n15.4 caller says hold on\n15.6 caller off\n15.7 caller said hold on\n17 wait",
        "15.20 hold; 15.40 cut; 15.60 finalize; 16.10 noted hold on",
    ),
    "a first word before the voice is certain": (
        SEGMENTS,
        SPEAKING + "15.1 caller maybe\n15.2 caller says stop",
        "15.20 hold; 15.20 cut",
    ),
    "words of a recogniser that gives none while the caller speaks": (
        {**SEGMENTS, "partials": False},
        SPEAKING + "15.2 caller on\n16.2 caller off\n16.6 caller said not that one\n18 wait",
        "15.20 hold; 16.20 finalize; 16.60 cut; 16.70 turn not that one",
    ),
    "long speech with such a recogniser": (
        {**SEGMENTS, "partials": False},
        SPEAKING + "15.2 caller on\n17 wait",
        "15.20 hold; 16.40 cut",
    ),
    "noise that the provider calls an empty turn": (
        FLUX,
        SPEAKING.replace("said", "ended") + "15.2 caller on\n15.6 caller ended\n17 wait",
        "15.20 hold; 15.60 false_alarm; 15.60 release",
    ),
    "the agent's own words come back without a voice": (
        SEGMENTS,
        SPEAKING
        + """
        14.0 set saying Hello, we are open from nine to five.
        15.0 caller says hello
        15.3 caller says hello we are
        15.6 caller said hello we're open from nine to five
        16.0 agent heard
        16.5 caller said nine to five
        17.0 caller said nine to six
        18 wait
        """,
        "17.30 turn nine to six",
    ),
    "the agent's own words through a provider": (
        FLUX,
        SPEAKING.replace("said", "ended")
        + """
        14.0 set saying Hello, we are open from nine to five.
        15.0 caller says hello
        15.3 caller eager hello we are open
        15.6 caller ended hello we are open
        16.0 caller says and on sunday
        """,
        "16.00 cut",
    ),
    # --- keys ---
    "keys over the agent": (
        SEGMENTS,
        SPEAKING + "15.0 caller keys 4\n15.5 caller keys 2\n18 wait",
        "15.00 cut; 17.50 keys 42",
    ),
    "a wanted number of keys": (
        SEGMENTS,
        SPEAKING + "13.0 agent wants 3\n14.0 caller keys 4\n14.5 caller keys 2\n15.0 caller keys 7",
        "14.00 stop; 15.00 digits 427 complete",
    ),
    "keys until the finish": (
        SEGMENTS,
        ASKED + "13.0 agent wants\n14.0 caller keys 4\n14.5 caller keys 2\n15.0 caller keys #",
        "15.00 digits 42 complete",
    ),
    "too few keys": (
        SEGMENTS,
        ASKED + "13.0 agent wants 4\n14.0 caller keys 4\n14.5 caller keys 2\n20 wait",
        "18.50 digits 42 timeout",
    ),
    "no key at all, while the prompt is still heard": (
        SEGMENTS,
        SPEAKING + "13.0 left 2000\n13.0 agent wants 4\n15.0 left 0\n24 wait",
        "23.00 digits - timeout",
    ),
    "the time for keys stands still while the caller speaks": (
        SEGMENTS,
        ASKED + "13.0 agent wants 4\n14.2 caller on\n14.5 caller off\n14.55 caller said okay\n30 wait",
        "14.50 finalize; 15.20 nod okay; 22.00 digits - timeout",
    ),
    "spoken instead of keyed": (
        SEGMENTS,
        SPEAKING
        + "13.0 agent wants 4\n14.2 caller on\n14.5 caller says nine eight\n15.0 caller off\n"
        + "15.1 caller said nine eight four one\n17 wait",
        "14.20 hold; 14.50 stop; 15.00 finalize; 15.70 digits - nine eight four one",
    ),
    "a moment, please, to find the card": (
        SEGMENTS,
        ASKED + "13.0 agent wants 4\n14.2 caller on\n14.8 caller off\n14.9 caller said one second\n40 wait",
        "14.80 finalize; 15.50 nod one second; 35.50 digits - timeout",
    ),
    "keys ahead of the question": (
        SEGMENTS,
        "10.5 caller keys 4\n10.9 caller keys 2\n11.0 agent wants 3\n11.5 caller keys 7",
        "11.50 digits 427 complete",
    ),
    "a lone hash is nothing": (
        SEGMENTS,
        "12.0 caller keys #\n19.9 wait\n20.1 wait",
        "20.00 idle 1",
    ),
    "keys wanted twice, the first is given up": (
        SEGMENTS,
        ASKED + "13.0 agent wants 4\n14.0 caller keys 4\n15.0 agent wants 2\n16.0 caller keys 1\n17.0 caller keys 2",
        "15.00 digits 4 timeout; 17.00 digits 12 complete",
    ),
    "keys wanted while the call ends": (
        SEGMENTS,
        SPEAKING + "13.0 agent last\n13.5 agent wants 4\n14.0 agent heard",
        "13.50 digits - timeout; 14.00 end goodbye",
    ),
    # --- silence and endings ---
    "two prompts and a goodbye": (
        SEGMENTS,
        "18.5 agent audible\n19.0 agent heard\n27.5 agent audible\n28.0 agent heard\n"
        "36.5 agent audible\n37.0 agent heard",
        "18.00 idle 1; 27.00 idle 2; 36.00 goodbye; 37.00 end silence",
    ),
    "bye over the farewell": (
        SEGMENTS,
        SPEAKING
        + "13.0 agent last\n13.2 caller on\n13.6 caller off\n13.7 caller said okay thank you bye\n15 agent heard",
        "13.60 finalize; 14.10 nod okay thank you bye; 15.00 end goodbye",
    ),
    "a question over the farewell": (
        SEGMENTS,
        SPEAKING + "13.0 agent last\n13.2 caller on\n13.5 caller says wait one more thing\n14.0 caller off\n"
        "14.1 caller said wait one more thing\n15 wait",
        "13.50 cut; 14.00 finalize; 14.10 draft wait one more thing; 14.50 turn wait one more thing",
    ),
    "the longest duration during a farewell does not make it longer": (
        SEGMENTS,
        "290.0 caller keys 1\n292.1 agent audible\n295.0 agent last\n320 wait",
        "18.00 idle 1; 290.00 cut; 292.00 keys 1; 300.00 cut; 300.00 goodbye; 312.00 end max_duration",
    ),
    "the end is announced after a noise in silence": (
        SEGMENTS,
        "230 caller keys 1\n232.1 agent audible\n236 agent heard\n239.9 caller maybe\n240.1 caller nothing",
        "18.00 idle 1; 230.00 cut; 232.00 keys 1; 240.10 closing",
    ),
    "speech without words is let be once, and then told": (
        SEGMENTS,
        MURMUR + MURMUR_AGAIN,
        "11.20 finalize; 15.20 finalize; 15.70 unheard; 15.70 cannot hear",
    ),
    "the same where the recogniser never answers": (
        FLUX,
        "10.2 caller on\n11.2 caller off\n17 agent audible\n18 agent heard\n20.2 caller on\n21.2 caller off\n30 wait",
        "16.00 rejected; 26.00 rejected; 26.00 unheard; 26.00 cannot hear",
    ),
    "a short noise is no such speech": (
        SEGMENTS,
        "10.2 caller on\n10.6 caller off\n10.7 caller said\n14.2 caller on\n14.6 caller off\n14.7 caller said\n16 wait",
        "10.60 finalize; 14.60 finalize",
    ),
    "words in between are a new beginning": (
        SEGMENTS,
        MURMUR
        + "13.2 caller on\n13.8 caller off\n13.9 caller said hello\n14.4 agent audible\n14.9 agent heard\n"
        + MURMUR_AGAIN,
        "11.20 finalize; 13.80 finalize; 13.90 draft hello; 14.30 turn hello; 15.20 finalize",
    ),
    "keys in between are a new beginning": (
        SEGMENTS,
        MURMUR + "12.0 caller keys 1\n14.2 agent audible\n14.8 agent heard\n" + MURMUR_AGAIN,
        "11.20 finalize; 14.00 keys 1; 15.20 finalize",
    ),
    "two guesses in a row are told instead of answered": (
        SEGMENTS,
        "10.2 caller on\n11.2 caller off\n11.3 caller mumbled hover the fence\n12.2 agent audible\n12.8 agent heard\n"
        "13.2 caller on\n14.2 caller off\n14.3 caller mumbled dover the hens\n15 wait",
        "11.20 finalize; 11.30 draft hover the fence; 11.70 turn hover the fence; 14.20 finalize; "
        "14.30 draft dover the hens; 14.70 drop unheard; 14.70 noted dover the hens; 14.70 unheard; 14.70 cannot hear",
    ),
    "the caller is told once, then asked, then let go": (
        SEGMENTS,
        MURMUR
        + MURMUR_AGAIN
        + "16 agent audible\n17 agent heard\n"
        + "".join(f"{at}.2 caller on\n{at + 1}.2 caller off\n{at + 1}.3 caller said\n" for at in (18, 22))
        + "24 agent audible\n25 agent heard\n"
        + "".join(f"{at}.2 caller on\n{at + 1}.2 caller off\n{at + 1}.3 caller said\n" for at in (26, 30))
        + "32 agent audible\n33 agent heard",
        "11.20 finalize; 15.20 finalize; 15.70 unheard; 15.70 cannot hear; 19.20 finalize; 23.20 finalize; "
        "23.70 unheard; 23.70 idle 1; 27.20 finalize; 31.20 finalize; 31.70 unheard; 31.70 goodbye; 33.00 end unheard",
    ),
    "murmurs over the agent are false alarms and nothing else": (
        SEGMENTS,
        SPEAKING
        + "13.2 caller on\n14.2 caller off\n14.3 caller said\n16.2 caller on\n17.2 caller off\n17.3 caller said\n"
        "19 wait",
        "13.20 hold; 14.20 finalize; 15.00 false_alarm; 15.00 rewind; "
        "16.20 hold; 17.20 finalize; 18.00 false_alarm; 18.00 rewind",
    ),
    "a goodbye that was put off does not lift the longest duration": (
        SEGMENTS,
        "18.5 agent audible\n19 agent heard\n27.5 agent audible\n28 agent heard\n36.5 agent audible\n"
        "36.7 caller keys 1\n39 agent audible\n320 wait",
        "18.00 idle 1; 27.00 idle 2; 36.00 goodbye; 36.70 cut; 38.70 keys 1; 300.00 cut; 300.00 goodbye; "
        "317.00 end max_duration",
    ),
    "a farewell that is never heard": (
        SEGMENTS,
        SPEAKING + "13.0 agent last\n40 wait",
        "30.00 end goodbye",
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_scenario(name):
    options, script, expected = SCENARIOS[name]
    lead = perform_lead(script, options)

    done = perform(script, **options)

    assert "; ".join(done[lead:]) == expected


def perform_lead(script: str, options) -> int:
    """How much was done in the shared beginning, which the scenario does not repeat."""
    for beginning in (SPEAKING, ASKED, SPEAKING.replace("said", "ended")):
        if script.startswith(beginning) and script != beginning:
            return len(perform(beginning, **options))
    return 0


def test_a_greeting_that_may_not_be_interrupted_is_finished_and_the_question_answered_after_it():
    script = """
    0.1 agent audible
    2.2 caller on
    3.0 caller off
    3.1 caller said what are your hours
    6.0 agent heard
    7.0 wait
    """

    done = perform(script, greeted=False, interruptible=False)

    assert done == ["3.00 finalize", "6.00 turn what are your hours"]


def test_two_questions_in_such_a_greeting_are_both_kept_and_answered_once():
    script = """
    0.1 agent audible
    2.2 caller on
    3.0 caller off
    3.1 caller said what are your hours
    4.2 caller on
    4.8 caller off
    4.9 caller said and where are you
    5.2 caller keys 1
    8.0 agent heard
    9.0 wait
    """

    done = perform(script, greeted=False, interruptible=False)

    assert done == [
        "3.00 finalize",
        "4.80 finalize",
        "8.00 noted what are your hours",
        "8.00 noted and where are you",
        "8.00 keys 1",
    ]


def test_a_caller_still_speaking_when_such_a_greeting_ends_is_waited_for():
    script = """
    0.1 agent audible
    2.2 caller on
    3.0 caller off
    3.1 caller said what are your hours
    5.2 caller on
    6.0 agent heard
    6.5 caller off
    6.6 caller said on sunday
    8.0 wait
    """

    done = perform(script, greeted=False, interruptible=False)

    assert done[-3:] == ["6.60 draft on sunday", "7.00 noted what are your hours", "7.00 turn on sunday"]


def test_what_was_kept_is_answered_also_when_the_caller_only_coughs_at_the_end():
    script = """
    0.1 agent audible
    2.2 caller on
    3.0 caller off
    3.1 caller said what are your hours
    5.9 caller on
    6.0 agent heard
    6.2 caller off
    6.3 caller said
    8.0 wait
    """

    done = perform(script, greeted=False, interruptible=False)

    assert done[-1].endswith("turn what are your hours")


def test_three_false_alarms_leave_only_words_until_a_minute_has_passed_without_one():
    cough = "{0:.1f} caller on\n{1:.1f} caller off\n{2:.1f} caller said\n"
    coughs = "".join(cough.format(at, at + 0.3, at + 0.4) for at in (15, 18, 21, 24, 80, 150))

    done = perform(SPEAKING + coughs + "152 wait")

    holds = [line for line in done if line.endswith("hold")]
    assert holds == ["15.00 hold", "18.00 hold", "21.00 hold", "150.00 hold"]
    assert [line for line in done if "noisy" in line] == ["22.10 noisy_line"]


def test_who_was_cut_off_twice_gets_150_ms_more():
    again = """
    10.2 caller on
    11.0 caller off
    11.1 caller said what are your hours
    12.1 caller on
    12.5 caller off
    12.6 caller said on sunday
    13.6 caller on
    14.0 caller off
    14.1 caller said and monday
    15.3 caller on
    16.0 caller off
    16.1 caller said and tuesday
    18 wait
    """

    done = perform(again, drafts=False)

    turns = [line for line in done if " turn " in line]
    assert turns == [
        "11.50 turn what are your hours",
        "13.00 turn on sunday",
        "14.50 turn and monday",
        "16.65 turn and tuesday",
    ]
    assert "14.50 cut_in" in done


def test_pauses_after_which_the_caller_goes_on_are_learned():
    script = "".join(
        f"{at + 0.2:.2f} caller on\n{at + 0.9:.2f} caller off\n{at + 0.98:.2f} score 0.1\n{at + 1:.2f} caller said so\n"
        for at in (10.0, 11.3, 12.6, 13.9, 15.2)
    )

    done = perform(
        script + "16.7 caller on\n17.4 caller off\n17.45 score 0.9\n17.5 caller said there\n20 wait", **MODEL
    )

    (turn,) = [line for line in done if " turn " in line]
    assert turn == "17.81 turn so so so so so there", "five pauses of 0.6 s have taught 0.61 s instead of 0.3 s"


def test_there_are_enough_scenarios():
    assert len(SCENARIOS) >= 60
