"""The tenant's own accounts at vendors: list, save, check again, remove. A key is checked before it is kept."""

from __future__ import annotations

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from agents import accounts, catalogue, troubles
from agents.access import access_of
from agents.access import accounts as accounts_here
from agents.config import read
from agents.entries import Provider
from agents.fields import EditorForm, text
from agents.models import Agent, ProviderKey
from agents.voice.errors import ProviderError
from tenants import audit, outside
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope
from tenants.vault import last_four


class KeyForm(EditorForm):
    """What was typed stays, but for the key: that is never sent back."""

    base_url = text("Address", hint="Where its API begins, such as https://models.example.com/v1", most=200)
    key = forms.CharField(
        label="Key",
        max_length=500,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": "Paste the key here.", "max_length": "No key is that long."},
    )

    def __init__(self, vendor: Provider, data: dict[str, str] | None = None, *, before: ProviderKey | None) -> None:
        super().__init__(data, initial={"base_url": before.base_url if before else ""})
        self.vendor = vendor
        if not vendor.own_address:
            del self.fields["base_url"]
        self.fields["key"].help_text = f"From {vendor.keys_at}"

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"]
        if not key.isascii() or not key.isprintable() or " " in key:
            raise forms.ValidationError("A key has letters, digits and dashes only. Copy it once more.")
        return key

    def clean_base_url(self) -> str:
        url = self.cleaned_data["base_url"].strip().rstrip("/")
        if not url:
            raise forms.ValidationError("Write the server’s address.")
        reason = outside.ask(accounts.allowed, url, tuple(settings.REACHABLE_HOSTS))
        if reason:
            raise forms.ValidationError(f"It must be a public https address: {reason}.")
        return str(url)


@require_http_methods(["GET", "HEAD"])
@tenant_view("manage keys")
def index(request: TenantRequest) -> HttpResponse:
    own = {key.provider: key for key in ProviderKey.objects.all()}
    known, used = accounts_here(), _used()
    rows = [
        {"vendor": vendor, "key": own.get(vendor.id), "account": known[vendor.id], "agents": used.get(vendor.id, [])}
        for vendor in catalogue.VENDORS
    ]
    return TemplateResponse(request, "agents/keys.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("manage keys", waits=True)
def edit(request: TenantRequest, provider: str) -> HttpResponse:
    vendor = _vendor(provider)
    with tenant_scope(request.tenant.id):
        before = ProviderKey.objects.filter(provider=vendor.id).first()
    form = KeyForm(vendor, request.POST.dict() if request.method == "POST" else None, before=before)
    if request.method == "POST" and form.is_valid():
        key, base_url = form.cleaned_data["key"], form.cleaned_data.get("base_url", "")
        problem, refused = _tried(vendor.id, key, base_url)
        if not refused:
            with tenant_scope(request.tenant.id):
                _keep(request, vendor, key, base_url, problem)
            return _list(request)
        form.add_error("key", problem)
    context = {"vendor": vendor, "form": form, "before": before}
    return TemplateResponse(request, "agents/key.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["POST"])
@tenant_view("manage keys", waits=True)
def check(request: TenantRequest, provider: str) -> HttpResponse:
    """Try the key that is kept once more."""
    vendor = _vendor(provider)
    with tenant_scope(request.tenant.id):
        tried = get_object_or_404(ProviderKey, provider=vendor.id)
    problem, refused = _tried(vendor.id, tried.key, tried.base_url)
    with tenant_scope(request.tenant.id):
        row = ProviderKey.objects.select_for_update().filter(provider=vendor.id).first()
        if row is None or (row.key, row.base_url) != (tried.key, tried.base_url):
            messages.warning(request, f"The key for {vendor.name} was changed while the old one was being checked.")
            return _list(request)
        row.problem = problem
        row.checked_at = timezone.now() if refused or not problem else None
        row.save(update_fields=["problem", "checked_at"])
        audit.record(request.user, "checked key", row, provider=vendor.id, taken=not problem)
    if problem:
        messages.error(request, problem)
    else:
        messages.success(request, f"{vendor.name} takes the key.")
    return _list(request)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("manage keys")
def remove(request: TenantRequest, provider: str) -> HttpResponse:
    vendor = _vendor(provider)
    row = ProviderKey.objects.filter(provider=vendor.id).first()
    if row is None:
        return _list(request)
    if request.method == "POST":
        audit.record(request.user, "removed key", row, provider=vendor.id, last_four=row.last_four)
        row.delete()
        messages.success(request, f"The key for {vendor.name} is gone.")
        return _list(request)
    context = {"vendor": vendor, "before": row, "agents": _used().get(vendor.id, [])}
    return TemplateResponse(request, "agents/key_remove.html", context)


def _vendor(provider: str) -> Provider:
    for vendor in catalogue.VENDORS:
        if vendor.id == provider:
            return vendor
    raise Http404


def _tried(provider: str, key: str, base_url: str) -> tuple[str, bool]:
    """What the vendor said of a key, empty when it took it; and whether it refused."""
    try:
        access = access_of(provider, key, base_url, own=True)
        outside.ask(accounts.check, access, tuple(settings.REACHABLE_HOSTS))
    except ProviderError as error:
        if error.kind in troubles.REFUSALS:
            return troubles.of(error), True
        return f"{troubles.of(error)} The key has not been checked.", False
    return "", False


def _keep(request: TenantRequest, vendor: Provider, key: str, base_url: str, problem: str) -> None:
    before = ProviderKey.objects.select_for_update().filter(provider=vendor.id).first()
    row = before or ProviderKey(tenant=request.tenant, provider=vendor.id)
    row.key, row.base_url, row.last_four, row.problem = key, base_url, last_four(key), problem
    row.checked_at = None if problem else timezone.now()
    row.save()
    verb = "replaced key" if before else "added key"
    audit.record(request.user, verb, row, provider=vendor.id, last_four=row.last_four, checked=not problem)
    if problem:
        messages.warning(request, f"Kept. {problem}")
    else:
        messages.success(request, f"{vendor.name} takes the key. Calls use your account from now on.")


def _used() -> dict[str, list[str]]:
    """Names of the agents whose draft or published version uses a vendor."""
    used: dict[str, list[str]] = {}
    for agent in Agent.objects.select_related("published"):
        found: set[str] = set()
        for json in filter(None, (agent.draft, agent.published.config if agent.published else None)):
            try:
                found |= read(json).providers
            except ValueError:
                continue
        for provider in found:
            used.setdefault(provider, []).append(agent.name)
    return used


def _list(request: TenantRequest) -> HttpResponse:
    return HttpResponseRedirect(reverse("agents:keys", args=[request.tenant.slug]))
