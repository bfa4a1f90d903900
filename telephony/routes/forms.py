"""The forms of a number's routes: one route, opening hours, the menu. What is typed is kept, and each error names its
field. Ids carry the place, so that the forms of one page do not meet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Any, Final
from zoneinfo import available_timezones

from django import forms
from django.core.exceptions import ValidationError

from agents.fields import EditorForm, choice, figure, text
from agents.hours import HoursError, read_intervals, said
from agents.models import Agent, AgentVersion
from telephony.models import PhoneNumber
from telephony.routes import targets
from telephony.routes.models import Route, RouteKind, RoutePlan
from telephony.routes.plan import FALLBACK, KEYS, OPEN, Kind, word
from telephony.routes.reading import hours_of

WEEK: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LETTERS: Final = "ABCD"
SHARES: Final = len(LETTERS)
"""Versions that a route's calls may be split over."""
SPARE_DAYS: Final = 2
MOST_DAYS: Final = 60
LATEST: Final = "latest"
ZONES: Final = sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/"))


class RouteForm(EditorForm):
    """One route at one place."""

    label = text("Name in the list of calls", most=80)
    kind = choice("Goes to", choices=RouteKind.choices)
    agent = choice("Agent", required=False)
    target = text("Where to", most=2_000, lines=2)
    say = text("What callers hear first", most=500, lines=2)
    ring_s = figure("Rings for", 5, 120, hint="Seconds", whole=True)
    keep_days = figure("Messages are kept for", 0, 3_650, hint="Days; 0 keeps them for ever", whole=True)

    def __init__(
        self,
        number: PhoneNumber,
        place: str,
        data: Mapping[str, str] | None = None,
        *,
        route: Route | None = None,
        editable: bool = True,
    ) -> None:
        super().__init__(data, editable=editable, prefix=f"route-{word(place)}", initial=_initial(number, place, route))
        self.number, self.place, self.route = number, place, route
        self.versions = _offer(self, route)
        if place not in KEYS:
            del self.fields["label"]

    @property
    def anchor(self) -> str:
        """The id of its panel."""
        return word(self.place)

    @property
    def shares(self) -> Iterator[tuple[forms.BoundField, forms.BoundField]]:
        """Pairs of version and weight."""
        for row in range(SHARES):
            yield self[f"version_{row}"], self[f"weight_{row}"]

    @property
    def split(self) -> bool:
        """Whether anything but "what is published" was chosen."""
        return any(version.value() for version, _ in self.shares)

    def clean(self) -> dict[str, Any]:
        """What the kind needs, and nothing of the others."""
        typed = super().clean() or self.cleaned_data
        kind = Kind(typed["kind"]) if typed.get("kind") else None
        if kind is None:
            return typed
        if kind is Kind.AGENT:
            self._must(bool(typed.get("agent")), "agent", "Choose who answers.")
            self._shares(typed)
        elif kind in (Kind.SOCKET, Kind.SIP, Kind.PERSON):
            self._target(typed, kind)
        return typed

    def values(self) -> dict[str, Any]:
        """The fields of `Route`, without what the kind does not use; only when valid."""
        typed = self.cleaned_data
        kind = Kind(typed["kind"])
        return {
            "kind": kind.value,
            "label": typed.get("label", ""),
            "agent_id": typed["agent"] if kind is Kind.AGENT else None,
            "target": typed["target"] if kind in (Kind.SOCKET, Kind.SIP, Kind.PERSON) else "",
            "say": " ".join(typed["say"].split()) if kind is not Kind.AGENT else "",
            "ring_s": typed["ring_s"] if kind.dials else 25,
            "keep_days": typed["keep_days"] if kind is Kind.VOICEMAIL else 0,
        }

    def weights(self) -> list[tuple[str | None, int]]:
        """(version's id or None for the latest, weight) of each share; only when valid."""
        typed = self.cleaned_data
        if typed["kind"] != Kind.AGENT:
            return []
        rows = [(typed[f"version_{row}"], typed[f"weight_{row}"]) for row in range(SHARES)]
        return [(None if version == LATEST else version, weight) for version, weight in rows if version]

    def _must(self, fine: bool, field: str, error: str) -> None:
        if not fine and field not in self.errors:
            self.add_error(field, error)

    def _target(self, typed: dict[str, Any], kind: Kind) -> None:
        try:
            if kind is Kind.SOCKET:
                typed["target"] = targets.websocket(typed.get("target", ""))
            else:
                read = targets.sip if kind is Kind.SIP else targets.people
                typed["target"] = "\n".join(read(typed.get("target", "")))
        except targets.TargetError as error:
            self._must(False, "target", str(error))

    def _shares(self, typed: dict[str, Any]) -> None:
        seen: set[str] = set()
        for row in range(SHARES):
            version, weight = typed.get(f"version_{row}", ""), typed.get(f"weight_{row}")
            if not version:
                continue
            self._must(version not in seen, f"version_{row}", "This version has a share already.")
            seen.add(version)
            owner = self.versions.get(version)
            other = owner is not None and typed.get("agent") and owner != typed["agent"]
            self._must(not other, f"version_{row}", "This version is of another agent.")
            self._must(bool(weight), f"weight_{row}", "Write a number from 1 to 100.")


def _initial(number: PhoneNumber, place: str, route: Route | None) -> dict[str, Any]:
    if route is None:
        agent = str(number.agent_id or "") if place == OPEN else ""
        return {"ring_s": 25, "keep_days": 90, "agent": agent}
    initial = {name: getattr(route, name) for name in ("label", "kind", "target", "say", "ring_s", "keep_days")}
    initial["agent"] = str(route.agent_id or "")
    for row, share in enumerate(route.shares.order_by("-weight", "id")[:SHARES]):
        initial |= {f"version_{row}": str(share.version_id or LATEST), f"weight_{row}": share.weight}
    return initial


def _offer(form: RouteForm, route: Route | None) -> dict[str, str]:
    """Fill in what there is to choose from; which version is whose."""
    agents = list(Agent.objects.all())
    picked = {str(share.version_id) for share in route.shares.all()} if route else set()
    owners: dict[str, str] = {}
    groups: list[Any] = [("", "None"), (LATEST, "What is published")]
    for agent in agents:
        rows = list(AgentVersion.objects.filter(agent=agent).defer("config"))
        shown = [row for place, row in enumerate(rows) if place < 20 or str(row.id) in picked]
        owners |= {str(row.id): str(agent.id) for row in rows}
        if shown:
            groups.append((agent.name, [(str(row.id), f"Version {row.number}") for row in shown]))
    for row in range(SHARES):
        form.fields[f"version_{row}"] = choice(f"Version {LETTERS[row]}", required=False, choices=groups)
        weight = figure(f"Share {LETTERS[row]}", 1, 100, whole=True)
        weight.required = False
        form.fields[f"weight_{row}"] = weight
    for name in list(form.fields)[-2 * SHARES :]:
        form.fields[name].disabled = form.fields["kind"].disabled
    offered = [(str(agent.id), f"{agent.name}{'' if agent.published_id else ', not published'}") for agent in agents]
    choose = form.fields["agent"]
    if isinstance(choose, forms.ChoiceField):
        choose.choices = [("", "Choose an agent"), *offered]
    if form.place == FALLBACK:
        choose.help_text = "Answers after a person or an agent elsewhere; not after another agent here."
    return owners


class MenuForm(EditorForm):
    """The menu's words. Which key leads where is a matter of routes."""

    menu_prompt = text("What callers hear", hint="Name each key. Left empty, there is no menu", most=500, lines=3)
    menu_wait_s = figure("Waits for a key", 5, 60, hint="Seconds after the words", whole=True)

    def __init__(self, settings: RoutePlan, data: Mapping[str, str] | None = None, *, editable: bool = True) -> None:
        initial = {"menu_prompt": settings.menu_prompt, "menu_wait_s": settings.menu_wait_s}
        super().__init__(data, editable=editable, initial=initial)

    def values(self) -> dict[str, Any]:
        """The fields of `RoutePlan`; only when valid."""
        return {**self.cleaned_data, "menu_prompt": " ".join(self.cleaned_data["menu_prompt"].split())}


_ZONES: Final = [(zone, zone.replace("_", " ")) for zone in ZONES]


class HoursForm(EditorForm):
    """Opening hours: a line per weekday, and dates that differ."""

    time_zone = choice("Time zone", choices=_ZONES)

    def __init__(self, settings: RoutePlan, data: Mapping[str, str] | None = None, *, editable: bool = True) -> None:
        hours = hours_of(settings)
        initial: dict[str, Any] = {"time_zone": settings.time_zone}
        for day in range(7):
            initial[f"day_{day}"] = said(tuple((opens, closes) for at, opens, closes in hours.weekly if at == day))
        for row, special in enumerate(hours.special):
            initial |= {
                f"date_{row}": special.day,
                f"hours_{row}": said(special.intervals),
                f"note_{row}": special.note,
            }
        super().__init__(data, editable=editable, initial=initial)
        zone = self.fields["time_zone"]
        if isinstance(zone, forms.ChoiceField) and settings.time_zone not in ZONES:
            zone.choices = [(settings.time_zone, settings.time_zone), *_ZONES]
        self.rows = _rows(data, len(hours.special))
        for day, name in enumerate(WEEK):
            self.fields[f"day_{day}"] = text(name)
        for row in range(self.rows):
            self.fields[f"date_{row}"] = forms.DateField(
                label="Date",
                required=False,
                widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
                error_messages={"invalid": "Write a date such as 2026-12-25."},
            )
            self.fields[f"hours_{row}"] = text("Open")
            self.fields[f"note_{row}"] = text("Why", most=80)
        for field in self.fields.values():
            field.disabled = not editable

    @property
    def week(self) -> list[forms.BoundField]:
        """A line per weekday."""
        return [self[f"day_{day}"] for day in range(7)]

    @property
    def special(self) -> list[tuple[forms.BoundField, ...]]:
        """(date, hours, why) per line."""
        return [tuple(self[f"{name}_{row}"] for name in ("date", "hours", "note")) for row in range(self.rows)]

    def clean(self) -> dict[str, Any]:
        """Times that can be read, and each date once."""
        typed = super().clean() or self.cleaned_data
        for name in [*(f"day_{day}" for day in range(7)), *(f"hours_{row}" for row in range(self.rows))]:
            try:
                typed[name] = read_intervals(typed.get(name, ""))
            except HoursError as error:
                self.add_error(name, ValidationError(str(error)))
        seen: set[date] = set()
        for row in range(self.rows):
            day = typed.get(f"date_{row}")
            if day is None and (typed.get(f"hours_{row}") or typed.get(f"note_{row}")) and not self.errors:
                self.add_error(f"date_{row}", "Write the date.")
            if day is not None and day in seen:
                self.add_error(f"date_{row}", "This date is there already.")
            seen |= {day} if day else set()
        return typed

    def values(self) -> dict[str, Any]:
        """The fields of `RoutePlan`; only when valid."""
        typed = self.cleaned_data
        days = sorted(
            (typed[f"date_{row}"], typed[f"hours_{row}"], typed[f"note_{row}"])
            for row in range(self.rows)
            if typed[f"date_{row}"]
        )
        return {
            "time_zone": typed["time_zone"],
            "weekly": [[day, *interval] for day in range(7) for interval in typed[f"day_{day}"]],
            "special": [
                {"day": day.isoformat(), "intervals": [list(pair) for pair in intervals], "note": note}
                for day, intervals, note in days
            ],
        }


def _rows(data: Mapping[str, str] | None, known: int) -> int:
    """As many lines for dates as were posted, or as there are and some to spare."""
    if data is None:
        return min(known + SPARE_DAYS, MOST_DAYS)
    posted = [int(name[5:]) for name in data if name.startswith("date_") and name[5:].isdecimal() and len(name) < 9]
    return min(max(posted, default=-1) + 1, MOST_DAYS)
