"""The pages about numbers, below `numbers/`. Their names are in the namespace of calls: `telephony:number-…`."""

from __future__ import annotations

from django.urls import path, re_path

from telephony.numbers import account_pages, pages, renting_pages

urlpatterns = [
    path("", pages.index, name="numbers"),
    path("sync/", pages.sync, name="numbers-sync"),
    path("rent/", renting_pages.search, name="numbers-rent"),
    re_path(r"^rent/(?P<digits>[0-9]{7,15})/$", renting_pages.rent, name="number-buy"),
    path("account/", account_pages.edit, name="number-account"),
    path("account/check/", account_pages.check, name="number-account-check"),
    path("account/state/", account_pages.state, name="number-account-state"),
    path("account/platform/", account_pages.platform, name="number-account-platform"),
    path("<uuid:number_id>/", pages.one, name="number"),
    path("<uuid:number_id>/ready/<slug:name>/", pages.tick, name="number-tick"),
    path("<uuid:number_id>/health/", pages.health, name="number-health"),
    path("<uuid:number_id>/attach/", pages.attach, name="number-attach"),
    path("<uuid:number_id>/release/", renting_pages.release, name="number-release"),
    path("<uuid:number_id>/ring/", renting_pages.ring, name="number-ring"),
]
