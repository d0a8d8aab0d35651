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
        deliveries.http_status,
        deliveries.request_id,
        deliveries.answer,
        deliveries.run_id
    from deliveries
    inner join statements on deliveries.identifier = statements.identifier
)

select * from final
