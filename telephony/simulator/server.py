"""The carrier as a server: REST, recordings' files, and calls that are dialled here. For tests, drills and development.

    async with CarrierServer(World.of([Account("MA_TEST", "token")], [Number("+918071387001", "MA_TEST")],
                                      {"+919800000001": Person(after_ms=300)})) as carrier:
        settings.VOBIZ_API_URL = carrier.api_url
        report = await carrier.dial(CallPlan("+918071387001", script=Script(...)))

Inbound calls are dialled with `dial` (or `start`, to act while it runs); calls placed over REST ring the world's
people, and their reports are in `reports`. Both kinds can be transferred, hung up and looked up over REST.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import uvicorn

from telephony.simulator import control, rest_account, rest_calls, rest_numbers, rest_records
from telephony.simulator.call import Call
from telephony.simulator.plan import CallPlan
from telephony.simulator.report import Report
from telephony.simulator.rest import PREFIX, Api, Reply, Request, Trouble
from telephony.simulator.switch import Switch, switch
from telephony.simulator.world import Account, Number, World, digits

if TYPE_CHECKING:
    from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, Scope

MAX_BODY_BYTES = 1 << 20
Application = Callable[..., Awaitable[None]]
ROUTES = (*rest_account.ROUTES, *rest_numbers.ROUTES, *rest_calls.ROUTES, *rest_records.ROUTES)


class CarrierServer:
    """An async context manager. `port` 0 takes a free one.

    `template` is how the carrier behaves on calls that REST places (dialect, signing, faults, seed, …); `dial` takes
    that from its own plan. An account that a dialled plan names is made known, so that REST accepts its credentials.
    `steered` opens `control.py` to whoever can reach the port.
    """

    def __init__(
        self,
        world: World | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        template: CallPlan | None = None,
        steered: bool = False,
    ) -> None:
        self.world = world or World()
        self._template = template or CallPlan("")
        self._host = host
        self._steered = steered
        self._port = port
        self._exits = contextlib.AsyncExitStack()
        self._switch: Switch | None = None
        self._api: Api | None = None
        self.url = ""

    @property
    def api_url(self) -> str:
        """The base of REST: `http://127.0.0.1:PORT/api/v1`."""
        return self.url + PREFIX

    @property
    def switch(self) -> Switch:
        """The switch behind it; only while it runs."""
        if self._switch is None:
            raise RuntimeError("the carrier is not running")
        return self._switch

    @property
    def reports(self) -> Iterable[Report]:
        """All calls that are over, in the order of their ends."""
        return tuple(self.switch.reports)

    @property
    def requests(self) -> list[tuple[str, str, int]]:
        """(method, path, status) of every REST request."""
        return self._answers.log

    def trouble(self, trouble: Trouble) -> None:
        """Make the next requests that fit fail."""
        self._answers.troubles.append(trouble)

    def start(self, plan: CallPlan) -> RunningCall:
        """Dial in; returns at once."""
        self._introduce(plan)
        call = self.switch.call(plan)
        return RunningCall(call, self.switch.keep(call.run()))

    async def dial(self, plan: CallPlan) -> Report:
        """Dial in, and wait for the end."""
        return await self.start(plan).report()

    async def dial_many(self, plans: Iterable[CallPlan], ramp_ms: int = 20) -> list[Report]:
        """Dial all plans, one every `ramp_ms`. Reports in the order of the plans."""
        running = []
        for index, plan in enumerate(plans):
            if index:
                await asyncio.sleep(ramp_ms / 1000)
            running.append(self.start(plan))
        return [await each.report() for each in running]

    async def __aenter__(self) -> CarrierServer:
        self._switch = await self._exits.enter_async_context(switch(self.world, self._template))
        self._api = Api(self._switch, ROUTES)
        self.url = await self._exits.enter_async_context(_serving(self._application, self._host, self._port))
        self._switch.recorder.media_url = self.url
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._exits.aclose()

    @property
    def _answers(self) -> Api:
        if self._api is None:
            raise RuntimeError("the carrier is not running")
        return self._api

    def _introduce(self, plan: CallPlan) -> None:
        target = plan.target
        if target.answer_url and target.auth_id not in self.world.accounts:
            parent = ""
            if target.parent_auth_token:
                parent = f"MA_PARENT_{target.auth_id}"
                self.world.accounts.setdefault(parent, Account(parent, target.parent_auth_token))
            self.world.accounts[target.auth_id] = Account(target.auth_id, target.auth_token, parent=parent)
        if target.answer_url and self.world.number(plan.number) is None:
            self.world.numbers[digits(plan.number)] = Number(plan.number, target.auth_id)

    async def _application(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        if scope["type"] != "http":
            return
        body = b""
        more = True
        while more and len(body) <= MAX_BODY_BYTES:
            message = await receive()
            if message["type"] != "http.request":
                return
            body, more = body + message["body"], message["more_body"]
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        request = Request(scope["method"], scope["path"], query, headers, body)
        if self._steered and request.path.startswith(control.PREFIX):
            reply = await control.answer(self, request)
        else:
            reply = self._answers.answer(request)
        await self._send(reply, send)

    async def _send(self, reply: Reply, send: ASGISendCallable) -> None:
        if reply.hang_s:
            await asyncio.sleep(reply.hang_s)
        payload = reply.payload()
        headers = [(b"content-type", reply.content_type.encode()), (b"content-length", str(len(payload)).encode())]
        headers += [(name.encode(), value.encode()) for name, value in reply.headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": headers, "trailers": False})
        if not reply.drops:  # uvicorn closes the connection of an answer that was promised and does not come
            await send({"type": "http.response.body", "body": payload, "more_body": False})


class RunningCall:
    """A call dialled in that goes on. `call_id` is its CallUUID."""

    def __init__(self, call: Call, task: asyncio.Task[Report]) -> None:
        self.call = call
        self._task = task

    @property
    def call_id(self) -> str:
        """What REST and the application know it by."""
        return self.call.call_id

    async def report(self) -> Report:
        """Wait for its end."""
        return await self._task


class _Server(uvicorn.Server):
    """Leaves the process's signals alone, and stops when told instead of when its clock next ticks."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopped = asyncio.Event()

    async def main_loop(self) -> None:
        await self.stopped.wait()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def _serving(application: Application, host: str, port: int) -> AsyncIterator[str]:
    config = uvicorn.Config(
        application,
        host=host,
        port=port,
        log_level="critical",
        lifespan="off",
        ws="none",
        access_log=False,
        interface="asgi3",
        proxy_headers=False,
    )
    server = _Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        if running.done():
            raise OSError(f"cannot listen on {host}:{port}")
        await asyncio.sleep(0.005)
    try:
        bound = server.servers[0].sockets[0].getsockname()
        yield f"http://{host}:{bound[1]}"
    finally:
        server.should_exit = server.force_exit = True
        server.stopped.set()
        await running
