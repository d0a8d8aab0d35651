-- materialized: view
-- The one place that says how a month stands: pages, reports and the console read it here.
with signoffs as (
    -- Asking for a month to be reopened changes nothing yet.
    select * from fridge.stg_month_signoffs
    where action <> 'ask_to_reopen'
),

landed as (
    select
        min(hour) as first_hour,
        max(hour) as last_hour
    from fridge.stg_landing_files
),

months as (
    select
        generate_series(
            date_trunc('month', first_hour at time zone 'UTC'), last_hour at time zone 'UTC', interval '1 month'
        )::date as usage_month
    from landed

    union

    select usage_month
    from signoffs
),

newest as (
    select
        usage_month,
        action,
        signed_by,
        signed_at,
        control_totals,
        lag(signed_by) over the_month as signed_before_by,
        lag(control_totals) over the_month as totals_before,
        lead(signoff_id) over the_month is null as is_newest
    from signoffs
    window the_month as (partition by usage_month order by signoff_id)
),

final as (
    select
        months.usage_month,
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
        newest.signed_at,
        case newest.action
            when 'approve' then newest.totals_before
            when 'prepare' then newest.control_totals
        end as control_totals
    from months
    left join newest on months.usage_month = newest.usage_month and newest.is_newest
)

select * from final
