from pathlib import Path

import pytest

pytestmark = [pytest.mark.flow, pytest.mark.timeout(300)]

OWNER = "owner@udupi.example"
OPERATOR = "operator@platform.example"
PAGES = {
    "sign-in": ("", "/accounts/login/"),
    "forgotten password": ("", "/accounts/password/reset/"),
    "chooser": ("both@udupi.example", "/"),
    "calls": (OWNER, "{base}/calls/"),
    "no call matches": (OWNER, "{base}/calls/?q=000000"),
    "no calls": ("owner@bakery.example", "/t/new-bakery/calls/"),
    "call": (OWNER, "{base}/calls/{call}/"),
    "call without recording": (OWNER, "{base}/calls/{past}/"),
    "agents": (OWNER, "{base}/agents/"),
    "no agents": ("owner@bakery.example", "/t/new-bakery/agents/"),
    "new agent": (OWNER, "{base}/agents/new/"),
    "editor": (OWNER, "{base}/agents/{agent}/"),
    "versions": (OWNER, "{base}/agents/{agent}/versions/"),
    "voices": (OWNER, "{base}/agents/{agent}/voices/"),
    "no voice matches": (OWNER, "{base}/agents/{agent}/voices/?q=nobody"),
    "keys": (OWNER, "{base}/keys/"),
    "key": (OWNER, "{base}/keys/openai_compatible/"),
    "numbers": (OWNER, "{base}/numbers/"),
    "number": (OWNER, "{base}/numbers/{number}/"),
    "routes": (OWNER, "{base}/numbers/{number}/routes/?key=star"),
    "checklist": (OWNER, "{base}/numbers/{number}/ready/all/"),
    "rent a number": (OWNER, "{base}/numbers/rent/"),
    "carrier account": (OWNER, "{base}/numbers/account/"),
    "secrets": (OWNER, "{base}/secrets/"),
    "call somebody": (OWNER, "{base}/calls/new/"),
    "campaigns": (OWNER, "{base}/campaigns/"),
    "new campaign": (OWNER, "{base}/campaigns/new/"),
    "campaign": (OWNER, "{base}/campaigns/{campaign}/"),
    "campaign’s rules": (OWNER, "{base}/campaigns/{campaign}/rules/"),
    "do-not-call list": (OWNER, "{base}/do-not-call/"),
    "billing": (OWNER, "{base}/billing/"),
    "no money yet": ("owner@bakery.example", "/t/new-bakery/billing/"),
    "caps": (OWNER, "{base}/billing/limits/"),
    "invoice details": (OWNER, "{base}/billing/details/"),
    "automatic top-up": (OWNER, "{base}/billing/automatic/"),
    "usage": (OWNER, "{base}/usage/"),
    "usage by service": (OWNER, "{base}/usage/?by=meter"),
    "no usage": ("owner@bakery.example", "/t/new-bakery/usage/"),
    "comparison": (OWNER, "{base}/usage/comparison/"),
    "staff session": (OPERATOR, "/console/session/"),
    "console": (OPERATOR, "/console/"),
    "tenants": (OPERATOR, "/console/tenants/"),
    "tenant": (OPERATOR, "/console/tenants/udupi-garden/"),
    "margin": (OPERATOR, "/console/usage/?by=provider"),
    "reconciliation": (OPERATOR, "/console/reconciliation/"),
    "price books": (OPERATOR, "/console/books/"),
    "new prices": (OPERATOR, "/console/books/standard/new/"),
    "statements": (OPERATOR, "/console/statements/"),
    "issuer": (OPERATOR, "/console/statements/issuer/"),
    "console’s log": (OPERATOR, "/console/log/"),
    "team": (OWNER, "{base}/team/"),
    "account": (OWNER, "/account/"),
    "password": (OWNER, "/accounts/password/change/"),
}
WIDTHS = (1440, 768, 390)
NEED_A_NAME = {
    *(
        "button",
        "link",
        "image",
        "img",
        "textbox",
        "searchbox",
        "combobox",
        "checkbox",
        "radio",
        "slider",
        "spinbutton",
    ),
    *("switch", "Date", "DisclosureTriangle", "table", "dialog", "navigation", "region", "listbox"),
}

CONTRAST = Path(__file__).with_name("contrast.js").read_text()


@pytest.fixture
def address(business, call):
    [past] = business.switchboard.rows("SELECT id FROM telephony_call WHERE carrier_id = 'past-7'")
    [campaign] = business.switchboard.rows("SELECT id FROM telephony_campaign WHERE name = 'Reminders'")
    number = business.number
    return {
        "base": business.base,
        "call": call["id"],
        "past": past["id"],
        "agent": number["agent"],
        "number": number["id"],
        "campaign": campaign["id"],
    }


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_whole(visitor, address, name):
    email, path = PAGES[name]
    page = visitor.open(email)

    page.goto(path.format(**address), wait_until="networkidle")

    assert page.locator("h1").count() == 1
    assert twice(page) == []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert nameless(page) == []
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            assert pale(page) == []
    # What went wrong on the way is looked at when the visitor leaves.


def nameless(page) -> list[str]:
    """What the accessibility tree shows without a name, and should not."""
    session = page.context.new_cdp_session(page)
    nodes = session.send("Accessibility.getFullAXTree")["nodes"]
    return [
        f"{node['role']['value']} {node.get('backendDOMNodeId')}"
        for node in nodes
        if not node["ignored"]
        and node["role"]["value"] in NEED_A_NAME
        and not node.get("name", {}).get("value", "").strip()
    ]


def pale(page) -> list[str]:
    """Words that stand out from what is behind them by less than 4.5 to 1 (WCAG 2.2 AA), in the theme of the moment."""
    return page.evaluate(CONTRAST)


def twice(page) -> list[str]:
    """Ids that more than one element has: a label would name the wrong one."""
    return page.evaluate(
        """() => {
            const ids = [...document.querySelectorAll('[id]')].map((element) => element.id);
            return ids.filter((id, index) => ids.indexOf(id) !== index);
        }"""
    )
