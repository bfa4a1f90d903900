"""Run inside a running Switchboard's home: two businesses to look at, one busy and one that has just begun.

Prints one JSON document: who may sign in, and where the busy one's number leads.
"""

import json
from datetime import timedelta

import django
from django.utils import timezone

PASSWORD = "correct horse battery staple"
CARRIER_TOKEN = "carrier-token"
AGENT = "Ravi, evening host of Udupi Garden in Koramangala, Indiranagar and Jayanagar"
LINES = (
    ("Is a table free on Sunday?", "On Sunday we are full until nine. After nine there is a table by the window."),
    ("And on Monday?", "Monday is quiet. Any time you like, and the terrace is open."),
    ("Then Monday at eight.", "Monday at eight it is. May I have your name?"),
)


def main() -> None:
    django.setup()
    from tenants.models import Role
    from tests.cast import make_member, make_tenant

    busy, fresh = make_tenant("udupi-garden", "Udupi Garden"), make_tenant("new-bakery", "New Bakery")
    owner = make_member(busy, Role.OWNER, "owner@udupi.example", name="Lakshmi Narayan")
    make_member(busy, Role.BILLING, "billing@udupi.example")
    make_member(fresh, Role.OWNER, "owner@bakery.example")
    both = make_member(busy, Role.ADMIN, "both@udupi.example")
    join(fresh, both, Role.ANALYST)
    watched("operator@platform.example")
    number = answering(busy, owner)
    past_calls(busy, number)
    reminders(busy, number)
    print(json.dumps(told(number)))


def join(tenant, user, role) -> None:
    from tenants.models import Membership
    from tenants.scope import tenant_scope

    with tenant_scope(tenant.id):
        Membership.objects.create(user=user, role=role)


def watched(email) -> None:
    """An operator in a staff session."""
    from django.utils import timezone

    from console import access
    from tenants.scope import platform_scope
    from tests.cast import make_user

    with platform_scope("furnishing"):
        access.begin(make_user(email, is_staff=True), "a look around", 240, timezone.now())


def answering(tenant, owner):
    """A number with an agent of scripted providers, one that nobody answers, and an account at the carrier."""
    from agents import publishing
    from agents.config import AgentConfig, as_json
    from agents.voice.blueprint import Answer, Stage
    from billing import funding
    from billing.money import MICROS
    from telephony.models import CarrierAccount, PhoneNumber
    from tenants.scope import tenant_scope

    scripted = Stage("scripted", "scripted", "tone")
    config = AgentConfig(
        name=AGENT,
        greeting="Udupi Garden, good evening. This is Ravi, a machine; the call is recorded.",
        instructions="speech=1500",
        stt=scripted,
        llm=scripted,
        tts=scripted,
        answers=tuple(Answer(question, answer) for question, answer in LINES),
    )
    with tenant_scope(tenant.id):
        funding.give_credit(5_000 * MICROS, "browser", "For the tests", now=timezone.now())
        agent = publishing.create(config, owner)
        version = agent.versions.create(number=1, config=as_json(config), published_at=agent.draft_saved_at)
        agent.published = version
        agent.save(update_fields=["published"])
        CarrierAccount.objects.create(
            tenant=tenant, auth_id="MA_UDUPI", auth_token=CARRIER_TOKEN, signature_mode="required"
        )
        PhoneNumber.objects.create(tenant=tenant, e164="+918047182299", label="Not in use yet")
        return PhoneNumber.objects.create(tenant=tenant, e164="+918047182210", agent=agent, label="Tables")


def past_calls(tenant, number) -> None:
    """More than a page of them, over some days."""
    from django.utils import timezone

    from telephony.models import Call, Outcome, Status
    from tenants.scope import tenant_scope

    outcomes = [outcome for outcome in Outcome if outcome != Outcome.REFUSED]
    with tenant_scope(tenant.id):
        Call.objects.bulk_create(
            Call(
                tenant=tenant,
                carrier_id=f"past-{index}",
                caller=f"+9198450{index:05}",
                called=number.e164,
                number=number,
                agent=number.agent,
                version=number.agent.published,
                status=Status.ENDED,
                outcome=outcomes[index % len(outcomes)],
                transfer_to="Manager" if outcomes[index % len(outcomes)] == Outcome.TRANSFER else "",
                created_at=timezone.now() - timedelta(days=1, hours=2 * index),
                duration_ms=1_000 * (17 + 13 * index),
                median_gap_ms=640 + 31 * index,
                interruptions=index % 3,
            )
            for index in range(64)
        )


def reminders(tenant, number) -> None:
    """A campaign that is ready, with lines of every sort."""
    from django.utils import timezone

    from telephony.outbound import campaigns, lists
    from telephony.outbound.models import Campaign
    from tenants.scope import tenant_scope

    table = lists.read("name,number,zone\nAsha,98450 00001,\nRavi,+12125550123,\nTwin,9845000001,\nBad,12,\n")
    with tenant_scope(tenant.id):
        now = timezone.now()
        campaign = Campaign.objects.create(
            tenant=tenant, name="Reminders", agent=number.agent, number=number, zone="Asia/Kolkata", created_at=now
        )
        campaigns.take_lines(campaign, lists.lines(table, lists.guess(table), "IN"), now)


def told(number) -> dict:
    from django.urls import reverse

    return {
        "id": str(number.id),
        "agent": str(number.agent_id),
        "e164": number.e164,
        "answer": reverse("vobiz:answer", args=[number.token]),
        "hangup": reverse("vobiz:hangup", args=[number.token]),
    }


if __name__ == "__main__":
    main()
