with meter_events as (
    select * from fridge.meter_events
),

tenants as (
    select * from fridge.tenants
),

final as (
    select
        meter_events.identifier,
        meter_events.tenant_id,
        tenants.name as tenant_name,
        meter_events.stripe_customer_id,
        meter_events.event_name as meter,
        meter_events.hour,
        meter_events.revision,
        meter_events.value as quantity,
        meter_events.status,
        meter_events.status = 'accepted' as is_counted_by_stripe,
        meter_events.attempts,
        meter_events.http_status,
        meter_events.request_id,
        meter_events.answer,
        meter_events.run_id,
        meter_events.timestamp as usage_at,
        meter_events.staged_at,
        meter_events.first_sent_at,
        meter_events.settled_at
    from meter_events
    left join tenants on meter_events.tenant_id = tenants.tenant_id
)

select * from final
