"""The Celery app. Rows are the queue of record; a message is only a hint that there is one to work on."""

from __future__ import annotations

import os

from celery import Celery
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")

from django.conf import settings

from switchboard import queue_folder
from switchboard.keyring import private_folder

if not settings.CELERY_BROKER_URL:
    queue_folder.install()
    private_folder(settings.QUEUE_FOLDER)

app = Celery("switchboard")
app.config_from_object(settings.CELERY)
app.autodiscover_tasks()


@setup_logging.connect
def keep_our_logging(**kwargs: object) -> None:
    """Celery configures no logging where somebody listens to this signal: `switchboard.log` already did."""
