"""What nobody told a worker: the sweep charges it, warns, and shows what is for people."""

from datetime import timedelta

import pytest
from django.core import mail

from billing import sweeping, tasks, usage, wallets
from billing.meters import Amount
from billing.models import Activity, State, Wallet
from billing.money import MICROS
from tenants.models import Role
from tests.billing.conftest import NOON, Business, minutes
from tests.cast import make_member

LINE = Amount("carrier.leg", minutes(1))
LATER = NOON + timedelta(minutes=5)


def state(business, source="call:1"):
    with business.scope():
        return Activity.objects.get(source=source).state


def test_what_is_closed_is_charged_once_however_often_it_is_swept(clinic, garden):
    for business, source in ((clinic, "call:1"), (garden, "call:2")):
        business.begins(source)
        business.ends(LINE, source=source)

    assert [sweeping.sweep(LATER).charged for _ in range(2)] == [2, 0]

    assert clinic.balance() == garden.balance() == -450_000


def test_what_has_just_ended_is_left_to_its_message(clinic):
    clinic.begins()
    clinic.ends(LINE, now=LATER)

    assert sweeping.sweep(LATER).charged == 0
    assert sweeping.sweep(LATER + sweeping.GRACE).charged == 1


def test_what_cannot_be_charged_stops_nothing_else(clinic):
    clinic.begins("call:1", began_at=NOON.replace(year=2020))
    clinic.begins("call:2")
    for source in ("call:1", "call:2"):
        clinic.ends(LINE, source=source)

    swept = sweeping.sweep(LATER)

    assert (swept.charged, swept.failed) == (1, 1)
    assert (state(clinic, "call:1"), state(clinic, "call:2")) == (State.CLOSED, State.SETTLED)


def test_what_has_no_price_is_looked_at_again_after_a_while(clinic):
    clinic.begins()
    clinic.ends(Amount("tts.characters", 5, "new", "voice"))
    rounds = [sweeping.sweep(at).unpriced for at in (LATER, LATER + sweeping.AGAIN)]

    assert rounds == [1, 1]
    with clinic.scope():
        assert Activity.objects.get().settled_at == LATER + sweeping.AGAIN


def test_a_hold_that_nobody_renews_is_shown_and_stays(clinic):
    clinic.pays(10)
    clinic.asks()

    swept = sweeping.sweep(NOON + timedelta(minutes=11))

    assert swept.forgotten == 1
    assert "1 holds forgotten" in str(swept)
    assert clinic.balance() == 8 * MICROS


def test_the_message_does_what_the_sweep_does(clinic):
    clinic.begins()
    clinic.ends(LINE)

    for _ in range(2):
        tasks.charge_activity(str(clinic.tenant.id), "call:1")

    assert state(clinic) == State.SETTLED
    assert clinic.balance() == -450_000


def test_a_message_about_nothing_is_no_error(clinic):
    tasks.charge_activity(str(clinic.tenant.id), "call:1")


def test_the_end_of_a_call_sends_the_message_when_it_is_there_for_all(clinic, django_capture_on_commit_callbacks):
    clinic.begins()

    with django_capture_on_commit_callbacks() as callbacks:
        clinic.ends(LINE)
        with clinic.scope():
            usage.close("call:1", [LINE], LATER)

    assert len(callbacks) == 1


# --- Warnings ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def shop(clinic) -> Business:
    """Somebody in each role; the line is at ₹200."""
    for role in Role:
        make_member(clinic.tenant, role, f"{role.value}@clinic.example")
    return clinic


def test_a_low_balance_is_told_once_to_who_can_do_something(shop):
    shop.pays(199)

    assert [sweeping.sweep(NOON).warned for _ in range(2)] == [1, 0]

    [letter] = mail.outbox
    assert sorted(letter.to) == ["admin@clinic.example", "billing@clinic.example", "owner@clinic.example"]
    assert "₹199.00" in letter.body


def test_after_enough_has_come_in_the_next_low_is_told_again(shop):
    shop.pays(199)
    sweeping.sweep(NOON)
    shop.pays(100)
    sweeping.sweep(NOON)
    shop.asks(minute=100 * MICROS)

    assert sweeping.sweep(NOON).warned == 1
    assert len(mail.outbox) == 2


def test_enough_and_nothing_ever_are_no_news(shop):
    with shop.scope():
        wallets.wallet()
    sweeping.sweep(NOON)
    shop.pays(200)
    sweeping.sweep(NOON)

    assert mail.outbox == []


def test_a_letter_that_cannot_be_sent_is_tried_again(shop, settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    shop.pays(1)

    assert sweeping.sweep(NOON).warned == 0
    with shop.scope():
        assert Wallet.objects.get().warned_at is None
