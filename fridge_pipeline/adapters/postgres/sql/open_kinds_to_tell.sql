-- News is a tenant (or, where there is none, a file or folder) that comes to have an exception of the kind; further
-- hours of the same are not: a tenant with a wrong customer is refused every hour.
with subjects as (
    select
        kind,
        coalesce(tenant_id, nullif(subject, ''), to_char(hour at time zone 'UTC', 'YYYY-MM-DD-HH24:MI')) as subject,
        count(*) as exceptions,
        min(opened_at) as since,
        min(deadline_at) as deadline_at,
        max(tenant_id) as tenant_id,
        max(hour) as newest_hour
    from fridge.exceptions
    where closed_at is null
    group by
        kind,
        coalesce(tenant_id, nullif(subject, ''), to_char(hour at time zone 'UTC', 'YYYY-MM-DD-HH24:MI'))
)

select
    kind,
    sum(exceptions)::bigint as exceptions,
    array_agg(subject order by since desc, subject asc) as subjects,
    min(since) as oldest_at,
    max(since) as newest_at,
    min(deadline_at) as deadline_at,
    (array_agg(tenant_id order by since desc, subject asc))[1] as newest_tenant,
    (array_agg(newest_hour order by since desc, subject asc))[1] as newest_hour
from subjects
group by kind
order by kind;
