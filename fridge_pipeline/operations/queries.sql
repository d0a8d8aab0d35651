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

-- name: end_alert_of_a_time_to_come
-- One that was sent while the clock was ahead makes room for a row with the right time.
update fridge.alerts
set resolved_at = first_sent_at
where alert_key = %(alert_key)s and channel = %(channel)s and resolved_at is null and first_sent_at > %(now)s;

-- name: record_alert
insert into fridge.alerts (alert_key, channel, title, first_sent_at, last_sent_at, newest_at)
values (%(alert_key)s, %(channel)s, %(title)s, %(now)s, %(now)s, %(newest_at)s)
on conflict (alert_key, channel) where resolved_at is null
do update
    set title = excluded.title, last_sent_at = excluded.last_sent_at, newest_at = excluded.newest_at;

-- name: resolve_alert
-- The clock may have been ahead when it was sent: it is over no earlier than that.
update fridge.alerts
set resolved_at = greatest(first_sent_at, %(now)s)
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
        min(deadline_at) filter (where deadline_at > %(now)s) as deadline_at,
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
-- Of how many customers and meters days were not read in a range, how many days that are, of how many something was
-- stated, and between which days they lie.
select
    count(distinct row(tenant_id, event_name)) as customers,
    count(*) as days,
    count(*) filter (where is_stated) as stated_days,
    min(day) as first_day,
    max(day) as last_day
from fridge.unread_days(%(first_day)s, %(last_day)s, %(event_names)s);

-- name: bound_signals
-- A scrape waits no longer for its statements, and no statement of it for a lock.
select
    set_config('statement_timeout', %(milliseconds)s, false) as statement_timeout,
    set_config('lock_timeout', %(milliseconds)s, false) as lock_timeout;

-- name: hours_to_look_at
-- Hours that something has changed about since they were found delivered, or that Stripe has yet to decide about.
select hour from fridge.marked_hours
union
select hour from fridge.statements_under_way;

-- name: signals_of_exceptions
-- Every kind, also those of which none is open: the table was read, so their 0 is known.
with kinds as (
    select
        exception_kinds.kind,
        count(open_exceptions.exception_id) as exceptions,
        min(open_exceptions.deadline_at) filter (where open_exceptions.deadline_at > %(now)s) as deadline_at,
        min(open_exceptions.hour) filter (where exception_kinds.waits) as waits_since
    from fridge.exception_kinds
    left join fridge.open_exceptions on exception_kinds.kind = open_exceptions.kind
    group by exception_kinds.kind
),

unmapped as (
    select
        catalogue.meter,
        exceptions.hour,
        exceptions.owed
    from unnest(%(event_names)s::text[]) as catalogue (meter)
    left join fridge.open_exceptions as exceptions
        on
            catalogue.meter = exceptions.subject
            and exceptions.kind = 'unmapped'
            and exceptions.deadline_at > %(now)s
)

select
    'open_exceptions' as name,
    array[kind] as labels,
    exceptions::double precision as value
from kinds
union all
select
    'exception_deadline_seconds' as name,
    array[kind] as labels,
    extract(epoch from deadline_at - %(now)s)::double precision as value
from kinds
union all
select
    'oldest_unbilled_hour_age_seconds' as name,
    array['person'] as labels,
    extract(epoch from %(now)s - (min(waits_since) + interval '1 hour'))::double precision as value
from kinds
union all
select
    'unmapped_usage' as name,
    array[meter] as labels,
    coalesce(sum(owed), 0)::double precision as value
from unmapped
group by meter
union all
select
    'unmapped_hours' as name,
    array[]::text[] as labels,
    count(distinct hour)::double precision as value
from unmapped;

-- name: signals_of_calls
-- The limit is that of the kind of key that usage was sent with last, unless the settings have another.
with lately as (
    select
        outcome,
        count(*) as attempts,
        sum(tries) as calls
    from fridge.meter_event_attempts
    where sent_at > %(calls_since)s
    group by outcome
),

pace as (
    select
        (
            select coalesce(sum(lately.calls), 0) / extract(epoch from %(now)s - %(calls_since)s) from lately
        )::double precision as calls,
        coalesce(
            %(calls_max)s::double precision,
            (
                select limits.calls::double precision
                from fridge.stripe_uses
                inner join unnest(%(modes)s::text[], %(limits)s::integer[]) as limits (mode, calls)
                    on stripe_uses.mode = limits.mode
                order by stripe_uses.use_id desc
                limit 1
            )
        ) as calls_max
)

select
    'stripe_attempts' as name,
    array[outcomes.outcome] as labels,
    coalesce(lately.attempts, 0)::double precision as value
from unnest(%(outcomes)s::text[]) as outcomes (outcome)
left join lately on outcomes.outcome = lately.outcome
union all
select
    'stripe_calls_per_second' as name,
    array[]::text[] as labels,
    calls as value
from pace
union all
select
    'stripe_calls_per_second_max' as name,
    array[]::text[] as labels,
    calls_max as value
from pace
union all
select
    'stripe_headroom_ratio' as name,
    array[]::text[] as labels,
    greatest(0, 1 - calls / calls_max) as value
from pace
where calls_max is not null
union all
select
    'stripe_pace_wait_seconds' as name,
    array[]::text[] as labels,
    greatest(0, extract(epoch from next_free_at - clock_timestamp()))::double precision as value
from fridge.stripe_pace
where next_free_at > '-infinity';

-- name: signals_of_reads
select
    'stripe_read_age_seconds' as name,
    array[purpose] as labels,
    extract(epoch from %(now)s - max(read_at))::double precision as value
from fridge.stripe_reads
group by purpose
union all
select
    'stripe_reads' as name,
    array[]::text[] as labels,
    coalesce(sum(reads), 0)::double precision as value
from fridge.stripe_reads
where read_at > %(reads_since)s
union all
select
    'stripe_reads_max' as name,
    array[]::text[] as labels,
    %(reads_max)s::double precision as value;

-- name: signals_of_files
-- Of sources only those that files came by in the hour: there are as many as FRIDGE_SOURCES declares.
with lately as (
    select *
    from fridge.landing_files
    where loaded_at > %(done_since)s
),

canonical as (
    select
        coalesce(source, 'canonical') as source,
        status,
        inserted_count,
        duplicate_count,
        rejected_count
    from lately
)

select
    'landing_files' as name,
    array[source, status] as labels,
    count(*)::double precision as value
from canonical
group by source, status
union all
select
    'landing_rows' as name,
    array[canonical.source, verdicts.verdict] as labels,
    sum(verdicts.row_count)::double precision as value
from canonical
cross join
    lateral (
        values
        ('inserted', canonical.inserted_count),
        ('duplicate', canonical.duplicate_count),
        ('rejected', canonical.rejected_count)
    ) as verdicts (verdict, row_count)
group by canonical.source, verdicts.verdict
union all
select
    'load_age_seconds' as name,
    array[]::text[] as labels,
    extract(epoch from %(now)s - newest.loaded_at)::double precision as value
from (
    select loaded_at
    from fridge.landing_files
    order by file_id desc
    limit 1
) as newest;

-- name: signals_of_books
select
    'evidence_pack_age_seconds' as name,
    array[]::text[] as labels,
    extract(epoch from %(now)s - max(made_at))::double precision as value
from fridge.evidence_packs
union all
select
    'database_bytes' as name,
    array['books'] as labels,
    pg_database_size(current_database())::double precision as value;

-- name: invoices_were_read
select exists(select 1 from fridge.invoice_day_reads) as were_read;

-- name: drafts_become_final
-- When Stripe makes the first of some drafts final; nothing where it makes none final by itself.
select min(finalizes_at) as final_at
from fridge.invoices
where invoice_id = any(%(invoice_ids)s);

-- name: signals_of_dagster
-- By Dagster's own tables, in its own database: asking its library takes five times the memory, and nothing bounds how
-- long. Times without a zone are UTC. Ticks are looked up newest first, by the index that Dagster has for it.
with unended (status) as (
    values ('QUEUED'), ('NOT_STARTED'), ('STARTING'), ('STARTED'), ('CANCELING')
),

waiting as (
    select
        unended.status,
        count(runs.run_id) as runs,
        min(runs.create_timestamp at time zone 'UTC') filter (where unended.status = 'QUEUED') as queued_at
    from unended
    left join runs on unended.status = runs.status
    group by unended.status
),

ended as (
    select
        pipeline_name as job,
        status,
        start_time - extract(epoch from create_timestamp at time zone 'UTC') as wait_seconds,
        end_time - start_time as duration_seconds
    from runs
    where
        status in ('SUCCESS', 'FAILURE', 'CANCELED')
        and update_timestamp > %(done_since)s::timestamptz at time zone 'UTC'
),

watchers as (
    select distinct selector_id from job_ticks
),

ticks as (
    select
        newest.tick_body::jsonb ->> 'job_name' as name,
        newest."timestamp" at time zone 'UTC' as ticked_at
    from watchers
    cross join
        lateral (
            select
                job_ticks.tick_body,
                job_ticks."timestamp"
            from job_ticks
            where job_ticks.selector_id = watchers.selector_id
            order by job_ticks."timestamp" desc
            limit 1
        ) as newest
)

select
    'runs' as name,
    array[status] as labels,
    runs::double precision as value
from waiting
union all
select
    'queued_run_age_seconds' as name,
    array[]::text[] as labels,
    extract(epoch from %(now)s - min(queued_at))::double precision as value
from waiting
union all
select
    'runs_ended' as name,
    array[job, status] as labels,
    count(*)::double precision as value
from ended
group by job, status
union all
select
    'run_wait_seconds' as name,
    array[job] as labels,
    max(wait_seconds)::double precision as value
from ended
group by job
union all
select
    'run_duration_seconds' as name,
    array[job] as labels,
    max(duration_seconds)::double precision as value
from ended
group by job
union all
select
    'daemon_heartbeat_age_seconds' as name,
    array[daemon_type] as labels,
    extract(epoch from %(now)s - "timestamp" at time zone 'UTC')::double precision as value
from daemon_heartbeats
union all
select
    'tick_age_seconds' as name,
    array[name] as labels,
    extract(epoch from %(now)s - max(ticked_at))::double precision as value
from ticks
group by name
union all
select
    'database_bytes' as name,
    array['dagster'] as labels,
    pg_database_size(current_database())::double precision as value;

-- name: signals_of_switches
-- What somebody has switched off in the UI; after a move to another code location the newest of a name counts.
select distinct on (instigator_body::jsonb #>> '{origin, job_name}')
    'switched_off' as name,
    array[instigator_body::jsonb #>> '{origin, job_name}'] as labels,
    (status = 'STOPPED')::integer::double precision as value
from instigators
order by instigator_body::jsonb #>> '{origin, job_name}' asc, update_timestamp desc;
