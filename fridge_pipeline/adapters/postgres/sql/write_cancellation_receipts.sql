update fridge.meter_event_adjustments
set
    status = receipts.status,
    settled_at = receipts.settled_at,
    http_status = receipts.http_status,
    request_id = receipts.request_id,
    answer = receipts.answer
from
    unnest(
        %(identifiers)s::text[], %(statuses)s::text[], %(settled_at)s::timestamptz[],
        %(http_statuses)s::integer[], %(request_ids)s::text[], %(answers)s::text[]
    ) as receipts (identifier, status, settled_at, http_status, request_id, answer)
where
    meter_event_adjustments.identifier = receipts.identifier
    and meter_event_adjustments.status in ('sent', 'unknown');
