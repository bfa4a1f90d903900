"""The commands `rate`, `trial-balance`, `top-up`, and the money's part of `sweep`."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from billing import shipping
from billing.ledger import Account
from billing.meters import Amount
from billing.models import Balance
from billing.money import MICROS
from switchboard import cli
from tests.billing.conftest import NOON

USAGE = [
    {"source": "call:1", "meter": "carrier.leg", "amount": 61000},
    {"source": "call:1", "meter": "stt.audio", "amount": 60000, "provider": "deepgram", "model": "nova-3"},
    {"source": "call:1", "meter": "tts.characters", "amount": 5, "provider": "new", "model": "voice"},
]


@pytest.fixture
def usage(tmp_path):
    def write(text):
        path = tmp_path / "usage.json"
        path.write_text(text if isinstance(text, str) else json.dumps(text))
        return str(path)

    return write


def rated(capsys, *arguments):
    call_command("rate", *arguments, "--json")
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    "text", [json.dumps(USAGE), json.dumps({"usage": USAGE}), "\n".join(json.dumps(row) for row in USAGE)]
)
def test_usage_is_rated_by_the_shipped_book_without_a_database(capsys, usage, text):
    """pytest-django refuses the database to a test that does not ask for it."""
    told = rated(capsys, "--usage", usage(text))

    assert [(line["meter"], line["price_micros"], line["cost_micros"]) for line in told["lines"]] == [
        ("carrier.leg", 900_000, 900_000),
        ("stt.audio", 433_920, 433_920),
    ]
    assert told["lines"][1]["exchange"] == {"currency": "USD", "micros": 90_400_000, "day": "2026-02-05"}
    assert [waits["meter"] for waits in told["unpriced"]] == ["tts.characters"]
    assert (told["price_micros"], told["cost_micros"], told["currency"]) == (1_333_920, 1_333_920, "INR")


def test_usage_is_rated_by_a_book_of_ones_own(capsys, usage, tmp_path):
    side = {"amount": "1", "pulse": 60000}
    book = {"name": "b", "version": "1", "effective_from": "2026-01-01"}
    book["price"] = [{"meter": "carrier.leg", "unit": 60000, "source": "s", "cost": side, "price": side}]
    path = tmp_path / "book.json"
    path.write_text(json.dumps(book))

    told = rated(capsys, "--usage", usage(USAGE[:1]), "--book", str(path))

    assert told["price_micros"] == 2_000_000


def test_usage_is_rated_by_a_tenants_book(capsys, usage, clinic):
    told = rated(capsys, "--usage", usage(USAGE[:1]), "--tenant", clinic.tenant.slug, "--at", NOON.isoformat())

    assert told["book"] == {"name": "standard", "version": "2026-11", "tests": "at_cost"}
    assert told["price_micros"] == 900_000


def test_people_are_told_in_rupees(capsys, usage):
    call_command("rate", "--usage", usage(USAGE))

    told = capsys.readouterr().out
    assert "61000 → 120000  price ₹0.90" in told
    assert "no price" in told


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "line 1"),
        ("5", "usage: must be a list"),
        ([5], r"usage\[0\]: is no object"),
        ([{**USAGE[0], "meter": "x"}], r"usage\[0\]\.meter"),
        ([{**USAGE[0], "amount": 1.5}], r"usage\[0\]\.amount"),
        ([{**USAGE[0], "amount": -1}], r"usage\[0\]\.amount"),
        ([{**USAGE[0], "seconds": 1}], r"usage\[0\]\.seconds"),
        ([{"meter": "carrier.leg", "amount": 1}], r"usage\[0\]\.source"),
        ([{**USAGE[0], "test": "yes"}], r"usage\[0\]\.test"),
        ([USAGE[0], {**USAGE[0], "amount": 5}], "amount: call:1 has carrier.leg twice"),
    ],
)
def test_bad_usage_is_refused_by_the_name_of_its_field(usage, text, message):
    with pytest.raises(CommandError, match=message):
        call_command("rate", "--usage", usage(text))


def test_a_file_that_is_not_there_is_said_to_be(tmp_path):
    with pytest.raises(CommandError, match="No such file"):
        call_command("rate", "--usage", str(tmp_path / "none.json"))


def test_the_trial_balance_is_told_as_json(capsys, clinic):
    clinic.pays(10)

    cli.main(["trial-balance", "--json"])

    told = json.loads(capsys.readouterr().out)
    assert (told["balanced"], told["difference_micros"], told["transactions"]) == (True, 0, 1)
    sums = {
        row["account"]: (row["debit_micros"], row["credit_micros"], row["balance_micros"]) for row in told["accounts"]
    }
    assert (sums["bank"], sums["wallet"]) == ((10 * MICROS, 0, 10 * MICROS), (0, 10 * MICROS, 10 * MICROS))
    assert sums["revenue"] == (0, 0, 0)


def test_a_trial_balance_that_is_wrong_exits_with_1(capsys, clinic):
    clinic.pays(10)
    with clinic.scope():
        Balance.objects.filter(account="wallet").update(micros=5)

    with pytest.raises(SystemExit) as stopped:
        call_command("trial_balance", "--tenant", clinic.tenant.slug)

    assert stopped.value.code == 1
    assert "wallet" in capsys.readouterr().out


def test_the_operator_books_a_payment_once(capsys, clinic):
    for _ in range(2):
        call_command("top_up", clinic.tenant.slug, "1,180.00", "--reference", "UTR 1", "--tax", "180")

    assert capsys.readouterr().out.splitlines()[-1] == f"{clinic.tenant.name} has ₹1000.00 to spend"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["nobody", "5"], "no tenant nobody"), (["{}", "0.5"], "amount"), (["{}", "x"], "amount")],
)
def test_what_is_wrong_with_a_payment_is_said(clinic, arguments, message):
    slug, amount = arguments

    with pytest.raises(CommandError, match=message):
        call_command("top_up", slug.format(clinic.tenant.slug), amount, "--reference", "1")


def test_one_sweep_charges_what_has_just_ended(capsys, clinic):
    clinic.pays(1000)
    clinic.asks()
    clinic.ends(Amount("carrier.leg", 1), now=timezone.now())

    call_command("sweep", "--once")

    assert "1 activities charged" in capsys.readouterr().out
    assert (clinic.balance(), clinic.balance(Account.HOLDS)) == (1000 * MICROS - 450_000, 0)


def test_the_operator_publishes_prices_from_a_file(capsys, clinic, tmp_path):
    path = tmp_path / "book.toml"
    path.write_text(shipping.FILE.read_text().replace("2025-01-01", "2099-12-01").replace('"2026-11"', '"2099-12"', 1))

    call_command("publish_prices", str(path))

    assert capsys.readouterr().out == "standard 2099-12 is in force from 2099-12-01 00:00 UTC\n"
    with pytest.raises(CommandError, match=r"^version: "):
        call_command("publish_prices", str(path))
