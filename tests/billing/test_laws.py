"""What holds for money whatever happens: laws, tried on examples that nobody thought of."""

from collections import Counter
from datetime import timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from billing import ledger, shipping, standing, usage
from billing.ledger import Account
from billing.meters import Amount
from billing.models import Activity, ChargeLine, Entry, State, Transaction
from billing.rating import Used, rate
from tests.billing.conftest import NOON, Business
from tests.cast import make_tenant

BOOK = shipping.standard().as_book()

with_database = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

# --- Rating -----------------------------------------------------------------------------------------------------------

PRICED = sorted({(price.meter, price.provider, price.model) for price in BOOK.prices})


@st.composite
def uses(draw):
    """Usage of every kind, each identity once."""
    kinds = draw(st.lists(st.sampled_from(PRICED), unique=True, max_size=12))
    return [
        Used(
            draw(st.sampled_from(["call:1", "call:2/leg-2"])),
            meter,
            draw(st.integers(0, 10**9)),
            provider,
            model,
            own_account=draw(st.booleans()),
            test=draw(st.booleans()),
        )
        for meter, provider, model in kinds
    ]


@given(uses(), st.data())
def test_rating_is_the_same_in_any_order_and_with_repeats(usage, data):
    again = data.draw(st.permutations([*usage, *data.draw(st.lists(st.sampled_from(usage)) if usage else st.just([]))]))

    assert rate(again, BOOK) == rate(usage, BOOK)


@given(uses(), uses())
def test_what_is_rated_together_costs_what_it_costs_apart(one, other):
    other = [used for used in other if used.identity not in {used.identity for used in one}]
    parts = (rate(one, BOOK), rate(other, BOOK))

    whole = rate([*one, *other], BOOK)

    assert whole.price_micros == sum(part.price_micros for part in parts)
    assert whole.cost_micros == sum(part.cost_micros for part in parts)


@given(st.sampled_from(PRICED), st.integers(0, 10**9), st.integers(0, 10**9))
def test_more_usage_is_never_cheaper(kind, one, other):
    meter, provider, model = kind
    less, more = (rate([Used("s", meter, amount, provider, model)], BOOK) for amount in sorted((one, other)))

    assert (less.price_micros, less.cost_micros) <= (more.price_micros, more.cost_micros)
    assert less.cost_micros <= more.cost_micros


# --- The ledger -------------------------------------------------------------------------------------------------------

movements = st.lists(
    st.tuples(
        st.integers(0, 7),
        st.lists(st.tuples(st.sampled_from(Account), st.integers(-(10**12), 10**12)), min_size=1, max_size=4),
        st.booleans(),
    ),
    max_size=8,
)


@pytest.mark.django_db
@with_database
@given(movements)
def test_at_every_prefix_a_balance_is_the_sum_of_its_entries_and_all_of_them_are_zero(movements):
    business = Business(make_tenant())
    with business.scope():
        for name, sides, back in movements:
            entries = Counter()
            for account, micros in sides:
                entries[account] += micros
                entries[Account.BANK] -= micros
            key = f"k{name}"
            if not any(entries.values()) or Transaction.objects.filter(key=key).exists():
                continue
            row = ledger.post(key, "test", entries, booked_at=NOON)
            if back:
                ledger.reverse(row, "no", booked_at=NOON)
            sums = Counter()
            each = Counter()
            for transaction, account, micros in Entry.objects.values_list("transaction_id", "account", "micros"):
                sums[Account(account)] += micros
                each[transaction] += micros
            assert set(each.values()) <= {0}
            assert {a: ledger.natural(a, sums[a]) for a in Account} == {a: ledger.balance(a) for a in Account}
        assert ledger.trial_balance().holds


# --- From events to charges -------------------------------------------------------------------------------------------

SECONDS = st.integers(0, 400)
events = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["checkpoint", "end"]), SECONDS, SECONDS),
        st.tuples(st.sampled_from(["charge", "renew"]), st.just(0), st.just(0)),
    ),
    max_size=10,
)


def happen(business, source, what, line, heard):
    amounts = [
        Amount("carrier.leg", line * 1000),
        Amount("stt.audio", heard * 1000, "deepgram", "nova-3"),
    ]
    with business.scope():
        match what:
            case "checkpoint":
                usage.checkpoint(source, amounts, NOON)
            case "renew":
                standing.renew(source, NOON + timedelta(minutes=1))
    if what == "end":
        business.ends(*amounts, source=source)
    if what == "charge":
        business.is_charged(source)


def outcome(business):
    """What is left of the events: the money, the lines that count, the state."""
    with business.scope():
        lines = ChargeLine.objects.filter(replaced_by=None).values_list(
            "record__meter", "record__amount", "price_micros"
        )
        return (
            business.balance(),
            business.balance(Account.HOLDS),
            business.balance(Account.PROVIDER_COST),
            sorted(lines),
            Activity.objects.get().state,
        )


def expected(story):
    """Worked out by hand: ₹0.45 for each begun minute of the line, ₹0.43392 for a minute of listening."""
    line, heard = max(one[1] for one in story), max(one[2] for one in story)
    price = -(-line // 60) * 450_000
    exact, rest = divmod(heard * 433_920, 60)
    assert rest == 0
    return price + exact


@pytest.mark.django_db
@with_database
@given(events, st.tuples(st.just("end"), SECONDS, SECONDS), st.data())
def test_the_order_of_events_and_their_repetition_make_no_difference(story, end, data):
    story = [*story, end]
    shuffled = data.draw(st.permutations([*story, *data.draw(st.lists(st.sampled_from(story), max_size=4))]))
    outcomes = []
    for order in (story, shuffled):
        business = Business(make_tenant())
        business.pays(100)
        source = f"call:{uuid4()}"
        business.asks(source)
        for what, line, heard in order:
            happen(business, source, what, line, heard)
        business.is_charged(source)
        outcomes.append(outcome(business))
        with business.scope():
            assert ledger.trial_balance().holds
            assert Activity.objects.get().price_micros == expected(story)

    assert outcomes[0] == outcomes[1]
    assert outcomes[0][0] == 100_000_000 - expected(story)
    assert (outcomes[0][1], outcomes[0][4]) == (0, State.SETTLED)
