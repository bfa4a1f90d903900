"""The pages about single calls that we place, and about numbers that are never called."""

from __future__ import annotations

import uuid
from uuid import UUID

from django.contrib import messages
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from telephony.models import Call, CarrierAccount
from telephony.numbers.pages import back, done, must, page
from telephony.outbound import forms, placing
from telephony.outbound.models import Detection, DoNotCall
from telephony.outbound.placing import CallRefusedError, Wanted
from tenants import audit, outside
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope

SHOWN = 200


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("make calls", waits=True)
def call(request: TenantRequest) -> HttpResponse:
    """Ring somebody: the agent talks when they answer."""
    with tenant_scope(request.tenant.id):
        first = {"key": uuid.uuid4().hex, "to": request.GET.get("to", "")[:32], "agent": request.GET.get("agent", "")}
        form = forms.CallSomebody(request.POST) if request.method == "POST" else forms.CallSomebody(initial=first)
        ready = forms.agents().exists() and forms.numbers().exists()
        account = CarrierAccount.objects.first()
        good = form.is_bound and form.is_valid()
        context = {"form": form, "ready": ready, "account": bool(account and account.auth_token)}
    if not good:
        return page(request, "telephony/outbound_call.html", context, status=422 if form.is_bound else 200)
    given = form.cleaned_data
    wanted = Wanted(
        given["agent"].id,
        given["to"],
        from_number=given["number"].e164,
        variables=given["variables"],
        ring_s=given["ring_s"],
        detection=Detection(given["detection"]),
        key=given["key"],
    )
    try:
        made = outside.wait(placing.call, request.user, request.tenant.id, wanted)
    except CallRefusedError as refused:
        named = {"from_number": "number"}.get(refused.field, refused.field)
        form.add_error(named if named in form.fields else None, str(refused))
        return page(request, "telephony/outbound_call.html", context, status=422)
    return done(request, "The phone rings in a moment.", "telephony:call", made.id)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("view calls")
def do_not_call(request: TenantRequest) -> HttpResponse:
    """The list, and what adds to it."""
    form = forms.Listed()
    if request.method == "POST":
        must(request, "make calls")
        form = forms.Listed(request.POST, request.FILES)
        if form.is_valid():
            return _listed(request, form)
    asked = "".join(filter(str.isdigit, request.GET.get("q", "")))[:15]
    rows = DoNotCall.objects.select_related("added_by")
    found = rows.filter(Q(phone__contains=asked)) if asked else rows
    context = {"form": form, "asked": asked, "rows": list(found[:SHOWN]), "all": rows.count(), "shown": SHOWN}
    return page(request, "telephony/do_not_call.html", context, status=422 if form.is_bound else 200)


def _listed(request: TenantRequest, form: forms.Listed) -> HttpResponse:
    now, note = timezone.now(), form.cleaned_data["note"]
    phones, wrong = form.cleaned_data["phones"], form.cleaned_data["wrong"]
    before = DoNotCall.objects.count()
    DoNotCall.objects.bulk_create(
        [DoNotCall(phone=phone, note=note, added_by=request.user, added_at=now) for phone in phones],
        ignore_conflicts=True,
        batch_size=2_000,
    )
    added = DoNotCall.objects.count() - before
    if phones:
        audit.record(request.user, "listed numbers", request.tenant, count=added)
        known = len(phones) - added
        messages.success(request, f"{_so_many(added)} added{f', {known} listed before' if known else ''}.")
    if wrong:
        shown = "; ".join(f"“{line.typed}”: {line.problem.rstrip('.')}" for line in wrong[:5])
        more = f" And {len(wrong) - 5} more." if len(wrong) > 5 else ""
        messages.warning(request, f"Not added: {shown}.{more}")
    return back(request, "telephony:do-not-call")


def _so_many(count: int) -> str:
    return f"{count} number{'' if count == 1 else 's'}"


@require_POST
@tenant_view("make calls")
def allow(request: TenantRequest, entry_id: UUID) -> HttpResponse:
    """Take a number off the list."""
    entry = get_object_or_404(DoNotCall, id=entry_id)
    audit.record(request.user, "allowed number", entry, phone=entry.phone)
    entry.delete()
    return done(request, "The number may be called again.", "telephony:do-not-call")


@require_POST
@tenant_view("make calls")
def never_again(request: TenantRequest, call_id: UUID) -> HttpResponse:
    """Put the person of a call on the list."""
    found = get_object_or_404(Call, id=call_id)
    phone = found.person
    if found.is_test or not (phone.startswith("+") and phone[1:].isdecimal() and len(phone) <= 16):
        messages.error(request, "This call has no number that could be listed.")
    else:
        _, created = DoNotCall.objects.get_or_create(
            phone=phone, defaults={"added_by": request.user, "added_at": timezone.now(), "note": "from a call"}
        )
        if created:
            audit.record(request.user, "listed number", found, phone=phone)
        messages.success(request, "This number is not called any more.")
    return back(request, "telephony:call", found.id)
