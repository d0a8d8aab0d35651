update fridge.meter_event_adjustments
set
    status = receipts.status,
    -- One that was never sent can be decided too: its statement is gone, or too old to be cancelled.
    first_sent_at = coalesce(meter_event_adjustments.first_sent_at, receipts.settled_at),
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
    and meter_event_adjustments.status in ('staged', 'sent', 'unknown');
