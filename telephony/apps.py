from django.apps import AppConfig


class TelephonyConfig(AppConfig):
    name = "telephony"

    def ready(self) -> None:
        from telephony import metrics
        from telephony.carrier_link import ASKED_IN_VAIN, carrier_errors_total
        from telephony.models import Outcome
        from telephony.settling import settle

        metrics.begin_at_zero(metrics.calls_total, Outcome.values)
        metrics.begin_at_zero(metrics.calls_refused_total, metrics.REFUSALS)
        metrics.begin_at_zero(metrics.orders_total, metrics.ORDERS, ["taken", "refused", "malformed", "undelivered"])
        metrics.begin_at_zero(carrier_errors_total, ASKED_IN_VAIN)
        metrics.begin_at_zero(settle.differences_total, ["answered", "cost", "streaming"])
        metrics.begin_at_zero(settle.records_total, ["kept", "missing"])
        metrics.begin_at_zero(metrics.provider_errors_total, ["local"], ["connect", "stall", "child_died"])
