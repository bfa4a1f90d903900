"""The backend that `settings.DATABASES` names."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's; the embedded server is found or started at the first connection, not at import."""

    def get_connection_params(self) -> dict[str, Any]:
        if settings.EMBEDDED and not self.settings_dict["HOST"]:
            from switchboard import embedded

            name = self.settings_dict["NAME"]
            self.settings_dict.update(embedded.ensure(settings.SWITCHBOARD_HOME))
            self.settings_dict["NAME"] = name
        return super().get_connection_params()
