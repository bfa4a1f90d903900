from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"

    def ready(self) -> None:
        from tenants import passwords, roles

        roles.connect()
        passwords.connect()
