"""Keys of tenants: tried before they are kept, never shown, named when refused. The vendor is a real server."""

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents import publishing
from agents.access import REMEMBERED, accesses, accounts, note_refusals
from agents.models import PlatformRefusal, ProviderKey
from agents.seeding import seed_agents
from agents.voice.blueprint import Stage
from agents.voice.errors import ProviderRefused
from tenants.models import AuditEntry
from tenants.scope import tenant_scope
from tests.fakes.anthropic import AnthropicFake
from tests.fakes.openai import OpenAiFake
from tests.fakes.threaded import serving
from tests.fakes.vendor import KEY

pytestmark = pytest.mark.django_db

WRONG = "a-wrong-key-0123456789"


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def anthropic(settings):
    with serving(AnthropicFake()) as fake:
        settings.VENDORS = {**settings.VENDORS, "anthropic": (fake.base_url, "")}
        yield fake


@pytest.fixture
def owner(cast):
    client = Client()
    client.force_login(cast.owner)
    return client


def address(cast, name, *args):
    return reverse(f"agents:{name}", args=[cast.tenant.slug, *args])


def kept(cast) -> list[ProviderKey]:
    with tenant_scope(cast.tenant.id):
        return list(ProviderKey.objects.all())


def trail(cast) -> list[tuple[str, dict]]:
    with tenant_scope(cast.tenant.id):
        return list(AuditEntry.objects.order_by("created_at").values_list("verb", "detail"))


def save(client, cast, provider="anthropic", **typed):
    return client.post(address(cast, "key", provider), {"key": KEY, **typed})


def test_a_key_that_the_vendor_takes_is_kept_and_only_its_end_is_shown(owner, cast, anthropic):
    response = save(owner, cast)

    assert (response.status_code, response["Location"]) == (302, address(cast, "keys"))
    (row,) = kept(cast)
    with tenant_scope(cast.tenant.id):
        assert (row.provider, row.key, row.problem) == ("anthropic", KEY, "")
        assert accounts()["anthropic"].own
        assert [access.own for access in accesses() if access.provider == "anthropic"] == [True]
    page = owner.get(address(cast, "keys")).content.decode()
    assert "takes the key" in page
    assert KEY not in page
    assert trail(cast) == [("added key", {"provider": "anthropic", "last_four": row.last_four, "checked": True})]


def test_a_refused_key_is_named_and_neither_kept_nor_shown_again(owner, cast, anthropic):
    response = save(owner, cast, key=WRONG)

    text = response.content.decode()
    assert response.status_code == 422
    assert "Anthropic refused the key." in text
    assert WRONG not in text
    assert kept(cast) == []


def test_a_refused_replacement_leaves_the_old_key(owner, cast, anthropic):
    save(owner, cast)

    assert save(owner, cast, key=WRONG).status_code == 422

    with tenant_scope(cast.tenant.id):
        assert [row.key for row in ProviderKey.objects.all()] == [KEY]


def test_a_vendor_that_does_not_answer_costs_nobody_the_key(owner, cast, settings):
    settings.VENDORS = {**settings.VENDORS, "anthropic": ("http://127.0.0.1:9", "")}

    assert save(owner, cast).status_code == 302

    (row,) = kept(cast)
    assert "could not be reached" in row.problem
    assert row.checked_at is None
    assert not row.refused


def test_a_key_that_the_vendor_no_longer_takes_is_found_by_checking_again(owner, cast, anthropic):
    save(owner, cast)
    anthropic.key = "another-key"

    response = owner.post(address(cast, "key-check", "anthropic"), follow=True)

    assert "Anthropic refused the key." in response.content.decode()
    (row,) = kept(cast)
    assert row.refused
    assert trail(cast)[-1] == ("checked key", {"provider": "anthropic", "taken": False})


def test_a_removed_key_is_gone_and_the_trail_says_so(owner, cast, anthropic):
    save(owner, cast)
    asked = owner.get(address(cast, "key-remove", "anthropic")).content.decode()

    owner.post(address(cast, "key-remove", "anthropic"))

    assert "No agent uses Anthropic" in asked
    assert kept(cast) == []
    assert [verb for verb, _ in trail(cast)] == ["added key", "removed key"]


@pytest.mark.parametrize("key", ["", "two words", "न", "x" * 501])
def test_what_cannot_be_a_key_is_refused_without_asking(owner, cast, anthropic, key):
    response = save(owner, cast, key=key)

    assert response.status_code == 422
    assert 'href="#key"' in response.content.decode()
    assert anthropic.requests == type(anthropic.requests)()


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "Write the server"),
        ("http://models.example.com/v1", "not https"),
        ("https://127.0.0.1/v1", "loopback"),
        ("https://169.254.169.254/v1", "address"),
        ("https://10.0.0.7/v1", "private"),
        ("ftp://models.example.com", "web"),
        ("https://user:secret@models.example.com", "password"),
    ],
)
def test_a_server_of_ones_own_must_be_public(owner, cast, url, why):
    response = save(owner, cast, "openai_compatible", base_url=url)

    text = response.content.decode()
    assert response.status_code == 422
    assert why in text
    assert 'href="#base_url"' in text
    assert f'value="{url}"' in text or not url
    assert KEY not in text
    assert kept(cast) == []


def test_a_server_of_ones_own_is_asked_where_it_is(owner, cast, settings):
    with serving(OpenAiFake()) as fake:
        settings.REACHABLE_HOSTS = [fake.base_url.split("//")[1].split("/")[0]]

        response = save(owner, cast, "openai_compatible", base_url=f"{fake.base_url}/")

    assert response.status_code == 302
    (row,) = kept(cast)
    assert (row.base_url, row.problem) == (fake.base_url, "")
    with tenant_scope(cast.tenant.id):
        (access,) = [access for access in accesses() if access.provider == "openai_compatible"]
        assert access.url == fake.base_url


def test_the_page_says_which_agents_use_a_vendor_and_who_has_no_key(owner, cast, settings):
    settings.VENDORS = {name: (url, "") for name, (url, _) in settings.VENDORS.items()} | {
        "openai": ("https://openai.example", "sk-of-the-platform")
    }
    seed_agents(cast.tenant, cast.owner)
    owner.post(reverse("agents:new", args=[cast.tenant.slug]), {
        "name": "Meera", "language": "hi", "start": "blank", "models": "ai",
    })  # fmt: skip

    rows = {row["vendor"].id: row for row in owner.get(address(cast, "keys")).context["rows"]}

    assert rows["deepgram"]["agents"] == ["Meera"]
    assert rows["anthropic"]["agents"] == []
    assert rows["openai"]["account"].words == "Switchboard’s account"
    assert rows["deepgram"]["account"].words == "no key"


def test_nothing_of_another_tenant_is_shown_or_touched(owner, cast, anthropic):
    with tenant_scope(cast.other.id):
        ProviderKey.objects.create(provider="anthropic", key=KEY, last_four="…abcd")

    page = owner.get(address(cast, "keys")).content.decode()
    owner.post(address(cast, "key-remove", "anthropic"))

    assert "…abcd" not in page
    with tenant_scope(cast.other.id):
        assert ProviderKey.objects.count() == 1


def test_a_key_that_a_vendor_refuses_in_a_call_is_named_and_stops_publishing(owner, cast, anthropic):
    save(owner, cast)
    refusal = ProviderRefused("anthropic", "unauthorized", "invalid x-api-key")

    with tenant_scope(cast.tenant.id):
        note_refusals([str(refusal), "deepgram: stall"])
        refused = accounts()["anthropic"].refused

    assert refused
    assert "Anthropic refused the key." in owner.get(address(cast, "keys")).content.decode()


def refused(cast, provider="openai") -> bool:
    with tenant_scope(cast.tenant.id):
        return accounts()[provider].refused


@pytest.fixture
def _platform(settings):
    settings.VENDORS = {"openai": ("https://openai.example", "sk-of-the-platform")}


@pytest.mark.usefixtures("_platform")
def test_a_refusal_of_the_platforms_key_is_told_until_it_works_or_is_another(cast, settings):
    refusal = str(ProviderRefused("openai", "unauthorized"))

    with tenant_scope(cast.other.id):
        note_refusals([refusal])
    assert refused(cast), "it is everybody's"

    settings.VENDORS = {"openai": ("https://openai.example", "sk-the-next")}
    assert not refused(cast)

    with tenant_scope(cast.tenant.id):
        note_refusals([refusal], {"openai"})
    assert refused(cast)
    with tenant_scope(cast.other.id):
        note_refusals([], {"openai", "carrier"})
    assert not refused(cast)


@pytest.mark.usefixtures("_platform")
def test_a_refusal_of_the_platforms_key_is_forgotten_after_a_day(cast):
    with tenant_scope(cast.tenant.id):
        note_refusals([str(ProviderRefused("openai", "unauthorized"))])
        PlatformRefusal.objects.update(at=timezone.now() - REMEMBERED)

    assert not refused(cast)


@pytest.mark.usefixtures("_platform")
def test_a_key_of_ones_own_says_nothing_of_the_platforms(cast):
    with tenant_scope(cast.tenant.id):
        ProviderKey.objects.create(provider="openai", key=KEY, last_four="…abcd")
        note_refusals([str(ProviderRefused("openai", "unauthorized"))])

    assert refused(cast)
    with tenant_scope(cast.other.id):
        assert not accounts()["openai"].refused


@pytest.mark.usefixtures("_platform")
def test_the_editor_and_the_keys_name_a_refused_key_of_the_platforms(owner, cast):
    with tenant_scope(cast.tenant.id):
        note_refusals([str(ProviderRefused("openai", "unauthorized"))])
        (asha, *_) = seed_agents(cast.tenant, None)
        publishing.edit_draft(asha, llm=Stage("openai", "gpt-5.4-mini"))

    editor = owner.get(address(cast, "edit", asha.id)).content.decode()

    assert "OpenAI refused Switchboard’s key" in editor
    assert "refused Switchboard’s key</span>" in editor, "beside the models, too"
    assert "Switchboard’s key, refused" in owner.get(address(cast, "keys")).content.decode()
