"""The pages of campaigns: the list, a new one, its columns, its rules, one that runs, and its results as a file."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from telephony.models import CarrierAccount
from telephony.numbers.pages import back, done, page
from telephony.outbound import campaigns, forms, lists, showing
from telephony.outbound.campaigns import ImpossibleStepError, Step
from telephony.outbound.lists import Line, Table
from telephony.outbound.models import Campaign, CampaignState
from telephony.outbound.tasks import place_soon
from tenants import audit
from tenants.access import TenantRequest, tenant_view

STEPS: Final[dict[str, tuple[Step, str]]] = {
    "start": ("start", "The campaign runs."),
    "pause": ("pause", "The campaign pauses. Calls that go on are not cut."),
    "resume": ("resume", "The campaign runs again."),
    "stop": ("stop", "The campaign is stopped. Nobody more is called."),
}
PREVIEW: Final = 8
WRONG_SHOWN: Final = 50
SHOWN: Final = 100


@require_safe
@tenant_view("view calls")
def index(request: TenantRequest) -> HttpResponse:
    """Every campaign, newest first."""
    found = list(Campaign.objects.select_related("agent", "number")[:SHOWN])
    progress = showing.progress(found)
    rows = [
        {"campaign": each, "standing": showing.STATES[CampaignState(each.state)], "progress": progress.get(each.id)}
        for each in found
    ]
    return page(request, "telephony/campaigns.html", {"rows": rows})


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("make calls")
def new(request: TenantRequest) -> HttpResponse:
    """A name, an agent, a number and a list."""
    form = forms.NewCampaign(request.POST, request.FILES) if request.method == "POST" else forms.NewCampaign()
    if form.is_bound and form.is_valid():
        made = forms.new(form, request.tenant.time_zone, timezone.now())
        made.tenant, made.created_by = request.tenant, request.user
        made.save()
        audit.record(request.user, "created campaign", made, name=made.name)
        return back(request, "telephony:campaign-columns", made.id)
    context = {"form": form, "ready": forms.agents().exists() and forms.numbers().exists()}
    return page(request, "telephony/campaign_new.html", context, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("make calls")
def columns(request: TenantRequest, campaign_id: UUID) -> HttpResponse:
    """What each column of the list is, and every line that is not in order; then its people are taken."""
    campaign = get_object_or_404(Campaign.objects.select_related("number"), id=campaign_id)
    if campaign.state != CampaignState.DRAFT:
        return back(request, "telephony:campaign", campaign.id)
    table = lists.read(campaign.csv)
    given = request.POST if request.method == "POST" else request.GET
    chosen = [given[f"c{at}"] for at in range(len(table.header)) if f"c{at}" in given] or list(campaign.columns)
    problem = lists.wrong_columns(chosen, table)
    lines = [] if problem else lists.lines(table, chosen, lists.region_of(campaign.number.e164))
    good = sum(line.is_good for line in lines)
    if request.method == "POST":
        if not problem and good:
            Campaign.objects.filter(id=campaign.id).update(columns=chosen)
            campaigns.take_lines(campaign, lines, timezone.now())
            audit.record(request.user, "took contacts", campaign, lines=len(lines), good=good)
            return done(
                request, f"{good} people taken. Check the rules, then start.", "telephony:campaign", campaign.id
            )
        problem = problem or "No line of the list can be called."
    context = {
        "campaign": campaign,
        "columns": _columns(table, chosen),
        "problem": problem,
        "preview": lines[:PREVIEW],
        "wrong": [line for line in lines if not line.is_good][:WRONG_SHOWN],
        **_sums(lines, good),
    }
    status = 422 if request.method == "POST" else 200
    return page(request, "telephony/campaign_columns.html", context, status=status)


def _sums(lines: list[Line], good: int) -> dict[str, int]:
    twins = sum(line.twin is not None for line in lines)
    return {"all": len(lines), "good": good, "twins": twins, "bad": len(lines) - good - twins}


def _columns(table: Table, chosen: list[str]) -> list[dict[str, Any]]:
    """Each column with its title, three samples, and what it may be."""
    found = []
    for at, title in enumerate(table.header):
        name = lists.variable(title) or f"column_{at + 1}"
        value = chosen[at] if at < len(chosen) else ""
        choices = [("", "not used"), ("number", "the number to call"), ("zone", "the time zone")]
        choices.append((f"{lists.VARIABLE}{name}", f"variable {{{{{name}}}}}"))
        samples = list(dict.fromkeys(cells[at] for _, cells in table.rows[:40] if cells[at]))[:3]
        found.append({"name": f"c{at}", "title": title, "samples": samples, "value": value, "choices": choices})
    return found


@require_safe
@tenant_view("view calls")
def one(request: TenantRequest, campaign_id: UUID) -> HttpResponse:
    """How far it is, and everybody on the list. For htmx the part that changes while it runs."""
    campaign = get_object_or_404(Campaign.objects.select_related("agent", "number", "created_by"), id=campaign_id)
    if campaign.state == CampaignState.DRAFT and "make calls" in request.permissions:
        return back(request, "telephony:campaign-columns", campaign.id)
    everybody, finished, reached = showing.progress([campaign]).get(campaign.id, (0, 0, 0))
    context = {
        "campaign": campaign,
        "standing": showing.STATES[CampaignState(campaign.state)],
        "shares": showing.shares(campaign),
        "everybody": everybody,
        "finished": finished,
        "reached": reached,
        "contacts": showing.contacts(campaign, request.GET.dict()),
        "place": request.GET.get("in", ""),
        "q": request.GET.get("q", ""),
        "here": request.get_full_path(),
        "days": [words for number, words in forms.DAYS if int(number) in campaign.days],
        "tries": list(showing.tries(campaign, forms.TRIED)),
        "steps": [
            name for name, (step, _) in STEPS.items() if (CampaignState(campaign.state), step) in campaigns.MOVES
        ],
        "editable": campaign.state in (CampaignState.READY, CampaignState.PAUSED),
    }
    live = request.htmx and not request.htmx.boosted
    return page(request, f"telephony/campaign.html{'#live' if live else ''}", context)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("make calls")
def rules(request: TenantRequest, campaign_id: UUID) -> HttpResponse:
    """When, how many at once, and how often again. Not while it runs."""
    rows = Campaign.objects.select_for_update() if request.method == "POST" else Campaign.objects.all()
    campaign = get_object_or_404(rows, id=campaign_id)  # whoever starts it meanwhile waits for the rules
    if campaign.state not in (CampaignState.READY, CampaignState.PAUSED):
        messages.error(request, "Pause the campaign before you change its rules.")
        return back(request, "telephony:campaign", campaign.id)
    form = forms.Rules(request.POST or None, instance=campaign)
    if form.is_bound and form.is_valid():
        form.save()
        campaigns.look_again(campaign, timezone.now())
        audit.record(request.user, "changed campaign", campaign, fields=form.changed_data)
        return done(request, "Rules saved.", "telephony:campaign", campaign.id)
    context = {"campaign": Campaign.objects.get(id=campaign_id), "form": form}
    return page(request, "telephony/campaign_rules.html", context, status=422 if request.method == "POST" else 200)


@require_POST
@tenant_view("make calls")
def move(request: TenantRequest, campaign_id: UUID, step: str) -> HttpResponse:
    """Start, pause, resume, stop."""
    campaign = get_object_or_404(Campaign, id=campaign_id)
    if step not in STEPS:
        raise Http404
    taken, words = STEPS[step]
    account = CarrierAccount.objects.first()
    if taken in ("start", "resume") and (account is None or not account.auth_token):
        messages.error(request, "Add your Vobiz account first.")
        return back(request, "telephony:campaign", campaign.id)
    try:
        campaigns.move(campaign.id, taken, timezone.now())
    except ImpossibleStepError as impossible:
        messages.error(request, str(impossible))
    else:
        audit.record(request.user, f"{step} campaign", campaign, was=campaign.state)
        messages.success(request, words)
        place_soon()
    return back(request, "telephony:campaign", campaign.id)


@require_safe
@tenant_view("listen")
def results(request: TenantRequest, campaign_id: UUID) -> HttpResponse:
    """Everybody with what came of it, as CSV."""
    campaign = get_object_or_404(Campaign, id=campaign_id)
    audit.record(request.user, "exported campaign", campaign)
    response = HttpResponse("\N{BOM}" + showing.results(campaign), content_type="text/csv; charset=utf-8")
    name = slugify(campaign.name) or "campaign"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response
