import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sign_in

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def test_signing_in_and_out_needs_no_script(visitor):
    page = visitor.open(scripts=False)

    sign_in(page, "owner@udupi.example")
    expect(page.get_by_role("heading", level=1)).to_have_text("Calls")
    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_section_is_saved_or_refused_without_scripts(visitor, business):
    visitor.expected.add(422)
    page = visitor.open("owner@udupi.example", scripts=False)
    page.goto(f"{business.base}/agents/new/")
    page.get_by_label("Name").fill("Chitra")
    page.get_by_role("button", name="Make the agent").click()
    section = page.locator("form#limits")

    section.get_by_label("Ask again after").fill("900")
    section.get_by_role("button", name="Save silence and limits").click()
    expect(section.get_by_role("alert")).to_contain_text("2 to 60")
    expect(section.get_by_label("Ask again after")).to_have_value("900")
    section.get_by_label("Ask again after").fill("9")
    section.get_by_role("button", name="Save silence and limits").click()

    expect(page.get_by_text("Draft saved.")).to_be_visible()
    page.reload()
    expect(section.get_by_label("Ask again after")).to_have_value("9")


def test_calls_are_filtered_without_scripts(visitor, business):
    page = visitor.open("owner@udupi.example", scripts=False)
    page.goto(f"{business.base}/calls/")

    page.get_by_label("Caller’s number").fill("98450")
    page.get_by_label("Outcome").select_option(label="Put through")
    page.get_by_role("button", name="Apply").click()

    rows = page.locator("#calls tbody tr:not(.group)")
    expect(rows.first).to_be_visible()
    assert rows.count() == rows.filter(has_text="Put through").count()
    expect(page.get_by_label("Outcome")).to_have_value("transfer")
