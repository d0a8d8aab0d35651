-- What was sent and is not decided, and can no longer be decided by sending it again: the caller says which.
-- value_before is what Stripe shows for this customer's hour without it, value_after with it.
with wanted as (
    select
        identifier,
        is_cancellation
    from unnest(%(identifiers)s::text[], %(are_cancellations)s::boolean[]) as sendings (identifier, is_cancellation)
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
        -- Absent ever since: an earlier sight of something else, or a later sending, starts it anew.
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
