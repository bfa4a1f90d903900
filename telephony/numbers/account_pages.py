"""The page of the tenant's account at the carrier. Its tokens are written and never shown: their last four are."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from telephony.carrier import CarrierError, carrier_for
from telephony.forms import EditCarrier
from telephony.models import CarrierAccount
from telephony.numbers import account as accounts
from telephony.numbers.account import Tried
from telephony.numbers.pages import back, done, page
from tenants import audit, outside
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope
from tenants.vault import last_four


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("manage keys", waits=True)
def edit(request: TenantRequest) -> HttpResponse:
    """Credentials are tried at the carrier before they are kept; what it refuses is not kept."""
    with tenant_scope(request.tenant.id):
        account = CarrierAccount.objects.first()
        before = accounts.credentials(account)
        form = EditCarrier(instance=account)
        valid = False
        if request.method == "POST":
            form = EditCarrier(request.POST, instance=account or CarrierAccount(tenant=request.tenant))
            valid = form.is_valid()
    if valid:
        result = _tried(form)
        changed = bool({"auth_id", "auth_token"} & set(form.changed_data))
        unproven = changed and form.instance.platform and result.me is None
        if not result.refused and not unproven:
            fields = list(form.changed_data)
            if changed:
                form.instance.platform = False
                fields.append("platform")
            with tenant_scope(request.tenant.id):
                kept = accounts.keep(request.user, form.instance, result, fields=fields, before=before)
            if not kept:
                messages.warning(request, "Not kept: somebody else has changed the account meanwhile.")
                return back(request, "telephony:number-account")
            if result.problem:
                messages.warning(request, f"Kept. {result.problem}")
                return back(request, "telephony:number-account")
            return done(request, "Vobiz accepts the account.", "telephony:number-account")
        form.add_error("auth_token", result.problem)
    with tenant_scope(request.tenant.id):
        account = CarrierAccount.objects.first()
        context = {
            "account": account,
            "form": form,
            "token_end": last_four(account.auth_token) if account else "",
            "parent_end": last_four(account.parent_token) if account else "",
            "platform_offers": accounts.platform_offers(),
        }
    return page(request, "telephony/numbers_account.html", context, status=422 if form.is_bound else 200)


def _tried(form: EditCarrier) -> Tried:
    """Without a token there is nothing to try: then only the addresses' secret is checked, and nothing is asked."""
    account = form.instance
    if not account.auth_token:
        return Tried("Without a token Vobiz cannot be asked: no numbers, no calls out, no costs.")
    return outside.wait(accounts.tried, account.auth_id, account.auth_token)


@require_POST
@tenant_view("manage keys", waits=True)
def check(request: TenantRequest) -> HttpResponse:
    """Try the kept credentials once more."""
    with tenant_scope(request.tenant.id):
        before = CarrierAccount.objects.first()
    if before is None:
        return back(request, "telephony:number-account")
    result = outside.wait(accounts.tried, before.auth_id, before.auth_token)
    with tenant_scope(request.tenant.id):
        account = CarrierAccount.objects.select_for_update().first()
        if account is None or (account.auth_id, account.auth_token) != (before.auth_id, before.auth_token):
            messages.warning(request, "The account was changed while the old one was being checked.")
            return back(request, "telephony:number-account")
        account.problem = result.problem
        account.checked_at = timezone.now() if result.me or result.refused else account.checked_at
        account.save(update_fields=["problem", "checked_at"])
        audit.record(request.user, "checked carrier account", account, taken=not result.problem)
    if result.problem:
        messages.error(request, result.problem)
    else:
        messages.success(request, "Vobiz accepts the account.")
    return back(request, "telephony:number-account")


@require_safe
@tenant_view("manage keys", waits=True)
def state(request: TenantRequest) -> HttpResponse:
    """Balance and lines, asked now."""
    try:
        found = outside.wait(lambda: accounts.state(carrier_for(request.tenant)))
    except CarrierError as error:
        found = accounts.State(problem=str(error))
    return page(request, "telephony/numbers_account_state.html", {"state": found})


@require_POST
@tenant_view("manage keys", waits=True)
def platform(request: TenantRequest) -> HttpResponse:
    """Use the platform's account: a sub-account for this business."""
    problem = outside.wait(accounts.join_platform, request.user, request.tenant)
    if problem:
        messages.error(request, problem)
        return back(request, "telephony:number-account")
    return done(request, "Switchboard’s account carries your calls.", "telephony:number-account")
