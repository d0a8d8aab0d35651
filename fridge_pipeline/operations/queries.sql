-- name: try_alerts
-- One teller at a time; another one's turn comes at its next look.
select pg_try_advisory_lock(hashtextextended('alerts', 0));

-- name: leave_alerts
select pg_advisory_unlock(hashtextextended('alerts', 0));

-- name: open_alerts
select
    alert_key,
    title,
    first_sent_at,
    last_sent_at,
    newest_at
from fridge.alerts
where channel = %(channel)s and resolved_at is null
order by alert_key;

-- name: record_alert
insert into fridge.alerts (alert_key, channel, title, first_sent_at, last_sent_at, newest_at)
values (%(alert_key)s, %(channel)s, %(title)s, %(now)s, %(now)s, %(newest_at)s)
on conflict (alert_key, channel) where resolved_at is null
do update
    set title = excluded.title, last_sent_at = excluded.last_sent_at, newest_at = excluded.newest_at;

-- name: resolve_alert
update fridge.alerts
set resolved_at = %(now)s
where alert_key = %(alert_key)s and channel = %(channel)s and resolved_at is null;

-- name: open_kinds
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
    from fridge.open_exceptions
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

-- name: unmapped_near_deadline
-- The bounds are of the hour and not of bill_until, so that only a few days of usage are read.
select
    tenant_id,
    meter,
    sum(quantity)::bigint as quantity,
    count(*) as hours,
    min(bill_until) as bill_until
from fridge.unmapped_usage
where hour > %(too_late_until)s and hour < %(near_until)s
group by tenant_id, meter
order by min(bill_until) asc, tenant_id asc, meter asc;

-- name: accepted_usage
select
    event_name,
    value
from fridge.stated_usage
where tenant_id = %(tenant_id)s and hour = %(hour)s;

-- name: has_customer
select count(*) > 0 as has_customer
from fridge.tenants
where tenant_id = %(tenant_id)s and stripe_customer_id is not null;

-- name: note_place
-- Once the books are found anywhere else than where they were found last.
insert into fridge.restores (place)
select fridge.present_place()
where
    fridge.present_place() is distinct from (
        select restores.place
        from fridge.restores
        order by restores.restore_id desc
        limit 1
    )
on conflict (place) do nothing;

-- name: newest_restore
-- When the books were last found elsewhere than before; nothing when they are where they were made.
with places as (
    select
        noticed_at,
        row_number() over (order by restore_id) as number
    from fridge.restores
)

select noticed_at from places
where number > 1
order by number desc
limit 1;

-- name: registered_packs
select
    to_char(month, 'YYYY-MM') as month_key,
    manifest_sha256
from fridge.evidence_packs
order by pack_id;

-- name: unread_customers
-- Of how many customers and meters days were not read in a range, how many days that are, and of how many something was
-- stated.
select
    count(distinct row(tenant_id, event_name)) as customers,
    count(*) as days,
    count(*) filter (where is_stated) as stated_days
from fridge.unread_days(%(first_day)s, %(last_day)s, %(event_names)s);
