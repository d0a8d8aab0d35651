-- name: lake_days
-- Days of which something may be another number than when the lake was written: an hour was counted, sent, answered or
-- read back, its cancellation was decided, Stripe's sums were read, an exception or settlement came or went. Each by a
-- time that stands in the books. From when on usage is billed, and under which meter, is about every hour.
with touched as (
    select hour from fridge.model_hours
    where built_at >= %(since)s
    union
    select meter_events.hour
    from fridge.meter_event_attempts
    inner join fridge.meter_events on meter_event_attempts.identifier = meter_events.identifier
    where meter_event_attempts.sent_at >= %(since)s
    union
    select meter_events.hour
    from fridge.stripe_readbacks
    inner join fridge.meter_events on stripe_readbacks.identifier = meter_events.identifier
    where stripe_readbacks.read_at >= %(since)s
    union
    select meter_events.hour
    from fridge.meter_event_adjustments
    inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
    where meter_event_adjustments.settled_at >= %(since)s
    union
    select known.hour
    from fridge.known_hours() as known (hour)
    where
        exists (
            select 1 from fridge.billing_starts
            where billing_starts.set_at >= %(since)s
        )
        or exists (
            select 1 from fridge.decisions
            where decisions.subject = 'meters' and decisions.acted_at >= %(since)s
        )
    union
    select hour from fridge.exceptions
    where opened_at >= %(since)s or closed_at >= %(since)s
    union
    select hour from fridge.settlement_decisions
    where acted_at >= %(since)s
)

select distinct (hour at time zone 'UTC')::date as day
from touched
where hour is not null
union
select distinct day
from fridge.stripe_day_reads
where read_at >= %(since)s
order by day;

-- name: invoices_compared_since
select count(*) > 0 as were_compared
from fridge.invoice_comparisons
where compared_at >= %(since)s;

-- name: lake_usage
select
    *,
    (hour at time zone 'UTC')::date as day
from fridge.usage_hourly
where hour between {first} and {last};

-- name: lake_ledger
select
    *,
    (hour at time zone 'UTC')::date as day
from fridge.billing_ledger
where hour between {first} and {last};

-- name: lake_tie_out
select
    *,
    (hour at time zone 'UTC')::date as day
from fridge.tie_out
where hour between {first} and {last};

-- name: lake_invoices
-- By the day on which the period ends.
select
    *,
    (period_end at time zone 'UTC')::date as day
from fridge.invoice_tie_out;
