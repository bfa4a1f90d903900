from django.apps import AppConfig


class SwitchboardConfig(AppConfig):
    name = "switchboard"

    def ready(self) -> None:
        # Binds `shared_task`s of every process to our Celery app.
        from switchboard import celery  # noqa: F401
