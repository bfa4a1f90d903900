"""One-time passwords end here: whoever sets an own password, by change or by reset, is through the door."""

from __future__ import annotations

from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set

from tenants.models import User


def _own_password(sender: Any, user: User, **kwargs: Any) -> None:
    User.objects.filter(pk=user.pk, must_change_password=True).update(must_change_password=False)


def connect() -> None:
    """Called once by the app."""
    for signal in (password_changed, password_reset, password_set):
        signal.connect(_own_password, dispatch_uid="switchboard-own-password")
