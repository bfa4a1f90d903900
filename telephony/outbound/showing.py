"""Campaigns and their contacts as pages show them. In the tenant's scope."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet

from telephony.models import Call
from telephony.outbound import lists, zones
from telephony.outbound.models import Campaign, CampaignState, Contact, ContactState, Dial, Ending
from telephony.presenting import Standing

PAGE: Final = 50

STATES: Final = {
    CampaignState.DRAFT: Standing("Being prepared", "", "open"),
    CampaignState.READY: Standing("Ready", "info", "clock"),
    CampaignState.RUNNING: Standing("Running", "live", dot=True),
    CampaignState.PAUSED: Standing("Paused", "wait", "pause"),
    CampaignState.STOPPED: Standing("Stopped", "", "end"),
    CampaignState.FINISHED: Standing("Finished", "ok", "ok"),
}
_ENDINGS: Final = {
    Ending.REACHED: ("ok", "ok"),
    Ending.VOICEMAIL: ("info", "talk"),
    Ending.BUSY: ("wait", "warn"),
    Ending.NO_ANSWER: ("wait", "open"),
    Ending.FAILED: ("bad", "bad"),
    Ending.INVALID: ("bad", "bad"),
    Ending.UNREADABLE: ("bad", "warn"),
    Ending.DUPLICATE: ("", "open"),
    Ending.LISTED: ("", "shield"),
    Ending.EXPIRED: ("", "clock"),
    Ending.STOPPED: ("", "end"),
}
WAITING: Final = "waiting"
DIALLING: Final = "dialling"


@dataclass(frozen=True, slots=True)
class Share:
    """How many contacts are in one place, and how to see them. `name` is what the filter calls it."""

    name: str
    word: str
    count: int
    tone: str
    percent: int


@dataclass(frozen=True, slots=True)
class Row:
    """One contact of the table."""

    contact: Contact
    standing: Standing
    zone: str
    call_id: Any
    about: str


def standing(contact: Contact) -> Standing:
    """Where a contact is, in a word."""
    if contact.state == ContactState.DIALLING:
        return Standing("Being called", "live", dot=True)
    if contact.state == ContactState.WAITING:
        return Standing("Again later" if contact.attempts else "Waiting", "", "clock")
    tone, icon = _ENDINGS.get(Ending(contact.result), ("", "open")) if contact.result else ("", "open")
    return Standing(contact.get_result_display(), tone, icon)


def shares(campaign: Campaign) -> list[Share]:
    """All contacts by where they are; only places that somebody is in."""
    counts = _counts(campaign)
    total = sum(counts.values()) or 1
    order = [(WAITING, "Waiting", ""), (DIALLING, "Being called", "live")]
    order += [(ending.value, str(ending.label), _ENDINGS[ending][0]) for ending in Ending]
    return [
        Share(name, word, counts[name], tone, round(100 * counts[name] / total))
        for name, word, tone in order
        if counts.get(name)
    ]


def progress(campaigns: Iterable[Campaign]) -> dict[Any, tuple[int, int, int]]:
    """Of each campaign: everybody, those who are done, those who were reached."""
    done, reached = Q(state=ContactState.DONE), Q(result=Ending.REACHED)
    rows = (
        Contact.objects.filter(campaign__in=list(campaigns))
        .values("campaign")
        .order_by()
        .annotate(everybody=Count("id"), done=Count("id", filter=done), reached=Count("id", filter=reached))
    )
    return {row["campaign"]: (row["everybody"], row["done"], row["reached"]) for row in rows}


def tries(campaign: Campaign, words: Iterable[tuple[str, str]]) -> Iterator[tuple[str, int, str]]:
    """After what, how often again, after how long: the rules that say more than never."""
    for name, word in words:
        most, minutes = campaign.retries.get(name, (0, 0))
        if most:
            yield word, most, _span(minutes)


def _span(minutes: int) -> str:
    for unit, size in (("day", 1_440), ("hour", 60)):
        if minutes >= size and minutes % size == 0:
            return f"{minutes // size} {unit}{'s' if minutes > size else ''}"
    return f"{minutes} min"


@dataclass(frozen=True, slots=True)
class Contacts:
    """One page of the table, and the addresses of its neighbours (empty: there is none)."""

    rows: list[Row]
    newer: str
    older: str


def contacts(campaign: Campaign, query: Mapping[str, str]) -> Contacts:
    """By line, filtered by `in` (a place of `shares`) and `q` (digits); `after` is the line before the page."""
    place, digits = query.get("in", ""), "".join(filter(str.isdigit, query.get("q", "")))
    after = int(query["after"]) if query.get("after", "").isdecimal() and len(query["after"]) < 9 else 0
    found = chosen(campaign, place, digits)
    page = list(found.filter(line__gt=after).order_by("line")[: PAGE + 1])
    before = list(found.filter(line__lte=after).order_by("-line").values_list("line", flat=True)[: PAGE + 1])
    kept = {name: value for name, value in (("in", place), ("q", digits)) if value}
    older = f"?{urlencode({**kept, 'after': page[PAGE - 1].line})}" if len(page) > PAGE else ""
    newer = ""
    if before:
        start = before[PAGE] if len(before) > PAGE else 0
        newer = f"?{urlencode({**kept, 'after': start} if start else kept)}"
    return Contacts(list(_rows(campaign, page[:PAGE])), newer, older)


def chosen(campaign: Campaign, place: str, digits: str) -> QuerySet[Contact]:
    """A campaign's contacts, filtered. A place that is none is ignored."""
    found: QuerySet[Contact] = Contact.objects.filter(campaign=campaign)
    if place in (WAITING, DIALLING):
        found = found.filter(state=place)
    elif place in Ending.values:
        found = found.filter(state=ContactState.DONE, result=place)
    return found.filter(Q(phone__contains=digits) | Q(typed__contains=digits)) if digits else found


def _rows(campaign: Campaign, page: list[Contact]) -> Iterator[Row]:
    calls: dict[Any, Any] = {}
    for dial in Dial.objects.filter(contact__in=page).order_by("attempt").values("contact_id", "call_id"):
        calls[dial["contact_id"]] = dial["call_id"]
    for contact in page:
        about = contact.problem or ", ".join(list(contact.variables.values())[:3])
        zone = zones.title(contact.zone or campaign.zone) if contact.phone else ""
        yield Row(contact, standing(contact), zone, calls.get(contact.id), about)


def results(campaign: Campaign) -> str:
    """Everybody with what came of it, as CSV that is safe in a spreadsheet."""
    names: dict[str, None] = {}
    found = list(Contact.objects.filter(campaign=campaign).order_by("line"))
    for contact in found:
        names.update(dict.fromkeys(contact.variables))
    calls: dict[Any, list[Any]] = {}
    for dial in Dial.objects.filter(contact__campaign=campaign).select_related("call").order_by("attempt"):
        calls.setdefault(dial.contact_id, []).append(dial)
    rows = (_result(campaign, each, calls.get(each.id, []), names) for each in found)
    return lists.written([[*_HEAD, *names], *rows])


_HEAD: Final = (
    *("line", "number", "as it came", "time zone", "state", "result", "problem", "attempts", "last call", "seconds"),
)


def _result(campaign: Campaign, contact: Contact, dials: list[Any], names: Iterable[str]) -> list[object]:
    last: Call | None = dials[-1].call if dials else None
    seconds = round((last.duration_ms or 0) / 1000) if last is not None and last.duration_ms else ""
    return [
        contact.line,
        contact.phone,
        contact.typed,
        contact.zone or campaign.zone,
        contact.get_state_display(),
        contact.get_result_display() if contact.result else "",
        contact.problem,
        contact.attempts,
        _stamp(last.created_at) if last is not None else "",
        seconds,
        *(contact.variables.get(name, "") for name in names),
    ]


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _counts(campaign: Campaign) -> dict[str, int]:
    rows = Contact.objects.filter(campaign=campaign).values_list("state", "result").order_by().annotate(Count("id"))
    counts: dict[str, int] = {}
    for state, result, count in rows:
        name = result if state == ContactState.DONE else state
        counts[name] = counts.get(name, 0) + count
    return counts
