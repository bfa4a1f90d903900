"""Every address of the site × everybody who may ask for it → the status. An address that is not in the table fails.

Columns: nobody signed in, somebody in no team, the owner of another business, then owner, admin, builder, analyst,
billing, and an operator.
"""

from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import transaction
from django.urls import URLResolver, get_resolver, reverse
from django.utils import timezone

from agents import publishing, secrets
from agents.models import Agent, ProviderKey
from agents.seeding import seed_agents
from agents.voice.blueprint import HttpTool
from billing import activities, charging, usage
from billing.meters import Amount
from billing.models import Activity, PriceBookVersion, Transaction
from billing.statements import closing, crediting
from console import access
from console.models import CreditAsked
from telephony.models import Call, PhoneNumber, Recording
from telephony.outbound.models import Campaign, DoNotCall
from tenants import keys
from tenants.models import Membership, Role
from tenants.scope import platform_scope, tenant_scope
from tests.cast import gather

PEOPLE = ("nobody", "outsider", "stranger", "owner", "admin", "builder", "analyst", "billing", "operator")

TABLE = """
                                     nobody out stranger owner admin builder analyst billing operator
healthz                         GET     200 200   200     200   200    200     200     200     200
readyz                          GET     200 200   200     200   200    200     200     200     200
metrics                         GET     200 200   200     200   200    200     200     200     200

tenants:start                   GET     302 200   302     302   302    302     302     302     200
tenants:profile                 GET     302 200   200     200   200    200     200     200     200
tenants:theme                   GET     405 405   405     405   405    405     405     405     405
tenants:theme                   POST    302 302   302     302   302    302     302     302     302
tenants:home                    GET     302 404   404     302   302    302     302     302     302
tenants:team                    GET     302 404   404     200   200    403     403     403     403
tenants:team                    POST    302 404   404     422   422    403     403     403     403
tenants:team-role               POST    302 404   404     422   422    403     403     403     403
tenants:team-remove             GET     302 404   404     200   200    403     403     403     403
tenants:team-remove             POST    302 404   404     302   302    403     403     403     403

agents:list                     GET     302 404   404     200   200    200     200     403     200
agents:new                      GET     302 404   404     200   200    200     403     403     403
agents:new                      POST    302 404   404     422   422    422     403     403     403
agents:edit                     GET     302 404   404     200   200    200     200     403     200
agents:section                  GET     302 404   404     302   302    302     403     403     403
agents:section                  POST    302 404   404     422   422    422     403     403     403
agents:publish                  GET     302 404   404     302   302    302     403     403     403
agents:publish                  POST    302 404   404     302   302    302     403     403     403
agents:discard                  POST    302 404   404     302   302    302     403     403     403
agents:versions                 GET     302 404   404     200   200    200     200     403     200
agents:voices                   GET     302 404   404     200   200    200     403     403     403
agents:voices                   POST    302 404   404     400   400    400     403     403     403
agents:preview                  GET     302 404   404     404   404    404     403     403     403
agents:keys                     GET     302 404   404     200   200    403     403     403     403
agents:key                      GET     302 404   404     200   200    403     403     403     403
agents:key                      POST    302 404   404     422   422    403     403     403     403
agents:key-check                GET     405 405   405     405   405    405     405     405     405
agents:key-check                POST    302 404   404     302   302    403     403     403     403
agents:key-remove               GET     302 404   404     200   200    403     403     403     403
agents:key-remove               POST    302 404   404     302   302    403     403     403     403
agents:restore                  GET     302 404   404     302   302    302     403     403     403
agents:restore                  POST    302 404   404     422   422    422     403     403     403
agents:try                      GET     302 404   404     200   200    200     403     403     403
agents:try                      POST    302 404   404     200   200    200     403     403     403
agents:secrets                  GET     302 404   404     200   200    200     403     403     403
agents:secrets                  POST    302 404   404     422   422    422     403     403     403
agents:secret                   GET     302 404   404     200   200    200     403     403     403
agents:secret                   POST    302 404   404     422   422    422     403     403     403
agents:secret-remove            GET     302 404   404     200   200    200     403     403     403
agents:secret-remove            POST    302 404   404     302   302    302     403     403     403

billing:overview                GET     302 404   404     200   200    403     403     200     200
billing:top-up                  GET     405 405   405     405   405    405     405     405     405
billing:top-up                  POST    302 404   404     422   422    403     403     422     403
billing:back                    GET     302 404   404     302   302    403     403     302     302
billing:cards                   POST    302 404   404     422   422    403     403     422     403
billing:automatic               GET     302 404   404     200   200    403     403     200     403
billing:automatic               POST    302 404   404     422   422    403     403     422     403
billing:limits                  GET     302 404   404     200   200    403     403     200     403
billing:limits                  POST    302 404   404     422   422    403     403     422     403
billing:details                 GET     302 404   404     200   200    403     403     200     403
billing:details                 POST    302 404   404     422   422    403     403     422     403
billing:ledger-csv              GET     302 404   404     200   200    403     403     200     200
billing:statement               GET     302 404   404     200   200    403     403     200     200
billing:statement-file          GET     302 404   404     200   200    403     403     200     200
billing:note                    GET     302 404   404     200   200    403     403     200     200
billing:usage                   GET     302 404   404     200   200    403     403     200     200
billing:usage-csv               GET     302 404   404     200   200    403     403     200     200
billing:comparison              GET     302 404   404     200   200    403     403     200     200

programs:keys                   GET     302 404   404     200   200    403     403     403     403
programs:keys                   POST    302 404   404     422   422    403     403     403     403
programs:revoke                 POST    302 404   404     303   303    403     403     403     403

console:home                    GET     302 404   404     404   404    404     404     404     200
console:session                 GET     302 404   404     404   404    404     404     404     200
console:session                 POST    302 404   404     404   404    404     404     404     422
console:session-end             POST    302 404   404     404   404    404     404     404     302
console:tenants                 GET     302 404   404     404   404    404     404     404     200
console:tenant                  GET     302 404   404     404   404    404     404     404     200
console:suspend                 POST    302 404   404     404   404    404     404     404     422
console:credit                  POST    302 404   404     404   404    404     404     404     422
console:decide                  POST    302 404   404     404   404    404     404     404     302
console:payment                 POST    302 404   404     404   404    404     404     404     422
console:terms                   POST    302 404   404     404   404    404     404     404     422
console:close                   POST    302 404   404     404   404    404     404     404     302
console:statement               GET     302 404   404     404   404    404     404     404     200
console:statement-file          GET     302 404   404     404   404    404     404     404     200
console:note                    POST    302 404   404     404   404    404     404     404     422
console:usage                   GET     302 404   404     404   404    404     404     404     200
console:usage-csv               GET     302 404   404     404   404    404     404     404     200
console:reconciliation          GET     302 404   404     404   404    404     404     404     200
console:activity                GET     302 404   404     404   404    404     404     404     200
console:transaction             GET     302 404   404     404   404    404     404     404     200
console:books                   GET     302 404   404     404   404    404     404     404     200
console:book-version            GET     302 404   404     404   404    404     404     404     200
console:book-new                GET     302 404   404     404   404    404     404     404     200
console:book-new                POST    302 404   404     404   404    404     404     404     422
console:statements              GET     302 404   404     404   404    404     404     404     200
console:issuer                  GET     302 404   404     404   404    404     404     404     200
console:issuer                  POST    302 404   404     404   404    404     404     404     422
console:log                     GET     302 404   404     404   404    404     404     404     200

telephony:calls                 GET     302 404   404     200   200    200     200     200     200
telephony:call                  GET     302 404   404     200   200    200     200     200     200
telephony:hang-up               GET     405 405   405     405   405    405     405     405     405
telephony:hang-up               POST    302 404   404     303   303    303     403     403     403
telephony:recording             GET     302 404   404     200   200    200     200     403     403
telephony:test                  GET     405 405   405     405   405    405     405     405     405
telephony:test                  POST    302 404   404     422   422    422     403     403     403
telephony:call-new              GET     302 404   404     200   200    200     403     403     403
telephony:call-new              POST    302 404   404     422   422    422     403     403     403
telephony:call-never-again      GET     405 405   405     405   405    405     405     405     405
telephony:call-never-again      POST    302 404   404     303   303    303     403     403     403
telephony:campaigns             GET     302 404   404     200   200    200     200     200     200
telephony:campaign-new          GET     302 404   404     200   200    200     403     403     403
telephony:campaign-new          POST    302 404   404     422   422    422     403     403     403
telephony:campaign              GET     302 404   404     200   200    200     200     200     200
telephony:campaign-columns      GET     302 404   404     303   303    303     403     403     403
telephony:campaign-rules        GET     302 404   404     200   200    200     403     403     403
telephony:campaign-rules        POST    302 404   404     422   422    422     403     403     403
telephony:campaign-results      GET     302 404   404     200   200    200     200     403     403
telephony:campaign-move         GET     405 405   405     405   405    405     405     405     405
telephony:campaign-move         POST    302 404   404     303   303    303     403     403     403
telephony:do-not-call           GET     302 404   404     200   200    200     200     200     200
telephony:do-not-call           POST    302 404   404     422   422    422     403     403     403
telephony:do-not-call-allow     GET     405 405   405     405   405    405     405     405     405
telephony:do-not-call-allow     POST    302 404   404     303   303    303     403     403     403
telephony:numbers               GET     302 404   404     200   200    200     200     403     200
telephony:numbers               POST    302 404   404     422   422    422     403     403     403
telephony:number                GET     302 404   404     200   200    200     200     403     200
telephony:number                POST    302 404   404     303   303    303     403     403     403
telephony:numbers-sync          GET     405 405   405     405   405    405     405     405     405
telephony:numbers-sync          POST    302 404   404     303   303    303     403     403     403
telephony:numbers-rent          GET     302 404   404     200   200    403     403     403     403
telephony:number-buy            GET     302 404   404     303   303    403     403     403     403
telephony:number-buy            POST    302 404   404     303   303    403     403     403     403
telephony:number-account        GET     302 404   404     200   200    403     403     403     403
telephony:number-account        POST    302 404   404     422   422    403     403     403     403
telephony:number-account-check  GET     405 405   405     405   405    405     405     405     405
telephony:number-account-check  POST    302 404   404     303   303    403     403     403     403
telephony:number-account-state  GET     302 404   404     200   200    403     403     403     403
telephony:number-account-platform GET     405 405   405     405   405    405     405     405     405
telephony:number-account-platform POST    302 404   404     303   303    403     403     403     403
telephony:number-tick           GET     302 404   404     200   200    200     200     403     200
telephony:number-health         GET     302 404   404     200   200    200     200     403     200
telephony:number-attach         GET     405 405   405     405   405    405     405     405     405
telephony:number-attach         POST    302 404   404     303   303    303     403     403     403
telephony:number-release        GET     302 404   404     303   303    403     403     403     403
telephony:number-release        POST    302 404   404     303   303    403     403     403     403
telephony:number-ring           GET     405 405   405     405   405    405     405     405     405
telephony:number-ring           POST    302 404   404     303   303    303     403     403     403
telephony:tape                  GET     302 404   404     404   404    404     404     403     403
telephony:number-routes         GET     302 404   404     200   200    200     200     403     200
telephony:number-route          GET     302 404   404     303   303    303     403     403     403
telephony:number-route          POST    302 404   404     422   422    422     403     403     403
telephony:calls                 POST    405 405   405     405   405    405     405     405     405

stripe:events                   GET     405 405   405     405   405    405     405     405     405
stripe:events                   POST    404 404   404     404   404    404     404     404     404
vobiz:answer                    POST    404 404   404     404   404    404     404     404     404
vobiz:hangup                    POST    404 404   404     404   404    404     404     404     404
vobiz:after-stream              POST    404 404   404     404   404    404     404     404     404
vobiz:stream-status             POST    404 404   404     404   404    404     404     404     404
vobiz:dialled                   POST    404 404   404     404   404    404     404     404     404
vobiz:machine                   POST    404 404   404     404   404    404     404     404     404
vobiz:menu                      POST    404 404   404     404   404    404     404     404     404
vobiz:routed                    POST    404 404   404     404   404    404     404     404     404
vobiz:elsewhere                 POST    404 404   404     404   404    404     404     404     404
vobiz:recording                 POST    404 404   404     404   404    404     404     404     404
vobiz:put-through               POST    404 404   404     404   404    404     404     404     404
vobiz:put-through-news          POST    404 404   404     404   404    404     404     404     404
vobiz:colleague                 POST    404 404   404     404   404    404     404     404     404
vobiz:colleague-over            POST    404 404   404     404   404    404     404     404     404
vobiz:room                      POST    404 404   404     404   404    404     404     404     404
vobiz:hold                      POST    404 404   404     404   404    404     404     404     404
vobiz:hold-sound                GET     200 200   200     200   200    200     200     200     200
vobiz:fallback                  POST    404 404   404     404   404    404     404     404     404
vobiz:echo                      POST    404 404   404     404   404    404     404     404     404
vobiz:answer                    GET     404 404   404     404   404    404     404     404     404

account_login                   GET     200 302   302     302   302    302     302     302     302
account_logout                  GET     302 200   200     200   200    200     200     200     200
account_inactive                GET     200 200   200     200   200    200     200     200     200
account_signup                  GET     200 302   302     302   302    302     302     302     302
account_reauthenticate          GET     302 200   200     200   200    200     200     200     200
account_email                   GET     302 200   200     200   200    200     200     200     200
account_email_verification_sent GET     200 200   200     200   200    200     200     200     200
account_change_password         GET     302 200   200     200   200    200     200     200     200
account_set_password            GET     302 302   302     302   302    302     302     302     302
account_reset_password          GET     200 200   200     200   200    200     200     200     200
account_reset_password_done     GET     200 200   200     200   200    200     200     200     200
account_reset_password_from_key GET     200 200   200     200   200    200     200     200     200
account_reset_password_from_key_done GET 200 200  200     200   200    200     200     200     200
account_confirm_login_code      GET     302 302   302     302   302    302     302     302     302
account_confirm_email           GET     200 200   200     200   200    200     200     200     200
mfa_index                       GET     302 200   200     200   200    200     200     200     200
mfa_authenticate                GET     302 302   302     302   302    302     302     302     302
mfa_reauthenticate              GET     302 302   302     302   302    302     302     302     302
mfa_activate_totp               GET     302 302   302     302   302    302     302     302     302
mfa_deactivate_totp             GET     302 404   404     404   404    404     404     404     404
mfa_view_recovery_codes         GET     302 404   404     404   404    404     404     404     404
mfa_generate_recovery_codes     GET     302 302   302     302   302    302     302     302     302
mfa_download_recovery_codes     GET     302 404   404     404   404    404     404     404     404
"""

BILLING = (
    *("back", "overview", "top-up", "cards", "automatic", "limits", "details", "ledger-csv"),
    *("usage", "usage-csv", "comparison"),
)
ROWS = [line.split() for line in TABLE.strip().splitlines()[1:] if line.strip()]


def names(patterns, namespace=""):
    """Every named address that the site has."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from names(pattern.url_patterns, inner)
        else:
            yield f"{namespace}{pattern.name}"


def test_every_address_is_in_the_table():
    # The API knows keys, not people: `tests/api/test_every_operation.py` has a table of its own.
    of_pages = {name for name in names(get_resolver().url_patterns) if not name.startswith("api:")}
    assert of_pages == {row[0] for row in ROWS}


@pytest.fixture
def site(db, settings, tmp_path):
    """A business that has one of everything, and the arguments of each address."""
    settings.CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    cast = gather()
    tenant = cast.tenant
    agent: Agent = seed_agents(tenant, cast.owner)[0]
    with tenant_scope(tenant.id):
        number = PhoneNumber.objects.create(e164="+918071387001", agent=agent)
        call = Call.objects.create(carrier_id="uuid-1", number=number, created_at=timezone.now(), status="ended")
        name = default_storage.save("call.wav", ContentFile(b"RIFF"))
        Recording.objects.create(call=call, name=name, duration_ms=1, bytes=4)
        ProviderKey.objects.create(provider="deepgram", key="dg-0123456789abcdef", last_four="…cdef")
        publishing.edit_draft(agent, tools=(HttpTool("inside", "Refused", "https://inside.example/"),))
        campaign = Campaign.objects.create(
            name="Reminders", agent=agent, number=number, state="ready", created_at=timezone.now()
        )
        listed = DoNotCall.objects.create(phone="+919876543210", added_at=timezone.now())
        secret = secrets.keep("CRM_TOKEN", "a-long-enough-value", cast.owner)
        key = keys.store("Program", keys.new_key())
        member = Membership.objects.get(user=cast.by_role[Role.ANALYST])
        now = timezone.now()
        activities.begin("call:1", "call", now - timedelta(days=40))
        usage.close("call:1", [Amount("carrier.leg", 600_000, "vobiz")], now)
        charging.charge("call:1", now)
        statement = closing.close((now - timedelta(days=40)).date(), now)
        note = crediting.give_back(statement, 10_000, "note", "why not", now=now)
        asked = CreditAsked.objects.create(micros=1, reason="x", asked_by=cast.operator, asked_at=now)
        activity, charge = Activity.objects.get(), Transaction.objects.get(kind="charge")
    with platform_scope("the table of every address"):
        access.begin(cast.operator, "the table of every address", 60, now)
    slug = tenant.slug
    args = {
        **{f"billing:{name}": [slug] for name in BILLING},
        "billing:statement": [slug, statement.id],
        "billing:statement-file": [slug, statement.id, "services"],
        "billing:note": [slug, note.id],
        **{f"console:{name}": [slug] for name in ("tenant", "suspend", "credit", "payment", "terms", "close")},
        "console:decide": [slug, asked.id],
        "console:statement": [slug, statement.id],
        "console:statement-file": [slug, statement.id, "services"],
        "console:note": [slug, statement.id],
        "console:activity": [activity.id],
        "console:transaction": [charge.id],
        "console:book-version": [PriceBookVersion.objects.get().id],
        "console:book-new": ["standard"],
        "tenants:team-role": [slug, member.id],
        "tenants:team-remove": [slug, member.id],
        "programs:keys": [slug],
        "programs:revoke": [slug, key.id],
        "agents:edit": [slug, agent.id],
        "agents:section": [slug, agent.id, "identity"],
        "agents:publish": [slug, agent.id],
        "agents:discard": [slug, agent.id],
        "agents:versions": [slug, agent.id],
        "agents:restore": [slug, agent.id, 1],
        "agents:voices": [slug, agent.id],
        "agents:try": [slug, agent.id, "tool", "inside"],
        "agents:secrets": [slug],
        **{f"agents:{name}": [slug, secret.id] for name in ("secret", "secret-remove")},
        **{f"agents:{name}": [slug, "deepgram"] for name in ("key", "key-check", "key-remove")},
        **{f"agents:{name}": [slug] for name in ("keys", "preview")},
        "telephony:call": [slug, call.id],
        "telephony:hang-up": [slug, call.id],
        "telephony:recording": [slug, call.id],
        "telephony:number": [slug, number.id],
        "telephony:number-buy": [slug, "918047180001"],
        "telephony:number-tick": [slug, number.id, "signature"],
        **{f"telephony:number-{name}": [slug, number.id] for name in ("health", "attach", "release", "ring")},
        **{f"telephony:number-{name}": [slug] for name in ("account", "account-check", "account-state")},
        **{f"telephony:{name}": [slug] for name in ("number-account-platform", "numbers-sync", "numbers-rent")},
        **{f"telephony:campaign{name}": [slug, campaign.id] for name in ("", "-columns", "-rules", "-results")},
        "telephony:campaign-move": [slug, campaign.id, "stop"],
        "telephony:do-not-call-allow": [slug, listed.id],
        "telephony:call-never-again": [slug, call.id],
        **{f"telephony:{name}": [slug] for name in ("call-new", "campaigns", "campaign-new", "do-not-call")},
        "vobiz:dialled": ["no-such-token", call.id],
        "telephony:tape": [slug, call.id, call.id],
        "telephony:number-routes": [slug, number.id],
        "telephony:number-route": [slug, number.id, "open"],
        "vobiz:menu": ["no-such-token", 1],
        "vobiz:routed": ["no-such-token", "open"],
        "vobiz:elsewhere": ["no-such-token", "open"],
        "vobiz:recording": ["no-such-token", "message"],
        "vobiz:put-through": ["no-such-token", call.id, 0],
        "vobiz:hold-sound": ["no-such-token"],
        **{
            f"vobiz:{kind}": ["no-such-token", call.id]
            for kind in ("put-through-news", "colleague", "colleague-over", "room", "hold")
        },
        "telephony:test": [slug, agent.id],
        "account_reset_password_from_key": ["a", "b-c"],
        "account_confirm_email": ["x"],
        **{
            f"vobiz:{kind}": ["no-such-token"]
            for kind in ("answer", "hangup", "after-stream", "stream-status", "fallback", "echo")
        },
        "vobiz:machine": ["no-such-token"],
        **{name: [slug] for name in ("tenants:home", "tenants:team", "telephony:calls", "telephony:numbers")},
        **{name: [slug] for name in ("agents:list", "agents:new")},
    }
    return cast, args


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_everybody_gets_what_the_table_says(site, client, row):
    name, method, *expected = row
    cast, args = site
    address = reverse(name, args=args.get(name))
    found = {}
    for person in PEOPLE:
        with transaction.atomic():
            client.logout()
            if person != "nobody":
                client.force_login(getattr(cast, person))
            found[person] = str(client.generic(method, address).status_code)
            transaction.set_rollback(True)

    assert found == dict(zip(PEOPLE, expected, strict=True))
