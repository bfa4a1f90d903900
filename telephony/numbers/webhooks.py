"""The carrier's callbacks that are no call for an agent: the echo, and the answer URL's understudy."""

from __future__ import annotations

import structlog
from django.http import HttpResponse

from telephony import dispatch, next_document
from telephony.intake import Callback
from telephony.numbers.echoing import EchoDocument
from telephony.vobiz import answers, callbacks
from telephony.vobiz.errors import BadField
from telephony.webhooks import document, ended, genuine

log = structlog.get_logger(__name__)


@genuine("echo")
def echo(callback: Callback) -> HttpResponse:
    """A phone that we rang has been picked up: it hears itself."""
    asked = callbacks.read_answer(callback.fields)
    if isinstance(asked, callbacks.CallEnded):
        return ended(callback, asked)
    return document(EchoDocument(callback.number))


@genuine("fallback")
def fallback(callback: Callback) -> HttpResponse:
    """The answer URL gave the carrier nothing useful, after several tries: one more, and an apology at worst."""
    log.warning("answer_fallback", number=callback.number.e164)
    try:
        asked = callbacks.read_answer(callback.fields)
        if isinstance(asked, callbacks.CallEnded):
            return ended(callback, asked)
        return document(next_document.first(callback.number, dispatch.decide(callback.number, asked)))
    except BadField:
        raise
    except Exception:
        log.exception("answer_fallback_failed")
        return document(answers.Goodbye(next_document.APOLOGY))
