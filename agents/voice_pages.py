"""Hearing a voice before it is chosen, and choosing one of the account's own."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents import catalogue, metered, publishing, troubles, voices
from agents.access import access_to, note_refusals
from agents.accounts import LiveVoice
from agents.config import AgentConfig, ConfigError, read
from agents.entries import Choice, Voice
from agents.models import Agent
from agents.pickers import effect, stage_of
from agents.voice.errors import ProviderError, UnknownProvider
from tenants import outside
from tenants.access import TenantRequest, tenant_view
from tenants.scope import tenant_scope

SHOWN = 50
SAMPLES_A_MINUTE = 20


@require_http_methods(["GET"])
@tenant_view("edit agents", waits=True)
def preview(request: TenantRequest) -> HttpResponse:
    """A WAV file of a voice (`?voice=provider/model/voice`), as callers would hear it."""
    key = request.GET.get("voice", "")
    if not key.rpartition("/")[2]:
        return _plainly("Choose a voice first.", 404)
    stage = voices.heard_as(stage_of(key)) if key.count("/") >= 2 else None
    provider = catalogue.provider(stage.provider) if stage else None
    if stage is None or provider is None or not provider.offered or len(stage.voice) > 200:
        return _plainly("There is no such voice.", 404)
    language = voices.language_of(stage, request.GET.get("language", ""))
    wav = voices.kept_sample(request.tenant.id, stage, language)
    if wav is None:
        with tenant_scope(request.tenant.id):
            access = None if provider.keyless else access_to(provider.id)
        if access is None and not provider.keyless:
            return _plainly(f"There is no key for {provider.name}.", 409)
        if not voices.may_ask(request.user.id, SAMPLES_A_MINUTE, 60):
            return _plainly("That were many voices in one minute. Wait a moment.", 429)
        try:
            wav = outside.ask(voices.sample, request.tenant.id, stage, language, access)
        except (ProviderError, UnknownProvider) as error:
            if access is not None and isinstance(error, ProviderError):
                with tenant_scope(request.tenant.id):
                    note_refusals([str(error)])
            why = troubles.of(error) if isinstance(error, ProviderError) else f"{provider.name} cannot be asked here."
            return _plainly(f"No sample: {why}", 502)
        used = metered.speech(stage, len(voices.SAMPLES[language]), voices.length_ms(wav))
        with tenant_scope(request.tenant.id):
            metered.tell("preview", [used], [stage.provider] if access and access.own else [])
    response = HttpResponse(wav, content_type="audio/wav")
    response["Cache-Control"] = "private, max-age=3600"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@tenant_view("edit agents", waits=True)
def index(request: TenantRequest, agent_id: UUID) -> HttpResponse:
    """All voices of an account, with search; a posted `voice` becomes the draft's."""
    with tenant_scope(request.tenant.id):
        agent = get_object_or_404(Agent, id=agent_id)
        try:
            config = read(agent.draft)
        except ConfigError as error:
            raise Http404 from error
        if request.method == "POST":
            return _chosen(request, agent, config)
    made = _model(request.GET.get("model", ""), config)
    language = request.GET.get("language", config.language)
    asked = request.GET.get("q", "").strip()[:100]
    listed, problem = _listed(request, made)
    found = voices.found(listed, asked, language)
    context = {
        "agent": agent,
        "made": made,
        "effect": effect("tts", made.provider.id, made.model),
        "models": [choice for choice in catalogue.choices("tts") if choice.model.more_voices],
        "languages": catalogue.LANGUAGES,
        "language": language,
        "asked": asked,
        "voices": [(voice, _languages(voice)) for voice in found[:SHOWN]],
        "more": max(len(found) - SHOWN, 0),
        "all": len(listed),
        "problem": problem,
        "current": config.tts,
    }
    return TemplateResponse(request, "agents/voices.html", context)


def _chosen(request: TenantRequest, agent: Agent, config: AgentConfig) -> HttpResponse:
    key, language = request.POST.get("voice", ""), request.POST.get("language", config.language)
    stage = stage_of(key) if key.count("/") >= 2 and len(key) <= 300 else None
    model = catalogue.find("tts", stage.provider, stage.model) if stage else None
    if stage is None or model is None or not stage.voice:
        return _plainly("There is no such voice.", 400)
    address = reverse("agents:edit", args=[request.tenant.slug, agent.id])
    if language != config.language and any(tongue.language == language for tongue in config.tongues):
        tongues = tuple(
            replace(tongue, tts=stage) if tongue.language == language else tongue for tongue in config.tongues
        )
        publishing.edit_draft(agent, tongues=tongues)
        section = "languages"
    else:
        publishing.edit_draft(agent, tts=stage)
        section = "identity"
    messages.success(request, "Draft saved with the new voice.")
    return HttpResponseRedirect(f"{address}#{section}")


def _model(key: str, config: AgentConfig) -> Choice:
    """Whose voices: the asked model's, the draft's, or those of the first that has more than we list."""
    many = [choice for choice in catalogue.choices("tts") if choice.model.more_voices]
    current = f"{config.tts.provider}/{config.tts.model}"
    first = next((choice for choice in many if choice.model.recommended), many[0])
    return next((choice for wanted in (key, current) for choice in many if choice.key == wanted), first)


def _listed(request: TenantRequest, made: Choice) -> tuple[tuple[LiveVoice, ...], str]:
    """The account's voices; without an answer those that we know, and why."""
    known = tuple(_known(voice) for voice in made.model.voices)
    with tenant_scope(request.tenant.id):
        access = access_to(made.provider.id)
    if access is None:
        return known, f"There is no key for {made.provider.name}: these are its best-known voices only."
    try:
        return outside.ask(voices.live_voices, request.tenant.id, access), ""
    except ProviderError as error:
        return known, f"{troubles.of(error)} These are its best-known voices only."


def _languages(voice: LiveVoice) -> str:
    return ", ".join(catalogue.language_name(code) for code in voice.speaks.split()) or "not said"


def _known(voice: Voice) -> LiveVoice:
    name, _, about = voice.name.partition(", ")
    return LiveVoice(voice.id, name, about[:1].upper() + about[1:], " ".join(voice.speaks))


def _plainly(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
