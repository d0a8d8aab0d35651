update fridge.meter_events
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
where meter_events.identifier = receipts.identifier and meter_events.status in ('sent', 'unknown');
