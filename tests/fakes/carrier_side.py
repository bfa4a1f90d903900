"""The carrier in the box with an application that beeps, and a client of its REST API: what tests of the simulator
stand on."""

import asyncio
from contextlib import asynccontextmanager

import httpx

from telephony.simulator.plan import CallPlan
from telephony.simulator.script import AfterAgent, Say, Script, Step
from telephony.simulator.server import CarrierServer
from telephony.simulator.webhooks import Retries
from telephony.simulator.world import Account, Application, Number, World
from tests.fakes.echo_app import BEEP, EchoApp, serving

OURS, CALLEE = "+918071387423", "+919800000001"
HEADERS = {"X-Auth-ID": "MA_TEST", "X-Auth-Token": "token"}
QUICK = CallPlan("", retries=Retries(tries=2, first_pause_s=0.0), speak_ms_per_letter=1, reconnect_pause_s=0.0)
TALKS = Script(
    (Step(AfterAgent(), Say(BEEP * 5, "hello")), Step(AfterAgent(), Say(BEEP * 5, "bye"))), turn_silence_ms=120
)
STAYS = Script(stay=True)


class Client:
    """The application's side of REST: paths below the account."""

    def __init__(self, carrier, http):
        self.carrier, self.http = carrier, http

    async def __call__(self, method, path, body=None, **options):
        url = f"{self.carrier.api_url}/Account/MA_TEST/{path}"
        return await self.http.request(method, url, json=body, headers=HEADERS, **options)

    async def until(self, check):
        for _ in range(400):
            found = check()
            if asyncio.iscoroutine(found):
                found = await found
            if found:
                return found
            await asyncio.sleep(0.01)
        raise AssertionError("it did not come about")

    async def hang_up(self, call):
        """End a running call by REST; its report."""
        await self("DELETE", f"Call/{call.call_id}/")
        return await call.report()

    async def cdr(self, call_id):
        async def get():
            found = await self("GET", f"cdr/{call_id}")
            return found.json()["data"] if found.status_code == 200 else None

        return await self.until(get)

    async def place(self, echo, to=CALLEE, **more):
        body = {"from": OURS, "to": to, "answer_url": echo.url + "/answer", "answer_method": "POST"}
        return await self("POST", "Call/", body | {"hangup_url": echo.url + "/hangup"} | more)

    async def report(self, call_id):
        return await self.until(lambda: next((r for r in self.carrier.reports if r.call_id == call_id), None))


@asynccontextmanager
async def running(people=None, *, account=None, **options):
    """An application that beeps, a carrier that knows it, and a client."""
    account = account or Account("MA_TEST", "token")
    async with serving(EchoApp(**options)) as echo:
        app = Application("1", "MA_TEST", "echo", echo.url + "/answer", hangup_url=echo.url + "/hangup")
        world = World.of([account], [Number(OURS, "MA_TEST", "1")], people or {}, [app])
        async with CarrierServer(world, template=QUICK) as carrier, httpx.AsyncClient(trust_env=False) as http:
            yield echo, carrier, Client(carrier, http)


def inbound(script=STAYS, **more):
    return CallPlan(OURS, script=script, retries=QUICK.retries, speak_ms_per_letter=1, reconnect_pause_s=0.0, **more)
