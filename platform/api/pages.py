"""The tenant's page about programs: keys, and how to begin."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from tenants import audit, keys
from tenants.access import ALL, READ, TenantRequest, tenant_view
from tenants.models import ApiKey

READS: Final = READ | {"listen"}
PRESETS: Final = {
    "read": ("Reads everything, changes nothing", READS),
    "calls": ("Reads, places calls and ends them", READS | {"make calls", "end calls"}),
    "build": ("Builds agents and numbers as well", ALL - {"manage members", "manage keys", "rent numbers"}),
    "all": ("Everything", ALL),
}
DAYS: Final = {"30": "30 days", "90": "90 days", "365": "A year", "": "No end"}


class NewKey(forms.Form):
    """A key for a program."""

    name = forms.CharField(
        label="Name",
        max_length=80,
        help_text="Which program has it, such as “CRM”.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    rights = forms.ChoiceField(
        label="What it may do",
        choices=[(name, words) for name, (words, _) in PRESETS.items()],
        widget=forms.RadioSelect,
        initial="read",
    )
    days = forms.ChoiceField(label="Valid for", choices=list(DAYS.items()), required=False, initial="365")


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("manage keys")
def index(request: TenantRequest) -> HttpResponse:
    """The keys. A new one is shown in the answer to the form, and never again."""
    form = NewKey(request.POST if request.method == "POST" else None)
    made = ""
    if form.is_bound and form.is_valid():
        made = keys.new_key()
        days, now = form.cleaned_data["days"], timezone.now()
        row = keys.store(
            form.cleaned_data["name"],
            made,
            PRESETS[form.cleaned_data["rights"]][1],
            by=request.user,
            expires_at=now + timedelta(days=int(days)) if days else None,
        )
        audit.record(request.user, "made API key", row, name=row.name, rights=form.cleaned_data["rights"])
        form = NewKey()
    context = {
        "form": form,
        "made": made,
        "rows": [_row(row) for row in ApiKey.objects.filter(revoked_at=None).order_by("-created_at")],
        "base": f"{settings.PUBLIC_URL.rstrip('/')}/api/v1",
    }
    return TemplateResponse(request, "api/keys.html", context, status=422 if form.is_bound else 200)


@require_POST
@tenant_view("manage keys")
def revoke(request: TenantRequest, key_id: UUID) -> HttpResponse:
    """The key is refused from the next request on."""
    row = get_object_or_404(ApiKey, id=key_id, revoked_at=None)
    row.revoked_at = timezone.now()
    row.save(update_fields=["revoked_at"])
    audit.record(request.user, "revoked API key", row, name=row.name)
    messages.success(request, f"{row.name} is refused from now on.")
    response = redirect("programs:keys", request.tenant.slug)
    response.status_code = 303
    return response


def _row(key: ApiKey) -> dict[str, Any]:
    granted = frozenset(key.permissions)
    words = next((words for words, rights in PRESETS.values() if rights == granted), f"{len(granted)} rights")
    return {"key": key, "rights": words, "over": not key.is_valid(timezone.now())}
