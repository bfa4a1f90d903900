"""Chromium in front of a whole Switchboard, and people who sign in to it. Nothing on a page may go wrong unsaid."""

import asyncio
import json
import shutil
import subprocess
import sys
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from telephony.simulator.babble import babble
from telephony.simulator.plan import CallPlan, Target
from telephony.simulator.report import Report
from telephony.simulator.script import AfterAgent, Interrupt, Say, Script, Step
from telephony.simulator.simulate import run_call
from tests.browser.furnish import CARRIER_TOKEN, PASSWORD
from tests.whole import Switchboard

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
ASK = Step(AfterAgent(), Say(babble(1_500), "asks"))
CUT_IN = Step(Interrupt(1_000), Say(babble(1_800, 2), "cuts in"))


@pytest.fixture(scope="package")
def chromium():
    """Ends with this package: while it lives, its thread has a running loop, and others could not start theirs."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("needs Chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass
class Business:
    """The one with calls: `url` and `number` as in `furnish`; `base` is the path of its pages."""

    switchboard: Switchboard
    number: dict
    base: str = "/t/udupi-garden"

    def plan(self, *steps: Step, **options) -> CallPlan:
        url, number = self.switchboard.url, self.number
        target = Target(url + number["answer"], url + number["hangup"], "", "MA_UDUPI", CARRIER_TOKEN)
        return CallPlan(number["e164"], target, Script(steps), salt=uuid.uuid4().hex, **options)

    @contextmanager
    def dialled(self, *steps: Step, **options):
        """A call that goes on while the block runs; gives its future report, and waits for the call's end."""
        with ThreadPoolExecutor(1) as pool:
            call: Future[Report] = pool.submit(lambda: asyncio.run(run_call(self.plan(*steps, **options))))
            yield call
            report = call.result()
        assert report.ran, report.as_text()
        self.switchboard.call(report.call_id)

    def held(self, *steps: Step, **options) -> dict:
        """A whole call; its row, once the recording is kept."""
        with self.dialled(*steps, **options) as call:
            pass
        row = self.switchboard.call(call.result().call_id)
        [recording] = self.switchboard.until(
            "the recording is kept",
            lambda: self.switchboard.rows("SELECT * FROM telephony_recording WHERE call_id = %s", row["id"]),
        )
        return row | {"recording": recording}


@pytest.fixture(scope="package")
def business(switchboard) -> Business:
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "tests.browser.furnish"]
    done = subprocess.run(command, env=switchboard.env, cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Business(switchboard, json.loads(done.stdout.splitlines()[-1]))


@pytest.fixture(scope="package")
def call(business) -> dict:
    """A conversation with an interruption, as its row with `recording`."""
    return business.held(ASK, CUT_IN, ASK)


@dataclass
class Visitor:
    """Opens pages, and keeps what went wrong on them. `expected`: statuses that a test asks for."""

    chromium: Browser
    url: str
    signed_in: dict = field(default_factory=dict)
    contexts: list[BrowserContext] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    expected: set[int] = field(default_factory=set)

    def open(self, email: str = "", *, width: int = 1440, theme: str = "light", scripts: bool = True) -> Page:
        """A blank page of a fresh browser in which `email` has signed in, or nobody."""
        if email and email not in self.signed_in:
            page = self.open()
            sign_in(page, email)
            page.wait_for_url("**/" if "both" in email or "operator" in email else "**/t/**")
            self.signed_in[email] = page.context.storage_state()
        context = self.chromium.new_context(
            base_url=self.url,
            viewport={"width": width, "height": 900},
            color_scheme=theme,
            java_script_enabled=scripts,
            storage_state=self.signed_in.get(email),
        )
        context.set_default_timeout(15_000)
        self.contexts.append(context)
        page = context.new_page()
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.trouble.append(f"script: {error}"))
        page.on("requestfailed", self._failed)
        page.on("response", self._answered)
        return page

    def close(self) -> None:
        for context in self.contexts:
            context.close()
        self.contexts.clear()

    def _console(self, message) -> None:
        # What the server refused is judged by its status.
        if message.type in ("error", "warning") and "the server responded with a status" not in message.text:
            self.trouble.append(f"console: {message.text}")

    def _failed(self, request) -> None:
        # A player drops a request when it has enough, a page when it is left.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.trouble.append(f"request: {request.url} {request.failure}")

    def _answered(self, response) -> None:
        if response.status >= 400 and response.status not in self.expected:
            self.trouble.append(f"response: {response.url} {response.status}")


def sign_in(page: Page, email: str, password: str = PASSWORD) -> None:
    """Fills in the form, wherever one was going."""
    if not page.url.startswith("http"):
        page.goto("/")
    page.get_by_label("E-mail address").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def until(page: Page, expression: str, business: Business) -> None:
    """Asked from outside: the pages' policy lets nobody evaluate text inside of them."""
    business.switchboard.until(expression, lambda: page.evaluate(expression))


@pytest.fixture(scope="package")
def sessions() -> dict:
    """Cookies of who has signed in, so that each does it once."""
    return {}


@pytest.fixture
def visitor(chromium, business, sessions):
    visitor = Visitor(chromium, business.switchboard.url, sessions)
    yield visitor
    visitor.close()
    assert visitor.trouble == []


@pytest.fixture
def page(visitor) -> Page:
    """The busy business's owner, at a desk."""
    return visitor.open("owner@udupi.example")
