-- The three numbers agree again. Statements in doubt have their identifier as subject: they are left alone.
update fridge.exceptions
set closed_at = %(now)s
where
    kind = 'unexplained'
    and closed_at is null
    and tenant_id = %(tenant_id)s
    and subject = %(event_name)s
    and hour between %(first)s and %(last)s
    and hour <> all(%(differing)s::timestamptz[]);
