"""The money pages of a tenant, under `/t/<slug>/`."""

from __future__ import annotations

from django.urls import path

from billing.pages import comparison, invoices, overview, usage

app_name = "billing"

urlpatterns = [
    path("billing/", overview.overview, name="overview"),
    path("billing/top-up/", overview.top_up, name="top-up"),
    path("billing/back/", overview.back, name="back"),
    path("billing/cards/", overview.cards, name="cards"),
    path("billing/automatic/", overview.automatic, name="automatic"),
    path("billing/limits/", overview.limits, name="limits"),
    path("billing/details/", overview.details, name="details"),
    path("billing/ledger.csv", overview.ledger_csv, name="ledger-csv"),
    path("billing/statements/<uuid:statement_id>/", invoices.statement, name="statement"),
    path("billing/statements/<uuid:statement_id>/<slug:form>/", invoices.statement_file, name="statement-file"),
    path("billing/notes/<uuid:note_id>/", invoices.note_pdf, name="note"),
    path("usage/", usage.usage, name="usage"),
    path("usage.csv", usage.usage_csv, name="usage-csv"),
    path("usage/comparison/", comparison.comparison, name="comparison"),
]
