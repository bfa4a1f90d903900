"""A top-up as a person makes it: from the billing page to Stripe's and back, in Chromium."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.conf import settings as django_settings

from billing.stripe.models import EventState
from tests.billing.stripe.conftest import event_states, make_payer
from tests.fakes.stripe import StripeFake
from tests.fakes.threaded import serving
from tests.fakes.vendor import KEY

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.timeout(300)]


@pytest.fixture
def site(live_server, settings, registered):
    """Ours, with Stripe beside it that tells its webhook."""
    with serving(StripeFake(webhook=f"{live_server.url}/stripe/events/")) as fake:
        settings.STRIPE_API_KEY = KEY
        settings.STRIPE_API_BASE = fake.url
        settings.STRIPE_WEBHOOK_SECRETS = list(fake.secrets)
        settings.PUBLIC_URL = live_server.url
        directives = settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]
        settings.CONTENT_SECURITY_POLICY = {"DIRECTIVES": {**directives, "form-action": ["'self'", fake.url]}}
        yield live_server.url, make_payer(fake, "Sanjeevani Clinic")


def in_a_browser(steps, url, cookie):
    """In a thread of its own: Playwright's loop keeps Django from its database."""
    program = shutil.which("chromium")
    if not program:
        pytest.skip("needs Chromium: apt-get install chromium")
    from playwright.sync_api import sync_playwright

    def run():
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
            context = browser.new_context(base_url=url)
            context.set_default_timeout(30_000)
            context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": cookie, "url": url}])
            try:
                return steps(context.new_page())
            finally:
                browser.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def test_money_that_is_paid_at_stripe_is_in_the_header(site, client):
    url, payer = site
    client.force_login(payer.owner)

    def steps(page):
        page.goto(f"/t/{payer.tenant.slug}/billing/")
        page.get_by_label("Another amount").fill("1000")
        page.get_by_role("button", name="Pay", exact=True).click()
        page.wait_for_url(f"{payer.stripe.url}/pay/**")
        total = page.locator("#total").inner_text()
        page.get_by_label("Card number").fill("4000 0000 0000 0002")
        page.get_by_role("button", name="Pay").click()
        refused = page.get_by_role("alert").inner_text()
        page.get_by_label("Card number").fill("4242 4242 4242 4242")
        page.get_by_role("button", name="Pay").click()
        page.wait_for_url(f"**/t/{payer.tenant.slug}/billing/")
        page.goto(f"/t/{payer.tenant.slug}/calls/")
        return total, refused, page.locator("body").inner_text()

    total, refused, shown = in_a_browser(steps, url, client.cookies[django_settings.SESSION_COOKIE_NAME].value)

    assert (total, refused) == ("₹1180.00", "Your card was declined.")
    assert "₹1,000" in shown
    assert payer.balances() == {"wallet": 1000, "tax": 180, "stripe_clearing": 1180}
    payer.works()
    assert ("payment_intent.succeeded", EventState.HANDLED) in event_states()
    assert payer.balance() == 1000
    assert payer.differs() == []
