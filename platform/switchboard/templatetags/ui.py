"""How values look on a page: durations, phone numbers, money, times, icons, form controls; and the rail's contents.

Filters give back something readable for odd values too (None, an anonymous caller): a page never fails over a figure.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import phonenumbers
from django import template
from django.conf import settings
from django.forms import BoundField
from django.template.context import RequestContext
from django.templatetags.static import static
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.pages import queries
from billing.pages.queries import Purse
from tenants.access import memberships_of
from tenants.models import Membership, Tenant, User
from tenants.scope import current

register = template.Library()

UNKNOWN = "\N{EN DASH}"
MINUS = "\N{MINUS SIGN}"
USAGE_PAGES = ("usage", "comparison")
ALLAUTHS_PLACEHOLDERS = ("Email address", "Code")


@register.simple_tag
def icon(name: str, label: str = "", tone: str = "") -> SafeString:
    """A symbol of the sprite. Without `label` it is decoration, and a word stands beside it."""
    address = f"{static('icons.svg')}#i-{name}"
    classes = f"icon {tone}".strip()
    if label:
        return format_html('<svg class="{}" role="img" aria-label="{}"><use href="{}"/></svg>', classes, label, address)
    return format_html('<svg class="{}" aria-hidden="true"><use href="{}"/></svg>', classes, address)


@register.filter
def duration(seconds: float | timedelta | None) -> str:
    """Seconds as `8 s`, `1 m 38 s`, `1 h 2 m`."""
    if seconds is None:
        return UNKNOWN
    whole = round(seconds.total_seconds() if isinstance(seconds, timedelta) else seconds)
    minutes, rest = divmod(max(whole, 0), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} m"
    return f"{minutes} m {rest} s" if minutes else f"{rest} s"


@register.filter
def duration_ms(milliseconds: float | None) -> str:
    """`duration` of milliseconds."""
    return UNKNOWN if milliseconds is None else duration(milliseconds / 1000)


@register.filter
def within(title: str) -> str:
    """A title inside a sentence: `Silence and limits` → `silence and limits`; an abbreviation stays."""
    return title if title[1:2].isupper() else title[:1].lower() + title[1:]


@register.filter
def clock_ms(milliseconds: float | None) -> str:
    """A place in a recording: `0:07`, `12:40`, `1:02:03`."""
    if milliseconds is None:
        return UNKNOWN
    minutes, seconds = divmod(int(milliseconds) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter
def gap_ms(milliseconds: float | None) -> str:
    """How long a reply took: `640 ms`, `1.24 s`."""
    if milliseconds is None:
        return UNKNOWN
    return f"{round(milliseconds)} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


@register.filter
def phone(number: str | None) -> str:
    """An E.164 number in groups: `+91 80 4718 1901`. Other texts ("anonymous", a short code) stay as they are."""
    if not number:
        return UNKNOWN
    try:
        parsed = phonenumbers.parse(number, "IN" if not number.startswith("+") else None)
    except phonenumbers.NumberParseException:
        return number
    if not phonenumbers.is_possible_number(parsed):
        return number
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


@register.filter
def rupees(micros: int | None, places: int = 2) -> str:
    """Micro-rupees as `₹2,12,400.50`, in Indian groups. A call's lines take four places."""
    if micros is None:
        return UNKNOWN
    amount = (Decimal(micros) / 1_000_000).quantize(Decimal(1).scaleb(-places), ROUND_HALF_EVEN)
    whole, _, part = f"{abs(amount):f}".partition(".")
    head, tail = whole[:-3], whole[-3:]
    while head:
        head, tail = head[:-2], f"{head[-2:]},{tail}"
    return f"{MINUS if amount < 0 else ''}₹{tail}{'.' + part if part else ''}"


@register.filter
def ago(moment: datetime | None) -> str | SafeString:
    """A recent time in relation to now (`just now`, `12 min ago`, `11:20`, `Tue 18 Nov`), exact in the title."""
    if moment is None:
        return UNKNOWN
    now, local = timezone.localtime(), timezone.localtime(moment)
    passed = (now - local).total_seconds()
    if 0 <= passed < 60:
        text = "just now"
    elif 0 <= passed < 3600:
        text = f"{int(passed // 60)} min ago"
    elif local.date() == now.date():
        text = date_format(local, "H:i")
    elif local.date() == now.date() - timedelta(days=1):
        text = f"yesterday {date_format(local, 'H:i')}"
    else:
        text = date_format(local, "D j M" if local.year == now.year else "j M Y")
    exact = date_format(local, "D j M Y, H:i:s T")
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(timespec="seconds"), exact, text)


@register.filter
def initials(name: str) -> str:
    """One or two letters for an avatar."""
    words = [word for word in name.replace("@", " ").replace(".", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"


@register.simple_tag
def control(field: BoundField, **attrs: Any) -> SafeString:
    """A form field's control with our class. `hx_get="…"` becomes `hx-get="…"`; `class_` adds a class.

    A placeholder that repeats the label goes away.
    """
    if str(field.field.widget.attrs.get("placeholder", "")) in (field.label, *ALLAUTHS_PLACEHOLDERS):
        field.field.widget.attrs.pop("placeholder", None)
    classes = "switch" if attrs.pop("switch", False) else ""
    if field.widget_type not in {"checkbox", "radioselect", "checkboxselectmultiple", "clearablefile"}:
        classes = "input"
    extra = attrs.pop("class_", "")
    given = {name.replace("_", "-"): value for name, value in attrs.items()}
    rendered = field.as_widget(attrs={"class": f"{classes} {extra}".strip(), **given} if classes or extra else given)
    return rendered


def _is_about_campaigns(namespace: str, page: str) -> bool:
    return namespace == "telephony" and page.startswith(("campaign", "do-not-call"))


@register.simple_tag(takes_context=True)
def rail(context: RequestContext) -> list[dict[str, Any]]:
    """The rail's entries that this person may follow, `{name, url, icon, current}`; outside a tenant, the ways in."""
    request = context["request"]
    tenant: Tenant | None = getattr(request, "tenant", None)
    if tenant is None:
        return [
            {"name": own.tenant.name, "url": reverse("tenants:home", args=[own.tenant.slug]), "icon": "home"}
            for own in my_tenants(context)[:6]
        ]
    match = request.resolver_match
    here = (match.namespace, match.url_name or "") if match else ("", "")
    entries = (
        ("Calls", "telephony:calls", "phone", "view calls", here in {("telephony", "calls"), ("telephony", "call")}),
        ("Campaigns", "telephony:campaigns", "out", "view calls", _is_about_campaigns(*here)),
        ("Agents", "agents:list", "agent", "view agents", here[0] == "agents" and not here[1].startswith("key")),
        ("Numbers", "telephony:numbers", "number", "view numbers", here[0] == "telephony" and "number" in here[1]),
        ("Usage", "billing:usage", "usage", "view money", here[0] == "billing" and here[1] in USAGE_PAGES),
        ("Billing", "billing:overview", "wallet", "view money", here[0] == "billing" and here[1] not in USAGE_PAGES),
        ("Keys", "agents:keys", "shield", "manage keys", here[0] == "agents" and here[1].startswith("key")),
        ("API", "programs:keys", "tool", "manage keys", here[0] == "programs"),
        ("Team", "tenants:team", "team", "manage members", here[0] == "tenants" and here[1].startswith("team")),
    )
    return [
        {"name": name, "url": reverse(address, args=[tenant.slug]), "icon": symbol, "current": current}
        for name, address, symbol, permission, current in entries
        if permission in request.permissions
    ]


@register.simple_tag(takes_context=True)
def my_tenants(context: RequestContext) -> list[Membership]:
    """The memberships of who is signed in, for the switcher."""
    user = context.get("user")
    return memberships_of(user) if isinstance(user, User) else []


@register.simple_tag(takes_context=True)
def purse(context: RequestContext) -> Purse | None:
    """The money of the tenant whose page this is, for who may see it."""
    request = context["request"]
    may = "view money" in getattr(request, "permissions", ())
    tenant, scope = getattr(request, "tenant", None), current()
    return queries.purse(timezone.now()) if may and tenant and scope and scope.tenant_id == tenant.id else None


@register.simple_tag
def open_sign_up() -> bool:
    """Whether people may make an account by themselves."""
    return bool(settings.OPEN_SIGN_UP)
