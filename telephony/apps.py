from django.apps import AppConfig


class TelephonyConfig(AppConfig):
    name = "telephony"

    def ready(self) -> None:
        from telephony import metrics
        from telephony.models import Outcome

        metrics.begin_at_zero(metrics.calls_total, Outcome.values)
        metrics.begin_at_zero(metrics.calls_refused_total, metrics.REFUSALS)
        metrics.begin_at_zero(metrics.orders_total, metrics.ORDERS, ["taken", "refused", "malformed", "undelivered"])
        metrics.begin_at_zero(metrics.provider_errors_total, ["local"], ["connect", "stall", "child_died"])
