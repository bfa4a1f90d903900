from django.apps import AppConfig


class TelephonyConfig(AppConfig):
    name = "telephony"

    def ready(self) -> None:
        from agents import metered
        from billing import reconciling as billing
        from telephony import metrics
        from telephony.carrier_link import ASKED_IN_VAIN, carrier_errors_total
        from telephony.metering import reconciling as calls_and_records
        from telephony.metering import sidelines
        from telephony.models import Outcome
        from telephony.settling import settle

        metered.taken_by(sidelines.take)
        billing.also(calls_and_records.differences)
        metrics.begin_at_zero(metrics.calls_total, Outcome.values)
        metrics.begin_at_zero(metrics.calls_refused_total, metrics.REFUSALS)
        metrics.begin_at_zero(metrics.orders_total, metrics.ORDERS, ["taken", "refused", "malformed", "undelivered"])
        metrics.begin_at_zero(carrier_errors_total, ASKED_IN_VAIN)
        metrics.begin_at_zero(settle.differences_total, ["answered", "cost", "streaming"])
        metrics.begin_at_zero(settle.records_total, ["kept", "missing"])
        metrics.begin_at_zero(metrics.provider_errors_total, ["local"], ["connect", "stall", "child_died"])
