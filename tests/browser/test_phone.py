"""The editor's phone and chat in a Chromium whose microphone hears recordings: real sockets, engine and database."""

import json
import math
import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from telephony.simulator.babble import babble
from telephony.simulator.wav import ulaw_from_file, write_wav
from tests.browser.conftest import FLAGS, Visitor, sign_in
from tests.browser.test_every_page import nameless, pale, twice

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]

SPEECH = Path(__file__).parents[2] / "telephony" / "simulator" / "speech"
LONG_MS = 40_000


def silence(ms: int) -> bytes:
    return b"\xff" * (8 * ms)


@pytest.fixture
def microphone(chromium, business, tmp_path):
    """`microphone(sound, …)` opens a page of a browser whose microphone hears these sounds once, then silence."""
    browsers, visitors = [], []

    def opened(*sounds: bytes, email="owner@udupi.example", device=True) -> Page:
        path = tmp_path / f"{len(browsers)}.wav"
        write_wav(path, b"".join([*sounds, silence(LONG_MS)]))
        flags = ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={path}%noloop"]
        browser = chromium.browser_type.launch(
            executable_path=shutil.which("chromium"),
            args=[*FLAGS, *(flags if device else [])],
        )
        browsers.append(browser)
        visitor = Visitor(browser, business.switchboard.url)
        visitors.append(visitor)
        page = visitor.open()
        if device:
            page.context.grant_permissions(["microphone"])
        if email:
            sign_in(page, email)
            page.wait_for_url("**/t/**")
        return page

    yield opened
    trouble = [said for visitor in visitors for said in visitor.trouble]
    for browser in browsers:
        browser.close()
    assert trouble == []


@pytest.fixture
def editor(business) -> str:
    return f"{business.base}/agents/{business.number['agent']}/"


@pytest.fixture(scope="module")
def demo(business) -> dict:
    """The seeded clinic: keyless providers that really listen and speak. `editor` is the page of its agent."""
    [tenant, *_] = json.loads(business.switchboard.command("seed", "--json"))["tenants"]
    return {
        "base": f"/t/{tenant['slug']}",
        "editor": f"/t/{tenant['slug']}/agents/{tenant['agents'][0]['id']}/",
        "owner": next(user for user in tenant["users"] if user["role"] == "owner"),
    }


def phone_of(page: Page):
    return page.locator("#phone")


def call(page: Page, name="Call the draft"):
    phone_of(page).get_by_role("button", name=name).click()
    expect(phone_of(page)).to_have_attribute("data-state", "talking")


def hang_up(page: Page):
    phone_of(page).get_by_role("button", name="Hang up").click()
    expect(phone_of(page)).to_have_attribute("data-state", "over")


def heard_ms(page: Page) -> int:
    """How much of what the page has played was no silence."""
    return int(phone_of(page).get_attribute("data-heard-ms"))


def looks_right(page: Page) -> None:
    """Words stand out in both themes, controls have names, nothing sticks out of a telephone's screen."""
    before = page.viewport_size
    assert twice(page) == nameless(page) == []
    for width in (before["width"], 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for theme in ("dark", "light"):
            page.emulate_media(color_scheme=theme)
            assert pale(page) == []
    page.set_viewport_size(before)


def begun_in(business, slug: str) -> list[dict]:
    return business.switchboard.rows(
        "SELECT c.* FROM telephony_call c JOIN tenants_tenant t ON t.id = c.tenant_id "
        "WHERE t.slug = %s AND c.kind <> 'phone' ORDER BY c.created_at",
        slug,
    )


def test_a_person_talks_to_the_demo_agent_and_sees_the_words(microphone, business, demo):
    page = microphone(silence(11_000), ulaw_from_file(SPEECH / "hours.wav"), email="")
    sign_in(page, demo["owner"]["email"], demo["owner"]["password"])
    page.wait_for_url("**/t/**")
    page.goto(demo["editor"])
    phone = phone_of(page)

    call(page)

    agent, caller = phone.locator("li.agent"), phone.locator("li.caller")
    expect(agent.first).to_contain_text("Hello, I am Asha")
    expect(agent.first).to_contain_text("How can I help?", timeout=15_000)
    expect(caller.first).to_contain_text("opening hours", timeout=20_000)
    expect(agent.nth(1)).to_contain_text("open Monday to Saturday", timeout=15_000)
    expect(agent.nth(1).locator("svg.reply")).to_be_visible(timeout=20_000)
    assert heard_ms(page) > 5_000

    hang_up(page)
    expect(phone.locator("ol")).to_contain_text("You hung up.")
    phone.get_by_role("link", name="See this test among the calls").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Test call by")
    expect(page.locator("h1 .tag")).to_have_text("Test")
    expect(page.get_by_role("region", name="Recording")).to_be_visible(timeout=20_000)
    expect(page.locator(".turns > .caller").first).to_contain_text("opening hours")
    page.goto(f"{demo['base']}/calls/")
    page.get_by_role("link", name="Tests").click()
    expect(page.locator("#calls tbody tr:not(.group)").first).to_contain_text("Test")
    row = begun_in(business, demo["base"].rpartition("/")[2])[-1]
    assert (row["status"], row["outcome"], row["version_id"]) == ("ended", "caller_hung_up", None)


def test_who_speaks_over_the_agent_silences_the_loudspeaker_at_once(microphone, business, editor):
    # The scripted agent says each of a reply's two sentences as a tone of 1.5 s.
    page = microphone(silence(2_500), babble(1_500), silence(1_900), babble(2_500, 2))
    page.goto(editor)

    call(page)

    phone = phone_of(page)
    expect(phone.locator(".cutmark").first).to_be_visible(timeout=15_000)
    cut = phone.locator("li.agent").filter(has=page.locator(".cutmark")).first
    expect(cut.locator("s")).not_to_be_empty()
    played = heard_ms(page)
    page.wait_for_timeout(400)
    assert heard_ms(page) - played <= 100
    hang_up(page)


def test_keys_reach_the_agent_and_the_microphone_can_be_muted(microphone, business, editor):
    page = microphone(silence(3_500), babble(20_000, 3))
    page.goto(editor)
    call(page)
    phone = phone_of(page)

    phone.get_by_role("button", name="Mute", exact=True).click()
    expect(phone.get_by_role("button", name="Unmute")).to_have_attribute("aria-pressed", "true")
    phone.get_by_role("button", name="Keypad").click()
    for key in "12#":
        phone.get_by_role("group", name="Keypad").get_by_role("button", name=key).click()

    expect(phone.locator("li.caller").first).to_contain_text("Keys 12", timeout=15_000)
    expect(phone.locator("li.caller")).to_have_count(1)
    looks_right(page)
    hang_up(page)
    looks_right(page)


def test_the_published_version_answers_with_what_was_published(microphone, business, editor):
    page = microphone()
    page.goto(editor)

    phone_of(page).get_by_text("Version 1", exact=True).click()
    call(page, "Call version 1")

    expect(phone_of(page).locator("li.agent").first).to_contain_text("good evening", timeout=15_000)
    hang_up(page)
    row = business.switchboard.until(
        "the test has ended", lambda: (rows := begun_in(business, "udupi-garden"))[-1]["status"] == "ended" and rows[-1]
    )
    assert row["version_id"] is not None
    assert row["draft"] is None


def test_a_connection_that_dies_is_said_and_one_can_call_again(microphone, business, editor):
    page = microphone()
    wires = []

    def between(socket):
        server = socket.connect_to_server()
        wires.append(socket)
        socket.on_message(server.send)
        server.on_message(socket.send)

    page.route_web_socket("**/media/**", between)
    page.goto(editor)
    call(page)
    before = len(begun_in(business, "udupi-garden"))

    wires[0].close(code=1011)

    phone = phone_of(page)
    expect(phone.get_by_role("alert")).to_contain_text("The connection was lost")
    looks_right(page)
    call(page, "Call again")
    expect(phone.get_by_role("alert")).to_be_hidden()
    hang_up(page)
    rows = business.switchboard.until(
        "both are over",
        lambda: (found := begun_in(business, "udupi-garden")) and found[-1]["status"] == "ended" and found,
    )
    assert len(rows) == before + 1
    assert {row["status"] for row in rows} == {"ended"}


def test_two_tabs_talk_at_once(microphone, business, editor):
    one = microphone()
    one.goto(editor)
    other = one.context.new_page()
    other.goto(editor)

    call(one)
    call(other)

    for page in (one, other):
        expect(phone_of(page).locator("li.agent").first).to_contain_text("good evening", timeout=15_000)
    hang_up(one)
    expect(phone_of(other)).to_have_attribute("data-state", "talking")
    hang_up(other)


def test_leaving_the_page_hangs_up(microphone, business, editor):
    page = microphone()
    page.goto(editor)
    call(page)

    page.goto(f"{business.base}/calls/")

    business.switchboard.until("it is over", lambda: begun_in(business, "udupi-garden")[-1]["status"] == "ended")


def test_without_a_microphone_nobody_is_called(microphone, business, editor):
    page = microphone(device=False)
    page.goto(editor)
    before = len(begun_in(business, "udupi-garden"))

    phone_of(page).get_by_role("button", name="Call the draft").click()

    expect(phone_of(page).get_by_role("alert")).to_contain_text("There is no microphone")
    assert len(begun_in(business, "udupi-garden")) == before


def test_a_blocked_microphone_says_how_to_allow_it(microphone, editor):
    page = microphone()
    page.context.clear_permissions()
    page.context.grant_permissions(["clipboard-read"])  # and all others are refused
    page.goto(editor)

    expect(phone_of(page).get_by_role("alert")).to_contain_text("blocked for this page")
    phone_of(page).get_by_role("button", name="Call the draft").click()
    expect(phone_of(page).get_by_role("alert")).to_contain_text("blocked for this page")


def test_an_insecure_page_says_why_it_has_no_microphone(microphone, editor):
    page = microphone()
    page.add_init_script("Object.defineProperty(window, 'isSecureContext', { value: false })")
    page.goto(editor)

    expect(phone_of(page).get_by_role("alert")).to_contain_text("https:// or on localhost")


def test_a_person_chats_with_the_demo_agent(visitor, business, demo):
    page = visitor.open()
    sign_in(page, demo["owner"]["email"], demo["owner"]["password"])
    page.wait_for_url("**/t/**")
    page.goto(demo["editor"])
    phone = phone_of(page)
    phone.get_by_text("Chat", exact=True).click()
    phone.get_by_role("button", name="Chat with the draft").click()

    box = phone.get_by_label("Your message")
    expect(box).to_be_focused()
    for words, answer in (("What are your opening hours?", "Monday to Saturday"), ("bye", "Goodbye")):
        box.fill(words)
        page.keyboard.press("Enter")
        expect(phone.locator("li.agent").last).to_contain_text(answer)

    expect(phone.locator("ol")).to_contain_text("The agent ended the conversation.")
    phone.get_by_role("link", name="See this test among the calls").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Test chat by")
    expect(page.locator(".turns > .caller").first).to_contain_text("What are your opening hours?")


def test_the_sound_is_what_a_telephone_carries(page, editor):
    page.goto(editor)

    told = page.evaluate(
        """async () => {
            const { Resampler, encode, decode, loudness } = await import("/static/js/phone/dsp.js");
            const through = (from, to, hertz) => {
                const resampler = new Resampler(from, to);
                const heard = [];
                for (let block = 0; block < 400; block += 1) {
                    const samples = Float32Array.from({ length: 128 }, (_, at) =>
                        0.5 * Math.sin((2 * Math.PI * hertz * (block * 128 + at)) / from));
                    resampler.push(samples, (sample) => heard.push(sample));
                }
                return { count: heard.length, level: loudness(heard.slice(heard.length / 2)) };
            };
            const codes = Array.from({ length: 256 }, (_, code) => code);
            return {
                kept: through(48000, 8000, 1000),
                odd: through(44100, 8000, 1000),
                folded: through(48000, 8000, 7000),
                up: through(8000, 48000, 1000),
                codes: codes.filter((code) => encode(decode([code])[0]) !== code),
                levels: codes.map((code) => Math.round(decode([code])[0] * 32768)),
            };
        }"""
    )

    from telephony.simulator import audio

    full = 0.5 / math.sqrt(2)
    for name in ("kept", "odd", "up"):
        assert abs(20 * math.log10(told[name]["level"] / full)) < 0.5, name
    assert told["folded"]["level"] < full / 300
    assert abs(told["kept"]["count"] - 400 * 128 / 6) < 40
    assert told["levels"] == [int(level) for level in audio.decode(bytes(range(256)))]
    assert told["codes"] == [0x7F]  # minus zero is plus zero
