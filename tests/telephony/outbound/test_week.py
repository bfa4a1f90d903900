"""A campaign of a week on the test's clock, on each of the three carriers, which fail, and with workers that die."""

import random
import re
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode, urlsplit
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from agents.voice.report import CallReport
from telephony import lifecycle, wrapup
from telephony.carrier import Carrier, Identity
from telephony.models import Call, SignatureMode
from telephony.outbound import campaigns, lists, looking, running, zones
from telephony.outbound.models import (
    Campaign,
    CampaignState,
    Contact,
    ContactState,
    Dial,
    DoNotCall,
    Ending,
)
from telephony.outbound.plan import Window
from telephony.simulator.details import CallFacts
from telephony.simulator.endings import CALLEE_HUNG_UP, UNANSWERED
from telephony.simulator.endings import Ending as Over
from telephony.simulator.plan import CallPlan
from telephony.simulator.profiles import PROFILES, as_profile
from telephony.simulator.webhooks import Signer
from tests.fakes.dialling import DiallingCarrier
from tests.telephony.conftest import AUTH_TOKEN

FORM = "application/x-www-form-urlencoded"
MONDAY = datetime(2026, 11, 9, tzinfo=ZoneInfo("Asia/Kolkata")).astimezone(UTC)
BEAT = timedelta(hours=1)
FATES = {
    "0": ["reached"],
    "1": ["busy", "reached"],
    "2": ["no_answer", "no_answer", "no_answer"],
    "3": ["voicemail", "voicemail"],
    "4": ["failed", "reached"],
    "5": ["busy", "busy", "busy"],
    "6": ["no_answer", "voicemail", "reached"],
    "7": ["reached"],
    "8": ["failed", "failed", "failed"],
    "9": ["reached"],
}
"""What becomes of the attempts at a number, by its last digit."""
OVER = {
    "busy": UNANSWERED["busy"],
    "no_answer": UNANSWERED["no_answer"],
    "failed": Over(5000, "Network Error", "NETWORK_OUT_OF_ORDER", "Carrier", "failed"),
}


class Dies(BaseException):
    """The worker is gone."""


class Clock:
    """The time, of all who ask."""

    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now

    def sleep(self, seconds):
        self.now += timedelta(seconds=seconds)


class Mortal(Carrier):
    """A client of the carrier whose process may die before it has asked, or before it knows the answer."""

    def __init__(self, url, luck):
        super().__init__(Identity("MA_TEST", "x"), base_url=url, pause=lambda seconds: None)
        self.luck = luck
        self.deaths = Counter()

    def place(self, call):
        fate = self.luck.random()
        if fate < 0.10:
            self.deaths["before"] += 1
            raise Dies
        placed = super().place(call)
        if fate < 0.20:
            self.deaths["after"] += 1
            raise Dies
        return placed


class Week:
    """The test's world: a shop with a campaign, a clock, and a carrier whose callbacks are signed as in its profile."""

    def __init__(self, shop, client, carrier, clock, luck, profile):
        self.shop, self.client, self.carrier, self.clock = shop, client, carrier, clock
        self.account = Mortal(carrier.url, luck)
        self.signer = Signer(as_profile(profile, CallPlan("")).signing, AUTH_TOKEN, "", random.Random(profile))
        self.heard = set()

    def facts(self, rung):
        return CallFacts(rung.uuid, rung.body["from"], rung.to, "MA_TEST", rung.at, "outbound")

    def tell(self, rung, event, url, fields):
        body = {"Event": event, **fields}
        headers = self.signer.headers(url, body)
        reply = self.client.post(urlsplit(url).path, urlencode(body), content_type=FORM, headers=headers)
        assert reply.status_code == 200, reply.content
        return reply

    def callbacks(self):
        """What the carrier has to say by now; of a call in ten it says nothing at all."""
        for number, rung in enumerate(self.carrier.calls):
            if number % 10 == 9 and rung.answered is None:
                continue
            if rung.answered and rung.answered <= self.clock() and ("answer", rung.uuid) not in self.heard:
                self.heard.add(("answer", rung.uuid))
                reply = self.tell(rung, "StartApp", rung.body["answer_url"], self.facts(rung).common("in-progress"))
                if b"<Stream" in reply.content:
                    self.talk(rung)
            if rung.ends <= self.clock() and ("over", rung.uuid) not in self.heard:
                self.heard.add(("over", rung.uuid))
                over = self.facts(rung).hangup(OVER.get(rung.fate, CALLEE_HUNG_UP), rung.answered, rung.ends)
                for _ in range(1 + number % 2):  # said twice, now and then, and before the engine's report or after
                    self.tell(rung, "Hangup", rung.body["hangup_url"], over)
                if rung.answered:
                    self.report(rung)

    def talk(self, rung):
        with self.shop.scope():
            call, now = Call.objects.get(carrier_id=rung.uuid), self.clock()
            lifecycle.advance(call.id, "stream_started", answered_at=now, stream_started_at=now)

    def report(self, rung):
        with self.shop.scope():
            call = Call.objects.get(carrier_id=rung.uuid)
        if call.epoch:
            counters = (("answered_by_voicemail", 1),) if rung.fate == "voicemail" else ()
            report = CallReport("caller_hung_up", rung.answered, 60_000, (), (), None, counters=counters)
            wrapup.finish(self.shop.tenant.id, call.id, report, call.epoch)

    def work(self):
        """One beat of a worker, which may die of it."""
        try:
            looking.look_due(self.clock(), lambda tenant_id: self.account)
            running.run_due(self.clock, lambda tenant_id: self.account, self.clock.sleep)
        except Dies:
            pass

    def goes_on(self):
        with self.shop.scope():
            return Campaign.objects.filter(state=CampaignState.RUNNING).exists()

    def until(self, end, between=lambda: None):
        while self.clock() < end and self.goes_on():
            self.callbacks()
            between()
            self.work()
            coming = [at for rung in self.carrier.calls for at in (rung.answered, rung.ends) if at is not None]
            soon = min([at for at in coming if at > self.clock()], default=self.clock() + BEAT)
            self.clock.now = min(soon, self.clock() + BEAT) + timedelta(seconds=1)


def numbers():
    """Ten of India, five of London, three of New York (who say so) and two of somewhere in America."""
    india = [(f"98765432{number:02}", "") for number in range(10)]
    london = [(f"+4420794600{number:02}", "") for number in range(5)]
    new_york = [(f"+121255501{number:02}", "America/New_York") for number in range(3)]
    america = [(f"+131255501{number:02}", "") for number in range(2)]
    return [*india, *london, *new_york, *america]


def campaign(shop, now):
    rows = [["number", "zone", "name"], *([number, zone, f"N{at}"] for at, (number, zone) in enumerate(numbers()))]
    table = lists.read(lists.written([*rows, ["98765 43200", "", "twin"], ["oops", "", "bad"]]))
    with shop.scope():
        made = Campaign.objects.create(
            name="Reminders",
            agent=shop.agent,
            number=shop.number,
            zone="Asia/Kolkata",
            days=[0, 1, 2, 3, 4, 5],
            first_day=date(2026, 11, 9),
            last_day=date(2026, 11, 14),
            retries={name: list(rule) for name, rule in campaigns.RETRIES.items()},
            at_once=3,
            fail_percent=100,
            created_at=now,
        )
        campaigns.take_lines(made, lists.lines(table, lists.guess(table), "IN"), now)
        campaigns.move(made.id, "start", now)
    return made


@pytest.mark.django_db(transaction=True)  # a scope in a test's own transaction takes twice the queries
@pytest.mark.parametrize("profile", PROFILES)
def test_a_week_with_deaths_dials_nobody_twice_nor_too_late_nor_who_is_listed(profile, acme, client, monkeypatch):
    luck, clock = random.Random(PROFILES.index(profile)), Clock(MONDAY)
    acme.account(signature_mode=SignatureMode.REQUIRED)
    monkeypatch.setattr(timezone, "now", clock)
    tried = Counter()

    def fate(body):
        tried[body["to"]] += 1
        fates = FATES[body["to"][-1]]
        return fates[min(tried[body["to"]], len(fates)) - 1]

    def trouble(body):
        return {0: 429, 1: 502}.get(luck.randrange(15))

    with DiallingCarrier(clock, fate, trouble) as carrier:
        week = Week(acme, client, carrier, clock, luck, profile)
        made = campaign(acme, MONDAY)
        listed = {"+919876543207": MONDAY}
        later = MONDAY + timedelta(days=1, hours=12)
        with acme.scope():
            DoNotCall.objects.create(phone="+919876543207", added_at=MONDAY)

        def somebody_objects():
            if clock() >= later and "+442079460002" not in listed:
                listed["+442079460002"] = clock()
                with acme.scope():
                    DoNotCall.objects.create(phone="+442079460002", added_at=clock())

        week.until(MONDAY + timedelta(days=8), somebody_objects)
        placed = list(carrier.calls)

    with acme.scope():
        contacts = {contact.phone: contact for contact in Contact.objects.filter(campaign=made).exclude(problem__gt="")}
        everybody = list(Contact.objects.filter(campaign=made))
        dials = Counter(str(dial_id) for dial_id in Dial.objects.values_list("id", flat=True))
        state = Campaign.objects.get(id=made.id).state
    window = Window(time(9), time(21), frozenset(range(6)), date(2026, 11, 9), date(2026, 11, 14))
    asked = Counter(re.search(r"/dialled/[^/]+/([^/]+)/", rung.body["answer_url"])[1] for rung in placed)

    assert week.account.deaths["before"] > 0
    assert week.account.deaths["after"] > 0
    assert len(placed) > 25
    for rung in placed:
        where = zones.zones(contacts[rung.to].zone, "Asia/Kolkata")
        assert window.is_open(where, rung.at), (rung.to, rung.at)
        assert rung.to not in listed or rung.at < listed[rung.to]
        assert carrier.live_at(rung.at) <= 3
    assert set(asked.values()) == {1}
    assert set(asked) <= set(dials)
    for phone, contact in contacts.items():
        assert tried[phone] <= contact.attempts <= 1 + sum(most for most, _ in campaigns.RETRIES.values())
    assert len(everybody) == len(numbers()) + 2
    assert {contact.state for contact in everybody} == {ContactState.DONE}
    assert all(contact.result in Ending.values for contact in everybody)
    assert state == CampaignState.FINISHED
    results = Counter(contact.result for contact in everybody)
    assert results[Ending.DUPLICATE] == results[Ending.UNREADABLE] == 1
    assert results[Ending.LISTED] >= 1
    assert results[Ending.REACHED] >= 10
