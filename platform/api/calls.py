"""Calls: what was said and heard, and what may be done with one that goes on."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from ninja import Query, Router, Schema
from ninja import Status as Created
from pydantic import ConfigDict, Field

from agents.voice.orders import AnyOrder
from api.access import ApiRequest, endpoint
from api.paging import EPOCH, LATEST, Cursor, Limit, Page, page
from api.problems import ProblemError
from telephony import orders, serving
from telephony.models import CARRIED, LIVE, Call, Direction, Kind, Outcome, Recording, Status, Turn
from telephony.outbound import placing
from telephony.outbound.models import Detection
from telephony.outbound.placing import Wanted
from tenants import audit
from tenants.scope import tenant_scope

router = Router(tags=["Calls"])

E164 = r"^\+[1-9]\d{6,14}$"


class CallOut(Schema):
    """A call. Times are ISO 8601 in UTC, `duration_ms` is the time on the line."""

    id: UUID
    carrier_id: str = Field(description="The carrier's CallUUID; a test's begins with `test-`.")
    kind: Literal[tuple(Kind.values)]  # type: ignore[valid-type]
    direction: Literal[tuple(Direction.values)]  # type: ignore[valid-type]
    caller: str
    called: str
    number_id: UUID | None
    agent_id: UUID | None
    version: int | None
    status: Literal[tuple(Status.values)]  # type: ignore[valid-type]
    outcome: str = Field(description="Empty while the call goes on.")
    transfer_to: str
    created_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    duration_ms: int | None
    median_gap_ms: int | None = Field(description="Half of the replies came within this time.")
    interruptions: int
    hangup_cause: str
    has_recording: bool


class Used(Schema):
    """A metered quantity of a call."""

    provider: str
    model: str
    meter: str
    amount: int
    unit: str


class CallDetail(CallOut):
    error: str
    collected: list[Any]
    usage: list[Used]


class TurnOut(Schema):
    """Somebody's turn. `text` is what the caller heard of it, `unheard` what an interruption cut off."""

    index: int
    speaker: str
    text: str
    unheard: str
    started_ms: int
    ended_ms: int
    interrupted: bool
    gap_ms: int | None
    confidence: float | None


class NewCall(Schema):
    """A call to be made. `from_number` empty: the number that the agent answers, or the first."""

    model_config = ConfigDict(extra="forbid")
    agent_id: UUID
    to: Annotated[str, Field(pattern=E164, examples=["+919876543210"])]
    from_number: Annotated[str, Field(pattern=rf"^$|{E164}")] = ""
    variables: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=500)]] = {}
    ring_s: Annotated[int, Field(ge=placing.SHORTEST_RING_S, le=placing.LONGEST_RING_S)] = 30
    detection: Literal[tuple(Detection.values)] = "off"  # type: ignore[valid-type]


class Words(Schema):
    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=1, max_length=2_000)]


class Instructions(Schema):
    model_config = ConfigDict(extra="forbid")
    text: Annotated[str, Field(min_length=1, max_length=8_000)]


class To(Schema):
    model_config = ConfigDict(extra="forbid")
    target: Annotated[str, Field(min_length=1, max_length=80, description="A target of the agent, by name.")]


class Delivered(Schema):
    """What became of an order to a running call: `taken`, `refused` (it is ending), `undelivered` (nobody talks)."""

    delivery: Literal["taken", "refused", "undelivered"]


def shown(call: Call) -> dict[str, Any]:
    """A call as the API tells of it."""
    return {
        **{name: getattr(call, name) for name in CallOut.model_fields if name not in ("version", "has_recording")},
        "version": call.version.number if call.version else None,
        "has_recording": hasattr(call, "recording"),
    }


def _all() -> QuerySet[Call]:
    return Call.objects.exclude(kind=Kind.BRIEF).select_related("version", "recording").defer("draft")


@router.get("", response=Page[CallOut])
@endpoint("view calls")
def list_calls(
    request: ApiRequest,
    cursor: Cursor = "",
    limit: Limit = 50,
    live: Annotated[bool | None, Query(description="Only those that go on, or only those that are over.")] = None,
    outcome: Literal[tuple(Outcome.values)] | None = None,  # type: ignore[valid-type]
    agent_id: UUID | None = None,
    number_id: UUID | None = None,
    since: Annotated[datetime | None, Query(description="Begun at or after this moment.")] = None,
    until: Annotated[datetime | None, Query(description="Begun before this moment.")] = None,
    tests: Annotated[bool, Query(description="Tests from the editor as well.")] = False,
) -> Any:
    """Calls, newest first."""
    rows = _all() if tests else _all().filter(kind__in=CARRIED)
    if live is not None:
        rows = rows.filter(status__in=LIVE) if live else rows.exclude(status__in=LIVE)
    for name, value in (("outcome", outcome), ("agent_id", agent_id), ("number_id", number_id)):
        if value is not None:
            rows = rows.filter(**{name: value})
    if since is not None:
        rows = rows.filter(created_at__gte=_aware(since, "query.since"))
    if until is not None:
        rows = rows.filter(created_at__lt=_aware(until, "query.until"))
    return page(rows, shown, cursor=cursor, limit=limit)


@router.post("", response={201: CallDetail})
@endpoint("make calls", waits=True)
def place_call(request: ApiRequest, wanted: NewCall) -> Any:
    """Ring somebody: the agent talks when they answer. With `Idempotency-Key` the same wish is dialled once."""
    wish = Wanted(
        wanted.agent_id,
        wanted.to,
        from_number=wanted.from_number,
        variables=wanted.variables,
        ring_s=wanted.ring_s,
        detection=Detection(wanted.detection),
        key=_wish(request),
    )
    placed = placing.call(None, request.caller.tenant.id, wish)
    with tenant_scope(request.caller.tenant.id):
        return Created(201, _detail(_find(placed.id)))


def _wish(request: ApiRequest) -> str:
    key = request.headers.get("Idempotency-Key", "")
    return f"api {request.caller.key.prefix} {key}"[:64] if key else ""


@router.get("/{uuid:call_id}", response=CallDetail)
@endpoint("view calls")
def get_call(request: ApiRequest, call_id: UUID) -> Any:
    """One call."""
    return _detail(_find(call_id))


@router.get("/{uuid:call_id}/transcript", response=list[TurnOut])
@endpoint("view calls")
def get_transcript(request: ApiRequest, call_id: UUID) -> Any:
    """What was said, in order; of a call that goes on what is finished."""
    return [
        {name: getattr(turn, name) for name in TurnOut.model_fields}
        for turn in Turn.objects.filter(call=_find(call_id))
    ]


@router.get(
    "/{uuid:call_id}/recording",
    response={200: None},
    openapi_extra={"responses": {200: {"content": {"audio/wav": {"schema": {"type": "string", "format": "binary"}}}}}},
)
@endpoint("listen")
def get_recording(request: ApiRequest, call_id: UUID) -> Any:
    """The stereo WAV: caller left, agent right. A single `Range` is honoured."""
    return serving.wav(request, get_object_or_404(Recording, call=_find(call_id)), as_file=False)


@router.post("/{uuid:call_id}/hang-up", response=Delivered)
@endpoint("end calls", waits=True)
def hang_up(request: ApiRequest, call_id: UUID) -> Any:
    """End a call that goes on: the agent says goodbye first."""
    return _order(request, call_id, orders.HangUp("operator"), "hung up call")


@router.post("/{uuid:call_id}/say", response=Delivered)
@endpoint("end calls", waits=True)
def say(request: ApiRequest, call_id: UUID, words: Words) -> Any:
    """Let the agent say this in the next silence, as it stands."""
    return _order(request, call_id, orders.Say(words.text), "had the agent say")


@router.post("/{uuid:call_id}/instruct", response=Delivered)
@endpoint("end calls", waits=True)
def instruct(request: ApiRequest, call_id: UUID, given: Instructions) -> Any:
    """Add to the agent's instructions, from the next reply of this call on."""
    return _order(request, call_id, orders.Instruct(given.text), "instructed the agent")


@router.post("/{uuid:call_id}/transfer", response=Delivered)
@endpoint("end calls", waits=True)
def transfer(request: ApiRequest, call_id: UUID, to: To) -> Any:
    """Put the caller through to one of the agent's targets."""
    return _order(request, call_id, orders.Transfer(to.target), "put a caller through")


def _order(request: ApiRequest, call_id: UUID, order: AnyOrder, verb: str) -> dict[str, str]:
    with tenant_scope(request.caller.tenant.id):
        call = _find(call_id)
        if call.status not in LIVE:
            raise ProblemError(409, "This call is over.", code="call_over")
    delivery = async_to_sync(orders.asend)(call.id, order)
    with tenant_scope(request.caller.tenant.id):
        audit.record(None, verb, call, outcome=delivery.value, api_key=request.caller.key.prefix)
    return {"delivery": delivery.value}


def _find(call_id: UUID) -> Call:
    found = _all().filter(id=call_id).first()
    if found is None:
        raise Http404
    call: Call = found
    return call


def _detail(call: Call) -> dict[str, Any]:
    return {**shown(call), "error": call.error, "collected": call.collected, "usage": call.usage}


def _aware(moment: datetime, field: str) -> datetime:
    if moment.tzinfo is None:
        raise ProblemError(422, "A moment needs its offset, such as Z.", errors=[(field, "needs an offset")])
    # Which calls are meant is the same; PostgreSQL knows fewer offsets and later years than may be written.
    plain = moment.replace(tzinfo=UTC)
    return EPOCH if plain < EPOCH else LATEST if plain >= LATEST else moment.astimezone(UTC)
