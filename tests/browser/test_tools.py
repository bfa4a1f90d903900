"""A builder gives an agent a tool with a secret, is told what is wrong with it, and tries it."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_agents import new_agent
from tests.browser.test_every_page import WIDTHS, nameless, pale, twice

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def looks_whole(page, width: int) -> None:
    assert twice(page) == []
    for size in WIDTHS:
        page.set_viewport_size({"width": size, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= size
        assert nameless(page) == []
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            assert pale(page) == []
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme="light")


def test_a_tool_is_written_corrected_tried_and_removed(visitor, page, business):
    visitor.expected.add(422)
    page.goto(f"{business.base}/secrets/")
    page.get_by_label("Name").fill("CRM_TOKEN")
    page.get_by_label("Value").fill("sk-browser-secret-7788")
    page.get_by_role("button", name="Add the secret").click()
    expect(page.get_by_role("row", name="CRM_TOKEN")).to_contain_text("…7788")
    assert "sk-browser" not in page.content()
    looks_whole(page, 1440)

    new_agent(page, business.base, "Tara")
    page.wait_for_load_state()
    section = page.locator("form#tools")
    section.get_by_role("button", name="Add a tool").click()
    row = section.locator("#tools-0")
    expect(row.locator("summary")).to_be_focused()
    row.get_by_label("Name").fill("find_slots")
    row.get_by_label("When to use it").fill("When the caller asks whether a day is free")
    row.get_by_label("Method").select_option("GET")
    row.get_by_label("Address").fill("https://169.254.169.254/days/{day}")
    row.get_by_label("Headers").fill("Authorization: Bearer {{secret.CRM_TOKEN}}")
    with page.expect_response("**/sections/tools/") as answer:
        section.get_by_role("button", name="Save tools").click()
    assert answer.value.status == 422
    expect(section.get_by_role("alert")).to_be_focused()
    expect(section.get_by_role("alert")).to_contain_text("169.254.169.254 is a metadata address")
    expect(row.get_by_label("When to use it")).to_have_value("When the caller asks whether a day is free")
    looks_whole(page, 1440)

    row.get_by_label("Address").fill("https://tools.invalid/days/{day}")
    with page.expect_response("**/?part=publish"):
        section.get_by_role("button", name="Save tools").click()
    expect(section.get_by_role("status")).to_contain_text("Draft saved")

    section.locator("#tools-0 > summary").click()
    section.get_by_role("link", name="Try it as it is saved").click()
    panel = page.get_by_role("form", name="Try find_slots")
    panel.get_by_label("day").fill("2026-11-23")
    panel.get_by_role("button", name="Try").click()
    result = panel.get_by_role("status")
    expect(result).to_contain_text("The server cannot be reached.")
    expect(result).to_contain_text("GET https://tools.invalid/days/2026-11-23")
    expect(result).to_contain_text("Bearer ••••")
    assert "sk-browser" not in page.content()
    expect(panel.get_by_label("day")).to_have_value("2026-11-23")
    looks_whole(page, 1440)

    section.get_by_role("button", name="Remove the tool").click()
    expect(section.locator("#tools-0")).to_have_count(0)


def test_a_tool_is_tried_without_scripts(visitor, business):
    page = visitor.open("owner@udupi.example", scripts=False)
    new_agent(page, business.base, "Uma")
    page.locator("form#lookup").get_by_label("Address").fill("https://crm.invalid/who?n={{caller_number}}")
    page.locator("form#lookup").get_by_role("button", name="Save look-up").click()

    page.get_by_role("link", name="Try it as it is saved").click()
    page.get_by_role("button", name="Try").click()

    expect(page.locator(".result")).to_contain_text("The server cannot be reached.")
