"""From usage to the ledger: one set of charges, whatever happens."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing import books, ledger, shipping
from billing.book_file import price_entry
from billing.errors import KeyReusedError, NoBookError
from billing.ledger import Account
from billing.meters import Amount
from billing.models import Activity, ChargeLine, Entry, PriceBookVersion, State, Transaction, Wallet
from billing.money import MICROS
from tenants.scope import platform_scope
from tests.billing.conftest import NOON, minutes

LINE = Amount("carrier.leg", minutes(1.5))
"""Two pulses: ₹0.90."""
HEARD = Amount("stt.audio", minutes(1), "deepgram", "nova-3")
"""₹0.433920 of both."""
PLATFORM = Amount("platform.minute", minutes(1))
"""₹0.50, at no cost."""
NEW = Amount("tts.characters", 1000, "new", "voice")


def activity(business):
    with business.scope():
        return Activity.objects.get()


def test_a_call_is_charged_by_its_usage(clinic):
    clinic.pays(100)
    clinic.begins()
    clinic.ends(LINE, HEARD, PLATFORM)

    done = clinic.is_charged()

    assert (done.lines, done.unpriced, done.price_micros) == (3, 0, 1_833_920)
    assert clinic.balance() == 100 * MICROS - 1_833_920
    assert clinic.balance(Account.REVENUE) == 1_833_920
    assert clinic.balance(Account.PROVIDER_COST) == clinic.balance(Account.PROVIDERS) == 1_333_920
    row = activity(clinic)
    assert (row.state, row.price_micros, row.cost_micros) == (State.SETTLED, 1_833_920, 1_333_920)


def test_each_line_says_why_it_is_what_it_is(clinic):
    clinic.begins()
    clinic.ends(HEARD)
    clinic.is_charged()

    with clinic.scope():
        line = ChargeLine.objects.select_related("record", "version").get()
    assert (line.record.amount, line.billed, line.unit, line.unit_micros) == (60_000, 60_000, 60_000, 433_920)
    assert (line.cost_native_micros, line.cost_currency, line.exchange_micros) == (4_800, "USD", 90_400_000)
    assert (line.version.label, line.rule) == ("2026-11", "book")


def test_to_charge_twice_is_to_charge_once(clinic):
    clinic.begins()
    clinic.ends(LINE)
    clinic.is_charged()

    assert clinic.is_charged().lines == 0

    assert clinic.balance() == -900_000
    with clinic.scope():
        assert Transaction.objects.filter(kind="charge").count() == 1


def test_what_still_runs_is_not_charged(clinic):
    clinic.begins()

    assert clinic.is_charged().lines == 0


def test_more_usage_that_is_told_late_is_charged_instead(clinic):
    """50 s are one pulse, 70 s are two: the difference is one, not two."""
    clinic.begins()
    clinic.ends(Amount("carrier.leg", 50_000))
    clinic.is_charged()
    clinic.ends(Amount("carrier.leg", 70_000))

    clinic.is_charged()

    assert clinic.balance() == -900_000
    assert activity(clinic).price_micros == 900_000
    with clinic.scope():
        assert ChargeLine.objects.filter(replaced_by=None).count() == 1
        assert [row.key for row in Transaction.objects.order_by("key")] == ["charge:call:1:1", "charge:call:1:2"]


def test_more_usage_before_the_first_charge_is_charged_once(clinic):
    clinic.begins()
    for seconds in (50, 70, 130):
        clinic.ends(Amount("carrier.leg", seconds * 1000))

    clinic.is_charged()

    assert clinic.balance() == -3 * 450_000
    with clinic.scope():
        assert ChargeLine.objects.count() == 1


def test_late_usage_within_the_pulse_costs_nothing_more(clinic):
    clinic.begins()
    clinic.ends(Amount("carrier.leg", 50_000))
    clinic.is_charged()
    clinic.ends(Amount("carrier.leg", 57_000))

    clinic.is_charged()

    assert clinic.balance() == -450_000
    assert activity(clinic).state == State.SETTLED


def test_usage_without_a_price_waits_for_one_and_the_rest_does_not(clinic):
    clinic.begins()
    clinic.ends(LINE, NEW)

    done = clinic.is_charged()

    assert (done.lines, done.unpriced, activity(clinic).state) == (1, 1, State.UNPRICED)
    assert clinic.balance() == -900_000

    row = {"meter": "tts.characters", "provider": "new", "unit": 1000, "source": "the vendor's letter"}
    entry = price_entry({**row, "cost": {"amount": "1"}, "price": {"amount": "2"}}, "price")
    with platform_scope("test"):
        books.add_price(PriceBookVersion.objects.get(), entry)
    clinic.is_charged()

    assert activity(clinic).state == State.SETTLED
    assert clinic.balance() == -2_900_000


def test_the_book_in_force_when_it_began_counts(clinic):
    later = NOON + timedelta(hours=1)
    shipped = shipping.standard()
    dear = price_entry(
        {
            "meter": "carrier.leg",
            "unit": 60_000,
            "source": "test",
            "cost": {"amount": "5"},
            "price": {"amount": "9", "pulse": 60_000},
        },
        "price",
    )
    with platform_scope("test"):
        books.publish(replace(shipped, version="dear", effective_from=later, prices=(dear,)), NOON)

    for source, began_at in (("call:1", NOON), ("call:2", later)):
        clinic.begins(source, began_at=began_at)
        clinic.ends(LINE, source=source, now=later + timedelta(minutes=5))
        clinic.is_charged(source)

    assert clinic.balance() == -900_000 - 18_000_000


def test_a_tenant_that_is_given_another_book_keeps_the_old_one_for_what_has_begun(clinic):
    clinic.begins()
    with platform_scope("test"):
        other = books.publish(replace(shipping.standard(), name="other", prices=(), version="1"), NOON).book
    with clinic.scope():
        Wallet.objects.update(book=other)
    clinic.ends(LINE)

    assert clinic.is_charged().price_micros == 900_000


def test_before_the_first_book_there_is_nothing_to_charge_by(clinic):
    clinic.begins(began_at=NOON.replace(year=2020))
    clinic.ends(LINE)

    with pytest.raises(NoBookError):
        clinic.is_charged()


def test_tests_and_own_accounts_have_rules_of_their_own(clinic):
    clinic.begins(test=True)
    clinic.ends(PLATFORM, HEARD, Amount("llm.tokens_in", 1000, "openai", "gpt-6-luna", own_account=True))

    clinic.is_charged()

    with clinic.scope():
        lines = {line.record.meter: (line.rule, line.price_micros) for line in ChargeLine.objects.all()}
    assert lines == {
        "platform.minute": ("test_at_cost", 0),
        "stt.audio": ("test_at_cost", 433_920),
        "llm.tokens_in": ("own_account", 0),
    }


def test_what_costs_nothing_is_settled_without_a_transaction(clinic):
    clinic.begins()
    clinic.ends(Amount("stt.audio", 1000, "local", "pocketsphinx"))

    assert clinic.is_charged().lines == 1

    assert activity(clinic).state == State.SETTLED
    with clinic.scope():
        assert not Transaction.objects.exists()


def test_what_cannot_be_booked_leaves_nothing_half_done(clinic):
    """The key of its transaction is taken, by something else."""
    clinic.pays(10)
    clinic.asks()
    clinic.ends(LINE)
    with clinic.scope():
        entries = {Account.BANK: 1, Account.ROUNDING: -1}
        ledger.post("charge:call:1:1", "strange", entries, booked_at=NOON)

    with pytest.raises(KeyReusedError):
        clinic.is_charged()

    assert activity(clinic).state == State.CLOSED
    assert clinic.balance(Account.HOLDS) == 2 * MICROS
    with clinic.scope():
        assert not ChargeLine.objects.exists()


def test_a_charge_counts_when_the_call_began(clinic):
    clinic.begins()
    clinic.ends(LINE)
    clinic.is_charged(now=NOON + timedelta(days=3))

    with clinic.scope():
        assert Transaction.objects.get().booked_at == NOON


def test_a_charge_can_be_given_back(clinic):
    clinic.begins()
    clinic.ends(LINE)
    clinic.is_charged()

    with clinic.scope():
        ledger.reverse(Transaction.objects.get(kind="charge"), "a wrong number", booked_at=NOON)

        assert ledger.balance(Account.WALLET) == 0
        assert sum(Entry.objects.values_list("micros", flat=True)) == 0
