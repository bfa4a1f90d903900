"""The pages about calls that we place. Their names are in the namespace of calls: `telephony:campaign-…`."""

from __future__ import annotations

from django.urls import path

from telephony.outbound import campaign_pages, pages

urlpatterns = [
    path("calls/new/", pages.call, name="call-new"),
    path("calls/<uuid:call_id>/never-again/", pages.never_again, name="call-never-again"),
    path("campaigns/", campaign_pages.index, name="campaigns"),
    path("campaigns/new/", campaign_pages.new, name="campaign-new"),
    path("campaigns/<uuid:campaign_id>/", campaign_pages.one, name="campaign"),
    path("campaigns/<uuid:campaign_id>/columns/", campaign_pages.columns, name="campaign-columns"),
    path("campaigns/<uuid:campaign_id>/rules/", campaign_pages.rules, name="campaign-rules"),
    path("campaigns/<uuid:campaign_id>/results.csv", campaign_pages.results, name="campaign-results"),
    path("campaigns/<uuid:campaign_id>/<slug:step>/", campaign_pages.move, name="campaign-move"),
    path("do-not-call/", pages.do_not_call, name="do-not-call"),
    path("do-not-call/<uuid:entry_id>/allow/", pages.allow, name="do-not-call-allow"),
]
