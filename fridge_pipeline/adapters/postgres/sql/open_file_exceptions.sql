-- The unique index exceptions_open keeps one open row per file and kind.
insert into fridge.exceptions (kind, hour, subject, detail, deadline_at, opened_at)
select
    $1::text,
    told.landing_hour,
    told.path,
    told.detail,
    told.deadline_at,
    $3::timestamptz
from
    json_to_recordset($2::json)
        as told (landing_hour timestamptz, path text, detail text, deadline_at timestamptz)
on conflict (kind, tenant_id, hour, subject) where closed_at is null
do update
    set detail = excluded.detail
    where exceptions.detail <> excluded.detail;
