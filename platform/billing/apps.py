from django.apps import AppConfig
from django.db.models.signals import post_migrate


class BillingConfig(AppConfig):
    name = "billing"

    def ready(self) -> None:
        from billing import shipping

        post_migrate.connect(shipping.after_migrate, sender=self, dispatch_uid="billing-shipped-book")
