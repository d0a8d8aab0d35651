update fridge.meter_event_adjustments
set
    status = %(status)s,
    settled_at = %(settled_at)s,
    http_status = %(http_status)s,
    request_id = %(request_id)s,
    answer = %(answer)s
where identifier = %(identifier)s and status in ('sent', 'unknown');
