"""What reaches `/stripe/events/`: signed, or refused; stored, then handled, once."""

import json
import time

import pytest

from billing.stripe.gateway import TOLERANCE_S
from billing.stripe.models import Event, EventState
from tenants.scope import platform_scope
from tests.billing.stripe.conftest import event_states, tell


@pytest.fixture
def event(clinic):
    """A signed one, that nobody has told yet."""
    clinic.goes_to_pay()
    [body_and_mark] = clinic.stripe.deliveries()
    return body_and_mark


def stored():
    with platform_scope("test"):
        return Event.objects.count()


def resign(clinic, change, **fields):
    found = {"id": "evt_1", "type": "customer.created", "created": int(time.time()), "data": {"object": {}}}
    change(found)
    return clinic.stripe.signed(found, **fields)


def test_a_signed_event_is_stored_once(event):
    assert [tell(*event).content for _ in range(2)] == [b"stored\n", b"known\n"]

    assert stored() == 1


def test_either_of_two_secrets_will_do(event, settings, fake):
    settings.STRIPE_WEBHOOK_SECRETS = ["whsec_the_next_one", *fake.secrets]

    assert tell(*event).status_code == 200


@pytest.mark.parametrize("mark", [None, "", "nonsense", "t=1,v1=00", "t=x,v1=00", "v1=00"])
def test_what_is_not_signed_is_refused_and_not_stored(event, mark):
    refused = tell(event[0], mark)

    assert refused.status_code == 400
    assert refused.content.startswith(b"Stripe-Signature: ")
    assert stored() == 0


def test_another_body_under_the_same_signature_is_refused(event):
    assert tell(event[0].replace(b"evt_", b"evx_"), event[1]).status_code == 400


def test_the_secret_of_another_endpoint_is_refused(clinic):
    body, mark = resign(clinic, lambda found: None, secrets=["whsec_other"])

    assert tell(body, mark).status_code == 400


@pytest.mark.parametrize(("age", "status"), [(TOLERANCE_S - 30, 200), (TOLERANCE_S + 30, 400)])
def test_an_old_signature_is_refused(clinic, age, status):
    body, mark = resign(clinic, lambda found: None, at=time.time() - age)

    assert tell(body, mark).status_code == status


@pytest.mark.parametrize(
    ("change", "field"),
    [
        (lambda found: found.pop("id"), b"id"),
        (lambda found: found.update(type=5), b"type"),
        (lambda found: found.update(created="now"), b"created"),
        (lambda found: found.update(data={}), b"object"),
        (lambda found: found.update(id="e" * 256), b"id"),
    ],
)
def test_a_malformed_event_is_refused_with_the_field_named(clinic, change, field):
    refused = tell(*resign(clinic, change))

    assert refused.status_code == 400
    assert field in refused.content
    assert stored() == 0


def test_bytes_that_are_no_text_are_refused(clinic):
    assert tell(b"\xff\xfe", "t=1,v1=00").status_code == 400


def test_an_unknown_type_is_kept_and_ignored(clinic):
    tell(*resign(clinic, lambda found: found.update(type="unicorn.born")))

    clinic.works()

    assert event_states() == {("unicorn.born", EventState.IGNORED)}


def test_news_of_somebody_elses_payment_is_foreign(clinic):
    paid = clinic.stripe._intent(500, None, {})
    tell(*resign(clinic, lambda found: found.update(type="payment_intent.succeeded", data={"object": paid})))

    clinic.works()

    assert event_states() == {("payment_intent.succeeded", EventState.FOREIGN)}
    assert clinic.balances() == {}


def test_news_of_a_payment_that_stripe_does_not_have_fails_and_is_shown(clinic):
    gone = {"id": "pi_404", "object": "payment_intent"}
    tell(*resign(clinic, lambda found: found.update(type="payment_intent.succeeded", data={"object": gone})))

    clinic.works()

    assert event_states() == {("payment_intent.succeeded", EventState.FAILED)}
    assert [one.what for one in clinic.differs()] == ["stripe_event"]


def test_a_forged_amount_in_an_event_counts_for_nothing(clinic):
    _, page = clinic.goes_to_pay()
    session = clinic.stripe.get("checkout.session", page)
    forged = {**clinic.stripe._shown(session), "status": "complete", "payment_status": "paid", "amount_total": 10**8}
    tell(*resign(clinic, lambda found: found.update(type="checkout.session.completed", data={"object": forged})))

    clinic.works()

    assert clinic.balances() == {}


def test_while_stripe_is_away_an_event_waits(clinic, settings):
    _, page = clinic.goes_to_pay()
    clinic.stripe.pay(page)
    base, settings.STRIPE_API_BASE = settings.STRIPE_API_BASE, "http://127.0.0.1:9"
    clinic.hears()
    assert ("checkout.session.completed", EventState.STORED) in event_states()

    settings.STRIPE_API_BASE = base
    clinic.sweeps(everything=True)

    assert clinic.balance() == 100
    assert EventState.STORED not in {state for _, state in event_states()}


def test_only_posts_are_taken_and_none_without_a_secret(client, clinic, settings):
    assert client.get("/stripe/events/").status_code == 405
    settings.STRIPE_WEBHOOK_SECRETS = []
    assert client.post("/stripe/events/", json.dumps({}), content_type="application/json").status_code == 404
