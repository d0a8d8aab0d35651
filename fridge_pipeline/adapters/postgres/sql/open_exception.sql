-- The unique index exceptions_open keeps one open row per difference.
insert into fridge.exceptions as was (kind, tenant_id, hour, subject, detail, owed, deadline_at, opened_at)
values (%(kind)s, %(tenant_id)s, %(hour)s, %(subject)s, %(detail)s, %(owed)s, %(deadline_at)s, %(now)s)
on conflict (kind, tenant_id, hour, subject) where closed_at is null
do update
    set
        detail = excluded.detail,
        owed = excluded.owed,
        deadline_at = excluded.deadline_at
    where
    was.detail <> excluded.detail
    or (was.owed, was.deadline_at) is distinct from (excluded.owed, excluded.deadline_at);
