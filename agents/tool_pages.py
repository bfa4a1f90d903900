"""The panel that tries a tool, an MCP server or the look-up of a draft: the real request, and the real reply."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from agents import trials
from agents.config import AgentConfig
from agents.models import Agent
from agents.standing import Standing
from agents.trials import ArgumentsForm, Trial
from agents.voice.blueprint import Blueprint
from agents.voice.providers.base import ToolSpec
from agents.voice.tools.base import ToolResult
from tenants import audit, outside
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope

SECTIONS: Final = {"tool": "tools", "server": "mcp", "lookup": "lookup"}


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit agents", waits=True)
def attempt(request: TenantRequest, agent_id: UUID, kind: str, name: str) -> HttpResponse:
    """`kind` is `tool`, `server` or `lookup`."""
    with tenant_scope(request.tenant.id):
        agent = get_object_or_404(Agent, id=agent_id)
        config = Standing(agent).config
        if not _is_there(config, kind, name):
            raise Http404
    chosen = request.POST.get("tool", "")[:100] if kind == "server" else name
    trial, form = Trial(), None
    if kind == "tool":
        form = _form(kind, _spec(config, name), request)
    if request.method == "POST":
        with tenant_scope(request.tenant.id):
            blueprint = trials.blueprint_for(agent, config)
        trial = _tried(blueprint, config, kind, name, chosen, request)
        if trial.result is not None or trial.refused:
            with tenant_scope(request.tenant.id):
                _record(request, agent, kind, chosen or name, trial)
        spec = next((spec for spec in trial.specs if spec.name == chosen), None)
        form = form or (_form(kind, spec, request) if spec else None)
    context: dict[str, Any] = {"agent": agent, "kind": kind, "name": name, "trial": trial, "form": form}
    context |= {"chosen": chosen, "section": SECTIONS[kind], "caller": trials.CALLER}
    return TemplateResponse(request, "agents/try.html#panel" if request.htmx else "agents/try.html", context)


def _is_there(config: AgentConfig, kind: str, name: str) -> bool:
    if kind == "tool":
        return any(tool.name == name for tool in config.tools)
    if kind == "server":
        return any(server.name == name for server in config.mcp)
    return kind == "lookup" and name == "lookup" and config.lookup is not None


def _spec(config: AgentConfig, name: str) -> ToolSpec:
    tool = next(tool for tool in config.tools if tool.name == name)
    return ToolSpec(tool.name, tool.description, tool.schema)


def _form(kind: str, spec: ToolSpec, request: TenantRequest) -> ArgumentsForm:
    return ArgumentsForm(spec, request.POST.dict() if "run" in request.POST else None, prefix=f"try-{kind}")


def _tried(
    blueprint: Blueprint, config: AgentConfig, kind: str, name: str, chosen: str, request: TenantRequest
) -> Trial:
    facts = trials.example_facts(blueprint)
    if kind == "lookup":
        return outside.ask(trials.look_up, blueprint, facts)
    if kind == "tool":
        typed = ArgumentsForm(_spec(config, name), request.POST.dict(), prefix="try-tool")
        return outside.ask(trials.call_tool, blueprint, facts, name, typed.arguments())
    listed = outside.ask(trials.ask_server, blueprint, facts, name, "", None)
    spec = next((spec for spec in listed.specs if spec.name == chosen), None)
    if spec is None or "run" not in request.POST:
        return listed
    typed = ArgumentsForm(spec, request.POST.dict(), prefix="try-server")
    return outside.ask(trials.ask_server, blueprint, facts, name, chosen, typed.arguments())


def _record(request: TenantRequest, agent: Agent, kind: str, tool: str, trial: Trial) -> None:
    """A tool that was tried, or whose address was refused; a list of tools that was shown is no trial."""
    result = trial.result or ToolResult("", ok=False, refused=trial.refused)
    verb = "refused tool" if result.refused else "tried tool"
    audit.record(
        request.user, verb, agent, kind=kind, tool=tool, ok=result.ok, status=result.status, refused=result.refused
    )
