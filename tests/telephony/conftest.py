"""A tenant whose number is answered by an agent with scripted providers, and another tenant beside it."""

from dataclasses import dataclass, field

import pytest
from django.utils import timezone

from agents import publishing
from agents.config import AgentConfig
from agents.models import Agent
from agents.voice.blueprint import Answer, Stage, TransferTarget
from billing import funding
from billing.money import MICROS
from telephony.models import Call, CarrierAccount, PhoneNumber
from tenants.models import Tenant
from tenants.scope import platform_scope, tenant_scope

AUTH_TOKEN = "VBZ_TEST_TOKEN_0123456789abcdef"

MONEY = 1_000
"""Rupees that a shop opens with."""

CONFIG = AgentConfig(
    name="Asha",
    greeting="Hello, this call is recorded.",
    instructions="final=100 first=100 voice=100 speech=1000",
    stt=Stage("scripted", "scripted"),
    llm=Stage("scripted", "scripted"),
    tts=Stage("scripted", "scripted"),
    targets=(TransferTarget("Front desk", "+918041234567"),),
    answers=(Answer("hello", "Hello to you."),),
)


@dataclass
class Shop:
    """One tenant with its one number."""

    tenant: Tenant
    agent: Agent
    number: PhoneNumber
    e164: str = ""
    extra: dict = field(default_factory=dict)

    def scope(self):
        return tenant_scope(self.tenant.id)

    def calls(self) -> list[Call]:
        with platform_scope("test"):
            return list(Call.objects.filter(tenant=self.tenant).order_by("created_at"))

    def call(self, **fields) -> Call:
        with self.scope():
            return Call.objects.create(
                **{
                    "carrier_id": f"call-{Call.objects.count()}",
                    "caller": "+919876543210",
                    "called": self.number.e164,
                    "number": self.number,
                    "agent": self.agent,
                    "version": self.agent.published,
                    "created_at": timezone.now(),
                    **fields,
                }
            )

    def account(self, **fields) -> CarrierAccount:
        with self.scope():
            return CarrierAccount.objects.create(**{"auth_id": "MA_TEST", "auth_token": AUTH_TOKEN, **fields})


def open_shop(slug: str, e164: str) -> Shop:
    tenant = Tenant.objects.create(slug=slug, name=slug.title())
    with tenant_scope(tenant.id):
        funding.top_up(MONEY * MICROS, "bank 1", now=timezone.now())
        agent = Agent.objects.create(name="Asha", draft={}, draft_saved_at=timezone.now())
        publishing.save_draft(agent, CONFIG)
        publishing.publish(agent, None)
        agent.refresh_from_db()
        number = PhoneNumber.objects.create(e164=e164, agent=agent, label="Main line")
    return Shop(tenant, agent, number, e164)


@pytest.fixture
def acme(db) -> Shop:
    return open_shop("acme", "+918071387001")


@pytest.fixture
def bazaar(db) -> Shop:
    return open_shop("bazaar", "+918071387101")


@pytest.fixture(autouse=True)
def quiet_layer(settings):
    """Hints to open pages stay in the process."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}


@pytest.fixture(autouse=True)
def own_folders(settings, tmp_path):
    """Recordings of a test go into its own folder."""
    settings.SWITCHBOARD_HOME = tmp_path / "home"
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path / "media")},
        },
    }
