"""The operator's pages, under `/console/`."""

from __future__ import annotations

from django.urls import path

from console import books, money, reconciliation, statements, views

app_name = "console"

urlpatterns = [
    path("", views.home, name="home"),
    path("session/", views.session, name="session"),
    path("session/end/", views.session_end, name="session-end"),
    path("tenants/", views.tenants, name="tenants"),
    path("tenants/<slug:slug>/", views.tenant, name="tenant"),
    path("tenants/<slug:slug>/suspend/", views.suspend, name="suspend"),
    path("tenants/<slug:slug>/credit/", views.credit, name="credit"),
    path("tenants/<slug:slug>/credit/<uuid:asked_id>/", views.decide, name="decide"),
    path("tenants/<slug:slug>/payment/", views.payment, name="payment"),
    path("tenants/<slug:slug>/terms/", views.terms, name="terms"),
    path("tenants/<slug:slug>/close/", statements.close, name="close"),
    path("tenants/<slug:slug>/statements/<uuid:statement_id>/", statements.statement, name="statement"),
    path("tenants/<slug:slug>/statements/<uuid:statement_id>/credit/", statements.credit, name="note"),
    path(
        "tenants/<slug:slug>/statements/<uuid:statement_id>/<slug:form>/",
        statements.statement_file,
        name="statement-file",
    ),
    path("usage/", money.usage, name="usage"),
    path("usage.csv", money.usage_csv, name="usage-csv"),
    path("reconciliation/", reconciliation.reconciliation, name="reconciliation"),
    path("activities/<uuid:activity_id>/", money.activity, name="activity"),
    path("transactions/<uuid:transaction_id>/", money.transaction, name="transaction"),
    path("books/", books.index, name="books"),
    path("books/versions/<int:version_id>/", books.version, name="book-version"),
    path("books/<slug:name>/new/", books.new, name="book-new"),
    path("statements/", statements.index, name="statements"),
    path("statements/issuer/", statements.issuer, name="issuer"),
    path("log/", views.log, name="log"),
]
