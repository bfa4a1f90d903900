from pathlib import Path
import environ

ROOT = Path(__file__).resolve().parents[2]
env = environ.FileAwareEnv()
SECRET_KEY = "x" * 50
DEBUG = False
USE_TZ = True
TIME_ZONE = "UTC"
AUTH_USER_MODEL = "tenants.User"
INSTALLED_APPS = [
    "tenants",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
DATABASES = (
    {"default": env.db("DATABASE_URL")}
    if "DATABASE_URL" in __import__("os").environ
    else {"default": {"ENGINE": "django.db.backends.postgresql", "NAME": "x"}}
)
