"""Demo numbers."""

from telephony.models import PhoneNumber
from telephony.seeding import seed_numbers
from tests.cast import make_tenant


def test_a_tenant_with_an_agent_gets_a_number_and_an_account(acme):
    secrets = {}
    with acme.scope():
        PhoneNumber.objects.all().delete()

    carrier, [number] = seed_numbers(acme.tenant, [acme.agent], secrets)

    assert carrier == {"auth_id": "MA_ACME", "auth_token": secrets["auth_token"]}
    assert number["e164"] == "+918071387001"
    assert number["agent"] == "Asha"
    assert "/vobiz/answer/" in number["answer_url"]
    assert "/vobiz/hangup/" in number["hangup_url"]


def test_seeding_twice_changes_nothing(acme):
    secrets = {}

    assert seed_numbers(acme.tenant, [acme.agent], secrets) == seed_numbers(acme.tenant, [acme.agent], secrets)


def test_tenants_do_not_share_a_hundred(acme):
    other = make_tenant()
    seed_numbers(acme.tenant, [acme.agent], {})

    _, numbers = seed_numbers(other, [], {})

    assert numbers == []
    with acme.scope():
        assert [number.e164 for number in PhoneNumber.objects.all()] == ["+918071387001"]
