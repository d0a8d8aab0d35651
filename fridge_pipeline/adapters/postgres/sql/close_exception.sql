update fridge.exceptions
set closed_at = %(now)s
where
    kind = %(kind)s
    and tenant_id is not distinct from %(tenant_id)s
    and hour is not distinct from %(hour)s
    and subject = %(subject)s
    and closed_at is null;
