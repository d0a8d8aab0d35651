select
    stripe_readbacks.identifier,
    stripe_readbacks.is_cancellation,
    stripe_readbacks.read_at,
    stripe_readbacks.value_before,
    stripe_readbacks.value_after,
    stripe_readbacks.value_seen,
    stripe_readbacks.verdict,
    stripe_readbacks.run_id
from fridge.stripe_readbacks
inner join fridge.meter_events on stripe_readbacks.identifier = meter_events.identifier
where meter_events.tenant_id = %(tenant_id)s and meter_events.hour = %(hour)s
order by stripe_readbacks.readback_id;
