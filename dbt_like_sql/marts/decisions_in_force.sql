-- materialized: view
with decisions as (
    select * from fridge.stg_decisions
),

-- The default of a switch is nobody's decision.
settings as (
    select
        'variance' as subject,
        'hold' as setting,
        'the default' as reason,
        null::text as decided_by,
        null::timestamptz as decided_at
    union all
    select
        subject,
        setting,
        reason,
        acted_by as decided_by,
        acted_at as decided_at
    from decisions
),

final as (
    select
        subject,
        setting,
        reason,
        decided_by,
        decided_at,
        case
            when subject <> 'drop_readings'
                then lead(decided_at) over (partition by subject order by decided_at nulls first)
            else decided_at
        end as until
    from settings
)

select * from final
