"""The pages of a number's routes, below `numbers/<id>/routes/`."""

from __future__ import annotations

from django.urls import path

from telephony.routes import pages

urlpatterns = [
    path("", pages.routes, name="number-routes"),
    path("<slug:part>/", pages.save, name="number-route"),
]
