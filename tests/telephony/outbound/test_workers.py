"""Several workers, threads with connections of their own, run one campaign at the same moment."""

import threading
from collections import Counter
from datetime import time

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from telephony.carrier import Carrier, Identity
from telephony.outbound import campaigns, lists, running
from telephony.outbound.models import Campaign, Contact, ContactState
from tests import cast as people
from tests.fakes.dialling import DiallingCarrier

PEOPLE = 24
LINES = 9


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_ring_everybody_once_and_pass_no_limit(transactional_db, acme):
    table = lists.read("number\n" + "".join(f"98765{number:05}\n" for number in range(PEOPLE)))
    now = timezone.now()
    with acme.scope():
        made = Campaign.objects.create(
            name="Many",
            agent=acme.agent,
            number=acme.number,
            zone="Asia/Kolkata",
            opens=time(0),
            closes=time(23, 59, 59),
            ring_s=10,
            at_once=LINES,
            created_at=now,
        )
        campaigns.take_lines(made, lists.lines(table, ["number"], "IN"), now)
        campaigns.move(made.id, "start", now)
    start = threading.Barrier(4)
    errors = []

    with DiallingCarrier(timezone.now, lambda body: "no_answer", calls_a_second=50) as fake:

        def work():
            account = Carrier(Identity("MA_TEST", "x"), base_url=fake.url)
            try:
                start.wait(10)
                running.run_due(timezone.now, lambda tenant_id: account, lambda seconds: None)
            except Exception as error:
                errors.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

    rung = Counter(call.to for call in fake.calls)
    assert errors == []
    assert set(rung.values()) == {1}
    assert sum(rung.values()) == LINES
    with acme.scope():
        assert Contact.objects.filter(state=ContactState.DIALLING, attempts=1).count() == LINES


@pytest.mark.django_db(transaction=True)
def test_rules_that_are_saved_while_somebody_starts_the_campaign_do_not_stop_it(transactional_db, acme):
    owner = Client()
    owner.force_login(people.make_member(acme.tenant, people.Role.OWNER))
    with acme.scope():
        made = Campaign.objects.create(
            name="R",
            agent=acme.agent,
            number=acme.number,
            zone="Asia/Kolkata",
            state="ready",
            created_at=timezone.now(),
        )
    form = {"name": "S", "agent": acme.agent.id, "number": acme.number.id, "opens": "10:00", "closes": "18:00"}
    form |= {"days": ["0"], "zone": "Asia/Kolkata", "at_once": 7, "ring_s": 25, "detection": "off", "fail_percent": 40}
    form |= {f"{name}_{what}": 3 for name in campaigns.RETRIES for what in ("most", "wait")}
    answers = []

    def save():
        try:
            answers.append(owner.post(f"/t/acme/campaigns/{made.id}/rules/", form).status_code)
        finally:
            connection.close()

    saving = threading.Thread(target=save)
    with acme.scope():
        campaigns.move(made.id, "start", timezone.now())
        saving.start()
        saving.join(1.0)
        assert saving.is_alive(), "it waits for the row"
    saving.join(20)

    with acme.scope():
        made.refresh_from_db()
    assert answers == [303]
    assert (made.state, made.name) == ("running", "R")
