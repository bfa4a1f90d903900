"""The pages about agents: list, new, editor, versions. Each section of the editor saves on its own."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseBadRequest, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods
from django_htmx.http import trigger_client_event

from agents import publishing, sections
from agents.access import accounts
from agents.comparison import compare
from agents.config import read
from agents.forms import NewAgentForm
from agents.models import Agent, AgentVersion
from agents.publishing import NothingToPublishError, PublishError
from agents.rows import UnknownRowError
from agents.sections import TITLES, Section
from agents.standing import Standing
from tenants.access import TenantRequest, tenant_view

PARTS = ("contents", "problems", "publish")
ROW_BUTTONS = ("row-add", "row-remove", "row-up")
PAGE = 50


@require_http_methods(["GET", "HEAD"])
@tenant_view("view agents")
def index(request: TenantRequest) -> HttpResponse:
    agents = Agent.objects.select_related("published")
    return TemplateResponse(request, "agents/list.html", {"rows": [Standing(agent) for agent in agents]})


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit agents")
def new(request: TenantRequest) -> HttpResponse:
    form = NewAgentForm(request.POST.dict() if request.method == "POST" else None, accounts=accounts())
    if request.method == "POST" and form.is_valid():
        return _see(request, publishing.create(form.make(request.tenant.name), request.user))
    return TemplateResponse(request, "agents/new.html", {"form": form}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD"])
@tenant_view("view agents")
def edit(request: TenantRequest, agent_id: UUID) -> HttpResponse:
    part = request.GET.get("part", "")
    return _editor(request, _agent(agent_id), part=part if request.htmx and part in PARTS else "")


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit agents")
def save(request: TenantRequest, agent_id: UUID, section: str) -> HttpResponse:
    if section not in TITLES:
        raise Http404
    agent, name = _agent(agent_id), section
    if request.method != "POST":
        return _see(request, agent, section)
    data = request.POST.dict()
    button = next((button for button in ROW_BUTTONS if button in data), "")
    if button:
        try:
            drawn = sections.redrawn(name, data, button, data[button], accounts=accounts())
        except UnknownRowError:
            return HttpResponseBadRequest("There is no such row.")
        return _section(request, agent, drawn, focus=data[button] if button == "row-add" else "heading")
    filled = sections.posted(name, Standing(agent).config, data, accounts=accounts())
    if not filled.is_valid():
        return _section(request, agent, filled, status=422)
    agent = publishing.edit_draft(agent, **filled.parts())
    if not request.htmx:
        messages.success(request, "Draft saved.")
        return _see(request, agent, section)
    shown = sections.drafted(name, read(agent.draft), editable=True, accounts=accounts())
    return trigger_client_event(_section(request, agent, shown, saved=True), "draft-saved", after="settle")


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("publish agents")
def publish(request: TenantRequest, agent_id: UUID) -> HttpResponse:
    agent = _agent(agent_id)
    if request.method != "POST":
        return _see(request, agent)
    try:
        version = publishing.publish(
            agent, request.user, request.POST.get("note", "")[:200], reviewed=request.POST.get("reviewed", "")
        )
    except NothingToPublishError as refusal:
        messages.info(request, str(refusal))
        return _see(request, agent)
    except PublishError as refusal:
        return _editor(request, _agent(agent_id), refusal=str(refusal), status=422)
    messages.success(request, f"Version {version.number} answers from the next call.")
    return _see(request, agent)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit agents")
def discard(request: TenantRequest, agent_id: UUID) -> HttpResponse:
    agent = _agent(agent_id)
    if request.method == "POST":
        publishing.discard_draft(agent)
        messages.success(request, "The draft is as the published version again.")
    return _see(request, agent)


@require_http_methods(["GET", "HEAD"])
@tenant_view("view agents")
def versions(request: TenantRequest, agent_id: UUID) -> HttpResponse:
    agent, show = _agent(agent_id), _whole(request.GET.get("show", ""))
    shown = get_object_or_404(AgentVersion, agent=agent, number=show) if show is not None else None
    return _versions(request, agent, shown=shown)


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("publish agents")
def restore(request: TenantRequest, agent_id: UUID, number: int) -> HttpResponse:
    agent = _agent(agent_id)
    version = get_object_or_404(AgentVersion.objects.select_related("agent"), agent=agent, number=number)
    address = reverse("agents:versions", args=[request.tenant.slug, agent.id])
    if request.method != "POST":
        return HttpResponseRedirect(f"{address}?show={number}")
    try:
        restored = publishing.restore(version, request.user)
    except PublishError as refusal:
        return _versions(request, agent, shown=version, refusal=str(refusal), status=422)
    messages.success(request, f"Version {restored.number} answers from the next call, as version {number} did.")
    return HttpResponseRedirect(address)


def _agent(agent_id: UUID) -> Agent:
    agent: Agent = get_object_or_404(Agent.objects.select_related("published"), id=agent_id)
    return agent


def _whole(text: str) -> int | None:
    """A number of a query string; None for anything else."""
    return int(text) if text.isdecimal() and text.isascii() and len(text) < 10 else None


def _see(request: TenantRequest, agent: Agent, section: str = "") -> HttpResponse:
    address = reverse("agents:edit", args=[request.tenant.slug, agent.id])
    return HttpResponseRedirect(f"{address}#{section}" if section else address)


def _editor(
    request: TenantRequest,
    agent: Agent,
    replaced: Section | None = None,
    *,
    part: str = "",
    status: int = 200,
    **context: Any,
) -> HttpResponse:
    """The page, or one of its parts; `replaced` stands in for the section that was posted."""
    standing = Standing(agent)
    editable = "edit agents" in request.permissions
    if not part:
        known = accounts()
        context["sections"] = [
            replaced
            if replaced and replaced.id == name
            else sections.drafted(name, standing.config, editable=editable, accounts=known)
            for name in TITLES
        ]
    context |= {"agent": agent, "standing": standing, "editable": editable}
    template = f"agents/edit.html#{part}" if part else "agents/edit.html"
    return TemplateResponse(request, template, context, status=status)


def _section(
    request: TenantRequest, agent: Agent, section: Section, *, status: int = 200, focus: str = "", saved: bool = False
) -> HttpResponse:
    """The section alone for htmx, in its page for a browser without scripts."""
    if not request.htmx:
        return _editor(request, agent, section, status=status, posted=section, focus=focus)
    context = {"agent": agent, "section": section, "posted": section, "editable": True, "focus": focus, "saved": saved}
    return TemplateResponse(request, "agents/section.html", context, status=status)


def _versions(
    request: TenantRequest, agent: Agent, *, shown: AgentVersion | None = None, status: int = 200, refusal: str = ""
) -> HttpResponse:
    """Newest first. `shown` is held against the published one."""
    rows = AgentVersion.objects.filter(agent=agent).select_related("published_by")
    before = _whole(request.GET.get("before", ""))
    if before is not None:
        rows = rows.filter(number__lt=before)
    page = list(rows[: PAGE + 1])
    context = {
        "agent": agent,
        "versions": page[:PAGE],
        "older": f"?before={page[PAGE - 1].number}" if len(page) > PAGE else "",
        "shown": shown,
        "changes": compare(read(agent.published.config), read(shown.config)) if shown and agent.published else (),
        "refusal": refusal,
    }
    return TemplateResponse(request, "agents/versions.html", context, status=status)
