"""What we decide differently from allauth."""

from __future__ import annotations

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import resolve_url

from tenants.vault import PEOPLES, seal, unseal


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People come in by invitation or seed, unless OPEN_SIGN_UP says otherwise."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return bool(settings.OPEN_SIGN_UP)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """On with what one came for, not to the same form again."""
        return resolve_url("tenants:start")


class SecondFactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """What makes the codes is encrypted at rest, with the same keys as tenants' secrets."""

    def encrypt(self, text: str) -> str:
        return seal(PEOPLES, text)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(PEOPLES, encrypted_text)
