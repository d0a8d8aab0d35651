-- materialized: view
with statements as (
    select * from fridge.stg_statements
),

tenants as (
    select * from fridge.stg_tenants
),

final as (
    select
        statements.identifier,
        statements.tenant_id,
        tenants.tenant_name,
        statements.stripe_customer_id,
        statements.meter,
        statements.hour,
        statements.revision,
        statements.quantity,
        statements.is_difference,
        statements.status,
        statements.is_counted_by_stripe,
        statements.attempts,
        statements.http_status,
        statements.request_id,
        statements.answer,
        statements.run_id,
        statements.usage_at,
        statements.staged_at,
        statements.first_sent_at,
        statements.settled_at
    from statements
    left join tenants on statements.tenant_id = tenants.tenant_id
)

select * from final
