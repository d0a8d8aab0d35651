"""Error reports: the thin events by which Stripe says that it did not count what it had received."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fridge_pipeline.stripe.gateway import PAGE_SIZE, StripeGateway
from fridge_pipeline.stripe.rules.error_report import ErrorReport, ErrorSample

ERROR_REPORT_TRIGGERED = "v1.billing.meter.error_report_triggered"
NO_METER_FOUND = "v1.billing.meter.no_meter_found"


def error_reports(gateway: StripeGateway, since: datetime) -> list[ErrorReport]:
    """Every report created since then, the oldest first; one read for every hundred.

    Raises ``StripeCallError``.
    """
    with gateway.reading("reading the reports of refused events") as client:
        page = client.v2.core.events.list(
            {
                "types": [ERROR_REPORT_TRIGGERED, NO_METER_FOUND],
                "created": {"gte": since.isoformat()},
                "limit": PAGE_SIZE,
            }
        )
        events = [event.to_dict() for event in page.auto_paging_iter()]
    return sorted((_read(event, gateway) for event in events), key=lambda report: (report.created_at, report.report_id))


def _read(event: dict[str, Any], gateway: StripeGateway) -> ErrorReport:
    data, meter = event["data"], event.get("related_object")
    meter_id = meter["id"] if meter else None
    return ErrorReport(
        report_id=event["id"],
        type=event["type"],
        created_at=datetime.fromisoformat(event["created"]),
        validation_start=datetime.fromisoformat(data["validation_start"]),
        validation_end=datetime.fromisoformat(data["validation_end"]),
        meter_id=meter_id,
        event_name=gateway.event_name_of(meter_id) if meter_id else None,
        error_count=data["reason"]["error_count"],
        samples=tuple(
            ErrorSample(sample["request"]["identifier"], kind["code"], sample["error_message"])
            for kind in data["reason"]["error_types"]
            for sample in kind["sample_errors"]
        ),
    )
