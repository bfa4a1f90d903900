"""The front door, a person's own page, and the team of a tenant."""

from __future__ import annotations

from django.urls import path

import tenants.views as views

app_name = "tenants"

urlpatterns = [
    path("", views.start, name="start"),
    path("account/", views.profile, name="profile"),
    path("theme/", views.theme, name="theme"),
    path("t/<slug:slug>/", views.home, name="home"),
    path("t/<slug:slug>/team/", views.team, name="team"),
    path("t/<slug:slug>/team/<uuid:member_id>/role/", views.change_role, name="team-role"),
    path("t/<slug:slug>/team/<uuid:member_id>/remove/", views.remove, name="team-remove"),
]
