"""How the money pages answer: a page, a way back with a word, a file; and amounts in forms."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.text import slugify

from billing.errors import BadAmountError, BillingError
from billing.money import parse, plain
from tenants.access import TenantRequest


def page(request: TenantRequest, template: str, context: dict[str, Any], *, status: int = 200) -> HttpResponse:
    common = {"slug": request.tenant.slug, "permissions": request.permissions}
    return TemplateResponse(request, template, common | context, status=status)


def done(request: TenantRequest, text: str, view: str, *args: object) -> HttpResponse:
    """On to another page, which says that it worked."""
    messages.success(request, text)
    response = redirect(view, request.tenant.slug, *args)
    response.status_code = 303
    return response


def sheet(text: str, *name: object) -> HttpResponse:
    """A CSV to keep."""
    return _file(text.encode(), "text/csv; charset=utf-8", "csv", name)


def pdf(content: bytes, *name: object) -> HttpResponse:
    return _file(content, "application/pdf", "pdf", name)


def _file(content: bytes, kind: str, ending: str, name: tuple[object, ...]) -> HttpResponse:
    response = HttpResponse(content, content_type=kind)
    title = slugify("-".join(str(part).replace("/", "-") for part in name)) or "switchboard"
    response.headers["Content-Disposition"] = f'attachment; filename="{title}.{ending}"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


class Rupees(forms.CharField):
    """An amount as people write it; the form's value is micro-rupees, or None."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(**{"widget": widget, "max_length": 24, **options})

    def prepare_value(self, value: Any) -> Any:
        return plain(value) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse(str(text).removeprefix("₹"))
        except BadAmountError as error:
            raise forms.ValidationError("Write an amount, such as 500 or 1250.50.") from error


def refused(form: forms.Form, error: BillingError, other: str | None = None, **names: str) -> None:
    """Show a refusal at its field; `names` are fields that the form calls otherwise, `other` takes what has none."""
    field = names.get(error.field, error.field)
    sentence = error.message[:1].upper() + error.message[1:] + "."
    form.add_error(field if field in form.fields else other, sentence)
