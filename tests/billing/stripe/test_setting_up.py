"""What an installation says of its Stripe, and what its pages allow."""

import json
import os
import subprocess
import sys

import pytest

from switchboard import doctor
from tests.test_house import ROOT

SHOW = (
    "import json; from switchboard import settings; "
    "print(json.dumps(settings.CONTENT_SECURITY_POLICY['DIRECTIVES']['form-action']))"
)


def form_action(**given):
    """Where forms of ours may lead, with these settings."""
    names = ("STRIPE_API_KEY", "STRIPE_API_BASE", "STRIPE_WEBHOOK_SECRETS")
    env = {name: value for name, value in os.environ.items() if name not in names}
    run = subprocess.run(
        [sys.executable, "-c", SHOW],
        env=env | {"PYTHONPATH": "platform", **given},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return json.loads(run.stdout)


@pytest.mark.parametrize(
    ("given", "pages"),
    [
        ({}, []),
        ({"STRIPE_API_KEY": "sk"}, ["https://checkout.stripe.com", "https://billing.stripe.com"]),
        ({"STRIPE_API_KEY": "sk", "STRIPE_API_BASE": "http://127.0.0.1:9/"}, ["http://127.0.0.1:9"]),
    ],
)
def test_forms_lead_to_stripes_pages_where_there_is_a_key(given, pages):
    assert form_action(**given) == ["'self'", *pages]


@pytest.mark.parametrize(
    ("key", "secrets", "verdict", "word"),
    [("", [], "note", "by hand"), ("sk", [], "bad", "STRIPE_WEBHOOK_SECRETS"), ("sk", ["whsec"], "ok", "stripe.com")],
)
def test_doctor_says_what_is_missing(settings, key, secrets, verdict, word):
    settings.STRIPE_API_KEY, settings.STRIPE_WEBHOOK_SECRETS = key, secrets

    [found] = doctor.payments()

    assert found.verdict == verdict
    assert word in found.detail
