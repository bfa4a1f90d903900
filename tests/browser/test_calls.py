import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import ASK, CUT_IN, until

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]

SECONDS = "document.querySelector('audio').currentTime"
LOADED = "document.querySelector('audio').readyState >= HTMLMediaElement.HAVE_METADATA"


def test_a_call_comes_and_ends_on_an_open_list(page, business):
    page.goto(f"{business.base}/calls/")
    page.evaluate("window.stayed = true")
    badge = page.locator("#live-badge")
    expect(badge).to_be_hidden()

    with business.dialled(ASK, caller="+919900112233"):
        row = page.get_by_role("row", name="+91 99001 12233")
        expect(row).to_contain_text("Talking")
        expect(badge).to_contain_text("1")

    expect(row).to_contain_text("Caller hung up")
    expect(row).to_have_count(1)
    expect(badge).to_be_hidden()
    assert page.evaluate("window.stayed")


def test_an_open_call_page_grows_while_the_call_runs(page, business):
    page.goto(f"{business.base}/calls/")
    with business.dialled(ASK, CUT_IN, caller="+919900445566"):
        page.get_by_role("link", name="+91 99004 45566").click()
        turns = page.locator(".turns > li[data-at]")
        expect(turns.nth(0)).to_contain_text("Udupi Garden, good evening.")
        page.evaluate("window.stayed = true")
        expect(page.get_by_role("log")).to_be_visible()
        expect(turns.nth(1)).to_contain_text("Is a table free on Sunday?")

    expect(page.get_by_role("region", name="Recording")).to_be_visible()
    expect(page.locator(".page-head")).to_contain_text("Caller hung up")
    until(page, LOADED, business)
    assert page.evaluate("window.stayed")


def test_a_live_call_is_hung_up_from_its_page(page, business):
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{business.base}/calls/")
    with business.dialled(ASK, ASK, ASK, ASK, caller="+919900778899"):
        page.get_by_role("link", name="+91 99007 78899").click()
        expect(page.locator(".turns > li[data-at]").nth(0)).to_be_visible()
        page.get_by_role("button", name="Hang up").click()
        expect(page.locator(".toast")).to_contain_text("The agent says goodbye")

    expect(page.locator(".page-head")).to_contain_text("Said goodbye")
    expect(page.get_by_role("button", name="Hang up")).to_have_count(0)


def test_the_call_page_shows_who_said_what_and_how_quickly(page, business, call):
    page.goto(f"{business.base}/calls/{call['id']}/")

    expect(page.locator(".turns > li[data-at]")).to_have_count(7)
    caller, agent = page.locator(".turns > .caller .said"), page.locator(".turns > .agent .said")
    expect(caller.first).to_contain_text("Is a table free on Sunday?")
    assert caller.first.bounding_box()["x"] < agent.first.bounding_box()["x"]
    replies = page.locator(".turns > .agent .gap")
    expect(replies).to_have_count(3)
    for reply in replies.all():
        expect(reply).to_contain_text(re.compile(r"\d+ ms|\d\.\d\d s"))
        expect(reply.get_by_role("img")).to_have_attribute("aria-label", re.compile(r"patience \d+ ms, model \d+ ms"))


def test_the_call_page_shows_the_interruption_and_what_was_not_heard(page, business, call):
    page.goto(f"{business.base}/calls/{call['id']}/")

    cut = page.locator(".turns > li").filter(has=page.locator(".cutmark"))
    expect(cut).to_have_count(1)
    expect(cut).to_contain_text(re.compile(r"Interrupted at 0:\d\d, stopped \d+ ms after the caller began"))
    expect(cut.locator(".unheard")).to_contain_text("table by the window.")
    expect(cut.locator("xpath=following-sibling::li[1]")).to_contain_text("interrupts")
    expect(page.get_by_role("region", name="Recording")).to_contain_text("1 interruption")


def test_the_time_of_a_turn_moves_the_sound(page, business, call):
    page.goto(f"{business.base}/calls/{call['id']}/")
    until(page, LOADED, business)
    turn = page.locator(".turns > .agent").nth(1)

    turn.get_by_role("link").click()

    until(page, f"Math.abs({SECONDS} - {float(turn.get_attribute('data-at'))}) < 0.05", business)
    until(page, "!document.querySelector('audio').seeking", business)
    expect(turn).to_have_class(re.compile("now"))
    assert page.evaluate("document.querySelector('audio').error") is None


def test_the_whole_recording_plays(page, business, call):
    with page.expect_response("**/recording.wav") as answer:
        page.goto(f"{business.base}/calls/{call['id']}/")
    until(page, LOADED, business)

    assert answer.value.status == 206
    seconds = page.evaluate("document.querySelector('audio').duration")
    assert abs(seconds - call["recording"]["duration_ms"] / 1000) < 0.5
    page.evaluate(f"{SECONDS} = {seconds - 1}")
    page.get_by_role("button", name="Play").click()
    until(page, "document.querySelector('audio').ended", business)
    expect(page.get_by_role("button", name="Play")).to_be_visible()


def test_the_waveform_answers_to_keys(page, business, call):
    page.goto(f"{business.base}/calls/{call['id']}/")
    until(page, LOADED, business)
    position = page.get_by_role("slider", name="Position in the recording")

    position.focus()
    page.keyboard.press("End")
    until(page, f"{SECONDS} > {call['recording']['duration_ms'] / 1000 - 0.5}", business)
    page.keyboard.press("Home")
    until(page, f"{SECONDS} === 0", business)
    page.keyboard.press("PageUp")

    until(page, f"{SECONDS} > 0", business)
    expect(position).to_have_attribute("aria-valuetext", re.compile(r"0:0\d"))


def test_space_plays_and_pauses(page, business, call):
    page.goto(f"{business.base}/calls/{call['id']}/")
    until(page, LOADED, business)

    page.keyboard.press("Space")
    until(page, f"{SECONDS} > 0.1", business)
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    page.keyboard.press("Space")

    until(page, "document.querySelector('audio').paused", business)


def test_filters_live_in_the_address(page, business):
    page.goto(f"{business.base}/calls/")
    page.get_by_label("Outcome").select_option(label="Put through")
    page.get_by_role("button", name="Apply").click()
    page.wait_for_url("**/calls/?outcome=transfer")
    rows = page.locator("#calls tbody tr:not(.group)")
    found = rows.count()
    assert found == rows.filter(has_text="Put through").count() > 0

    page.reload()
    expect(rows).to_have_count(found)
    expect(page.get_by_label("Outcome")).to_have_value("transfer")
    expect(page.get_by_role("link", name="Put through")).to_have_attribute("aria-current", "page")
    page.keyboard.press("/")
    page.keyboard.type("000000")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="No calls match")).to_be_visible()
    page.get_by_role("link", name="Clear filters").click()
    expect(page).to_have_url(f"{business.switchboard.url}{business.base}/calls/")
    expect(rows.first).to_be_visible()


def test_older_calls_are_a_page_away_and_keep_the_filter(page, business):
    page.goto(f"{business.base}/calls/?q=98450")
    rows = page.locator("#calls tbody tr:not(.group)")
    expect(rows).to_have_count(50)

    page.get_by_role("link", name="Older").click()
    expect(rows).to_have_count(14)
    expect(page.get_by_label("Caller’s number")).to_have_value("98450")
    page.get_by_role("link", name="Newer").click()

    expect(rows).to_have_count(50)


def test_a_business_without_calls_is_told_how_to_get_one(visitor):
    page = visitor.open("owner@bakery.example")

    page.goto("/t/new-bakery/calls/")

    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    page.locator("#calls").get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Numbers")


def test_who_may_not_listen_sees_that_a_call_was_and_not_its_words(visitor, business, call):
    page = visitor.open("billing@udupi.example")

    page.goto(f"{business.base}/calls/{call['id']}/")

    expect(page.locator("main")).to_contain_text("not what was said")
    expect(page.locator("audio, .turns")).to_have_count(0)
