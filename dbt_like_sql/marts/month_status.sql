-- materialized: view
with signoffs as (
    -- Asking for a month to be reopened changes nothing yet.
    select * from fridge.stg_month_signoffs
    where action <> 'ask_to_reopen'
),

months_with_usage as (
    select distinct usage_month
    from fridge.usage_monthly
),

newest as (
    select
        usage_month,
        action,
        signed_by,
        signed_at,
        lag(signed_by) over (partition by usage_month order by signoff_id) as signed_before_by,
        row_number() over (partition by usage_month order by signoff_id desc) as age
    from signoffs
),

final as (
    select
        coalesce(newest.usage_month, months_with_usage.usage_month) as usage_month,
        case newest.action
            when 'approve' then 'closed'
            when 'prepare' then 'prepared'
            else 'open'
        end as status,
        -- What is approved was prepared just before: the database takes signatures in that order only.
        case newest.action
            when 'approve' then newest.signed_before_by
            when 'prepare' then newest.signed_by
        end as prepared_by,
        case when newest.action = 'approve' then newest.signed_by end as approved_by,
        newest.signed_at
    from months_with_usage
    full join newest
        on months_with_usage.usage_month = newest.usage_month
    where newest.age = 1 or newest.age is null
)

select * from final
