"""The Celery app. Rows are the queue of record; a message is only a hint that there is one to work on."""

from __future__ import annotations

import os
from pathlib import Path

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

from switchboard.keyring import private_folder

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "switchboard.settings")

app = Celery("switchboard")
app.config_from_object(settings.CELERY)
app.autodiscover_tasks()

for _name in ("data_folder_in", "data_folder_out", "control_folder"):
    if _folder := settings.CELERY["broker_transport_options"].get(_name):
        private_folder(Path(_folder))


@setup_logging.connect
def keep_our_logging(**kwargs: object) -> None:
    """Celery configures no logging where somebody listens to this signal: `switchboard.log` already did."""
