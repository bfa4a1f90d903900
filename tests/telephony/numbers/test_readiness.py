"""The checklist: each tick in each of its states, on the number's page and on the command line."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from switchboard import doctor
from telephony.carrier import carrier_for
from telephony.models import Rental, WebhookEvent
from telephony.numbers import attaching, readiness
from telephony.simulator.rest import Trouble
from telephony.simulator.world import Application
from tests.fakes.threaded import beside, serving
from tests.fakes.vendor import Reply, VendorFake
from tests.fakes.web import certify, web
from tests.telephony.at_carrier import OWNED


@pytest.fixture
def shop(acme):
    acme.account()
    return acme


def tick(shop, name):
    with shop.scope():
        known = readiness.facts(shop.number)
    found = readiness.TICKS[name](known)
    assert (found.name, found.title) == (name, readiness.TITLES[name])
    return found


def state(shop, name):
    return tick(shop, name).state


def at_carrier(vobiz):
    return vobiz.world.numbers[OWNED[1:]]


def test_there_is_a_title_for_every_tick_in_the_same_order():
    assert list(readiness.TITLES) == list(readiness.TICKS)


# --- ourselves --------------------------------------------------------------------------------------------------------


class Page(VendorFake):
    """Answers `/healthz` with a status."""

    status = 200

    def denied(self, request):
        return None

    async def http(self, request):
        return Reply("", self.status)


def test_our_address_answers_leads_elsewhere_or_does_not_answer(settings):
    settings.IS_LOOPBACK = False
    with serving(Page()) as page:
        settings.PUBLIC_URL = page.url
        assert readiness.address().state == "ok"
        page.status = 404
        assert readiness.address().detail == "status 404"
        settings.IS_LOOPBACK, page.status = True, 200
        assert readiness.address().state == "wait"

    assert (readiness.address().state, readiness.address().detail) == ("bad", "no answer")


def test_a_certificate_is_judged_as_the_carrier_would(settings, tmp_path, monkeypatch):
    own = certify("localhost", tmp_path)
    settings.IS_LOOPBACK = False
    with beside(lambda: web(own)) as server:
        settings.PUBLIC_URL = f"https://localhost:{server.port}"
        assert (readiness.certificate().state, readiness.certificate().detail) == ("bad", "not valid")

        monkeypatch.setenv("SSL_CERT_FILE", str(own.path))
        assert readiness.certificate().state == "wait"  # this one ends tomorrow
        monkeypatch.setattr(readiness, "EXPIRES_SOON", timedelta(0))
        assert readiness.certificate().state == "ok"


def test_without_tls_only_the_simulator_can_call(settings):
    settings.PUBLIC_URL, settings.IS_LOOPBACK = "http://127.0.0.1:1", True
    assert readiness.certificate().state == "wait"
    settings.IS_LOOPBACK = False
    assert readiness.certificate().state == "bad"


# --- the carrier ------------------------------------------------------------------------------------------------------


def test_the_account_is_accepted_refused_or_not_there(acme, vobiz):
    assert state(acme, "account") == "open"
    acme.account()
    assert state(acme, "account") == "ok"
    vobiz.world.accounts["MA_TEST"].trial = True
    assert state(acme, "account") == "wait"
    vobiz.world.accounts["MA_TEST"].auth_token = "rotated"
    assert state(acme, "account") == "bad"


def test_on_a_machine_of_its_own_nobody_asks_the_real_carrier(shop, vobiz, settings):
    settings.CARRIER_IN_REACH = False

    assert [state(shop, name) for name in ("account", "owned", "attached")] == ["open"] * 3
    assert vobiz.requests == []


def test_a_number_is_owned_or_not_or_on_its_way_out(shop, vobiz):
    assert state(shop, "owned") == "ok"
    at_carrier(vobiz).status = "pending_release"
    assert state(shop, "owned") == "wait"
    at_carrier(vobiz).auth_id = ""
    assert state(shop, "owned") == "bad"


def test_a_carrier_that_is_busy_is_no_verdict(shop, vobiz):
    vobiz.trouble(Trouble("/numbers", status=429, times=9, retry_after="60"))

    assert state(shop, "owned") == "wait"
    assert state(shop, "attached") == "wait"


def test_a_number_is_attached_when_its_application_has_our_address_of_today(shop, vobiz, cast, settings):
    assert tick(shop, "attached").detail == "bound to nothing"
    at_carrier(vobiz).trunk_group_id = "t-1"
    assert tick(shop, "attached").detail == "goes to a SIP trunk"

    attaching.attach(cast.owner, shop.number, carrier_for(shop.tenant))
    assert state(shop, "attached") == "ok"

    settings.PUBLIC_URL = "https://moved.example.com"
    assert tick(shop, "attached").detail == "goes elsewhere"

    vobiz.world.applications["9"] = Application("9", "MA_TEST", "Their bot", "https://bot.example/answer")
    at_carrier(vobiz).application_id = "9"
    assert "Their bot" in tick(shop, "attached").hint


def heard(shop, **fields):
    with shop.scope():
        WebhookEvent.objects.create(number=shop.number, kind="answer", **fields)


def test_signatures_are_known_after_the_first_call(acme):
    account = acme.account()
    assert state(acme, "signature") == "open"
    heard(acme)
    assert state(acme, "signature") == "wait"
    with acme.scope():
        account.signature_mode = "required"
        account.save()
    assert state(acme, "signature") == "bad"
    heard(acme, signed_with="V3")
    assert tick(acme, "signature").detail.startswith("V3, ")


def test_a_call_came_through_when_its_stream_was_opened_or_an_echo_was_heard(shop):
    assert state(shop, "call") == "open"
    heard(shop)
    assert tick(shop, "call").detail == "rang, but no sound"
    shop.call(stream_started_at=timezone.now())
    assert tick(shop, "call").detail.startswith("call, ")
    with shop.scope():
        Rental.objects.create(number=shop.number, echoed_at=timezone.now() + timedelta(seconds=1))
    assert tick(shop, "call").detail.startswith("echo, ")


# --- the page and the command -----------------------------------------------------------------------------------------


def test_the_page_loads_each_tick_by_itself_and_works_without_scripts(shop, owner, vobiz):
    url = f"/t/acme/numbers/{shop.number.id}/"

    html = owner.get(url).content.decode()
    for name in readiness.TICKS:
        assert f'hx-get="{url}ready/{name}/"' in html

    fragment = owner.get(f"{url}ready/owned/").content.decode()
    assert fragment.strip().startswith('<li class="ok" id="tick-owned"')
    waiting = owner.get(f"{url}ready/signature/").content.decode()
    assert 'hx-trigger="every 10s"' in waiting
    assert owner.get(f"{url}ready/nonsense/").status_code == 404

    whole = owner.get(f"{url}ready/all/").content.decode()
    assert whole.count("<li") - whole.count("<li><a") >= len(readiness.TICKS)


def test_doctor_prints_the_checklist_of_one_number(shop, vobiz):
    out = io.StringIO()
    with pytest.raises(SystemExit):
        call_command("doctor", "--number", OWNED, "--json", stdout=out)

    found = {each["what"]: each for each in json.loads(out.getvalue())}
    assert list(found) == list(readiness.TICKS)
    assert (found["owned"]["verdict"], found["attached"]["verdict"]) == ("ok", "bad")


def test_doctor_looks_at_every_number_but_not_at_those_of_a_simulator(shop, bazaar, vobiz, settings):
    settings.CARRIER_IN_REACH = True
    found = {each.what: each for each in doctor.numbers()}
    assert set(found) == {OWNED, bazaar.number.e164}
    assert found[OWNED].verdict == "note"
    assert "bound to nothing" in found[OWNED].detail

    settings.CARRIER_IN_REACH = False
    [note] = doctor.numbers()
    assert note.verdict == "note"


def test_doctor_on_a_machine_of_its_own_takes_silence_for_a_note(settings):
    settings.IS_LOOPBACK, settings.PUBLIC_URL = True, "http://127.0.0.1:9"
    settings.STREAM_URLS = ["ws://127.0.0.1:9"]

    assert {found.verdict for found in doctor.reach()} == {"note"}
