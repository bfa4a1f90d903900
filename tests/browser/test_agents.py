import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def new_agent(page: Page, base: str, name: str) -> None:
    page.goto(f"{base}/agents/")
    page.get_by_role("link", name="New agent").click()
    page.get_by_label("Name").fill(name)
    page.get_by_role("button", name="Make the agent").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(name)


def test_an_agent_is_made_corrected_and_published(visitor, page, business):
    visitor.expected.add(422)
    new_agent(page, business.base, "Asha")
    section = page.locator("form#limits")

    section.get_by_label("Ask again after").fill("900")
    section.get_by_label("Goodbye").fill("Namaste, and goodbye.")
    with page.expect_response("**/sections/limits/") as answer:
        section.get_by_role("button", name="Save silence and limits").click()

    assert answer.value.status == 422
    summary = section.get_by_role("alert")
    expect(summary).to_be_focused()
    expect(section.get_by_label("Ask again after")).to_have_value("900")
    expect(section.get_by_label("Goodbye")).to_have_value("Namaste, and goodbye.")
    summary.get_by_role("link").click()
    expect(section.get_by_label("Ask again after")).to_be_focused()

    page.keyboard.press("ControlOrMeta+a")
    page.keyboard.type("9")
    with page.expect_response("**/?part=publish"):
        page.keyboard.press("Enter")
    expect(section.get_by_role("status")).to_contain_text("Draft saved")
    expect(section.get_by_role("alert")).to_have_count(0)

    page.get_by_role("button", name="Publish version 1").click()
    expect(page.get_by_text("Version 1 answers since")).to_be_visible()
    page.reload()
    expect(section.get_by_label("Ask again after")).to_have_value("9")
    expect(section.get_by_label("Goodbye")).to_have_value("Namaste, and goodbye.")


def test_an_old_version_is_compared_and_restored(page, business):
    new_agent(page, business.base, "Kavya")
    page.get_by_role("button", name="Publish version 1").click()
    section = page.locator("form#opening")
    section.get_by_role("textbox", name="First words").fill("Hello, a machine speaks. This call is recorded.")
    with page.expect_response("**/?part=publish"):
        section.get_by_role("button", name="Save opening").click()
    page.get_by_role("button", name="Review changes").click()
    review = page.get_by_role("dialog")
    expect(review.locator("ins").first).to_be_visible()
    review.get_by_label("What is this version for?").fill("Shorter")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Version 2 answers since")).to_be_visible()

    page.get_by_role("link", name="Versions").click()
    expect(page.get_by_role("row", name="Version 2")).to_contain_text("Answers now")
    page.get_by_role("row", name="Version 1").get_by_role("link", name="Compare and restore").click()
    page.get_by_role("button", name="Publish version 1 anew").click()

    expect(page.get_by_role("row", name="Version 3")).to_contain_text("Answers now")


def test_rows_come_and_go_without_losing_what_was_typed(page, business):
    new_agent(page, business.base, "Nila")
    section = page.locator("form#targets")
    section.get_by_role("button", name="Add a target").click()
    section.get_by_label("Name").last.fill("Kitchen")
    section.get_by_role("button", name="Add a target").click()
    expect(section.get_by_role("group")).to_have_count(2)
    expect(section.get_by_label("Name").first).to_have_value("Kitchen")

    section.get_by_label("Phone number").first.fill("+91 80 4718 2211")
    section.get_by_role("button", name="Save put through").click()

    expect(section.get_by_role("status")).to_contain_text("Draft saved")
    expect(section.get_by_role("group")).to_have_count(1)
    expect(section.get_by_label("Phone number")).to_have_value("+918047182211")


def test_a_problem_leads_to_its_control(page, business):
    new_agent(page, business.base, "Uma")
    section = page.locator("form#opening")
    section.get_by_role("textbox", name="First words").fill("")
    section.get_by_role("button", name="Save opening").click()
    problem = page.locator("#problems").get_by_role("link", name="Write the first words")

    problem.click()

    expect(section.get_by_role("textbox", name="First words")).to_be_focused()
    expect(page.locator("#publish").get_by_role("button", name="Publish version 1")).to_be_disabled()
