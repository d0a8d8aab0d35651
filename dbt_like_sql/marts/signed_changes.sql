-- materialized: view
-- Signed and now, one below the other and then put together: a reader of some hours reads no others. Few CTEs with the
-- tie-out in them: of all that is above one PostgreSQL makes a copy before it plans.
with signed_months as (
    select * from fridge.stg_signed_months
    where has_hours
),

signed_hours as (
    select * from fridge.stg_signed_hours
),

landing_files as not materialized (
    select * from fridge.stg_landing_files
),

file_tallies as (
    select * from fridge.stg_file_tallies
),

together as (
    select
        tenant_id,
        meter,
        hour,
        max(signed_usage) as signed_usage,
        max(signed_stated) as signed_stated,
        max(signed_stripe) as signed_stripe,
        max(usage_now) as usage_now,
        max(stated_now) as stated_now,
        max(stripe_now) as stripe_now,
        bool_or(is_owed) as is_owed
    from (
        select
            tenant_id,
            meter,
            hour,
            usage_quantity as signed_usage,
            stated_quantity as signed_stated,
            stripe_quantity as signed_stripe,
            null::numeric as usage_now,
            null::numeric as stated_now,
            null::numeric as stripe_now,
            null::boolean as is_owed
        from signed_hours

        union all

        select
            tenant_id,
            meter,
            hour,
            null as signed_usage,
            null as signed_stated,
            null as signed_stripe,
            usage_quantity as usage_now,
            stated_quantity as stated_now,
            stripe_quantity as stripe_now,
            coalesce(cause_in_ledger <> 'not_billed' or stated_quantity is not null, true) as is_owed
        from fridge.tie_out
    ) as stacked
    group by tenant_id, meter, hour
)

select
    changed.usage_month,
    changed.is_closed,
    changed.tenant_id,
    changed.meter,
    changed.hour,
    changed.signed_usage,
    changed.usage_now,
    changed.change_in_usage,
    changed.signed_stated,
    changed.stated_now,
    changed.change_in_stated,
    changed.signed_stripe,
    changed.stripe_now,
    changed.change_in_stripe,
    case
        when changed.change_in_usage <> 0 and withdrawn.paths is not null then 'withdrawn_later'
        when changed.change_in_usage <> 0 and late_files.paths is not null then 'late_file'
        when changed.change_in_usage <> 0 then 'usage_changed'
        when changed.change_in_stated <> 0 then 'stated_later'
        else 'read_later'
    end as cause,
    case
        when changed.change_in_usage <> 0
            then concat_ws('; ', 'withdrawn: ' || withdrawn.paths, 'late file: ' || late_files.paths)
    end as detail
from ( -- noqa: ST05
    select
        signed_months.usage_month,
        signed_months.is_closed,
        signed_months.prepared_at,
        together.*,
        coalesce(together.usage_now, 0) - coalesce(together.signed_usage, 0) as change_in_usage,
        coalesce(together.stated_now, 0) - coalesce(together.signed_stated, 0) as change_in_stated,
        -- What was not read then, or is not now, is not a change by that much.
        together.stripe_now - together.signed_stripe as change_in_stripe
    from together
    inner join signed_months
        on date_trunc('month', together.hour at time zone 'UTC')::date = signed_months.usage_month
    where
        (
            together.signed_usage is distinct from together.usage_now
            or together.signed_stated is distinct from together.stated_now
            or together.signed_stripe is distinct from together.stripe_now
        )
        -- Of a meter that came after the month was signed, what it does not bill is no change.
        and (together.is_owed or signed_months.control_totals -> 'meters' -> together.meter is not null)
) as changed
left join lateral (
    select string_agg(landing_files.path, ', ' order by landing_files.path) as paths
    from landing_files
    where landing_files.hour = changed.hour and landing_files.withdrawn_at > changed.prepared_at
) as withdrawn on true
left join lateral (
    select string_agg(landing_files.path, ', ' order by landing_files.path) as paths
    from landing_files
    inner join file_tallies on landing_files.file_id = file_tallies.file_id
    where
        landing_files.hour = changed.hour
        and landing_files.loaded_at > changed.prepared_at
        and file_tallies.tenant_id = changed.tenant_id
        and file_tallies.inserted_count > 0
) as late_files on true
