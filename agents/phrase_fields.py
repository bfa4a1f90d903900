"""The controls for the sentences that the engine itself may need: of the agent and of each further language."""

from __future__ import annotations

from agents.fields import EditorForm, text
from agents.voice.tongues import SENTENCES


class PhraseFields(EditorForm):
    """One control for each sentence of `Phrases`, by its name."""

    idle = text("When the caller is silent")
    unheard = text("When the caller cannot be understood", hint="Said once in a call")
    goodbye = text("Goodbye")
    closing = text("Before the longest call ends")
    trouble = text("When something fails", hint="Said instead of silence")
    wait = text("When something takes long", hint="Said while a tool is busy")
    failed = text("When nothing works", hint="Said before the call ends")
    voicemail = text("Message for a voicemail", hint="When the agent calls and a machine answers")
    resumed = text("After the line was lost", hint="Said first when a call goes on after a fault on our side")
    again = text("To have something said again", hint="Said then, when the caller may have spoken to nobody")

    def sentences(self) -> dict[str, str]:
        """What was posted, by name; only when valid."""
        return {name: self.cleaned_data[name].strip() for name in SENTENCES}
