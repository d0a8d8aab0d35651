-- materialized: view
with exceptions as (
    select * from fridge.stg_exceptions
    where is_open
),

final as (
    select
        exception_id,
        kind,
        tenant_id,
        hour,
        subject,
        about,
        meter,
        detail,
        owed,
        not_invoiced,
        amount_minor_units,
        currency,
        opened_at,
        deadline_at,
        floor(extract(epoch from now() - opened_at) / 86400)::integer as days_open,
        floor(extract(epoch from deadline_at - now()) / 86400)::integer as days_left
    from exceptions
)

select * from final
