import pytest
from playwright.sync_api import expect

from tests.browser.test_agents import new_agent

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]


def test_a_voice_is_heard_before_it_is_chosen(visitor, page, business):
    visitor.expected.add(409)
    new_agent(page, business.base, "Tara")
    listen = page.locator("form#identity").get_by_role("link", name="Listen to the voice")

    page.get_by_label("Voice", exact=False).first.select_option("local/espeak-ng/en-gb-x-rp")
    with page.expect_response("**/voices/preview/**") as answer:
        listen.click()

    assert answer.value.status == 200
    assert "en-gb-x-rp" in answer.value.url
    expect(listen).to_have_class("button square on")
    expect(listen).to_have_class("button square", timeout=20_000)  # it has come to its end

    page.locator("#voice").select_option("cartesia/sonic-3.6/f786b574-daa5-4673-aa0c-cbe3e8534c02")
    listen.click()
    expect(page.locator("#toasts")).to_contain_text("There is no key for Cartesia.")


def test_a_model_is_chosen_named_and_its_missing_key_stops_publishing(visitor, page, business):
    visitor.expected.add(422)
    new_agent(page, business.base, "Veena")
    section = page.locator("form#model")

    section.get_by_label("A model that you name").check()
    with page.expect_response("**/sections/model/"):
        section.get_by_role("button", name="Save model").click()
    expect(section.get_by_role("alert")).to_be_focused()
    expect(section.get_by_label("A model that you name")).to_be_checked()
    section.get_by_label("Name of the model").fill("llama-4-70b")
    with page.expect_response("**/?part=publish"):
        section.get_by_role("button", name="Save model").click()

    expect(page.locator("#problems")).to_contain_text("There is no key for Another server")
    expect(page.locator("#publish").get_by_role("button", name="Publish version 1")).to_be_disabled()
    page.reload()
    expect(section.get_by_label("Name of the model")).to_have_value("llama-4-70b")


def test_without_scripts_models_voices_and_keys_can_be_chosen(visitor, business):
    visitor.expected.add(422)
    page = visitor.open("owner@udupi.example", scripts=False)
    page.goto(f"{business.base}/agents/new/")
    page.get_by_label("Name").fill("Usha")
    page.get_by_role("button", name="Make the agent").click()
    section = page.locator("form#model")

    section.get_by_label("One model that hears and speaks").check()
    expect(section.get_by_label("Its voice")).to_be_visible()
    expect(section.get_by_label("PocketSphinx")).to_be_hidden()
    section.get_by_label("GPT Realtime 2.1 mini").check()
    section.get_by_role("button", name="Save model").click()
    expect(section.get_by_label("GPT Realtime 2.1 mini")).to_be_checked()

    page.get_by_role("link", name="More voices").click()
    page.get_by_role("button", name="Use Katie").click()
    expect(page.locator("#voice")).to_have_value("cartesia/sonic-3.6/f786b574-daa5-4673-aa0c-cbe3e8534c02")

    page.get_by_role("link", name="add one").first.click()
    page.get_by_label("Key", exact=True).fill("two words")
    page.get_by_role("button", name="Check and keep").click()
    expect(page.get_by_label("Key", exact=True)).to_have_value("")
    expect(page.get_by_role("alert")).to_contain_text("Copy it once more")
