import pytest
from playwright.sync_api import expect

from tests.browser.conftest import sign_in

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def test_signing_in_leads_to_the_calls_of_the_only_tenant(visitor, business):
    page = visitor.open()

    sign_in(page, "owner@udupi.example")

    expect(page).to_have_url(f"{business.switchboard.url}{business.base}/calls/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Calls")


def test_a_wrong_password_is_said_and_the_address_is_kept(visitor):
    page = visitor.open()
    visitor.expected.add(422)

    sign_in(page, "owner@udupi.example", "not the password")

    expect(page.get_by_role("alert")).to_contain_text("could not sign you in")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("E-mail address")).to_have_value("owner@udupi.example")
    expect(page.get_by_label("Password")).to_have_value("")


def test_after_signing_in_one_is_where_one_wanted_to_go(visitor, business):
    page = visitor.open()
    page.goto(f"{business.base}/agents/")

    sign_in(page, "owner@udupi.example")

    expect(page.get_by_role("heading", level=1)).to_have_text("Agents")


def test_signing_out_ends_it(visitor, business):
    page = visitor.open()
    sign_in(page, "both@udupi.example")
    page.get_by_role("link", name="Udupi Garden").click()

    page.get_by_role("button", name="Sign out").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{business.base}/calls/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_who_is_on_two_teams_chooses_and_can_change_over(visitor):
    page = visitor.open("both@udupi.example")
    page.goto("/")

    page.get_by_role("link", name="New Bakery").click()
    expect(page.get_by_role("heading", name="No calls yet")).to_be_visible()
    page.get_by_role("button", name="New Bakery").click()
    page.locator("#tenants").get_by_role("link", name="Udupi Garden").click()

    expect(page).to_have_url(f"{visitor.url}/t/udupi-garden/calls/")


def test_a_strangers_tenant_is_not_there(visitor):
    page = visitor.open("owner@udupi.example")
    visitor.expected.add(404)

    answers = [page.goto(f"/t/{slug}/calls/").status for slug in ("new-bakery", "no-such-place")]

    assert answers == [404, 404]
    expect(page.get_by_role("heading", level=1)).to_be_visible()


def test_the_theme_changes_at_once_and_stays(visitor, business):
    page = visitor.open("billing@udupi.example")
    page.goto(f"{business.base}/calls/")

    with page.expect_response("**/theme/"):
        page.get_by_role("button", name="Theme").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
