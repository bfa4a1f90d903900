"""The one settings file, top to bottom. Every variable is explained in `.env.example`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from django.core.management.utils import get_random_secret_key

from switchboard import env, measured, running
from switchboard.keyring import kept, private_folder

PACKAGE = Path(__file__).resolve().parent
CHECKOUT = PACKAGE.parents[1]
IN_CHECKOUT = (CHECKOUT / "manage.py").is_file()
BASE = CHECKOUT if IN_CHECKOUT else Path.cwd()

env.load(env.text("SWITCHBOARD_ENV_FILE", str(BASE / ".env")))

# --- Where things are, and which process this is ----------------------------------------------------------------------

SWITCHBOARD_HOME = Path(env.text("SWITCHBOARD_HOME", str(BASE / ".switchboard"))).expanduser().resolve()
ROLE = env.text("ROLE", "")
if ROLE not in {"", "web", "stream", "worker", "beat"}:
    raise env.ConfigError(f"ROLE must be web, stream, worker or beat, not {ROLE!r}")

# Commands such as `dial` find the `switchboard up` of this home, whatever ports it took.
_up = None if ROLE else running.find(SWITCHBOARD_HOME)
PUBLIC_URL = env.address(
    "PUBLIC_URL", env.text("PUBLIC_URL", _up.public_url if _up else "http://127.0.0.1:8000"), ("http", "https")
)
STREAM_URLS = [
    env.address("STREAM_URL", url, ("ws", "wss"))
    for url in env.words("STREAM_URL", _up.stream_urls if _up else PUBLIC_URL.replace("http", "ws", 1))
]
STREAM_URL = STREAM_URLS[0]
_internal = [env.address("STREAM_INTERNAL_URL", url, ("ws", "wss")) for url in env.words("STREAM_INTERNAL_URL")]
if len(_internal) not in {0, len(STREAM_URLS)}:
    raise env.ConfigError(f"STREAM_INTERNAL_URL must have as many addresses as STREAM_URL: {len(STREAM_URLS)}")
STREAM_INTERNAL_URLS = dict(zip(STREAM_URLS, _internal or STREAM_URLS, strict=True))
"""Where we reach the worker that the carrier reaches at this address."""
LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_public_host = urlsplit(PUBLIC_URL).hostname or ""
IS_LOOPBACK = _public_host in LOOPBACK
IS_HTTPS = PUBLIC_URL.startswith("https://")

DATABASE_URL = env.text("DATABASE_URL", "")
REDIS_URL = env.text("REDIS_URL", "")
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "")
EMBEDDED = not DATABASE_URL

# --- Secrets: given, or made once and kept; never a default -----------------------------------------------------------

_keys = SWITCHBOARD_HOME / "keys"
_may_keep = EMBEDDED or IS_LOOPBACK


def _secret(name: str, make: Any) -> str:
    given = env.text(name, "")
    if given:
        return given
    if not _may_keep:
        raise env.ConfigError(
            f"{name} is required, because DATABASE_URL is set and PUBLIC_URL ({PUBLIC_URL}) is not loopback: "
            f"every process needs the same one. Set {name} or {name}_FILE."
        )
    return kept(_keys / name.lower(), make)


SECRET_KEY = _secret("SECRET_KEY", get_random_secret_key)
FIELD_KEYS = [key.strip() for key in _secret("FIELD_KEYS", lambda: Fernet.generate_key().decode()).split(",")]
for _key in FIELD_KEYS:
    try:
        Fernet(_key)
    except ValueError as _error:
        raise env.ConfigError("FIELD_KEYS must be Fernet keys separated by commas, the newest first") from _error

# --- Vendors: where they are, and the platform's own accounts with them -----------------------------------------------

VENDORS = {
    "deepgram": (
        env.address("DEEPGRAM_URL", env.text("DEEPGRAM_URL", "https://api.deepgram.com"), ("http", "https")),
        env.text("DEEPGRAM_API_KEY", ""),
    ),
    "openai": (
        env.address("OPENAI_BASE_URL", env.text("OPENAI_BASE_URL", "https://api.openai.com/v1"), ("http", "https")),
        env.text("OPENAI_API_KEY", ""),
    ),
    "cartesia": (
        env.address("CARTESIA_URL", env.text("CARTESIA_URL", "https://api.cartesia.ai"), ("http", "https")),
        env.text("CARTESIA_API_KEY", ""),
    ),
    "anthropic": (
        env.address(
            "ANTHROPIC_BASE_URL", env.text("ANTHROPIC_BASE_URL", "https://api.anthropic.com"), ("http", "https")
        ),
        env.text("ANTHROPIC_API_KEY", ""),
    ),
}
"""Provider: the base of its API and the platform's key; an empty key means that tenants must bring their own."""

REACHABLE_HOSTS = env.words("REACHABLE_HOSTS")
"""`host:port` that tenants' tools and servers may reach although it is private, or not https."""

# --- Stripe: where it is, and our account with it ---------------------------------------------------------------------

STRIPE_API_BASE = env.address(
    "STRIPE_API_BASE", env.text("STRIPE_API_BASE", "https://api.stripe.com"), ("http", "https")
)
STRIPE_API_KEY = env.text("STRIPE_API_KEY", "")
STRIPE_WEBHOOK_SECRETS = env.words("STRIPE_WEBHOOK_SECRETS")
"""Of the endpoint `/stripe/events/`; two while one replaces the other."""
STRIPE_PAGES = (
    ["https://checkout.stripe.com", "https://billing.stripe.com"]
    if STRIPE_API_BASE == "https://api.stripe.com"
    else [STRIPE_API_BASE]
)
"""Where people are sent to pay: a form's redirect goes there."""

# --- The carrier: its API, and the platform's own account for tenants without one -------------------------------------

_carrier_given = env.text("VOBIZ_API_URL", "")
VOBIZ_API_URL = env.address("VOBIZ_API_URL", _carrier_given or "https://api.vobiz.ai/api/v1", ("http", "https"))
if not urlsplit(VOBIZ_API_URL).path:
    VOBIZ_API_URL += "/api/v1"
VOBIZ_AUTH_ID = env.text("VOBIZ_AUTH_ID", "")
VOBIZ_AUTH_TOKEN = env.text("VOBIZ_AUTH_TOKEN", "")
VOBIZ_TENANTS_BUY = env.flag("VOBIZ_TENANTS_BUY", False)
"""Whether tenants on the platform's account may rent numbers, which the platform pays."""
CARRIER_IN_REACH = bool(_carrier_given) or not IS_LOOPBACK
"""Whether calls here are known to the API: not those of a simulator that nobody named as the carrier."""

BILLING_NAMES = "telephony.naming"
"""The module that knows what the labels of usage are called."""

# --- The site ---------------------------------------------------------------------------------------------------------

DEBUG = env.flag("DEBUG", False)
ALLOWED_HOSTS = sorted(
    {_public_host, "localhost", "127.0.0.1", "[::1]", *env.words("ALLOWED_HOSTS")}
    | {urlsplit(url).hostname or "" for url in STREAM_URLS}
)
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
ROOT_URLCONF = "switchboard.urls"
ASGI_APPLICATION = "switchboard.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    # Ours come first: their management commands override Django's.
    "tenants",
    "billing",
    "billing.stripe",
    "agents",
    "telephony",
    "console",
    "api",
    "switchboard",
    "channels",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "django_htmx",
    "csp",
    "django_filters",
    "template_partials",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "telephony.browser.policy.PermissionsPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "api.door.ApiMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [CHECKOUT / "templates" if IN_CHECKOUT else PACKAGE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# --- Data -------------------------------------------------------------------------------------------------------------

if EMBEDDED:
    # Found, or started, at the first connection: see `switchboard.database.base`.
    _database: dict[str, Any] = {"ENGINE": "switchboard.database", "NAME": "switchboard"}
else:
    _database = {**env.database(DATABASE_URL), "ENGINE": "switchboard.database"}
_database["CONN_MAX_AGE"] = 0
_database["OPTIONS"] = {**_database.get("OPTIONS", {}), "application_name": f"switchboard {ROLE}".strip()}
if ROLE in {"web", "stream"}:
    # ASGI servers open a connection per request without one. Everything else is a command, a worker thread or a test.
    _database["OPTIONS"]["pool"] = {"min_size": 1, "max_size": env.integer("DATABASE_POOL", 10, least=2), "timeout": 10}
    _database["CONN_HEALTH_CHECKS"] = True
DATABASES = {"default": _database}

MEDIA_ROOT = SWITCHBOARD_HOME / "media"
STORAGES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": str(MEDIA_ROOT), "file_permissions_mode": 0o600, "directory_permissions_mode": 0o700},
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}

STATIC_URL = "/static/"
# With STATIC_ROOT (the Docker image) `collectstatic` puts files there, compressed and with a hash in their names, and
# they are served from there. Without, they are served from where they lie. Both are read once, at the process's start.
STATIC_ROOT = env.text("STATIC_ROOT", "") or None
if STATIC_ROOT:
    STORAGES["staticfiles"]["BACKEND"] = "whitenoise.storage.CompressedManifestStaticFilesStorage"
else:
    WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
WHITENOISE_ALLOW_ALL_ORIGINS = False

# --- Messages ---------------------------------------------------------------------------------------------------------

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [REDIS_URL], "prefix": "switchboard"},
    }
    if REDIS_URL
    else {"BACKEND": "switchboard.channel_layer.PostgresChannelLayer"}
}
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    if REDIS_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

API_REQUESTS_PER_MINUTE = env.integer("API_REQUESTS_PER_MINUTE", 600, least=1)

QUEUE_FOLDER = SWITCHBOARD_HOME / "queue"
CELERY = {
    "broker_url": CELERY_BROKER_URL or "filesystem://localhost",
    "broker_transport_options": {}
    if CELERY_BROKER_URL
    else {
        "data_folder_in": str(QUEUE_FOLDER),
        "data_folder_out": str(QUEUE_FOLDER),
        "polling_interval": 0.5,
    },
    "broker_connection_retry_on_startup": True,
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_time_limit": None,
    "worker_prefetch_multiplier": 1,
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "worker_enable_remote_control": False,
    "worker_send_task_events": False,
    "worker_cancel_long_running_tasks_on_connection_loss": False,
    "worker_pool": "threads",
    "worker_concurrency": env.integer("WORKER_CONCURRENCY", 6, least=1),
    "timezone": "UTC",
    "beat_schedule_filename": str(SWITCHBOARD_HOME / "beat-schedule"),
    "beat_schedule": {
        "sweep calls": {"task": "telephony.tasks.sweep_calls", "schedule": 30.0, "options": {"expires": 30}},
        "sweep transfers": {
            "task": "telephony.transfers.tasks.sweep_transfers",
            "schedule": 5.0,
            "options": {"expires": 5},
        },
        "place calls": {"task": "telephony.outbound.tasks.place_calls", "schedule": 5.0, "options": {"expires": 5}},
        "settle calls": {"task": "telephony.tasks.settle_calls", "schedule": 15.0, "options": {"expires": 15}},
        "fetch recordings": {
            "task": "telephony.tasks.fetch_recordings",
            "schedule": 15.0,
            "options": {"expires": 15},
        },
        "look for ends": {"task": "telephony.tasks.look_for_ends", "schedule": 30.0, "options": {"expires": 30}},
        "delete expired": {"task": "telephony.tasks.delete_expired", "schedule": 300.0, "options": {"expires": 300}},
        "settle missing": {"task": "telephony.tasks.settle_missing", "schedule": 3600.0, "options": {"expires": 600}},
        "look for orders": {"task": "telephony.tasks.look_for_orders", "schedule": 60.0, "options": {"expires": 60}},
        "meter calls": {"task": "telephony.metering.tasks.meter_calls", "schedule": 10.0, "options": {"expires": 10}},
        "meter news": {"task": "telephony.metering.tasks.meter_news", "schedule": 60.0, "options": {"expires": 60}},
        "meter late news": {
            "task": "telephony.metering.tasks.meter_late_news",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "charge rent": {
            "task": "telephony.metering.tasks.charge_rent",
            "schedule": 3600.0,
            "options": {"expires": 600},
        },
        "reconcile": {"task": "billing.tasks.reconcile", "schedule": 86_400.0, "options": {"expires": 3600}},
        "close months": {
            "task": "billing.tasks.close_months",
            "schedule": 3_600.0,
            "options": {"expires": 3000},
        },
        "sweep stripe": {
            "task": "billing.stripe.tasks.sweep_stripe",
            "schedule": 15.0,
            "options": {"expires": 15},
        },
        "sweep money": {"task": "billing.tasks.sweep_money", "schedule": 30.0, "options": {"expires": 30}},
    },
}

# --- Calls ------------------------------------------------------------------------------------------------------------

CALLS_PER_PROCESS = env.integer("CALLS_PER_PROCESS", 40, least=1)
SMART_TURN_MODEL = env.text("SMART_TURN_MODEL", "")
DRAIN_SECONDS = env.integer("DRAIN_SECONDS", 30)

# --- People -----------------------------------------------------------------------------------------------------------

AUTH_USER_MODEL = "tenants.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "account_login"
OPEN_SIGN_UP = env.flag("OPEN_SIGN_UP", False)
ACCOUNT_ADAPTER = "switchboard.accounts.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory" if OPEN_SIGN_UP else "optional"
ACCOUNT_EMAIL_SUBJECT_PREFIX = "Switchboard: "
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_LOGOUT_ON_GET = False
MFA_ADAPTER = "switchboard.accounts.SecondFactorAdapter"
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Switchboard"

vars().update(env.mail("EMAIL_URL"))
if not env.text("EMAIL_URL", ""):
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = str(SWITCHBOARD_HOME / "mail")
DEFAULT_FROM_EMAIL = SERVER_EMAIL = env.text("DEFAULT_FROM_EMAIL", f"Switchboard <switchboard@{_public_host}>")

# --- Security ---------------------------------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SECURE_SSL_REDIRECT = env.flag("SECURE_SSL_REDIRECT", IS_HTTPS)
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 31_536_000 if IS_HTTPS else 0)
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = env.flag("HSTS_SUBDOMAINS", False)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if env.flag("BEHIND_PROXY", IS_HTTPS) else None
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
METRICS_TOKEN = env.text("METRICS_TOKEN", "")
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]  # HSTS for every subdomain is the owner's choice to make

# Live pages are the web role's; the editor's phone talks to a stream worker.
_sockets = sorted(
    {"{0.scheme}://{0.netloc}".format(urlsplit(url)) for url in (PUBLIC_URL.replace("http", "ws", 1), *STREAM_URLS)}
)
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "media-src": ["'self'", "blob:"],
        "connect-src": ["'self'", *_sockets],
        "manifest-src": ["'self'"],
        "worker-src": ["'self'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'", *(STRIPE_PAGES if STRIPE_API_KEY else [])],
        "frame-ancestors": ["'none'"],
        "object-src": ["'none'"],
    }
}

# --- Language and time ------------------------------------------------------------------------------------------------

LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True

# --- What is seen from outside ----------------------------------------------------------------------------------------

METRICS_FOLDER = SWITCHBOARD_HOME / "metrics"
if ROLE:
    # Read by prometheus_client when it is first imported, which is after this file: one folder, all processes.
    os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", str(private_folder(METRICS_FOLDER)))
    measured.forget_predecessors(METRICS_FOLDER, os.getpid())

LOG_FORMAT = env.text("LOG_FORMAT", "text")
LOG_LEVEL = env.text("LOG_LEVEL", "INFO" if ROLE else "WARNING").upper()
LOGGING_CONFIG = "switchboard.log.configure"
LOGGING = {"format": LOG_FORMAT, "level": LOG_LEVEL}
