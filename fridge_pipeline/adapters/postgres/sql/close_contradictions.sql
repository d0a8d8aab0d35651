-- Usage and files agree again, or the hour waits to be counted anew.
update fridge.exceptions
set closed_at = %(now)s
where
    kind = 'contradiction'
    and closed_at is null
    and hour between %(first)s and %(last)s
    and (hour, tenant_id) not in (
        select
            contradictions.hour,
            contradictions.tenant_id
        from unnest(%(hours)s::timestamptz[], %(tenant_ids)s::text[]) as contradictions (hour, tenant_id)
    );
