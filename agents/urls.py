"""Pages under `/t/<slug>/`."""

from django.urls import path

from agents import key_pages, secret_pages, tool_pages, views, voice_pages

app_name = "agents"

urlpatterns = [
    path("agents/", views.index, name="list"),
    path("agents/new/", views.new, name="new"),
    path("agents/<uuid:agent_id>/", views.edit, name="edit"),
    path("agents/<uuid:agent_id>/voices/", voice_pages.index, name="voices"),
    path("agents/<uuid:agent_id>/sections/<slug:section>/", views.save, name="section"),
    path("agents/<uuid:agent_id>/publish/", views.publish, name="publish"),
    path("agents/<uuid:agent_id>/discard/", views.discard, name="discard"),
    path("agents/<uuid:agent_id>/versions/", views.versions, name="versions"),
    path("agents/<uuid:agent_id>/versions/<int:number>/restore/", views.restore, name="restore"),
    path("agents/<uuid:agent_id>/try/<slug:kind>/<slug:name>/", tool_pages.attempt, name="try"),
    path("secrets/", secret_pages.index, name="secrets"),
    path("secrets/<uuid:secret_id>/", secret_pages.edit, name="secret"),
    path("secrets/<uuid:secret_id>/remove/", secret_pages.remove, name="secret-remove"),
    path("voices/preview/", voice_pages.preview, name="preview"),
    path("keys/", key_pages.index, name="keys"),
    path("keys/<slug:provider>/", key_pages.edit, name="key"),
    path("keys/<slug:provider>/check/", key_pages.check, name="key-check"),
    path("keys/<slug:provider>/remove/", key_pages.remove, name="key-remove"),
]
