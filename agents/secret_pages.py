"""The pages about secrets: list and add, replace, remove. No page ever holds a value, not even one that was refused."""

from __future__ import annotations

import re
from typing import Final
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents import secrets
from agents.fields import EditorForm, text
from agents.models import Secret
from tenants.access import TenantRequest, tenant_view

NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,39}")
LEAST: Final = 8
MOST: Final = 2_000


class SecretForm(EditorForm):
    """What was typed stays, but for the value: that is never sent back."""

    name = text("Name", hint="Such as CRM_TOKEN: headers name it as {{secret.CRM_TOKEN}}", most=40, required=True)
    value = forms.CharField(
        label="Value",
        strip=True,
        min_length=LEAST,
        max_length=MOST,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={
            "required": "Paste the value here.",
            "min_length": f"Write at least {LEAST} characters: what is shorter cannot be blotted out of replies.",
            "max_length": f"Write at most {MOST} characters.",
        },
    )

    def __init__(self, data: dict[str, str] | None = None, *, replaces: bool = False) -> None:
        super().__init__(data)
        if replaces:
            del self.fields["name"]

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if not NAME.fullmatch(name):
            raise forms.ValidationError("Begin with a letter; then only letters, digits and _.")
        if name in secrets.names():
            raise forms.ValidationError(f"There is a secret called {name}: replace its value in the list.")
        return name

    def clean_value(self) -> str:
        value: str = self.cleaned_data["value"]
        if not value.isprintable():
            raise forms.ValidationError("A header is one line without control characters. Copy it once more.")
        if "{{" in value:
            raise forms.ValidationError("A value cannot hold {{: paste the secret itself.")
        return value


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit agents")
def index(request: TenantRequest) -> HttpResponse:
    form = SecretForm(request.POST.dict() if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        kept = secrets.keep(form.cleaned_data["name"], form.cleaned_data["value"], request.user)
        messages.success(request, f"Kept. Headers name it as {{{{secret.{kept.name}}}}}.")
        return _list(request)
    used = secrets.users()
    rows = [{"secret": row, "agents": used.get(row.name, [])} for row in Secret.objects.all()]
    context = {"form": form, "rows": rows}
    return TemplateResponse(request, "agents/secrets.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit agents")
def edit(request: TenantRequest, secret_id: UUID) -> HttpResponse:
    """Another value under the same name."""
    row = get_object_or_404(Secret, id=secret_id)
    form = SecretForm(request.POST.dict() if request.method == "POST" else None, replaces=True)
    if request.method == "POST" and form.is_valid():
        secrets.keep(row.name, form.cleaned_data["value"], request.user)
        messages.success(request, f"{row.name} is replaced from the next call.")
        return _list(request)
    context = {"secret": row, "form": form}
    return TemplateResponse(request, "agents/secret.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit agents")
def remove(request: TenantRequest, secret_id: UUID) -> HttpResponse:
    row = get_object_or_404(Secret, id=secret_id)
    if request.method == "POST":
        secrets.remove(row, request.user)
        messages.success(request, f"{row.name} is gone.")
        return _list(request)
    context = {"secret": row, "agents": secrets.users().get(row.name, [])}
    return TemplateResponse(request, "agents/secret_remove.html", context)


def _list(request: TenantRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("agents:secrets", args=[request.tenant.slug]))
