"""What every test shares: nothing that a test could state itself."""

from __future__ import annotations

import os
import sys

import pytest

pytest_plugins = ["tests.cast", "tests.whole"]


@pytest.fixture(scope="session", autouse=True)
def _quick_passwords():
    """scrypt is slow by design, and no test is about it."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _no_phrases_of_other_tests():
    """What one test's voice has spoken is not played in the next."""
    yield
    phrases = sys.modules.get("agents.voice.phrases")
    if phrases is not None:
        phrases.PROCESS_CACHE.clear()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup):
    """Hang up the channel layer before pytest-django drops the database it listens on."""
    yield
    from channels.layers import channel_layers

    for layer in channel_layers.backends.values():
        if hasattr(layer, "disconnect"):
            layer.disconnect()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):
    """With CI=true nothing may be skipped for want of a program: CI installs what the tests need."""
    report = yield
    if report.skipped and os.environ.get("CI", "").lower() in {"1", "true", "yes"} and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "allowed in CI" not in reason:
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, which CI does not allow: {reason}"
    return report
