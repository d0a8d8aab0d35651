-- name: billing_start
select
    case when isfinite(bill_from) then bill_from end as first_hour,
    bill_from = '-infinity' as is_every_hour
from fridge.billing_start;

-- name: stretches_of_meter
-- The hours that a meter bills or has billed, empty where they have no first one. It is the last to be asked for what
-- comes after them, also where another one has that: Stripe may still have what was sent before.
select
    nullif(bill_from, '-infinity') as bill_from,
    case when lead(bill_from) over (order by begins_at) is not null then bill_until end as bill_until
from fridge.hours_of_meters(array[%(event_name)s]::text[])
where bill_from < 'infinity'
order by begins_at;

-- name: keep_meter_turns
-- When the catalogue is first seen with another meter of a measure, or with none. The first meters of books bill every
-- hour. A later one takes over what can still be stated; a measure without a meter is not billed from then on.
with given as (
    select
        event_name,
        measure
    from unnest(%(event_names)s::text[], %(measures)s::text[]) as meters (event_name, measure)
),

newest as (
    select distinct on (measure)
        measure,
        event_name
    from fridge.meter_turns
    order by measure asc, turn_id desc
)

insert into fridge.meter_turns (event_name, measure, bill_from, entered_at)
select
    given.event_name,
    coalesce(given.measure, newest.measure) as measure,
    case
        when given.event_name is null then date_trunc('hour', %(now)s::timestamptz, 'UTC')
        when exists (select 1 from fridge.meter_turns)
            then greatest(
                %(first_in_time)s,
                (
                    select max(((closed_months.starts_at at time zone 'UTC') + interval '1 month') at time zone 'UTC')
                    from fridge.closed_months
                )
            )
        else '-infinity'
    end as bill_from,
    %(now)s as entered_at
from given
full join newest on given.measure = newest.measure
where given.event_name is distinct from newest.event_name
order by given.event_name;

-- name: former_meters
-- Meters that the catalogue has no more, and what they billed.
select
    event_name,
    measure
from fridge.known_meters
where event_name <> all(%(event_names)s::text[])
order by event_name;

-- name: record_billing_start
insert into fridge.billing_starts (bill_from, set_at)
select
    %(bill_from)s::timestamptz,
    %(now)s
from fridge.billing_start
where billing_start.bill_from <> %(bill_from)s::timestamptz
returning billing_start_id;

-- name: apply_billing_start
-- After the billing start has moved: what was staged and is not billed any more is not sent, nothing waits for being
-- billed where nothing is, and the next sweep compares all hours.
with start as (
    select bill_from from fridge.billing_start
),

superseded as (
    update fridge.meter_events
    set status = 'superseded'
    where status = 'staged' and hour < (select start.bill_from from start)
),

swept as (
    update fridge.swept_catalogue
    set event_names = '{}', measures = '{}'
)

update fridge.exceptions
set closed_at = %(now)s
where
    closed_at is null
    and kind in (
        select exception_kinds.kind
        from fridge.exception_kinds
        where exception_kinds.withholds or exception_kinds.kind = 'refused'
    )
    and hour < (select start.bill_from from start);

-- name: passed_over
-- Of each late move of the billing start what was to be billed when it was made and is not any more: usage that is
-- neither stated nor settled in hours that had begun, and that were billed until then. An hour is told with the last
-- move past it; a move with nothing left has one row without a meter. Before anything was loaded nothing was to be
-- billed. What a person has settled of a move is left out.
with moves as (
    select
        billing_start_id,
        bill_from,
        set_at,
        coalesce(lag(bill_from) over (order by billing_start_id), '-infinity') as billed_from
    from fridge.billing_starts
),

passed as (
    select
        moves.billing_start_id,
        moves.bill_from,
        moves.set_at,
        greatest(moves.billed_from, moves.set_at - %(back)s::interval) as first_at,
        least(moves.bill_from, moves.set_at, (select billing_start.bill_from from fridge.billing_start)) as until
    from moves
    where
        moves.bill_from > moves.billed_from
        and moves.set_at > %(since)s
        and exists (
            select 1 from fridge.landing_files
            where landing_files.loaded_at < moves.set_at
        )
        and not exists (
            select 1 from fridge.settlements
            inner join fridge.exceptions on settlements.exception_id = exceptions.exception_id
            where
                exceptions.kind = 'passed_over'
                and exceptions.subject like '%% (decision ' || moves.billing_start_id || ')'
        )
),

left_over as (
    select
        owed_usage.*,
        (
            select max(passed.billing_start_id) from passed
            where owed_usage.hour >= passed.first_at and owed_usage.hour < passed.until
        ) as billing_start_id
    from fridge.owed_usage
    where
        owed_usage.hour >= (select min(passed.first_at) from passed)
        and owed_usage.hour < (select max(passed.until) from passed)
        and owed_usage.event_name = any(%(event_names)s)
        and owed_usage.owed <> 0
)

select
    passed.billing_start_id as decision,
    case when isfinite(passed.bill_from) then passed.bill_from end as bill_from,
    passed.set_at as moved_at,
    left_over.event_name,
    min(left_over.hour) as first_hour,
    max(left_over.hour) as last_hour,
    count(distinct left_over.hour) as hours,
    count(distinct left_over.tenant_id) as tenants,
    coalesce(sum(left_over.owed) filter (where left_over.owed > 0), 0)::bigint as owed,
    coalesce(-sum(left_over.owed) filter (where left_over.owed < 0), 0)::bigint as excess
from passed
left join left_over on passed.billing_start_id = left_over.billing_start_id
group by passed.billing_start_id, passed.bill_from, passed.set_at, left_over.event_name
order by passed.billing_start_id, left_over.event_name;

-- name: hours_billed_elsewhere
-- Hours from a moment on of which Stripe showed usage that is not ours when they were compared last.
select
    count(distinct hour) as hours,
    min(hour) as first_hour,
    max(hour) as last_hour
from fridge.stripe_reconciliation
where hour >= %(bill_from)s and cause = 'not_billed' and stripe_value > coalesce(ledger_value, 0);

-- name: stated_differences
-- The meter events that a tenant's hour on a meter that adds up consists of, the newest first.
select
    meter_events.identifier,
    meter_events.value,
    meter_events.first_sent_at,
    coalesce(meter_event_adjustments.status = 'refused', false) as is_refused_to_cancel
from fridge.meter_events
left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
where
    meter_events.event_name = %(event_name)s
    and meter_events.tenant_id = %(tenant_id)s
    and meter_events.hour = %(hour)s
    and meter_events.status = 'accepted'
order by meter_events.revision desc;

-- name: stage_cancellation
insert into fridge.meter_event_adjustments (identifier, status, staged_at, run_id)
values (%(identifier)s, 'staged', %(now)s, %(run_id)s);

-- name: usage_beside_files
-- Tenant-hours whose usage is not what the tallies of the hour's files come to. Not judged are hours that were counted
-- from other files than there are now (the sweep counts them again), and hours with a file that has no tallies.
with files as (
    select
        file_id,
        hour
    from fridge.usable_files
    where hour between %(first)s and %(last)s
),

counted as (
    select landing_hour as hour
    from fridge.counted_hours
    where landing_hour between %(first)s and %(last)s
),

counted_otherwise as (
    select hour
    from fridge.hours_to_count
    where hour between %(first)s and %(last)s
),

without_tallies as (
    select files.hour
    from files
    where not exists (
        select 1 from fridge.landing_file_tenants
        where landing_file_tenants.file_id = files.file_id
    )
),

brought as (
    select
        files.hour,
        tallies.tenant_id,
        sum(tallies.inserted_count)::bigint as readings
    from files
    inner join fridge.landing_file_tenants as tallies on files.file_id = tallies.file_id
    where tallies.inserted_count > 0
    group by files.hour, tallies.tenant_id
),

usage as (
    select
        hour,
        tenant_id,
        max(quantity) filter (where measure = 'inserted_count') as inserted_count,
        max(quantity) filter (where measure = 'active_sensors') as active_sensors
    from fridge.usage
    where hour between %(first)s and %(last)s
    group by hour, tenant_id
),

compared as (
    select
        coalesce(brought.hour, usage.hour) as hour,
        coalesce(brought.tenant_id, usage.tenant_id) as tenant_id,
        coalesce(brought.readings, 0) as brought,
        coalesce(usage.inserted_count, 0) as inserted_count,
        coalesce(usage.active_sensors, 0) as active_sensors
    from brought
    full join usage on brought.hour = usage.hour and brought.tenant_id = usage.tenant_id
)

select
    hour,
    tenant_id,
    brought,
    inserted_count,
    active_sensors
from compared
where
    hour in (select counted.hour from counted)
    and hour not in (select counted_otherwise.hour from counted_otherwise)
    and hour not in (select without_tallies.hour from without_tallies)
    and (
        inserted_count <> brought
        or active_sensors > inserted_count
        or (active_sensors = 0) <> (inserted_count = 0)
    )
order by hour, tenant_id;

-- name: tallies_beside_files
-- Files of some hours whose rows are not inserted, duplicate or rejected, or not the sum of their tenants' rows.
select
    landing_files.path,
    landing_files.row_count,
    landing_files.inserted_count + landing_files.duplicate_count + landing_files.rejected_count as told_apart,
    sum(tallies.row_count)::bigint as rows_of_tenants
from fridge.landing_files
left join fridge.landing_file_tenants as tallies on landing_files.file_id = tallies.file_id
where landing_files.landing_hour between %(first)s and %(last)s
group by landing_files.file_id
having
    landing_files.row_count
    <> landing_files.inserted_count + landing_files.duplicate_count + landing_files.rejected_count
    or landing_files.row_count <> sum(tallies.row_count)
    or landing_files.inserted_count <> sum(tallies.inserted_count)
    or landing_files.duplicate_count <> sum(tallies.duplicate_count)
    or landing_files.rejected_count <> sum(tallies.rejected_count)
order by landing_files.path;

-- name: unconfirmed_events
-- What was sent and is not decided, and can no longer be decided by sending it again: the caller says which.
-- value_before is what Stripe shows for this customer's hour without it, value_after with it.
with wanted as (
    select
        identifier,
        is_cancellation
    from unnest(%(identifiers)s::text[], %(are_cancellations)s::boolean[]) as attempts (identifier, is_cancellation)
),

stated as (
    select
        wanted.identifier,
        wanted.is_cancellation,
        coalesce(sum(others.value) filter (where others.status = 'accepted'), 0)::bigint as value
    from wanted
    inner join fridge.meter_events on wanted.identifier = meter_events.identifier
    left join fridge.meter_events as others
        on
            meter_events.event_name = others.event_name
            and meter_events.tenant_id = others.tenant_id
            and meter_events.hour = others.hour
            and meter_events.stripe_customer_id = others.stripe_customer_id
    group by wanted.identifier, wanted.is_cancellation
)

select
    meter_events.identifier,
    meter_events.event_name,
    meter_events.tenant_id,
    meter_events.stripe_customer_id,
    meter_events.hour,
    stated.is_cancellation,
    stated.value as value_before,
    case
        when stated.is_cancellation then stated.value - meter_events.value
        when meter_events.is_difference then stated.value + meter_events.value
        else meter_events.value
    end as value_after,
    (
        -- Absent ever since: an earlier sight of something else, or a later attempt, starts it anew.
        select min(readbacks.read_at)
        from fridge.stripe_readbacks as readbacks
        where
            readbacks.identifier = stated.identifier
            and readbacks.is_cancellation = stated.is_cancellation
            and readbacks.verdict = 'absent'
            and readbacks.read_at > coalesce(meter_events.last_sent_at, '-infinity')
            and not exists (
                select 1 from fridge.stripe_readbacks as later
                where
                    later.identifier = readbacks.identifier
                    and later.is_cancellation = readbacks.is_cancellation
                    and later.verdict <> 'absent'
                    and later.readback_id > readbacks.readback_id
            )
    ) as absent_since
from stated
inner join fridge.meter_events on stated.identifier = meter_events.identifier
order by meter_events.stripe_customer_id, meter_events.event_name, meter_events.hour;

-- name: write_readback
insert into fridge.stripe_readbacks (
    identifier, is_cancellation, read_at, value_before, value_after, value_seen, verdict, run_id
) values (
    %(identifier)s, %(is_cancellation)s, %(now)s, %(before)s, %(after)s, %(seen)s, %(verdict)s, %(run_id)s
);

-- name: leave_staged
-- What was not sent by these books, and may have been by those of which they are a copy.
update fridge.meter_events
set status = 'sent', first_sent_at = %(now)s
where identifier = any(%(identifiers)s) and status = 'staged';

-- name: leave_sent
-- From sent a meter event goes to unknown before anything else can be said of it.
update fridge.meter_events
set status = 'unknown'
where identifier = any(%(identifiers)s) and status = 'sent';

-- name: write_receipts
update fridge.meter_events
set
    status = receipts.status,
    settled_at = receipts.settled_at,
    http_status = receipts.http_status,
    request_id = receipts.request_id,
    answer = receipts.answer
from
    unnest(
        %(identifiers)s::text[], %(statuses)s::text[], %(settled_at)s::timestamptz[],
        %(http_statuses)s::integer[], %(request_ids)s::text[], %(answers)s::text[]
    ) as receipts (identifier, status, settled_at, http_status, request_id, answer)
where meter_events.identifier = receipts.identifier and meter_events.status in ('sent', 'unknown');

-- name: write_cancellation_receipts
update fridge.meter_event_adjustments
set
    status = receipts.status,
    -- One that was never sent can be decided too: its meter event is gone, or too old to be cancelled.
    first_sent_at = coalesce(meter_event_adjustments.first_sent_at, receipts.settled_at),
    settled_at = receipts.settled_at,
    http_status = receipts.http_status,
    request_id = receipts.request_id,
    answer = receipts.answer
from
    unnest(
        %(identifiers)s::text[], %(statuses)s::text[], %(settled_at)s::timestamptz[],
        %(http_statuses)s::integer[], %(request_ids)s::text[], %(answers)s::text[]
    ) as receipts (identifier, status, settled_at, http_status, request_id, answer)
where
    meter_event_adjustments.identifier = receipts.identifier
    and fridge.is_under_way(meter_event_adjustments.status);

-- name: keep_report
insert into fridge.stripe_error_reports (
    report_id, type, created_at, validation_start, validation_end, meter_id, event_name, error_count, collected_at
)
values (
    %(report_id)s, %(type)s, %(created_at)s, %(validation_start)s, %(validation_end)s, %(meter_id)s,
    %(event_name)s, %(error_count)s, %(now)s
)
on conflict do nothing;

-- name: keep_sample
insert into fridge.stripe_error_samples (report_id, identifier, code, message)
values (%(report_id)s, %(identifier)s, %(code)s, %(message)s)
on conflict do nothing;

-- name: refuse_later
-- Stripe says no after all. The receipt of what it had answered stays as it was; superseded ones are left alone.
update fridge.meter_events
set
    status = 'refused',
    settled_at = coalesce(settled_at, %(now)s)
where identifier = %(identifier)s and status in ('accepted', 'sent', 'unknown')
returning
    event_name,
    tenant_id,
    stripe_customer_id,
    hour,
    revision,
    value,
    is_difference,
    timestamp - hour as into_hour;

-- name: count_again
-- A total that Stripe refused after its receipt never replaced the one before it: the newest earlier one that Stripe
-- has, and has not refused itself, counts again. Not where another tenant has the customer's hour by now.
update fridge.meter_events
set status = 'accepted'
where
    meter_events.identifier = (
        select earlier.identifier
        from fridge.meter_events as refused
        inner join fridge.meter_events as earlier
            on
                refused.event_name = earlier.event_name
                and refused.tenant_id = earlier.tenant_id
                and refused.hour = earlier.hour
                and refused.revision > earlier.revision
        where
            refused.identifier = %(identifier)s
            and refused.status = 'refused'
            and not refused.is_difference
            and earlier.status = 'superseded'
            and earlier.settled_at is not null
            and (
                exists (
                    select 1 from fridge.meter_event_attempts
                    where
                        meter_event_attempts.identifier = earlier.identifier
                        and meter_event_attempts.outcome in ('accepted', 'duplicate')
                )
                -- Its answer was lost, and Stripe's own sum showed it.
                or exists (
                    select 1 from fridge.stripe_readbacks
                    where
                        stripe_readbacks.identifier = earlier.identifier
                        and stripe_readbacks.verdict = 'counted'
                        and not stripe_readbacks.is_cancellation
                )
            )
            and not exists (
                select 1 from fridge.stripe_error_samples
                where
                    stripe_error_samples.identifier = earlier.identifier
                    or starts_with(stripe_error_samples.identifier, earlier.identifier || '#')
            )
            and not exists (
                select 1 from fridge.customer_hours
                where
                    customer_hours.stripe_customer_id = earlier.stripe_customer_id
                    and customer_hours.event_name = earlier.event_name
                    and customer_hours.hour = earlier.hour
            )
        order by earlier.revision desc
        limit 1
    );

-- name: touched_days
-- Reports name samples only: all meter events of the meter that were under way in the validation window may be refused.
-- Of each day the report that was collected last.
with reports as (
    select *
    from fridge.stripe_error_reports
    where report_id = any(%(report_ids)s)
),

-- Meter events are sent and settled by the batch, so these are few, however many meter events and reports there are.
batches as (
    select distinct
        event_name,
        first_sent_at,
        coalesce(settled_at, last_sent_at) as under_way_until,
        (hour at time zone 'UTC')::date as day
    from fridge.meter_events
    where
        first_sent_at between
        (select min(reports.validation_start) from reports) - %(longest)s::interval
        and (select max(reports.validation_end) from reports) + %(margin)s::interval
),

touched as (
    select
        reports.report_id,
        reports.collected_at,
        batches.day
    from reports
    inner join batches
        on
            batches.first_sent_at <= reports.validation_end + %(margin)s::interval
            and batches.under_way_until >= reports.validation_start - %(margin)s::interval
            and batches.event_name = coalesce(reports.event_name, batches.event_name)

    union all

    select
        reports.report_id,
        reports.collected_at,
        (meter_events.hour at time zone 'UTC')::date as day
    from reports
    inner join fridge.stripe_error_samples on reports.report_id = stripe_error_samples.report_id
    inner join fridge.meter_events on stripe_error_samples.identifier = meter_events.identifier
)

select distinct on (day)
    day,
    report_id
from touched
order by day asc, collected_at desc, report_id asc;

-- name: last_attempt_at
select sent_at
from fridge.meter_event_attempts
order by attempt_id desc
limit 1;

-- name: staging_cases
-- Per tenant, meter and hour: usage now, what Stripe has (its accepted meter events), the newest revision of all.
-- Settled cases are left out where a comparison of numbers is enough to know them. Of former meters only hours are
-- looked at that no other meter has taken over.
with billed as (
    select
        event_name,
        bill_from,
        bill_until
    from fridge.hours_of_meters(%(event_names)s)
),

metered_usage as (
    select
        usage.tenant_id,
        usage.hour,
        usage.quantity as value,
        catalogue.event_name
    from fridge.usage
    inner join unnest(%(event_names)s::text[], %(measures)s::text[]) as catalogue (event_name, measure)
        on usage.measure = catalogue.measure
    where
        usage.hour between %(first)s and %(last)s
        and (
            catalogue.event_name <> all(%(former)s::text[])
            or exists (
                select 1 from billed
                where
                    billed.event_name = catalogue.event_name
                    and usage.hour >= billed.bill_from
                    and usage.hour < billed.bill_until
            )
        )
),

latest as (
    select distinct on (event_name, tenant_id, hour) *
    from fridge.meter_events
    where hour between %(first)s and %(last)s and event_name = any(%(event_names)s)
    order by event_name asc, tenant_id asc, hour asc, revision desc
),

stated as (
    select *
    from fridge.stated_usage
    where hour between %(first)s and %(last)s and event_name = any(%(event_names)s)
),

hours_billed_before as (
    select *
    from fridge.hours_billed_before
    where hour between %(first)s and %(last)s
),

settled as (
    select
        event_name,
        tenant_id,
        hour,
        invoiced + credited as by_hand,
        written_off
    from fridge.settled_usage
    where hour between %(first)s and %(last)s and event_name = any(%(event_names)s)
),

cancelling as (
    select distinct
        event_name,
        tenant_id,
        hour
    from fridge.statements_under_way
    where hour between %(first)s and %(last)s and is_cancellation
),

-- Whoever has something undecided or counting for a customer's hour; more than one only in books of the past.
taken as (
    select
        stripe_customer_id,
        event_name,
        hour,
        array_agg(tenant_id order by tenant_id) as tenant_ids
    from fridge.customer_hours
    where hour between %(first)s and %(last)s and event_name = any(%(event_names)s)
    group by stripe_customer_id, event_name, hour
),

cases as (
    select
        coalesce(metered_usage.tenant_id, latest.tenant_id, settled.tenant_id) as tenant_id,
        coalesce(metered_usage.event_name, latest.event_name, settled.event_name) as event_name,
        coalesce(metered_usage.hour, latest.hour, settled.hour) as hour,
        metered_usage.value,
        settled.by_hand,
        settled.written_off,
        latest.revision as latest_revision,
        latest.value as latest_value,
        latest.status as latest_status,
        latest.stripe_customer_id as latest_customer_id,
        latest.identifier as latest_identifier,
        latest.answer as latest_answer,
        latest.request_id as latest_request_id
    from metered_usage
    full join latest
        on
            metered_usage.tenant_id = latest.tenant_id
            and metered_usage.event_name = latest.event_name
            and metered_usage.hour = latest.hour
    full join settled
        on
            coalesce(metered_usage.tenant_id, latest.tenant_id) = settled.tenant_id
            and coalesce(metered_usage.event_name, latest.event_name) = settled.event_name
            and coalesce(metered_usage.hour, latest.hour) = settled.hour
)

select
    cases.tenant_id,
    cases.event_name,
    cases.hour,
    cases.value,
    tenants.stripe_customer_id as mapped_customer_id,
    stated.value as stated_value,
    case
        when stated.hour is null then hours_billed_before.stripe_customer_id else stated.stripe_customer_id
    end as stated_customer_id,
    fridge.settled_quantity(cases.value, stated.value, cases.by_hand, cases.written_off) as settled,
    cases.latest_revision,
    cases.latest_value,
    cases.latest_status,
    cases.latest_customer_id,
    exists(
        select 1 from fridge.open_exceptions
        where
            (open_exceptions.kind = 'refused' and open_exceptions.subject = cases.latest_identifier)
            or (
                open_exceptions.kind = 'customer_gone'
                and open_exceptions.subject = cases.event_name
                and open_exceptions.tenant_id = cases.tenant_id
                and open_exceptions.hour = cases.hour
            )
    ) as refusal_open,
    cases.latest_answer,
    cases.latest_request_id,
    case when cases.latest_status = 'refused' then (
        select
            json_agg(
                json_build_array(
                    stripe_error_samples.code, stripe_error_samples.message, stripe_error_samples.report_id
                )
                order by stripe_error_samples.report_id, stripe_error_samples.code
            )
        from fridge.stripe_error_samples
        where
            stripe_error_samples.identifier = cases.latest_identifier
            or starts_with(stripe_error_samples.identifier, cases.latest_identifier || '#')
    ) end as reports,
    (
        select min(others.tenant_id)
        from unnest(taken.tenant_ids) as others (tenant_id)
        where others.tenant_id <> cases.tenant_id
    ) as taken_by,
    cancelling.hour is not null as cancelling,
    closed_months.closed_by,
    billed.event_name is not null as is_billed
from cases
left join billed
    on
        cases.event_name = billed.event_name
        and cases.hour >= billed.bill_from
        and cases.hour < billed.bill_until
left join fridge.tenants on cases.tenant_id = tenants.tenant_id
left join stated
    on
        cases.tenant_id = stated.tenant_id
        and cases.event_name = stated.event_name
        and cases.hour = stated.hour
left join hours_billed_before
    on
        cases.tenant_id = hours_billed_before.tenant_id
        and cases.event_name = hours_billed_before.event_name
        and cases.hour = hours_billed_before.hour
left join taken
    on
        taken.stripe_customer_id = coalesce(
            stated.stripe_customer_id, hours_billed_before.stripe_customer_id, tenants.stripe_customer_id
        )
        and cases.event_name = taken.event_name
        and cases.hour = taken.hour
left join cancelling
    on
        cases.tenant_id = cancelling.tenant_id
        and cases.event_name = cancelling.event_name
        and cases.hour = cancelling.hour
left join fridge.closed_months on date_trunc('month', cases.hour, 'UTC') = closed_months.starts_at
where
    (
        cases.latest_status is distinct from 'accepted'
        or cases.value is distinct from stated.value
        or cases.by_hand <> 0
    )
    and (billed.event_name is not null or cases.event_name <> all(%(former)s::text[]))
order by cases.hour, cases.event_name, cases.tenant_id;

-- name: lock_staging
-- One staging at a time: revisions are numbered from what the ledger holds.
select pg_advisory_xact_lock(hashtextextended('fridge.staging', 0));

-- name: stage_meter_events
copy fridge.meter_events (
    identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value, is_difference, "timestamp",
    status, staged_at, run_id
) from stdin;

-- name: supersede_staged
update fridge.meter_events
set status = 'superseded'
from
    unnest(%(event_names)s::text[], %(tenant_ids)s::text[], %(hours)s::timestamptz[])
        as unsent (event_name, tenant_id, hour)
where
    meter_events.event_name = unsent.event_name
    and meter_events.tenant_id = unsent.tenant_id
    and meter_events.hour = unsent.hour
    and meter_events.status = 'staged';

-- name: supersede_removed
-- Takes back staged meter events of meters that the catalogue has no more: nobody knows whether Stripe's are right.
update fridge.meter_events
set status = 'superseded'
where
    status = 'staged'
    and hour between %(first)s and %(last)s
    and event_name <> all(%(event_names)s::text[]);

-- name: lock_sweep
-- One sweep at a time; returns the catalogue that hours without a mark were found delivered with.
select
    event_names,
    measures
from fridge.swept_catalogue
for update;

-- name: mark_all_hours
-- With another catalogue every hour may have something to state.
with swept as (
    update fridge.swept_catalogue
    set event_names = %(event_names)s, measures = %(measures)s
)

insert into fridge.marked_hours (hour)
select hour from fridge.usage
union
select hour from fridge.meter_events
union
select landing_hour from fridge.landing_files
union
select landing_hour from fridge.counted_hours;

-- name: undelivered_hours
-- Hours with usage that Stripe has not been told, or whose meter event is undecided. Excepted cases wait for a person,
-- not for the next sweep: too late, unmapped, a credit, refused for the customer who is to be billed, held and not
-- released, in a closed month, and unexplained unless it is time to read Stripe back again. Hours before the billing
-- start are delivered once they are counted; when it moves, all hours are compared. A meter, also one that the
-- catalogue has no more, owes the hours that no other has taken over.
-- Compared are the hours with a mark: something about them has changed since they were found delivered. What is
-- excepted can cease to be so without any change of its hour, by a tenant's new customer, a release, a reopened month,
-- or when its deadline has passed, so those hours are compared too; as are those of which an exception without a tenant
-- speaks for all that have no customer. Marks go with the hours that are delivered. The
-- whole statement sees one moment: a mark that another transaction makes meanwhile stays.
with catalogue as (
    select
        event_name,
        measure
    from unnest(%(event_names)s::text[], %(measures)s::text[]) as meters (event_name, measure)
),

billed as (
    select
        event_name,
        bill_from,
        bill_until
    from fridge.billed_hours
    where event_name = any(%(event_names)s)
),

waiting as (
    select
        exceptions.kind,
        exceptions.tenant_id,
        exceptions.hour,
        exceptions.subject,
        exceptions.owed,
        coalesce(meter_events.event_name, exceptions.subject) as event_name,
        -- After its deadline it is something else: too late.
        (exceptions.deadline_at >= %(now)s or exceptions.deadline_at is null or exceptions.kind = 'unexplained')
        and coalesce(case exceptions.kind
            when 'unmapped' then tenants.stripe_customer_id is null
            when 'refused'
                -- Whoever has the hour on the books keeps it, else whoever the tenant is mapped to.
                then meter_events.stripe_customer_id = coalesce(
                    (
                        select stated_usage.stripe_customer_id
                        from fridge.stated_usage
                        where
                            stated_usage.event_name = meter_events.event_name
                            and stated_usage.tenant_id = meter_events.tenant_id
                            and stated_usage.hour = meter_events.hour
                    ), (
                        select hours_billed_before.stripe_customer_id
                        from fridge.hours_billed_before
                        where
                            hours_billed_before.event_name = meter_events.event_name
                            and hours_billed_before.tenant_id = meter_events.tenant_id
                            and hours_billed_before.hour = meter_events.hour
                    ), tenants.stripe_customer_id
                )
            when 'unexplained'
                then exists (
                    select 1 from fridge.stripe_readbacks
                    where
                        stripe_readbacks.identifier = meter_events.identifier
                        and stripe_readbacks.read_at > %(read_again_before)s
                )
            when 'customer_taken'
                then exists (
                    select 1 from fridge.customer_hours
                    where
                        customer_hours.stripe_customer_id = coalesce(
                            (
                                select own.stripe_customer_id
                                from fridge.stated_usage as own
                                where
                                    own.event_name = exceptions.subject
                                    and own.tenant_id = exceptions.tenant_id
                                    and own.hour = exceptions.hour
                            ), (
                                select before.stripe_customer_id
                                from fridge.hours_billed_before as before
                                where
                                    before.event_name = exceptions.subject
                                    and before.tenant_id = exceptions.tenant_id
                                    and before.hour = exceptions.hour
                            ), tenants.stripe_customer_id
                        )
                        and customer_hours.event_name = exceptions.subject
                        and customer_hours.hour = exceptions.hour
                        and customer_hours.tenant_id <> exceptions.tenant_id
                )
            when 'month_closed' then fridge.month_is_closed(exceptions.hour)
            when 'held_for_review'
                -- A release covers usage up to what was released.
                then not exists (
                    select 1
                    from fridge.released_usage
                    inner join catalogue on released_usage.measure = catalogue.measure
                    where
                        catalogue.event_name = exceptions.subject
                        and coalesce(released_usage.event_name, exceptions.subject) = exceptions.subject
                        and released_usage.tenant_id = exceptions.tenant_id
                        and released_usage.hour = exceptions.hour
                )
            else true
        end, false) as is_in_force
    from fridge.open_exceptions as exceptions
    left join fridge.tenants on exceptions.tenant_id = tenants.tenant_id
    left join fridge.meter_events on replace(exceptions.subject, 'cancel:', '') = meter_events.identifier
    where
        exceptions.kind in (
            select exception_kinds.kind
            from fridge.exception_kinds
            where exception_kinds.waits
        )
),

compared as (
    select hour from fridge.marked_hours
    union
    select hour from waiting
    where not is_in_force or tenant_id is null
),

-- At most one row for an hour and meter: of tenants without a customer the usage is unmapped, or else too late.
told_together as (
    select distinct
        hour,
        event_name
    from waiting
    where is_in_force and tenant_id is null
),

owed_usage as (
    select
        event_name,
        tenant_id,
        hour,
        stripe_customer_id,
        owed
    from fridge.owed_usage
    where
        hour = any(array(select compared.hour from compared))
        and event_name = any(%(event_names)s)
        and is_billed
),

-- What is owed by tenants without a customer that no exception names; unconfirmed is not owed.
owed_together as (
    select
        owed_usage.hour,
        owed_usage.event_name,
        sum(owed_usage.owed)::bigint as owed
    from told_together
    inner join owed_usage
        on
            told_together.hour = owed_usage.hour
            and told_together.event_name = owed_usage.event_name
    left join fridge.tenants on owed_usage.tenant_id = tenants.tenant_id
    where
        owed_usage.owed > 0
        and coalesce(owed_usage.stripe_customer_id, tenants.stripe_customer_id) is null
        and not exists (
            select 1 from waiting
            where
                waiting.event_name = owed_usage.event_name
                and waiting.tenant_id = owed_usage.tenant_id
                and waiting.hour = owed_usage.hour
                and (waiting.kind <> 'unexplained' or waiting.is_in_force)
        )
    group by owed_usage.hour, owed_usage.event_name
),

undelivered as (
    select hour
    from fridge.statements_under_way
    where
        not exists (
            select 1 from waiting
            where
                waiting.is_in_force
                and waiting.kind = 'unexplained'
                and waiting.subject = statements_under_way.identifier
        )

    union

    select owed_usage.hour
    from owed_usage
    left join fridge.tenants on owed_usage.tenant_id = tenants.tenant_id
    left join told_together
        on
            owed_usage.hour = told_together.hour
            and owed_usage.event_name = told_together.event_name
    where
        owed_usage.owed <> 0
        and (
            told_together.hour is null
            or coalesce(owed_usage.stripe_customer_id, tenants.stripe_customer_id) is not null
            -- Of several tenants told together one may have more to be given back than its usage is.
            or owed_usage.owed < 0
        )
        and not exists (
            select 1 from waiting
            where
                waiting.is_in_force
                and waiting.event_name = owed_usage.event_name
                and waiting.tenant_id = owed_usage.tenant_id
                and waiting.hour = owed_usage.hour
        )

    union

    -- What waits is another figure than its exception says, or nothing any more: usage was counted anew, and the run
    -- ended before it was judged. What nobody judges now, because of something else that is open, stays as it is.
    select waiting.hour
    from compared
    inner join waiting on compared.hour = waiting.hour
    inner join billed
        on
            waiting.event_name = billed.event_name
            and waiting.hour >= billed.bill_from
            and waiting.hour < billed.bill_until
    left join owed_usage
        on
            waiting.event_name = owed_usage.event_name
            and waiting.tenant_id = owed_usage.tenant_id
            and waiting.hour = owed_usage.hour
    left join owed_together
        on
            waiting.tenant_id is null
            and waiting.event_name = owed_together.event_name
            and waiting.hour = owed_together.hour
    where
        waiting.kind <> 'unexplained'
        and waiting.owed is distinct from coalesce(owed_usage.owed, owed_together.owed, 0)
        and not exists (
            select 1
            from fridge.open_exceptions as others
            left join fridge.meter_events on replace(others.subject, 'cancel:', '') = meter_events.identifier
            where
                others.tenant_id = waiting.tenant_id
                and others.hour = waiting.hour
                and (
                    others.kind = 'contradiction'
                    or (others.kind = 'unexplained' and meter_events.event_name = waiting.event_name)
                )
        )

    union

    -- Hours that were counted from other files than there are now: loaded or withdrawn since, or meanwhile.
    select hour
    from fridge.hours_to_count
    where hour = any(array(select compared.hour from compared))
),

unmarked as (
    delete from fridge.marked_hours
    where
        not exists (
            select 1 from undelivered
            where undelivered.hour = marked_hours.hour
        )
)

select hour from undelivered
order by hour;

-- name: hour_deliveries
-- What is among the exceptions as unexplained waits for a person, or for its next reading, not for this push.
with waiting as (
    select
        hour,
        event_name,
        count(*) filter (where %(tenants)s::text[] is null or tenant_id = any(%(tenants)s)) as undelivered,
        count(*) filter (where tenant_id <> all(%(tenants)s::text[])) as left_out
    from fridge.statements_under_way
    where
        hour between %(first)s and %(last)s
        and not exists (
            select 1 from fridge.open_exceptions
            where
                open_exceptions.kind = 'unexplained'
                and open_exceptions.subject = statements_under_way.identifier
        )
    group by hour, event_name
),

stated as (
    select
        hour,
        event_name,
        count(*) filter (where status = 'accepted') as accepted,
        coalesce(sum(value) filter (where status = 'accepted'), 0)::bigint as accepted_value,
        extract(epoch from max(settled_at - first_sent_at) filter (where status = 'accepted')) as delivery_seconds,
        extract(
            epoch from max(settled_at) filter (where status = 'accepted' and revision = 1)
            - (hour + interval '1 hour')
        ) as seconds_after_hour
    from fridge.meter_events
    where hour between %(first)s and %(last)s
    group by hour, event_name
)

select
    stated.hour,
    stated.event_name,
    coalesce(waiting.undelivered, 0) as undelivered,
    coalesce(waiting.left_out, 0) as left_out,
    stated.accepted,
    stated.accepted_value,
    stated.delivery_seconds::float8 as delivery_seconds,
    stated.seconds_after_hour::float8 as seconds_after_hour
from stated
left join waiting on stated.hour = waiting.hour and stated.event_name = waiting.event_name
order by stated.hour, stated.event_name;

-- name: range_summary
-- What a range of hours came to, as it stands in the books now.
with files as (
    select
        count(*) as files,
        count(distinct landing_hour) as hours,
        coalesce(sum(row_count), 0)::bigint as row_count,
        coalesce(sum(inserted_count), 0)::bigint as inserted_count,
        coalesce(sum(duplicate_count), 0)::bigint as duplicate_count,
        coalesce(sum(rejected_count), 0)::bigint as rejected_count
    from fridge.landing_files
    where landing_hour between %(first)s and %(last)s
),

events as (
    select
        count(*) filter (where status = 'accepted') as accepted,
        count(*) filter (where fridge.is_under_way(status)) as undelivered,
        -- Hours of which Stripe has something and of which nothing is left to say.
        count(distinct hour) filter (
            where status = 'accepted'
            and not exists (
                select 1 from fridge.meter_events as waiting
                where waiting.hour = meter_events.hour and fridge.is_under_way(waiting.status)
            )
        ) as hours_billed
    from fridge.meter_events
    where hour between %(first)s and %(last)s
),

differences as (
    select count(*) as exceptions
    from fridge.open_exceptions
    where hour between %(first)s and %(last)s
)

select
    events.hours_billed,
    files.hours,
    files.files,
    files.row_count,
    files.inserted_count,
    files.duplicate_count,
    files.rejected_count,
    events.accepted,
    events.undelivered,
    differences.exceptions
from files
cross join events
cross join differences;

-- name: hours_to_count_by_measure
-- In how many hours of a range that hold readings a measure is not counted yet; also one that was never declared.
with to_count as materialized (
    select
        hour,
        usage_table
    from fridge.hours_to_count
    where hour between %(first)s and %(last)s
)

select
    named.measure,
    count(distinct usable_files.hour) as hours
from unnest(%(measures)s::text[], %(counted_from)s::timestamptz[]) as named (measure, counted_from)
inner join fridge.usable_files
    on
        usable_files.hour between %(first)s and %(last)s
        and usable_files.hour >= coalesce(named.counted_from, '-infinity')
left join fridge.measures on named.measure = measures.measure
where
    measures.is_counted is not true
    or exists (
        select 1 from to_count
        where to_count.usage_table = measures.usage_table and to_count.hour = usable_files.hour
    )
group by named.measure
order by named.measure;

-- name: hours_with_history
-- Hours of a range that hold anything: a landing file or a meter event.
select landing_hour as hour
from fridge.landing_files
where landing_hour between %(first)s and %(last)s

union

select hour
from fridge.meter_events
where hour between %(first)s and %(last)s
order by hour;

-- name: hours_without_increments
-- Hours of a range of which not all of some SQL models were made since a file was loaded or withdrawn.
select landed.hour
from (
    select
        landing_files.landing_hour as hour,
        greatest(max(landing_files.loaded_at), max(withdrawals.withdrawn_at)) as changed_at
    from fridge.landing_files
    left join fridge.withdrawals on landing_files.file_id = withdrawals.file_id
    where
        landing_files.landing_hour between %(first)s and %(last)s
        and landing_files.landing_hour >= coalesce(%(first_open)s::timestamptz, '-infinity')
    group by landing_files.landing_hour
) as landed
left join fridge.model_hours
    on
        landed.hour = model_hours.hour
        and model_hours.model = any(%(models)s::text[])
        and landed.changed_at <= model_hours.built_at
group by landed.hour
having count(model_hours.model) < cardinality(%(models)s::text[]);

-- name: held_usage
-- What is held of a tenant's hour, and the usage that would be let through.
with catalogue as (
    select
        event_name,
        measure
    from unnest(%(event_names)s::text[], %(measures)s::text[]) as meters (event_name, measure)
)

select
    open_exceptions.subject as event_name,
    usage.quantity as value
from fridge.open_exceptions
inner join catalogue on open_exceptions.subject = catalogue.event_name
inner join fridge.usage
    on
        catalogue.measure = usage.measure
        and open_exceptions.tenant_id = usage.tenant_id
        and open_exceptions.hour = usage.hour
where
    open_exceptions.kind = 'held_for_review'
    and open_exceptions.tenant_id = %(tenant_id)s
    and open_exceptions.hour = %(hour)s
order by open_exceptions.subject;

-- name: close_of_removed
-- With another catalogue some of what waits is judged anew. Of a meter that is gone nothing can be released, mapped or
-- stated again; what its hours lack is told as that. What is owed of an hour that another meter bills by now is that
-- one's to state, all of it. And of a meter that is back what Stripe still takes is stated.
with waiting as (
    select
        open_exceptions.exception_id,
        open_exceptions.kind,
        open_exceptions.hour,
        open_exceptions.owed,
        (open_exceptions.kind = 'too_late' or open_exceptions.kind = 'month_closed')
        and open_exceptions.deadline_at is null as is_by_hand,
        coalesce(meter_events.event_name, open_exceptions.subject) as event_name
    from fridge.open_exceptions
    left join fridge.meter_events on open_exceptions.subject = meter_events.identifier
    where
        open_exceptions.kind <> 'unexplained'
        and open_exceptions.kind in (
            select exception_kinds.kind
            from fridge.exception_kinds
            where exception_kinds.waits
        )
),

over as (
    select waiting.exception_id
    from waiting
    inner join fridge.billed_hours
        on
            waiting.event_name = billed_hours.event_name
            and waiting.hour >= billed_hours.bill_from
            and waiting.hour < billed_hours.bill_until
    where
        case
            when waiting.event_name = any(%(event_names)s::text[]) -- noqa: RF02
                then waiting.is_by_hand and waiting.hour >= %(first_in_time)s
            else not waiting.is_by_hand
        end

    union

    select waiting.exception_id
    from waiting
    inner join fridge.known_meters on waiting.event_name = known_meters.event_name
    inner join fridge.billed_hours
        on
            known_meters.measure = billed_hours.measure
            and waiting.event_name <> billed_hours.event_name
            and waiting.hour >= billed_hours.begins_at
            and waiting.hour < billed_hours.bill_until
    where waiting.owed > 0
)

update fridge.exceptions
set closed_at = %(now)s
from over
where exceptions.closed_at is null and exceptions.exception_id = over.exception_id;

-- name: record_release
insert into fridge.releases (tenant_id, hour, event_name, value, released_by, reason, released_at)
values (%(tenant_id)s, %(hour)s, %(event_name)s, %(value)s, %(released_by)s, %(reason)s, %(now)s);

-- name: effective_releases
select
    event_name,
    value
from fridge.effective_releases
where tenant_id = %(tenant_id)s and hour = %(hour)s;

-- name: held_for_review
-- What is held in a range of hours, whatever the switch says now. Also where something else stood in the way since, so
-- that the exception was closed without anything having been stated.
select distinct
    exceptions.tenant_id,
    exceptions.hour,
    exceptions.subject
from fridge.exceptions
where
    exceptions.kind = 'held_for_review'
    and exceptions.hour between %(first)s and %(last)s
    and (
        exceptions.closed_at is null
        or not exists (
            select 1 from fridge.meter_events
            where
                meter_events.event_name = exceptions.subject
                and meter_events.tenant_id = exceptions.tenant_id
                and meter_events.hour = exceptions.hour
                and meter_events.settled_at >= exceptions.opened_at
        )
    );

-- name: newest_decision
select setting
from fridge.decisions
where subject = %(subject)s
order by decision_id desc
limit 1;

-- name: decisions
select
    subject,
    setting,
    reason,
    acted_by,
    acted_at,
    os_user,
    os_host
from fridge.decisions
where subject = %(subject)s
order by decision_id;

-- name: record_decision
insert into fridge.decisions (subject, setting, reason)
values (%(subject)s, %(setting)s, %(reason)s);

-- name: undecided_attempts
-- What Stripe has yet to decide, the oldest hour first: meter events, and cancellations of meter events.
with restored as (
    select coalesce(max(restores.noticed_at), '-infinity') as noticed_at
    from fridge.restores
    where restores.restore_id > (select min(places.restore_id) from fridge.restores as places)
)

select
    meter_events.identifier,
    meter_events.event_name,
    meter_events.tenant_id,
    meter_events.stripe_customer_id,
    meter_events.hour,
    meter_events.revision,
    meter_events.value,
    meter_events.is_difference,
    meter_events.timestamp,
    -- Of a cancellation, too: an event can be cancelled so long after Stripe got it, however long that has been tried.
    meter_events.first_sent_at,
    under_way.is_cancellation,
    -- Where the books were restored, it may have been sent after the dump: what Stripe adds up is read first.
    (
        meter_events.is_difference
        and meter_events.attempts = 0
        and meter_events.hour < restored.noticed_at
        and not exists (
            select 1
            from fridge.meter_events as others
            inner join fridge.stripe_readbacks on others.identifier = stripe_readbacks.identifier
            where
                others.event_name = meter_events.event_name
                and others.tenant_id = meter_events.tenant_id
                and others.hour = meter_events.hour
                and stripe_readbacks.read_at >= restored.noticed_at
                and stripe_readbacks.verdict <> 'absent'
        )
    )
    or under_way.status = 'unknown'
    and case
        when under_way.is_cancellation
            then
                coalesce((
                    select meter_event_adjustments.http_status = 400
                    from fridge.meter_event_adjustments
                    where meter_event_adjustments.identifier = under_way.meter_event
                ), false)
        else coalesce((
            select meter_event_attempts.outcome in ('refused', 'duplicate')
            from fridge.meter_event_attempts
            where meter_event_attempts.identifier = under_way.meter_event
            order by meter_event_attempts.attempt desc
            limit 1
        ), false)
    end as is_answered
from fridge.statements_under_way as under_way
inner join fridge.meter_events on under_way.meter_event = meter_events.identifier
cross join restored
where under_way.hour between %(first)s and %(last)s
order by
    meter_events.hour asc, meter_events.event_name asc, meter_events.tenant_id asc, under_way.is_cancellation desc;

-- name: try_ordering_keys
-- Takes the ordering keys that no other run has: Stripe takes one call at a time per customer and meter.
-- Session locks, held outside any transaction, across processes and machines; they end with the connection.
select
    stripe_customer_id,
    event_name
from unnest(%(customers)s::text[], %(event_names)s::text[]) as ordering_keys (stripe_customer_id, event_name)
where pg_try_advisory_lock(hashtextextended(format('fridge.lane %%s %%s', stripe_customer_id, event_name), 0));

-- name: wait_for_ordering_key
select
    pg_advisory_lock(
        hashtextextended(format('fridge.lane %%s %%s', %(stripe_customer_id)s::text, %(event_name)s::text), 0)
    );

-- name: release_ordering_keys
select pg_advisory_unlock(hashtextextended(format('fridge.lane %%s %%s', stripe_customer_id, event_name), 0))
from unnest(%(customers)s::text[], %(event_names)s::text[]) as ordering_keys (stripe_customer_id, event_name);

-- name: reserve_calls
-- All runs together keep to Stripe's calls per second: each books its calls behind those already booked.
-- Returns how many seconds from now its turn comes.
update fridge.stripe_pace
set next_free_at = greatest(next_free_at, clock_timestamp()) + make_interval(secs => %(seconds)s)
returning extract(epoch from next_free_at - clock_timestamp())::double precision - %(seconds)s as wait_seconds;

-- name: claim_books
insert into fridge.stripe_books (is_live)
values (%(is_live)s)
on conflict do nothing;

-- name: record_stripe_use
insert into fridge.stripe_uses (mode, host, account_id, used_since)
select
    %(mode)s::text as mode,
    %(host)s::text as host,
    %(account_id)s::text as account_id,
    %(now)s::timestamptz as used_since
where not exists (
    select 1
    from (
        select * from fridge.stripe_uses
        order by use_id desc
        limit 1
    ) as newest
    where
        newest.mode = %(mode)s
        and newest.host = %(host)s
        and coalesce(newest.account_id = %(account_id)s::text, %(account_id)s::text is null)
);

-- name: books_are_live
select is_live from fridge.stripe_books;

-- name: record_lost_attempts
-- Marked as sent, and no answer was ever kept: the process ended in between. Stripe may have it.
insert into fridge.meter_event_attempts (identifier, attempt, outcome, sent_at, tries, answer, run_id)
select
    identifier,
    attempts,
    'lost' as outcome,
    last_sent_at,
    1 as tries,
    'the process ended before its answer was kept' as answer,
    %(run_id)s as run_id
from fridge.meter_events
where
    identifier = any(%(identifiers)s)
    and status in ('sent', 'unknown')
    and attempts > 0
    and not exists (
        select 1 from fridge.meter_event_attempts
        where
            meter_event_attempts.identifier = meter_events.identifier
            and meter_event_attempts.attempt = meter_events.attempts
    );

-- name: mark_sent
-- Intent before effect: committed before the first byte goes out. Returns those that are still to be sent.
update fridge.meter_events
set
    status = case when status = 'staged' then 'sent' else status end,
    first_sent_at = coalesce(first_sent_at, %(now)s),
    last_sent_at = %(now)s,
    attempts = attempts + 1
where identifier = any(%(identifiers)s) and fridge.is_under_way(status)
returning
    identifier,
    exists (
        select 1 from fridge.meter_event_attempts
        where
            meter_event_attempts.identifier = meter_events.identifier
            and meter_event_attempts.outcome in ('undecided', 'lost')
    ) as was_undecided;

-- name: mark_cancellations_sent
-- The same for cancellations. One that was sent before may have been executed.
update fridge.meter_event_adjustments
set
    status = case when status = 'staged' then 'sent' else status end,
    first_sent_at = coalesce(first_sent_at, %(now)s),
    attempts = attempts + 1
where identifier = any(%(identifiers)s) and fridge.is_under_way(status)
returning
    identifier,
    attempts > 1 as was_undecided;

-- name: write_attempts
insert into fridge.meter_event_attempts (
    identifier, attempt, outcome, sent_at, tries, latency_seconds, http_status, request_id, answer, run_id
)
select
    meter_events.identifier,
    meter_events.attempts as attempt,
    receipts.outcome,
    meter_events.last_sent_at as sent_at,
    receipts.tries,
    receipts.latency_seconds,
    receipts.http_status,
    receipts.request_id,
    receipts.answer,
    %(run_id)s as run_id
from
    unnest(
        %(identifiers)s::text[], %(outcomes)s::text[], %(tries)s::integer[], %(latencies)s::double precision[],
        %(http_statuses)s::integer[], %(request_ids)s::text[], %(answers)s::text[]
    ) as receipts (identifier, outcome, tries, latency_seconds, http_status, request_id, answer)
inner join fridge.meter_events on receipts.identifier = meter_events.identifier
on conflict (identifier, attempt) do nothing;

-- name: supersede_older_accepted
-- The newest accepted revision is the hour's total; older ones no longer count. On a meter that adds up, what was
-- accepted before goes on counting.
update fridge.meter_events as older
set status = 'superseded'
from fridge.meter_events as newer
where
    newer.identifier = any(%(identifiers)s)
    and newer.status = 'accepted'
    and older.event_name = newer.event_name
    and older.tenant_id = newer.tenant_id
    and older.hour = newer.hour
    and older.revision < newer.revision
    and (
        older.status in ('refused', 'missing')
        or (older.status = 'accepted' and not newer.is_difference)
    );

-- name: supersede_cancelled
-- A cancelled meter event no longer counts.
update fridge.meter_events
set status = 'superseded'
from fridge.meter_event_adjustments
where
    meter_events.identifier = any(%(identifiers)s)
    and meter_events.identifier = meter_event_adjustments.identifier
    and meter_event_adjustments.status = 'accepted'
    and meter_events.status = 'accepted';

-- name: count_reads
insert into fridge.stripe_reads (read_at, reads, purpose)
values (%(now)s, %(reads)s, %(purpose)s);

-- name: reads_since
select coalesce(sum(reads), 0)::bigint as reads
from fridge.stripe_reads
where read_at > %(since)s;

-- name: usage_history
-- Which of the given usages may be above what their tenant and meter are used to, and what that is. Compared are the
-- newest hours with usage before each, as many as the meter says. They are read only where at least half of the very
-- newest, times the factor, lie below the usage: elsewhere the median of these alone lets it pass. Released usage is
-- left out.
with judged as (
    select *
    from unnest(
        %(event_names)s::text[], %(measures)s::text[], %(tenant_ids)s::text[], %(hours)s::timestamptz[],
        %(values)s::bigint[], %(factors)s::double precision[], %(hours_max)s::integer[], %(hours_min)s::integer[]
    ) with ordinality as judged (
        event_name, measure, tenant_id, hour, value, factor, hours_max, hours_min, number_from_1
    )
),

candidates as materialized (
    select judged.*
    from judged
    cross join
        lateral (
            select
                count(*) as hours,
                count(*) filter (where newest.value * judged.factor < judged.value) as hours_below
            from (
                select usage.quantity as value
                from fridge.usage
                where
                    usage.measure = judged.measure
                    and usage.tenant_id = judged.tenant_id
                    and usage.hour < judged.hour
                    and usage.quantity > 0
                order by usage.hour desc
                limit judged.hours_min
            ) as newest
        ) as recent
    where
        recent.hours = judged.hours_min
        and recent.hours_below * 2 >= recent.hours
        and not exists (
            select 1 from fridge.effective_releases
            where
                effective_releases.tenant_id = judged.tenant_id
                and effective_releases.hour = judged.hour
                and coalesce(effective_releases.event_name, judged.event_name) = judged.event_name
                and effective_releases.value >= judged.value
        )
),

-- The newest hour of each is number 1.
compared as (
    select
        candidates.number_from_1,
        candidates.hours_min,
        history.value,
        row_number() over (partition by candidates.number_from_1 order by history.hour desc) as hours_back
    from candidates
    cross join
        lateral (
            select
                usage.hour,
                usage.quantity as value
            from fridge.usage
            where
                usage.measure = candidates.measure
                and usage.tenant_id = candidates.tenant_id
                and usage.hour < candidates.hour
                and usage.quantity > 0
            order by usage.hour desc
            limit candidates.hours_max
        ) as history
),

medians as (
    select
        number_from_1,
        count(*) as hours,
        percentile_cont(0.5) within group (order by value) as median,
        percentile_cont(0.5) within group (order by value) filter (where hours_back <= hours_min) as recent_median
    from compared
    group by number_from_1
),

deviations as (
    select
        compared.number_from_1,
        percentile_cont(0.5) within group (order by abs(compared.value - medians.median)) as deviation
    from compared
    inner join medians on compared.number_from_1 = medians.number_from_1
    group by compared.number_from_1
)

select
    medians.number_from_1 - 1 as number,
    medians.hours,
    medians.median,
    deviations.deviation,
    medians.recent_median
from medians
inner join deviations on medians.number_from_1 = deviations.number_from_1;

-- name: counting_statements
-- The meter events that count for a tenant's hour on a meter.
select identifier
from fridge.meter_events
where
    event_name = %(event_name)s
    and tenant_id = %(tenant_id)s
    and hour = %(hour)s
    and status = 'accepted'
order by revision;

-- name: counting_before
-- What counts already of the customer's hours of some totals. Not where a person has had such an hour stated again.
with given as (
    select *
    from fridge.meter_events
    where identifier = any(%(identifiers)s)
)

select
    given.identifier,
    given.event_name,
    counting.value,
    counting.first_sent_at
from given
inner join fridge.meter_events as counting
    on
        given.event_name = counting.event_name
        and given.tenant_id = counting.tenant_id
        and given.hour = counting.hour
        and given.stripe_customer_id = counting.stripe_customer_id
        and given.revision > counting.revision
where
    counting.status = 'accepted'
    and counting.value <> 0
    and not exists (
        select 1 from fridge.stated_whole
        where
            stated_whole.event_name = given.event_name
            and stated_whole.tenant_id = given.tenant_id
            and stated_whole.hour = given.hour
            and stated_whole.revision > counting.revision
    );

-- name: whole_hours
-- Of a customer and meter the hours whose counting statement a person has had sent whole, and when it was sent.
select
    counting.hour,
    max(counting.first_sent_at) as sent_at
from fridge.stated_whole
inner join fridge.meter_events as counting
    on
        stated_whole.event_name = counting.event_name
        and stated_whole.tenant_id = counting.tenant_id
        and stated_whole.hour = counting.hour
        and stated_whole.revision < counting.revision
where
    counting.event_name = %(event_name)s
    and counting.stripe_customer_id = %(stripe_customer_id)s
    and counting.hour between %(first)s and %(last)s
    and counting.status = 'accepted'
group by counting.hour;

-- name: hour_states
-- Hours of a range that hold anything, as the books stand. Unstated is usage that is not what Stripe has accepted and
-- people have settled, and of which no open exception speaks: its tenant's, or the hour's for all without a customer.
-- What is wrong on the invoice of a period that begins in the hour says nothing of the hour's usage.
with catalogue as (
    select
        event_name,
        measure
    from unnest(%(event_names)s::text[], %(measures)s::text[]) as meters (event_name, measure)
),

files as (
    select
        landing_hour as hour,
        count(*) as files,
        sum(inserted_count)::bigint as inserted,
        sum(rejected_count)::bigint as rejected
    from fridge.landing_files
    where landing_hour between %(first)s and %(last)s
    group by landing_hour
),

metered_usage as (
    select
        catalogue.event_name,
        usage.tenant_id,
        usage.hour,
        usage.quantity as value
    from fridge.usage
    inner join catalogue on usage.measure = catalogue.measure
    where usage.hour between %(first)s and %(last)s
),

tenants_of_hours as (
    select
        hour,
        count(distinct tenant_id) filter (where value > 0) as tenants
    from metered_usage
    group by hour
),

stated as (
    select
        event_name,
        tenant_id,
        hour,
        value
    from fridge.stated_usage
    where hour between %(first)s and %(last)s and event_name = any(%(event_names)s)
),

settled as (
    select
        event_name,
        tenant_id,
        hour,
        invoiced + credited as by_hand,
        written_off
    from fridge.settled_usage
    where hour between %(first)s and %(last)s and event_name = any(%(event_names)s)
),

differing as (
    select
        coalesce(metered_usage.event_name, stated.event_name, settled.event_name) as event_name,
        coalesce(metered_usage.tenant_id, stated.tenant_id, settled.tenant_id) as tenant_id,
        coalesce(metered_usage.hour, stated.hour, settled.hour) as hour
    from metered_usage
    full join stated
        on
            metered_usage.event_name = stated.event_name
            and metered_usage.tenant_id = stated.tenant_id
            and metered_usage.hour = stated.hour
    full join settled
        on
            coalesce(metered_usage.event_name, stated.event_name) = settled.event_name
            and coalesce(metered_usage.tenant_id, stated.tenant_id) = settled.tenant_id
            and coalesce(metered_usage.hour, stated.hour) = settled.hour
    where
        coalesce(metered_usage.value, 0) - coalesce(stated.value, 0)
        <> fridge.settled_quantity(metered_usage.value, stated.value, settled.by_hand, settled.written_off)
),

billed as (
    select *
    from fridge.hours_of_meters(%(event_names)s)
),

unstated as (
    select
        differing.hour,
        count(*) as unstated
    from differing
    left join fridge.tenants on differing.tenant_id = tenants.tenant_id
    inner join billed
        on
            differing.event_name = billed.event_name
            and differing.hour >= billed.bill_from
            and differing.hour < billed.bill_until
    where
        not exists (
            select 1 from fridge.open_exceptions
            left join fridge.meter_events
                on replace(open_exceptions.subject, 'cancel:', '') = meter_events.identifier
            where
                open_exceptions.hour = differing.hour
                and open_exceptions.kind in (
                    select exception_kinds.kind from fridge.exception_kinds
                    where exception_kinds.cause is not null
                )
                and (
                    open_exceptions.tenant_id = differing.tenant_id
                    and coalesce(meter_events.event_name, open_exceptions.subject) in (differing.event_name, '')
                    or (
                        open_exceptions.tenant_id is null
                        and open_exceptions.subject = differing.event_name
                        and tenants.stripe_customer_id is null
                    )
                )
        )
    group by differing.hour
),

under_way as (
    select
        hour,
        count(*) as under_way
    from fridge.statements_under_way
    where
        hour between %(first)s and %(last)s
        and not exists (
            select 1 from fridge.open_exceptions
            where
                open_exceptions.kind = 'unexplained'
                and open_exceptions.subject = statements_under_way.identifier
        )
    group by hour
),

accepted as (
    select
        hour,
        count(*) as accepted
    from fridge.meter_events
    where hour between %(first)s and %(last)s and status = 'accepted'
    group by hour
),

excepted as (
    select
        hour,
        count(*) as exceptions
    from fridge.open_exceptions
    where hour between %(first)s and %(last)s
    group by hour
),

to_count as (
    select distinct hour
    from fridge.hours_to_count
    where hour between %(first)s and %(last)s
),

known as (
    select hour from files
    union
    select hour from tenants_of_hours
    union
    select hour from accepted
    union
    select hour from under_way
    union
    select hour from excepted
    union
    select hour from to_count
)

select
    known.hour,
    coalesce(files.files, 0) as files,
    coalesce(files.inserted, 0) as inserted,
    coalesce(files.rejected, 0) as rejected,
    coalesce(tenants_of_hours.tenants, 0) as tenants,
    coalesce(accepted.accepted, 0) as accepted,
    coalesce(under_way.under_way, 0) as under_way,
    coalesce(unstated.unstated, 0) as unstated,
    coalesce(excepted.exceptions, 0) as exceptions,
    to_count.hour is not null as is_to_count,
    known.hour < (select billing_start.bill_from from fridge.billing_start) as is_before_start
from known
left join files on known.hour = files.hour
left join tenants_of_hours on known.hour = tenants_of_hours.hour
left join accepted on known.hour = accepted.hour
left join under_way on known.hour = under_way.hour
left join unstated on known.hour = unstated.hour
left join excepted on known.hour = excepted.hour
left join to_count on known.hour = to_count.hour
order by known.hour;
