-- An exception about many tenants of an hour and meter names none in tenant_id. It is over when none of them is left.
update fridge.exceptions
set closed_at = %(now)s
where
    closed_at is null
    and tenant_id is null
    and kind in ('unmapped', 'too_late')
    and hour between %(first)s and %(last)s
    and subject = any(%(event_names)s)
    and (kind, hour, subject) not in (
        select
            told.kind,
            told.hour,
            told.subject
        from unnest(%(kinds)s::text[], %(hours)s::timestamptz[], %(subjects)s::text[]) as told (kind, hour, subject)
    );
