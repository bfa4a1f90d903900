import re

import pytest
from playwright.sync_api import expect

from tests.browser.furnish import AGENT

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def test_a_number_gets_an_agent_and_is_switched_off_and_on(page, business):
    page.goto(f"{business.base}/numbers/")
    row = page.get_by_role("row", name="+91 80 4718 2299")
    expect(row).to_contain_text("Nobody answers")
    row.get_by_role("link").click()

    page.get_by_label("Answered by").select_option(label=AGENT)
    page.get_by_role("button", name="Save the number").click()
    expect(page.get_by_text("Number saved.")).to_be_visible()
    page.get_by_label("Takes calls").uncheck()
    page.get_by_role("button", name="Save the number").click()
    expect(page.locator(".page-head")).to_contain_text("Switched off")
    page.get_by_label("Takes calls").check()
    page.get_by_role("button", name="Save the number").click()
    expect(page.locator(".page-head")).to_contain_text("Ready")

    page.get_by_role("link", name="Numbers").first.click()
    expect(row).to_contain_text("Ravi")


def test_a_number_that_is_none_is_said_so_and_kept(visitor, page, business):
    visitor.expected.add(422)
    page.goto(f"{business.base}/numbers/")

    page.get_by_label("Number", exact=True).fill("eighty")
    page.get_by_label("What it is for").fill("Garden door")
    page.get_by_role("button", name="Connect the number").click()

    alert = page.get_by_role("alert")
    expect(alert).to_be_focused()
    expect(page.get_by_label("Number", exact=True)).to_have_value("eighty")
    expect(page.get_by_label("What it is for")).to_have_value("Garden door")
    alert.get_by_role("link").click()
    expect(page.get_by_label("Number", exact=True)).to_be_focused()


def test_a_new_number_shows_what_to_paste_at_the_carrier(visitor):
    page = visitor.open("owner@bakery.example")
    page.goto("/t/new-bakery/numbers/")
    expect(page.get_by_role("heading", name="No number yet")).to_be_visible()

    page.get_by_label("Number", exact=True).fill("+91 80 4718 3310")
    page.get_by_role("button", name="Connect the number").click()

    expect(page.get_by_label("Answer URL", exact=True)).to_have_value(re.compile(rf"^{visitor.url}/vobiz/answer/.+/$"))
    expect(page.get_by_label("Hang-up URL")).to_have_value(re.compile(r"/vobiz/hangup/.+/$"))
    expect(page.locator(".page-head")).to_contain_text("Nobody answers")
