-- materialized: view
with deliveries as (
    select * from fridge.stg_deliveries
),

statements as (
    select * from fridge.stg_statements
),

final as (
    select
        deliveries.delivery_id,
        statements.tenant_id,
        statements.meter,
        statements.hour,
        deliveries.identifier,
        deliveries.act,
        deliveries.acted_at,
        deliveries.outcome,
        deliveries.attempt,
        deliveries.tries,
        deliveries.latency_seconds,
        deliveries.is_cancellation,
        deliveries.value_before,
        deliveries.value_after,
        deliveries.value_seen,
        deliveries.http_status,
        deliveries.request_id,
        deliveries.answer,
        deliveries.run_id
    from deliveries
    inner join statements on deliveries.identifier = statements.identifier
)

select * from final
