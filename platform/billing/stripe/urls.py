"""Stripe's address, mounted at `/stripe/`."""

from __future__ import annotations

from django.urls import path

from billing.stripe import views

app_name = "stripe"

urlpatterns = [path("events/", views.event, name="events")]
