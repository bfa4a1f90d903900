"""What a carrier that runs by itself (`switchboard carrier`) offers beside the carrier's own API, for people and drills
that steer it from outside. Below `/simulator/`; no credentials, so it belongs on the loopback.

    POST /simulator/dial      a plan (`files.plan_as_json`); answers with the report when the call is over
    GET  /simulator/reports   all reports so far
    GET  /simulator/calls     ids of live calls
    POST /simulator/people    {"+91…": {"does": "busy"}}: whoever is dialled from now on
    POST /simulator/trouble   {"path": "/Call/", "method": "POST", "status": 500, "applied": true, …}
    GET  /simulator/requests  what REST was asked: [method, path, status]
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from telephony.simulator.errors import SimulatorError
from telephony.simulator.files import PersonFile, add_people, plan_from_json
from telephony.simulator.rest import Reply, Request, Trouble
from telephony.simulator.voice import synthesise
from telephony.simulator.wav import ulaw_from_file

if TYPE_CHECKING:
    from telephony.simulator.server import CarrierServer

PREFIX = "/simulator/"


async def answer(carrier: CarrierServer, request: Request) -> Reply:
    """One request. What makes no sense is a 400 with a sentence."""
    try:
        return await _answered(carrier, request)
    except (SimulatorError, LookupError, msgspec.DecodeError, msgspec.ValidationError) as error:
        return Reply(400, {"message": str(error)})


async def _answered(carrier: CarrierServer, request: Request) -> Reply:
    match request.method, request.path.removeprefix(PREFIX):
        case "POST", "dial":
            report = await carrier.dial(plan_from_json(request.body))
            return Reply(200, msgspec.json.encode(report))
        case "GET", "reports":
            return Reply(200, msgspec.json.encode(list(carrier.reports)))
        case "GET", "calls":
            return Reply(200, list(carrier.switch.calls))
        case "GET", "requests":
            return Reply(200, carrier.requests)
        case "POST", "people":
            given = msgspec.json.decode(request.body, type=dict[str, PersonFile | list[PersonFile]])
            add_people(carrier.world, given, "", Path(), synthesise, ulaw_from_file)
            return Reply(204)
        case "POST", "trouble":
            carrier.trouble(msgspec.convert(json.loads(request.body or b"{}"), Trouble))
            return Reply(204)
    return Reply(404, {"message": f"{request.method} {request.path} is not known"})
