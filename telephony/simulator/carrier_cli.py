"""`switchboard carrier`: the carrier in the box by itself, until Ctrl-C. `fill` adds what this installation knows."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TextIO

from telephony.simulator.errors import SimulatorError
from telephony.simulator.faults import FAULTS
from telephony.simulator.files import add_number, read_world
from telephony.simulator.plan import CallPlan
from telephony.simulator.profiles import PROFILES, as_profile
from telephony.simulator.server import CarrierServer
from telephony.simulator.voice import synthesise
from telephony.simulator.wav import ulaw_from_file
from telephony.simulator.webhooks import SIGNINGS
from telephony.simulator.world import Account, World

PORT = 8900
Fill = Callable[[World], None]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `carrier` on `parser`."""
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="where to listen (127.0.0.1); its callers need no password to steer it")
    add("--port", type=int, default=PORT, metavar="N", help=f"where to listen ({PORT}; 0 takes a free one)")
    add("--people", type=Path, metavar="FILE", help="accounts, numbers and who answers, see the simulator's README")
    add("--account", action="append", default=[], metavar="ID:TOKEN", help="know this account; may be repeated")
    add("--number", action="append", default=[], metavar="NUMBER", help="have this number for sale; may be repeated")
    add("--profile", choices=PROFILES, default="current", help="which carrier to be (current)")
    add("--signature", choices=SIGNINGS, help="how callbacks of calls placed by REST are signed")
    add("--fault", action="append", default=[], choices=FAULTS, help="misbehave on such calls; may be repeated")
    add("--seed", type=int, metavar="N", help="the same N, the same ids; random otherwise")


def main(argv: Sequence[str] | argparse.Namespace, fill: Fill | None = None) -> int:
    """Run until interrupted. 0, or 2 for a command line that makes no sense."""
    if isinstance(argv, argparse.Namespace):
        given = argv
    else:
        parser = argparse.ArgumentParser(prog="carrier", description="Be the carrier.")
        add_arguments(parser)
        given = parser.parse_args(argv)
    try:
        world = world_from(given, fill)
    except SimulatorError as error:
        _print(f"carrier: {error}", sys.stderr)
        return 2
    with contextlib.suppress(KeyboardInterrupt):
        try:
            asyncio.run(_serve(given, world))
        except OSError as error:
            _print(f"carrier: {error}", sys.stderr)
            return 1
    return 0


def world_from(given: argparse.Namespace, fill: Fill | None = None) -> World:
    """What the options, the file and this installation know, in that order of precedence."""
    world = World()
    if fill is not None:
        fill(world)
    if given.people:
        read_world(given.people, world, synthesise, ulaw_from_file)
    for text in given.account:
        auth_id, _, token = text.partition(":")
        world.accounts[auth_id] = Account(auth_id, token)
    for e164 in given.number:
        add_number(world, e164, "")
    return world


async def _serve(given: argparse.Namespace, world: World) -> None:
    salt = secrets.token_hex(8) if given.seed is None else ""
    plan = CallPlan("", seed=given.seed or 0, salt=salt, faults=tuple(given.fault))
    template = as_profile(given.profile, plan)
    if given.signature:
        template = replace(template, signing=given.signature)
    async with CarrierServer(world, host=given.host, port=given.port, template=template, steered=True) as carrier:
        _print(f"The carrier answers at {carrier.url}: VOBIZ_API_URL={carrier.api_url}")
        known = f"{len(world.accounts)} accounts, {len(world.numbers)} numbers, {len(world.people.known)} people"
        _print(f"It knows {known}.")
        await asyncio.Event().wait()


def _print(text: str, file: TextIO | None = None) -> None:
    (file or sys.stdout).write(f"{text}\n")
    (file or sys.stdout).flush()
