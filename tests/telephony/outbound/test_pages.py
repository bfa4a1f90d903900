"""The pages about calls that we place: one call, campaigns from a file, numbers that are never called."""

import csv
import io
import re
from datetime import time, timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from django.utils import timezone

from telephony import lifecycle
from telephony.carrier import Carrier, CarrierError, Identity
from telephony.models import Call, Direction
from telephony.outbound import campaigns, dials, placing, running, showing
from telephony.outbound.models import Campaign, CampaignState, Contact, ContactState, Dial, DoNotCall, Ending
from telephony.outbound.placing import Wanted
from telephony.simulator.people import Person
from telephony.simulator.rest import Trouble
from tenants.models import AuditEntry
from tests.telephony.conftest import AUTH_TOKEN

PERSON = "+919876543210"
LIST = "Name,Mobile,Due\nAsha,98765 43210,=1+1\nRavi,98765 43211,2 Dec\nTwin,+919876543210,\nBad,12,\n"


@pytest.fixture
def shop(acme, vobiz):
    acme.account()
    vobiz.world.people[PERSON] = Person("no_answer")
    return acme


def url(name, *args):
    return reverse(f"telephony:{name}", args=["acme", *args])


def upload(text=LIST, name="people.csv"):
    return SimpleUploadedFile(name, text.encode())


def new(shop, owner, text=LIST):
    """A campaign whose list has been looked at and taken."""
    form = {"name": "Reminders", "agent": shop.agent.id, "number": shop.number.id, "file": upload(text)}
    response = owner.post(url("campaign-new"), form)
    assert response.status_code == 303
    with shop.scope():
        made = Campaign.objects.get()
    owner.post(url("campaign-columns", made.id), {"c0": "var:name", "c1": "number", "c2": "var:due"})
    return fresh(shop)


def fresh(shop):
    with shop.scope():
        return Campaign.objects.get()


def contacts(shop):
    with shop.scope():
        return list(Contact.objects.order_by("line"))


def all_day(shop):
    """Let the campaign dial whatever the time of the test is."""
    with shop.scope():
        Campaign.objects.update(opens=time(0), closes=time(23, 59, 59), days=[], ring_s=10)


# --- one call ---------------------------------------------------------------------------------------------------------


def asked(shop, owner, **more):
    html = owner.get(url("call-new")).content.decode()
    key = re.search(r'name="key" value="([0-9a-f]{32})"', html)[1]
    form = {"to": "98765 43210", "agent": shop.agent.id, "number": shop.number.id, "key": key, "ring_s": 30}
    return form | {"variables": "name = Asha\n", "detection": "off"} | more


def test_a_call_is_placed_from_the_page_once(shop, owner, vobiz):
    form = asked(shop, owner)

    first, second = owner.post(url("call-new"), form), owner.post(url("call-new"), form)

    with shop.scope():
        row = Call.objects.get()
    assert first.status_code == second.status_code == 303
    assert first.headers["Location"] == second.headers["Location"] == url("call", row.id)
    html = owner.get(url("call", row.id)).content.decode()
    assert "Call to +91 98765 43210" in html
    assert "Asha" in html
    assert "+91 98765 43210" in owner.get(url("calls") + "?q=43210").content.decode()
    assert "No calls match" in owner.get(url("calls") + f"?q={shop.e164[-6:]}").content.decode()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"to": "12"}, "No number has so many digits"),
        ({"variables": "no equals sign"}, "write name = value"),
        ({"variables": "call_id = x"}, "write name = value"),
        ({"ring_s": 3}, "greater than or equal to 10"),
        ({"agent": ""}, "Choose one."),
    ],
)
def test_a_wish_that_makes_no_sense_is_shown_again_with_what_is_wrong(shop, owner, wrong, says):
    response = owner.post(url("call-new"), asked(shop, owner, **wrong))

    assert response.status_code == 422
    assert says in response.content.decode()
    assert shop.calls() == []


def test_what_the_carrier_refuses_is_said_on_the_page(shop, owner, vobiz):
    vobiz.trouble(Trouble("/Call/", status=402))

    response = owner.post(url("call-new"), asked(shop, owner))

    assert response.status_code == 422
    assert "no balance left" in response.content.decode()


# --- never again ------------------------------------------------------------------------------------------------------


def test_the_person_of_a_call_is_never_called_again(shop, owner):
    with shop.scope():
        call = Call.objects.create(carrier_id="u", caller=PERSON, called=shop.e164, created_at=timezone.now())

    owner.post(url("call-never-again", call.id))

    with shop.scope():
        assert DoNotCall.objects.get().phone == PERSON
    assert "Never called" in owner.get(url("call", call.id)).content.decode()
    response = owner.post(url("call-new"), asked(shop, owner))
    assert "on your do-not-call list" in response.content.decode()


def test_numbers_are_listed_by_hand_and_from_a_file_and_taken_off(shop, owner):
    form = {"numbers": f"{PERSON}\n98765 43211\nrubbish", "file": upload("phone\n9876543212\n"), "note": "asked to"}
    html = owner.post(url("do-not-call"), form, follow=True).content.decode()

    with shop.scope():
        entries = {entry.phone: entry.id for entry in DoNotCall.objects.all()}
    assert set(entries) == {PERSON, "+919876543211", "+919876543212"}
    assert "3 numbers added" in html
    assert "“rubbish”: This is no number" in html
    owner.post(url("do-not-call-allow", entries[PERSON]))
    with shop.scope():
        assert not placing.is_listed(PERSON)
        assert AuditEntry.objects.filter(verb="allowed number", detail__phone=PERSON).exists()


# --- campaigns --------------------------------------------------------------------------------------------------------


def test_a_list_becomes_contacts_and_loses_no_line(shop, owner):
    made = new(shop, owner)

    assert made.state == CampaignState.READY
    rows = [(row.line, row.phone, row.state, row.result) for row in contacts(shop)]
    assert rows == [
        (2, PERSON, "waiting", ""),
        (3, "+919876543211", "waiting", ""),
        (4, PERSON, "done", "duplicate"),
        (5, "", "done", "unreadable"),
    ]
    assert contacts(shop)[0].variables == {"name": "Asha", "due": "=1+1"}
    assert made.csv == ""


def test_the_preview_shows_each_line_that_is_not_in_order(shop, owner):
    form = {"name": "Reminders", "agent": shop.agent.id, "number": shop.number.id, "file": upload()}
    html = owner.post(url("campaign-new"), form, follow=True).content.decode()

    assert "4 lines: 2 to call, 1 twice in the list, 1 not in order" in html
    assert "The same number as in line 2." in html
    assert "No number has so many digits." in html
    assert "Take 2 people" in html


def test_columns_that_make_no_sense_take_nobody(shop, owner):
    form = {"name": "Reminders", "agent": shop.agent.id, "number": shop.number.id, "file": upload()}
    owner.post(url("campaign-new"), form)
    with shop.scope():
        made = Campaign.objects.get()

    response = owner.post(url("campaign-columns", made.id), {"c0": "", "c1": "", "c2": ""})

    assert response.status_code == 422
    assert "which one column" in response.content.decode()
    assert contacts(shop) == []


def test_a_list_is_discarded_before_anybody_is_taken(shop, owner):
    form = {"name": "Reminders", "agent": shop.agent.id, "number": shop.number.id, "file": upload()}
    owner.post(url("campaign-new"), form)

    owner.post(url("campaign-move", fresh(shop).id, "stop"))

    assert (fresh(shop).state, fresh(shop).csv) == (CampaignState.STOPPED, "")
    assert owner.get(url("campaign", fresh(shop).id)).status_code == 200


def test_taking_a_list_twice_takes_it_once(shop, owner):
    made = new(shop, owner)

    owner.post(url("campaign-columns", made.id), {"c0": "", "c1": "number", "c2": ""})

    assert len(contacts(shop)) == 4


@pytest.mark.parametrize("file", [upload(""), upload("name\n"), SimpleUploadedFile("x.xlsx", b"PK\3\4\0\0")])
def test_a_file_that_is_no_list_is_refused_in_words(shop, owner, file):
    form = {"name": "Reminders", "agent": shop.agent.id, "number": shop.number.id, "file": file}

    response = owner.post(url("campaign-new"), form)

    assert response.status_code == 422
    assert "Not made" in response.content.decode()


def rules(shop, **more):
    form = {"name": "R", "agent": shop.agent.id, "number": shop.number.id, "opens": "10:00", "closes": "18:00"}
    form |= {"days": ["0", "6"], "zone": "asia/kolkata", "at_once": 7, "ring_s": 25, "detection": "off"}
    tries = {f"{name}_{what}": 3 for name in campaigns.RETRIES for what in ("most", "wait")}
    return form | tries | {"fail_percent": 40, "first_day": "2026-12-01", "last_day": "2026-12-05"} | more


def test_rules_are_changed_while_it_does_not_run(shop, owner):
    made = new(shop, owner)

    assert owner.post(url("campaign-rules", made.id), rules(shop)).status_code == 303

    made = fresh(shop)
    assert (made.opens, made.closes, made.days, made.zone) == (time(10), time(18), [0, 6], "Asia/Kolkata")
    assert made.retries["busy"] == [3, 3]
    owner.post(url("campaign-move", made.id, "start"))
    html = owner.post(url("campaign-rules", made.id), rules(shop, at_once=9), follow=True).content.decode()
    made = fresh(shop)
    assert "Pause the campaign before" in html
    assert made.at_once == 7


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"closes": "10:10"}, "30 minutes or more"),
        ({"last_day": "2026-11-30"}, "comes before the first"),
        ({"zone": "Mars/Olympus"}, "no such time zone"),
        ({"days": []}, "Choose a day"),
        ({"busy_most": 11}, "less than or equal to 10"),
    ],
)
def test_rules_that_make_no_sense_are_shown_again(shop, owner, wrong, says):
    made = new(shop, owner)

    response = owner.post(url("campaign-rules", made.id), rules(shop, **wrong))

    assert response.status_code == 422
    assert says in response.content.decode()


def test_it_starts_pauses_resumes_and_stops(shop, owner):
    made = new(shop, owner)
    seen = []
    for step in ("start", "start", "pause", "resume", "stop", "resume"):
        owner.post(url("campaign-move", made.id, step))
        made = fresh(shop)
        seen.append(made.state)

    assert seen == ["running", "running", "paused", "running", "stopped", "stopped"]
    assert {row.result for row in contacts(shop)} == {"stopped", "duplicate", "unreadable"}
    with shop.scope():
        verbs = list(AuditEntry.objects.filter(object_type="campaign").values_list("verb", flat=True))
    assert {"created campaign", "took contacts", "start campaign", "pause campaign", "stop campaign"} <= set(verbs)


def test_a_running_campaign_calls_and_shows_how_far_it_is(shop, owner, vobiz):
    made = new(shop, owner)
    all_day(shop)
    vobiz.world.people["+919876543211"] = Person("no_answer")
    owner.post(url("campaign-move", made.id, "start"))

    assert running.run_due() == 2

    with shop.scope():
        dials = list(Dial.objects.select_related("call").order_by("asked_at"))
    assert {dial.call.called for dial in dials} == {PERSON, "+919876543211"}
    assert dials[0].variables == {"name": "Asha", "due": "=1+1"}
    html = owner.get(url("campaign", made.id)).content.decode()
    assert 'hx-trigger="every 5s"' in html
    assert "2 of 4 done, 0 answered" in html
    part = owner.get(url("campaign", made.id), headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith('<div id="campaign"')
    assert url("call", dials[0].call_id) in part


def test_results_are_a_file_that_no_spreadsheet_runs(shop, owner):
    made = new(shop, owner)

    response = owner.get(url("campaign-results", made.id))

    rows = list(csv.DictReader(io.StringIO(response.content.decode("utf-8-sig"))))
    assert [row["number"] for row in rows] == [PERSON, "+919876543211", PERSON, ""]
    assert rows[0]["due"] == "'=1+1"
    assert rows[3]["problem"] == "No number has so many digits."
    assert "attachment" in response.headers["Content-Disposition"]


def test_people_are_filtered_and_paged(shop, owner):
    text = "number\n" + "".join(f"98765{number:05}\n" for number in range(120))
    form = {"name": "Many", "agent": shop.agent.id, "number": shop.number.id, "file": upload(text)}
    owner.post(url("campaign-new"), form)
    with shop.scope():
        made = Campaign.objects.get()
    owner.post(url("campaign-columns", made.id), {"c0": "number"})

    with shop.scope():
        first = showing.contacts(made, {})
        second = showing.contacts(made, {"after": "51"})
        third = showing.contacts(made, {"after": "101"})
        found = showing.contacts(made, {"q": "00077"})
        none = showing.contacts(made, {"in": "voicemail"})
    assert [len(page.rows) for page in (first, second, third, found, none)] == [50, 50, 20, 1, 0]
    assert (first.newer, first.older) == ("", "?after=51")
    assert (second.newer, second.older) == ("?", "?after=101")
    assert (third.newer, third.older) == ("?after=51", "")


# --- running ----------------------------------------------------------------------------------------------------------


def started(shop, owner):
    made = new(shop, owner)
    all_day(shop)
    owner.post(url("campaign-move", made.id, "start"))
    return made


def test_a_carrier_without_a_line_takes_the_attempt_back(shop, owner, vobiz):
    started(shop, owner)
    vobiz.trouble(Trouble("/Call/", status=429, retry_after="60"))

    assert running.run_due() == 0
    assert running.run_due() == 0  # it wants to be left alone

    assert [row.attempts for row in contacts(shop)] == [0, 0, 0, 0]
    assert contacts(shop)[0].state == ContactState.WAITING
    assert shop.calls() == []


def test_an_account_without_balance_pauses_the_campaign(shop, owner, vobiz):
    made = started(shop, owner)
    vobiz.trouble(Trouble("/Call/", status=402))

    running.run_due()

    made = fresh(shop)
    assert made.state == CampaignState.PAUSED
    assert "no balance left" in made.problem
    assert "It paused by itself" in owner.get(url("campaign", made.id)).content.decode()


class Refusing(Carrier):
    """A carrier's client that is refused for one field of what it asks."""

    def __init__(self, field):
        super().__init__(Identity("MA_TEST", AUTH_TOKEN))
        self.field = field

    def place(self, call):
        raise CarrierError("refused", 400, self.field)


def test_a_number_that_may_not_be_shown_pauses_the_campaign(shop, owner):
    started(shop, owner)

    running.run_due(carrier_of=lambda tenant_id: Refusing("from"))

    assert fresh(shop).state == CampaignState.PAUSED
    assert {row.attempts for row in contacts(shop)} == {0}


def test_a_number_that_the_carrier_will_not_dial_is_done(shop, owner):
    started(shop, owner)

    running.run_due(carrier_of=lambda tenant_id: Refusing("to"))

    assert [row.result for row in contacts(shop)[:2]] == [Ending.INVALID, Ending.INVALID]
    assert fresh(shop).state == CampaignState.FINISHED


def test_too_many_failures_pause_the_campaign_until_somebody_resumes_it(shop, owner):
    made = started(shop, owner)
    now = timezone.now()
    with shop.scope():
        contact = Contact.objects.filter(state=ContactState.WAITING).first()
        for attempt in range(2, 14):
            call = shop.call(direction=Direction.OUTBOUND, carrier_id=f"old-{attempt}", status="ended")
            more = {"settled_at": now, "result": "failed", "asked_at": now}
            Dial.objects.create(call=call, contact=contact, attempt=attempt, **more)

    assert running.run_due() == 0

    made = fresh(shop)
    assert (made.state, "50 of 100" in made.problem) == (CampaignState.PAUSED, True)
    with shop.scope():
        campaigns.move(made.id, "resume", now + timedelta(seconds=1))
    assert running.run_due() == 2


def test_no_more_calls_than_lines(shop, owner):
    made = started(shop, owner)
    with shop.scope():
        Campaign.objects.filter(id=made.id).update(at_once=1)

    assert running.run_due() == 1
    assert running.run_due() == 0

    with shop.scope():
        assert Contact.objects.filter(state=ContactState.DIALLING).count() == 1
    type(shop.tenant).objects.update(max_calls=1)
    with shop.scope():
        Campaign.objects.filter(id=made.id).update(at_once=5)
    assert running.run_due() == 0


def test_two_workers_at_once_never_take_the_same_person(shop, owner):
    made = started(shop, owner)
    now = timezone.now()
    with shop.scope():
        first, second = running.next_dial(made.id, now), running.next_dial(made.id, now + timedelta(seconds=2))
        third = running.next_dial(made.id, now + timedelta(seconds=4))

    assert first.contact_id != second.contact_id
    assert third is None


def test_who_is_being_called_when_it_stops_is_not_called_again(shop, owner, vobiz):
    made = started(shop, owner)
    running.run_due()
    owner.post(url("campaign-move", made.id, "stop"))
    with shop.scope():
        dial = Dial.objects.select_related("call").get(call__called=PERSON)
        over = {"hangup_code": 3010, "hangup_cause": "USER_BUSY"}
        lifecycle.advance(dial.call_id, "hung_up", **over)
        dials.settle(dial.id, timezone.now())

    assert (contacts(shop)[0].state, contacts(shop)[0].result) == (ContactState.DONE, Ending.BUSY)


def test_changed_hours_count_at_once(shop, owner):
    made = started(shop, owner)
    with shop.scope():
        Campaign.objects.update(days=[(timezone.now() + timedelta(days=3)).weekday()])
    assert running.run_due() == 0
    assert contacts(shop)[0].next_at > timezone.now()
    owner.post(url("campaign-move", made.id, "pause"))

    owner.post(url("campaign-rules", made.id), rules(shop, days=[str(day) for day in range(7)], last_day="2099-01-01"))

    assert contacts(shop)[0].next_at <= timezone.now()


def test_a_listed_person_is_left_out_at_the_last_moment(shop, owner):
    started(shop, owner)
    with shop.scope():
        DoNotCall.objects.create(phone=PERSON, added_at=timezone.now())

    assert running.run_due() == 1

    assert contacts(shop)[0].result == Ending.LISTED


def test_the_command_places_a_call_and_says_so(shop, vobiz, capsys):
    from django.core.management import call_command

    call_command("call", "Asha", "98765 43210", "--tenant", "acme", "--var", "name=Asha", "--json")

    with shop.scope():
        dial = Dial.objects.select_related("call").get()
    told = capsys.readouterr().out
    assert str(dial.call_id) in told
    assert '"state": "placed"' in told
    assert dial.variables == {"name": "Asha"}
    assert Wanted(shop.agent.id, PERSON).ring_s == dial.ring_s
