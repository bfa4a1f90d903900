"""The commands `dial` and `sweep`."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from telephony.management.commands.dial import resolve
from telephony.models import Status


def test_a_number_leads_to_its_callbacks_and_its_account(acme):
    acme.account()

    target = resolve("918071387001")

    assert f"/vobiz/answer/{acme.number.token}/" in target.answer_url
    assert f"/vobiz/hangup/{acme.number.token}/" in target.hangup_url
    assert (target.auth_id, len(target.auth_token)) == ("MA_TEST", 31)


def test_an_unknown_number_leads_nowhere(acme):
    with pytest.raises(LookupError, match="not connected here"):
        resolve("+919999999999")


def test_dialling_an_unknown_number_says_so_and_exits_with_2(acme, capsys):
    with pytest.raises(SystemExit) as stopped:
        call_command("dial", "+919999999999")

    assert stopped.value.code == 2
    assert "not connected here" in capsys.readouterr().err


def test_one_sweep_tells_what_it_did(acme, capsys):
    acme.call(status=Status.STREAMING, heartbeat_at=timezone.now() - timedelta(minutes=2))

    call_command("sweep", "--once")

    assert capsys.readouterr().out == "1 calls ended, 0 recordings recovered, 0 deleted\n"
