with statements as (
    select
        identifier,
        run_id,
        staged_at
    from fridge.meter_events
    where hour >= %(start)s and hour < %(end)s
),

work as (
    select
        run_id,
        'loaded landing files' as did,
        loaded_at as done_at
    from fridge.landing_files
    where landing_hour >= %(start)s and landing_hour < %(end)s
    union all
    select
        run_id,
        'staged statements' as did,
        staged_at as done_at
    from statements
    union all
    select
        meter_event_attempts.run_id,
        'sent statements' as did,
        meter_event_attempts.sent_at as done_at
    from fridge.meter_event_attempts
    inner join statements on meter_event_attempts.identifier = statements.identifier
    union all
    select
        stripe_readbacks.run_id,
        'read statements back' as did,
        stripe_readbacks.read_at as done_at
    from fridge.stripe_readbacks
    inner join statements on stripe_readbacks.identifier = statements.identifier
    union all
    select
        meter_event_adjustments.run_id,
        'cancelled statements' as did,
        meter_event_adjustments.staged_at as done_at
    from fridge.meter_event_adjustments
    inner join statements on meter_event_adjustments.identifier = statements.identifier
    union all
    select
        run_id,
        'compared with Stripe' as did,
        read_at as done_at
    from fridge.stripe_reconciliation
    where day >= (%(start)s at time zone 'UTC')::date and day < (%(end)s at time zone 'UTC')::date
)

select
    work.run_id,
    work.did,
    count(*) as times,
    min(work.done_at) as first_at,
    max(work.done_at) as last_at,
    runs.program_version,
    runs.source_sha256
from work
left join fridge.runs on work.run_id = runs.run_id
group by work.run_id, work.did, runs.program_version, runs.source_sha256
order by first_at, work.run_id, work.did;
