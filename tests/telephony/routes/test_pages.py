"""The page of a number's routes: what it shows, keeps, refuses."""

import pytest
from django.urls import reverse
from django.utils import timezone

from agents import publishing
from telephony.models import PhoneNumber
from telephony.routes.models import Route, RoutePlan
from telephony.routes.plan import Kind
from telephony.routes.reading import plan_of
from tenants.models import AuditEntry
from tests import cast as people


@pytest.fixture
def as_role(client, acme):
    def sign_in(role):
        client.force_login(people.make_member(acme.tenant, people.Role(role)))
        return client

    return sign_in


@pytest.fixture
def owner(as_role):
    return as_role("owner")


HTMX = {"HX-Request": "true"}


def url(shop, part=""):
    args = [shop.tenant.slug, shop.number.id]
    name = "number-route" if part else "number-routes"
    return reverse(f"telephony:{name}", args=[*args, part] if part else args)


def page(client, shop, **query):
    response = client.get(url(shop), query)
    assert response.status_code == 200
    return response.content.decode()


def typed(place, **fields):
    base = {"kind": "agent", "ring_s": "25", "keep_days": "90"}
    return {f"route-{place}-{name}": value for name, value in (base | fields).items()}


def save(client, shop, part, data, htmx=False):
    return client.post(url(shop, part), data, headers=HTMX if htmx else {})


def plan(shop):
    with shop.scope():
        return plan_of(PhoneNumber.objects.select_related("agent").get(id=shop.number.id))


def test_a_number_shows_who_answers_it(acme, owner):
    html = page(owner, acme)

    assert "Asha" in html
    assert html.count("<form") >= 6
    with acme.scope():
        assert not Route.objects.exists()  # looking changes nothing


def test_what_a_panel_is_for_is_said_once_and_not_under_each_field(acme, owner):
    assert page(owner, acme).count("All empty: open around the clock") == 1


def test_an_agent_is_chosen_with_shares_of_its_versions(acme, owner):
    with acme.scope():
        first = acme.agent.published
        publishing.edit_draft(acme.agent, greeting="Hello again, this call is recorded.")
        publishing.publish(acme.agent, None)
    data = typed("open", agent=str(acme.agent.id), version_0=str(first.id), weight_0="80")

    response = save(owner, acme, "open", data | {"route-open-version_1": "latest", "route-open-weight_1": "20"})

    assert response.status_code == 303
    assert response["Location"].endswith("/routes/#open")
    way = plan(acme).ways["open"]
    assert way.agent_id == acme.agent.id
    assert {(share.version_id, share.weight) for share in way.shares} == {(first.id, 80), (None, 20)}
    html = page(owner, acme)
    assert "Asha (2 versions)" in html
    assert '<option value="latest" selected>' in html


@pytest.mark.parametrize(
    ("place", "fields", "expected"),
    [
        (
            "closed",
            {"kind": "websocket", "target": " wss://agents.example.com/in?from={caller} ", "ring_s": "90"},
            {"kind": Kind.SOCKET, "targets": ("wss://agents.example.com/in?from={caller}",), "ring_s": 25},
        ),
        ("1", {"kind": "sip", "target": "sip:a@b.example.com\nsip:c@b.example.com", "label": "Desk"},
         {"kind": Kind.SIP, "targets": ("sip:a@b.example.com", "sip:c@b.example.com"), "label": "Desk"}),
        ("hash", {"kind": "person", "target": "080 4123 4567", "ring_s": "40", "say": "I put  you through."},
         {"kind": Kind.PERSON, "targets": ("+918041234567",), "ring_s": 40, "say": "I put you through."}),
        ("fallback", {"kind": "voicemail", "keep_days": "30"}, {"kind": Kind.VOICEMAIL, "keep_days": 30}),
        ("open", {"kind": "refusal", "say": "We have moved.", "target": "left over"},
         {"kind": Kind.REFUSAL, "say": "We have moved.", "targets": ()}),
    ],
)  # fmt: skip
def test_every_kind_of_route_is_kept(acme, owner, place, fields, expected):
    assert save(owner, acme, place, typed(place, **fields)).status_code == 303

    way = plan(acme).ways[{"hash": "#"}.get(place, place)]
    assert {name: getattr(way, name) for name in expected} == expected
    assert way.agent_id is None


def test_a_number_that_no_agent_answers_names_none(acme, owner):
    save(owner, acme, "open", typed("open", kind="person", target="080 4123 4567"))

    with acme.scope():
        acme.number.refresh_from_db()
    assert acme.number.agent_id is None
    assert plan(acme).ways["open"].kind is Kind.PERSON


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "agent", "agent": ""}, "agent"),
        ({"kind": "agent", "agent": "00000000-0000-0000-0000-000000000000"}, "agent"),
        ({"kind": "websocket", "target": "ws://10.0.0.1/typed-here"}, "target"),
        ({"kind": "websocket", "target": ""}, "target"),
        ({"kind": "sip", "target": "typed-here"}, "target"),
        ({"kind": "person", "target": "typed-here"}, "target"),
        ({"kind": "person", "target": "080 4123 4567", "ring_s": "1"}, "ring_s"),
        ({"kind": "elsewhere"}, "kind"),
    ],
)
def test_what_is_wrong_is_named_and_what_was_typed_stays(acme, owner, fields, field):
    before = plan(acme)
    data = typed("open", say="Typed here too.", **fields)

    for htmx in (False, True):
        response = save(owner, acme, "open", data, htmx=htmx)

        html = response.content.decode()
        assert response.status_code == 422
        assert f'href="#route-open-{field}' in html
        assert f'id="route-open-{field}_error"' in html
        assert "Typed here too." in html
        assert fields.get("target", "") in html
    assert plan(acme) == before


def test_a_version_has_one_share_and_is_of_the_agent(acme, owner):
    with acme.scope():
        other = publishing.create(publishing.read(acme.agent.draft), None)
        publishing.publish(other, None)
        other.refresh_from_db()
    share = {"version_0": "latest", "weight_0": "1", "version_1": "latest", "weight_1": "1"}
    foreign = {"version_0": str(other.published_id), "weight_0": "1"}
    weightless = {"version_0": "latest", "weight_0": ""}

    for wrong, field in ((share, "version_1"), (foreign, "version_0"), (weightless, "weight_0")):
        response = save(owner, acme, "open", typed("open", agent=str(acme.agent.id), **wrong))
        assert response.status_code == 422
        assert f'href="#route-open-{field}"' in response.content.decode()


def test_htmx_gets_the_panel_alone_with_what_happens_now(acme, owner):
    html = save(owner, acme, "open", typed("open", kind="voicemail"), htmx=True).content.decode()

    assert html.strip().startswith("<form")
    assert "Saved" in html
    assert 'id="told" hx-swap-oob="true"' in html
    assert "Voicemail" in html
    assert "</html>" not in html


def test_a_key_is_added_used_and_removed(acme, owner):
    assert 'id="route-3-kind"' in page(owner, acme, key="3")
    save(owner, acme, "3", typed("3", kind="voicemail", label="Billing"))
    save(owner, acme, "menu", {"menu_prompt": "For billing press 3.", "menu_wait_s": "6"})
    assert "Menu, then Asha" in page(owner, acme)
    assert "3 Billing" in page(owner, acme)

    gone = save(owner, acme, "3", {"route-remove": "1"}, htmx=True)

    html = gone.content.decode()
    assert gone.status_code == 200
    assert "<form" not in html
    assert "Route removed." in html
    assert 'id="told" hx-swap-oob="true"' in html
    assert set(plan(acme).ways) == {"open"}


def test_the_route_of_the_open_number_may_be_removed(acme, owner):
    save(owner, acme, "open", typed("open", agent=str(acme.agent.id)))

    assert save(owner, acme, "open", {"route-remove": "1"}).status_code == 303
    assert plan(acme).ways == {}
    assert "Nobody answers" in page(owner, acme)


HOURS = {"time_zone": "Asia/Kolkata", "date_0": "", "hours_0": "", "note_0": ""}


def test_hours_are_typed_as_people_write_them(acme, owner):
    days = {f"day_{day}": "9-13, 14:00–18:00" for day in range(5)}
    special = {"date_0": "2026-12-25", "hours_0": "", "note_0": "Christmas", "date_1": "2026-11-08", "hours_1": "10-12"}

    assert save(owner, acme, "hours", HOURS | days | special | {"note_1": ""}).status_code == 303

    with acme.scope():
        settings = RoutePlan.objects.get()
    assert settings.weekly[:2] == [[0, 540, 780], [0, 840, 1080]]
    assert [day["day"] for day in settings.special] == ["2026-11-08", "2026-12-25"]
    html = page(owner, acme)
    assert 'value="09:00–13:00, 14:00–18:00"' in html
    assert 'value="2026-12-25"' in html
    assert 'value="Christmas"' in html


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"day_2": "from nine"}, "day_2"),
        ({"day_2": "9-12, 11-13"}, "day_2"),
        ({"date_0": "soon"}, "date_0"),
        ({"note_0": "Holiday"}, "date_0"),
        ({"date_0": "2026-12-25", "hours_0": "all day"}, "hours_0"),
        ({"date_0": "2026-12-25", "date_1": "2026-12-25", "hours_1": "", "note_1": ""}, "date_1"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
    ],
)
def test_hours_that_make_no_sense_are_named_and_stay(acme, owner, wrong, field):
    response = save(owner, acme, "hours", HOURS | wrong, htmx=True)

    html = response.content.decode()
    assert response.status_code == 422
    assert f'href="#{field}"' in html
    assert all(f'value="{value}"' in html for name, value in wrong.items() if value and name != "time_zone")
    with acme.scope():
        assert not RoutePlan.objects.exists()


def test_a_time_zone_that_is_not_on_offer_stays(acme, owner, settings_of_number):
    settings_of_number(time_zone="UTC")

    assert '<option value="UTC" selected>' in page(owner, acme)
    assert save(owner, acme, "hours", HOURS | {"time_zone": "UTC", "day_0": "9-10"}).status_code == 303


def test_the_page_says_what_happens_now(acme, owner, settings_of_number, route):
    route("closed", "voicemail")
    settings_of_number(weekly=[[(timezone.now().weekday() + 3) % 7, 0, 60]])

    html = page(owner, acme)

    assert "Closed now." in html
    assert "While closed: voicemail." in html


def test_a_change_is_written_down(acme, owner):
    save(owner, acme, "closed", typed("closed", kind="voicemail"))
    save(owner, acme, "menu", {"menu_prompt": "Press 1.", "menu_wait_s": "6"})
    save(owner, acme, "closed", {"route-remove": "1"})

    with acme.scope():
        assert list(AuditEntry.objects.exclude(actor=None).order_by("created_at").values_list("verb", flat=True)) == [
            "changed route",
            "changed menu",
            "removed route",
        ]


def test_who_may_not_edit_numbers_reads_them(acme, as_role):
    analyst = as_role("analyst")

    html = page(analyst, acme)

    assert "Save" not in html
    assert 'id="route-open-kind" disabled' in html or "disabled" in html
    assert save(analyst, acme, "open", typed("open", kind="voicemail")).status_code == 403


def test_a_strangers_number_is_not_there(acme, bazaar, client):
    client.force_login(people.make_member(bazaar.tenant, people.Role("owner")))

    assert client.get(url(acme)).status_code == 404
    address = reverse("telephony:number-routes", args=[bazaar.tenant.slug, acme.number.id])
    assert client.get(address).status_code == 404
    assert client.post(f"{address}open/", typed("open", kind="voicemail")).status_code == 404


def test_a_part_that_is_none_is_not_there(acme, owner):
    assert save(owner, acme, "nowhere", {}).status_code == 404
    assert owner.get(url(acme, "open")).status_code == 303
