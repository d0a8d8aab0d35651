-- name: reconciliation_accounts
-- Who had usage, or was stated usage, in a range of hours: tenant, meter and customer, and when Stripe was last read
-- for it. Whoever stands in the reconciliation already is looked at again, also when the reason is gone. Before the
-- billing start somebody else may have stated usage for any customer, also where we have none.
with metered_usage as (
    select distinct
        usage.tenant_id,
        catalogue.event_name
    from fridge.usage
    inner join unnest(%(event_names)s::text[], %(measures)s::text[]) as catalogue (event_name, measure)
        on usage.measure = catalogue.measure
    where usage.hour between %(first)s and %(last)s
),

accounts as (
    select
        metered_usage.tenant_id,
        metered_usage.event_name,
        tenants.stripe_customer_id
    from metered_usage
    left join fridge.tenants on metered_usage.tenant_id = tenants.tenant_id

    union

    select
        tenant_id,
        event_name,
        stripe_customer_id
    from fridge.meter_events
    where
        hour between %(first)s and %(last)s
        and event_name = any(%(stated_names)s)
        and first_sent_at is not null

    union

    select
        tenant_id,
        event_name,
        stripe_customer_id
    from fridge.stripe_reconciliation
    where
        day between %(first_day)s and %(last_day)s
        and event_name = any(%(stated_names)s)

    union

    select
        tenants.tenant_id,
        catalogue.event_name,
        tenants.stripe_customer_id
    from fridge.tenants
    cross join unnest(%(event_names)s::text[]) as catalogue (event_name)
    where
        tenants.stripe_customer_id is not null
        and %(first)s::timestamptz < (select billing_start.bill_from from fridge.billing_start)
)

select
    accounts.tenant_id,
    accounts.event_name,
    accounts.stripe_customer_id,
    (
        select max(stripe_reconciliation.read_at)
        from fridge.stripe_reconciliation
        where
            stripe_reconciliation.tenant_id = accounts.tenant_id
            and stripe_reconciliation.event_name = accounts.event_name
            and stripe_reconciliation.stripe_customer_id = accounts.stripe_customer_id
    ) as last_read_at
from accounts
order by last_read_at asc nulls first, accounts.tenant_id asc, accounts.event_name asc;

-- name: accounts_without_usage
-- Every mapped customer and meter that is not among the given ones: whoever else states usage for it, we have not. With
-- the last day before the range of which we, or an earlier reading, know any usage; and what was read of it last.
with accounts as (
    select
        tenants.tenant_id,
        catalogue.event_name,
        catalogue.measure,
        tenants.stripe_customer_id
    from fridge.tenants
    cross join unnest(%(event_names)s::text[], %(measures)s::text[]) as catalogue (event_name, measure)
    left join unnest(%(known_events)s::text[], %(known_customers)s::text[]) as known (event_name, stripe_customer_id)
        on catalogue.event_name = known.event_name and tenants.stripe_customer_id = known.stripe_customer_id
    where tenants.stripe_customer_id is not null and known.event_name is null
),

used as (
    select
        accounts.*,
        greatest(
            (
                select max((usage.hour at time zone 'UTC')::date)
                from fridge.usage
                where
                    usage.tenant_id = accounts.tenant_id
                    and usage.measure = accounts.measure
                    and usage.hour >= %(looked_from)s
                    and usage.hour < %(first)s
            ),
            (
                select max((meter_events.hour at time zone 'UTC')::date)
                from fridge.meter_events
                where
                    meter_events.event_name = accounts.event_name
                    and meter_events.tenant_id = accounts.tenant_id
                    and meter_events.hour >= %(looked_from)s
                    and meter_events.hour < %(first)s
                    and meter_events.first_sent_at is not null
            ),
            (
                select max(stripe_reconciliation.day)
                from fridge.stripe_reconciliation
                where
                    stripe_reconciliation.tenant_id = accounts.tenant_id
                    and stripe_reconciliation.event_name = accounts.event_name
                    and stripe_reconciliation.stripe_customer_id = accounts.stripe_customer_id
                    and stripe_reconciliation.day >= (%(looked_from)s at time zone 'UTC')::date
                    and stripe_reconciliation.day < %(first_day)s
            ),
            (
                select (billing_start.bill_from at time zone 'UTC')::date - 1
                from fridge.billing_start
                where isfinite(billing_start.bill_from)
            )
        ) as last_used_day
    from accounts
)

select
    used.tenant_id,
    used.event_name,
    used.stripe_customer_id,
    used.last_used_day,
    newest.first_day,
    newest.last_day,
    newest.read_at
from used
left join
    lateral (
        select
            stripe_range_reads.first_day,
            stripe_range_reads.last_day,
            stripe_range_reads.read_at
        from fridge.stripe_range_reads
        where
            stripe_range_reads.event_name = used.event_name
            and stripe_range_reads.stripe_customer_id = used.stripe_customer_id
            and stripe_range_reads.tenant_id = used.tenant_id
        order by stripe_range_reads.read_at desc
        limit 1
    ) as newest
    on true
order by newest.read_at asc nulls first, used.tenant_id asc, used.event_name asc;

-- name: unread_spans
-- Per tenant and meter from the first to the last day that was not read, not since it changed, or that differed in a
-- way that another reading may end.
with unread as (
    select
        tenant_id,
        event_name,
        day
    from fridge.unread_days(%(first_day)s, %(last_day)s, %(event_names)s)

    union all

    select
        tenant_id,
        event_name,
        day
    from fridge.stripe_reconciliation
    where
        day between %(first_day)s and %(last_day)s
        and event_name = any(%(event_names)s)
        and stripe_customer_id is not null
        and (read_at is null or cause = any(%(looked_at)s))
)

select
    tenant_id,
    event_name,
    min(day) as first_day,
    max(day) as last_day
from unread
group by tenant_id, event_name;

-- name: keep_stripe_range
insert into fridge.stripe_range_reads (
    tenant_id, event_name, stripe_customer_id, first_day, last_day, quantity, read_at, run_id
)
values (
    %(tenant_id)s, %(event_name)s, %(stripe_customer_id)s, %(first_day)s, %(last_day)s, %(quantity)s, %(read_at)s,
    %(run_id)s
);

-- name: booked_hours
-- One tenant and meter in a range of hours, per customer: usage, what the accepted statements come to, and what is
-- still open. Usage belongs to whoever has the hour on the books, else to whom it is being stated, else to the
-- customer that the tenant is mapped to now.
with usage as (
    select
        hour,
        quantity as value
    from fridge.usage
    where
        measure = %(measure)s
        and tenant_id = %(tenant_id)s
        and hour between %(first)s and %(last)s
),

statements as (
    select
        meter_events.hour,
        meter_events.stripe_customer_id,
        meter_events.revision,
        meter_events.value,
        meter_events.is_difference,
        meter_events.status,
        meter_events.first_sent_at is not null as is_sent,
        coalesce(fridge.is_under_way(meter_event_adjustments.status), false) as is_cancelling,
        greatest(
            case when meter_events.status in ('accepted', 'superseded') then meter_events.settled_at end,
            case when meter_event_adjustments.status = 'accepted' then meter_event_adjustments.settled_at end
        ) as decided_at
    from fridge.meter_events
    left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
    where
        meter_events.event_name = %(event_name)s
        and meter_events.tenant_id = %(tenant_id)s
        and meter_events.hour between %(first)s and %(last)s
        and (meter_events.first_sent_at is not null or meter_events.status = 'staged')
),

stated as (
    select
        hour,
        stripe_customer_id,
        sum(value) filter (where status = 'accepted') as ledger_value,
        bool_or(is_sent) as is_sent,
        -- What was overwritten or cancelled may still show; what was refused never did.
        case
            when bool_or(is_difference) then sum(value) filter (where status in ('accepted', 'superseded'))
            else max(value) filter (where status in ('accepted', 'superseded'))
        end as most,
        max(decided_at) as decided_at,
        bool_or(is_cancelling or fridge.is_under_way(status)) as is_open,
        (array_agg(status order by revision desc))[1] = 'refused' as is_refused
    from statements
    group by hour, stripe_customer_id
),

kept as (
    select
        hour,
        value,
        stripe_customer_id
    from fridge.stated_usage
    where
        event_name = %(event_name)s
        and tenant_id = %(tenant_id)s
        and hour between %(first)s and %(last)s
),

under_way as (
    select
        hour,
        (array_agg(stripe_customer_id order by revision desc))[1] as stripe_customer_id
    from statements
    where fridge.is_under_way(status)
    group by hour
),

settled as (
    select
        hour,
        invoiced + credited as by_hand,
        written_off,
        credited_in_stripe
    from fridge.settled_usage
    where
        event_name = %(event_name)s
        and tenant_id = %(tenant_id)s
        and hour between %(first)s and %(last)s
),

-- What is settled otherwise is not to be stated, so it is no usage here.
payable as (
    select
        coalesce(usage.hour, settled.hour) as hour,
        case
            when settled.by_hand is null or (settled.by_hand = 0 and settled.written_off = 0) then usage.value
            else
                coalesce(usage.value, 0)
                - fridge.settled_quantity(usage.value, kept.value, settled.by_hand, settled.written_off)
        end as value,
        coalesce(
            kept.stripe_customer_id, under_way.stripe_customer_id, tenants.stripe_customer_id
        ) as stripe_customer_id,
        -coalesce(settled.credited_in_stripe, 0) as credited_in_stripe
    from usage
    full join settled on usage.hour = settled.hour
    left join kept on coalesce(usage.hour, settled.hour) = kept.hour
    left join under_way on coalesce(usage.hour, settled.hour) = under_way.hour
    left join fridge.tenants on tenants.tenant_id = %(tenant_id)s
)

select
    coalesce(payable.hour, stated.hour) as hour,
    coalesce(payable.stripe_customer_id, stated.stripe_customer_id) as stripe_customer_id,
    payable.value as usage,
    coalesce(payable.credited_in_stripe, 0) as credited_in_stripe,
    stated.ledger_value::bigint as ledger,
    coalesce(stated.is_sent, false) as is_sent,
    coalesce(stated.most, 0)::bigint as most,
    stated.decided_at,
    coalesce(stated.is_open, false) as is_open,
    coalesce(stated.is_refused, false) as is_refused,
    exists(
        select 1 from fridge.open_exceptions
        where
            open_exceptions.kind = 'credit_due'
            and open_exceptions.tenant_id = %(tenant_id)s
            and open_exceptions.hour = coalesce(payable.hour, stated.hour)
            and open_exceptions.subject = %(event_name)s
    ) as is_credit_due,
    (
        -- What is about the tenant-hour's usage as a whole is so too; of several the last in the alphabet.
        select open_exceptions.kind as waiting
        from fridge.open_exceptions
        where
            open_exceptions.kind = any(%(not_stated)s)
            and open_exceptions.tenant_id = %(tenant_id)s
            and open_exceptions.hour = coalesce(payable.hour, stated.hour)
            and open_exceptions.subject in (%(event_name)s, '')
        order by open_exceptions.kind desc
        limit 1
    ) as waiting
from payable
full join stated
    on payable.hour = stated.hour and payable.stripe_customer_id = stated.stripe_customer_id
order by hour;

-- name: lock_reconciliation
-- Two runs of the same day: the second one replaces what the first has written.
select
    pg_advisory_xact_lock(
        hashtextextended(format('fridge.reconciliation %%s %%s', %(event_name)s::text, %(tenant_id)s::text), 0)
    );

-- name: remove_reconciliation
delete from fridge.stripe_reconciliation
where
    tenant_id = %(tenant_id)s
    and event_name = %(event_name)s
    and day between %(first_day)s and %(last_day)s;

-- name: write_reconciliation
-- A row of an earlier reading stays when there is no newer one.
insert into fridge.stripe_reconciliation (
    day, hour, tenant_id, event_name, stripe_customer_id, usage_value, ledger_value, stripe_value, difference,
    cause, detail, read_at, run_id
)
values (
    %(day)s, %(hour)s, %(tenant_id)s, %(event_name)s, %(stripe_customer_id)s, %(usage)s, %(ledger)s, %(stripe)s,
    %(difference)s, %(cause)s, %(detail)s, %(read_at)s, %(run_id)s
)
on conflict (day, tenant_id, event_name, stripe_customer_id, hour) do update
    set
        usage_value = excluded.usage_value,
        ledger_value = excluded.ledger_value,
        detail = excluded.detail,
        run_id = excluded.run_id
    where stripe_reconciliation.read_at is null;

-- name: known_stripe_days
-- The days of an account whose hours Stripe was read for after everything that was decided about them, and what these
-- hours came to then.
select
    newest_hourly_reads.stripe_customer_id,
    newest_hourly_reads.day,
    newest_hourly_reads.quantity
from fridge.newest_hourly_reads
where
    newest_hourly_reads.tenant_id = %(tenant_id)s
    and newest_hourly_reads.event_name = %(event_name)s
    and newest_hourly_reads.day between %(first_day)s and %(last_day)s
    and not exists (
        select 1 from fridge.meter_events
        where
            meter_events.event_name = %(event_name)s
            and meter_events.tenant_id = %(tenant_id)s
            and meter_events.hour >= newest_hourly_reads.day::timestamp at time zone 'UTC'
            and meter_events.hour < (newest_hourly_reads.day + 1)::timestamp at time zone 'UTC'
            and meter_events.settled_at > newest_hourly_reads.read_at
    );

-- name: keep_stripe_days
insert into fridge.stripe_day_reads (
    day, tenant_id, event_name, stripe_customer_id, read_by, quantity, read_at, run_id
)
select
    answered.day,
    %(tenant_id)s as tenant_id,
    %(event_name)s as event_name,
    %(stripe_customer_id)s as stripe_customer_id,
    answered.read_by,
    answered.quantity,
    %(read_at)s as read_at,
    %(run_id)s as run_id
from unnest(%(days)s::date[], %(read_by)s::text[], %(quantities)s::numeric[]) as answered (day, read_by, quantity);

-- name: keep_stripe_sums
-- Only what is new: an hour without a row is one of which Stripe has shown nothing so far.
with newest as (
    select
        hour,
        quantity
    from fridge.newest_stripe_sums
    where
        hour = any(%(hours)s::timestamptz[])
        and tenant_id = %(tenant_id)s
        and event_name = %(event_name)s
        and stripe_customer_id = %(stripe_customer_id)s
)

insert into fridge.stripe_sums (hour, tenant_id, event_name, stripe_customer_id, quantity, read_at, run_id)
select
    answered.hour,
    %(tenant_id)s as tenant_id,
    %(event_name)s as event_name,
    %(stripe_customer_id)s as stripe_customer_id,
    answered.quantity,
    %(read_at)s as read_at,
    %(run_id)s as run_id
from unnest(%(hours)s::timestamptz[], %(quantities)s::numeric[]) as answered (hour, quantity)
left join newest on answered.hour = newest.hour
where answered.quantity <> coalesce(newest.quantity, 0);

-- name: close_explained_hours
-- They agree again, or differ for another reason. Unconfirmed statements have their identifier as subject: left alone.
update fridge.exceptions
set closed_at = %(now)s
where
    kind = %(kind)s
    and closed_at is null
    and tenant_id = %(tenant_id)s
    and subject = %(event_name)s
    and hour between %(first)s and %(last)s
    and hour <> all(%(differing)s::timestamptz[]);

-- name: reconciled_days
-- What each day of a range came to, over its tenants, meters and customers.
with accounts as (
    select
        day,
        stripe_customer_id,
        read_at,
        cause
    from fridge.stripe_reconciliation
    where day between %(first_day)s and %(last_day)s and hour is null
),

causes as (
    select
        day,
        cause,
        count(*) as accounts
    from accounts
    where cause is not null
    group by day, cause
)

select
    accounts.day,
    count(*) as accounts,
    count(*) filter (where accounts.read_at is not null and accounts.stripe_customer_id is not null) as compared,
    count(*) filter (where accounts.read_at is not null and accounts.cause is null) as agreeing,
    count(*) filter (where accounts.read_at is null and accounts.stripe_customer_id is not null) as not_read,
    coalesce(
        (
            select jsonb_object_agg(causes.cause, causes.accounts)
            from causes
            where causes.day = accounts.day
        ), '{}'
    ) as causes
from accounts
group by accounts.day
order by accounts.day;

-- name: unexplained_rows
-- The hours that nobody can explain, the largest difference first; every such day has at least one.
select
    hour,
    tenant_id,
    event_name,
    stripe_customer_id,
    usage_value,
    ledger_value,
    stripe_value,
    difference,
    cause
from fridge.stripe_reconciliation
where day between %(first_day)s and %(last_day)s and hour is not null and cause = any(%(for_a_person)s)
order by abs(difference) desc, hour asc, tenant_id asc, event_name asc;

-- name: compared_hours
-- What the newest reading says of hours before the billing start.
select
    tenant_id,
    event_name,
    stripe_customer_id,
    hour,
    usage_value as usage,
    stripe_value as stripe
from fridge.stripe_reconciliation
where
    day between %(first_day)s and %(last_day)s
    and event_name = any(%(event_names)s)
    and hour is not null
    and cause = 'not_billed'
order by tenant_id, event_name, hour, stripe_customer_id;

-- name: days_to_reconcile
-- Days that were never read in full, whose difference may have passed, or whose statements were decided since. Hours
-- before the billing start are not ours to reconcile: they cost no reads.
with read_days as (
    select
        day,
        tenant_id,
        event_name,
        min(read_at) as read_at,
        bool_or(
            cause = any(%(passing)s)
            or (read_at is null and stripe_customer_id is not null)
        ) as is_unfinished
    from fridge.stripe_reconciliation
    where day between %(first_day)s and %(last_day)s
    group by day, tenant_id, event_name
),

booked_days as (
    select
        (hour at time zone 'UTC')::date as day,
        tenant_id,
        event_name,
        max(settled_at) as settled_at
    from fridge.meter_events
    where
        hour between %(first)s and %(last)s
        and first_sent_at is not null
        and hour >= (select billing_start.bill_from from fridge.billing_start)
        and event_name = any(%(stated_names)s)
    group by day, tenant_id, event_name

    union all

    select distinct
        (usage.hour at time zone 'UTC')::date as day,
        usage.tenant_id,
        catalogue.event_name,
        null::timestamptz as settled_at
    from fridge.usage
    inner join unnest(%(event_names)s::text[], %(measures)s::text[]) as catalogue (event_name, measure)
        on usage.measure = catalogue.measure
    where
        usage.hour between %(first)s and %(last)s
        and usage.hour >= (select billing_start.bill_from from fridge.billing_start)
)

select day
from read_days
where is_unfinished and day >= (select (billing_start.bill_from at time zone 'UTC')::date from fridge.billing_start)

union

select booked_days.day
from booked_days
left join read_days
    on
        booked_days.day = read_days.day
        and booked_days.tenant_id = read_days.tenant_id
        and booked_days.event_name = read_days.event_name
where
    read_days.day is null
    or booked_days.settled_at > coalesce(read_days.read_at, '-infinity')
order by day;

-- name: days_read_at
-- When each day of a range was last read in full; a day of which something was never read is left out.
select
    day,
    min(read_at) as read_at
from fridge.stripe_reconciliation
where
    day between %(first_day)s and %(last_day)s
    and hour is null
    and stripe_customer_id is not null
group by day
having bool_and(read_at is not null)
order by day;
