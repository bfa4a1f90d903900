"""The fake is as strict as Stripe: the real SDK against it."""

import pytest
import stripe

from tests.fakes.stripe import SECRET, StripeFake
from tests.fakes.stripe_params import BadParam, check, decode
from tests.fakes.threaded import serving
from tests.fakes.vendor import KEY


@pytest.fixture
def fake():
    with serving(StripeFake()) as server:
        yield server


def sdk(fake, key=KEY):
    client = stripe.StripeClient(
        key,
        base_addresses={"api": fake.url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=(2.0, 2.0)),
    )
    return client.v1


def test_a_form_is_decoded_as_the_sdk_encodes_it():
    form = "mode=payment&line_items[0][quantity]=2&line_items[1][quantity]=1&metadata[a]=b"

    assert decode(form) == {
        "mode": "payment",
        "line_items": [{"quantity": "2"}, {"quantity": "1"}],
        "metadata": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("method", "pattern", "form", "param"),
    [
        ("POST", "customers", "nmae=Asha", "nmae"),
        ("POST", "customers", "api_key=sk", "api_key"),
        ("POST", "customers", "address[strete]=1", "address[strete]"),
        ("POST", "payment_intents", "currency=inr", "amount"),
        ("POST", "payment_intents", "currency=inr&amount=1.5", "amount"),
        ("POST", "payment_intents", "currency=inr&amount=100&confirm=True", "confirm"),
        (
            "POST",
            "checkout/sessions",
            "line_items[0][price_data][unit_amount]=1",
            "line_items[0][price_data][currency]",
        ),
        ("POST", "refunds", "payment_intent[]=pi_1&amount=1", "payment_intent"),
        ("GET", "payment_intents", "created[since]=1", "created[since]"),
        ("POST", "unicorns", "", ""),
    ],
)
def test_what_the_sdks_types_do_not_know_is_refused_by_name(method, pattern, form, param):
    with pytest.raises(BadParam) as refused:
        check(method, pattern, decode(form))

    assert refused.value.param == param


def test_numbers_and_truths_come_out_as_such():
    params = check("POST", "payment_intents", decode("amount=100&currency=inr&confirm=true&metadata[n]=1"))

    assert params == {"amount": 100, "currency": "inr", "confirm": True, "metadata": {"n": "1"}}


def test_a_wrong_parameter_reaches_the_sdk_as_its_own_error(fake):
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk(fake).customers.create({"nmae": "Asha"})

    assert refused.value.param == "nmae"


def test_the_same_key_gives_the_same_answer_and_makes_one_thing(fake):
    customers = sdk(fake).customers

    first = customers.create({"name": "Asha"}, {"idempotency_key": "a"})
    again = customers.create({"name": "Asha"}, {"idempotency_key": "a"})

    assert first.id == again.id
    assert len(fake.all("customer")) == 1


def test_the_same_key_for_something_else_is_refused(fake):
    customers = sdk(fake).customers
    customers.create({"name": "Asha"}, {"idempotency_key": "a"})

    with pytest.raises(stripe.IdempotencyError):
        customers.create({"name": "Vikram"}, {"idempotency_key": "a"})


def test_a_server_error_is_kept_under_its_key(fake):
    fake.go_wrong("error")
    customers = sdk(fake).customers

    for _ in range(2):
        with pytest.raises(stripe.APIError):
            customers.create({"name": "Asha"}, {"idempotency_key": "a"})
    assert fake.all("customer") == []
    assert customers.create({"name": "Asha"}, {"idempotency_key": "b"}).name == "Asha"


@pytest.mark.parametrize(("kind", "made"), [("lost", 1), ("cut", 0)])
def test_a_connection_ends_after_or_before_it_was_done(fake, kind, made):
    fake.go_wrong(kind)

    with pytest.raises(stripe.APIConnectionError):
        sdk(fake).customers.create({"name": "Asha"}, {"idempotency_key": "a"})

    assert len(fake.all("customer")) == made


def test_a_wrong_key_is_refused(fake):
    with pytest.raises(stripe.AuthenticationError):
        sdk(fake, "another").customers.list()


def test_lists_come_in_pages_the_newest_first(fake):
    customers = sdk(fake).customers
    names = [f"customer {n}" for n in range(7)]
    for name in names:
        customers.create({"name": name})

    found = [customer.name for customer in customers.list({"limit": 3}).auto_paging_iter()]

    assert found == names[::-1]


def test_events_are_signed_with_every_secret(fake):
    fake.secrets = ("whsec_new", SECRET)
    sdk(fake).customers.create({"name": "Asha"})
    [(body, mark)] = fake.deliveries()

    for secret in fake.secrets:
        assert stripe.WebhookSignature.verify_header(body, mark, secret, 300)
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.WebhookSignature.verify_header(body, mark, "whsec_other", 300)


def test_a_declined_card_is_told_with_the_payment(fake):
    customer = sdk(fake).customers.create({"name": "Asha"})
    card = fake.card(customer.id, "4000000000000341")

    with pytest.raises(stripe.CardError) as refused:
        sdk(fake).payment_intents.create(
            {
                "amount": 100,
                "currency": "inr",
                "customer": customer.id,
                "payment_method": card["id"],
                "off_session": True,
                "confirm": True,
            }
        )

    assert refused.value.code == "card_declined"
    assert refused.value.error.payment_intent.id == fake.all("payment_intent")[0]["id"]


def test_too_little_cannot_be_paid(fake):
    customer = sdk(fake).customers.create({"name": "Asha"})
    card = fake.card(customer.id)

    with pytest.raises(stripe.InvalidRequestError) as refused:
        sdk(fake).payment_intents.create(
            {"amount": 49, "currency": "inr", "customer": customer.id, "payment_method": card["id"]}
        )

    assert (refused.value.param, refused.value.code) == ("amount", "amount_too_small")
