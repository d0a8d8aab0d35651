-- materialized: view
with tenant_changes as (
    select * from fridge.stg_tenant_changes
),

final as (
    select
        change_id,
        tenant_id,
        tenant_name,
        lag(stripe_customer_id) over (partition by tenant_id order by change_id) as customer_before,
        stripe_customer_id as customer_after,
        acted_at as changed_at,
        acted_by as changed_by,
        os_user,
        os_host,
        reason
    from tenant_changes
)

select * from final
