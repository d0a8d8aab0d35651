-- Which of the given usages may be above what their tenant and meter are used to, and what that is. Compared are the
-- newest hours with usage before each, as many as the meter says. Median and deviation are worked out only where at
-- least half of these hours, times the factor, lie below the usage: elsewhere the median passes it in any case.
-- Released usage is left out.
with judged as (
    select *
    from unnest(
        %(event_names)s::text[], %(measures)s::text[], %(tenant_ids)s::text[], %(hours)s::timestamptz[],
        %(values)s::bigint[], %(factors)s::double precision[], %(hours_max)s::integer[], %(hours_min)s::integer[]
    ) with ordinality as judged (
        event_name, measure, tenant_id, hour, value, factor, hours_max, hours_min, number_from_1
    )
),

compared as (
    select
        judged.*,
        history.hours,
        history.quantities
    from judged
    cross join
        lateral (
            select
                count(*) as hours,
                count(*) filter (where newest.value * judged.factor < judged.value) as hours_below,
                array_agg(newest.value) as quantities
            from (
                select measured_usage.value
                from fridge.measured_usage
                where
                    measured_usage.measure = judged.measure
                    and measured_usage.tenant_id = judged.tenant_id
                    and measured_usage.hour < judged.hour
                    and measured_usage.value > 0
                order by measured_usage.hour desc
                limit judged.hours_max
            ) as newest
        ) as history
    where
        history.hours >= judged.hours_min
        and history.hours_below * 2 >= history.hours
        and not exists (
            select 1 from fridge.releases
            where
                releases.tenant_id = judged.tenant_id
                and releases.hour = judged.hour
                and coalesce(releases.event_name, judged.event_name) = judged.event_name
                and releases.value >= judged.value
        )
),

medians as (
    select
        compared.*,
        (
            select percentile_cont(0.5) within group (order by quantities.quantity)
            from unnest(compared.quantities) as quantities (quantity)
        ) as median
    from compared
)

select
    number_from_1 - 1 as number,
    hours,
    median,
    (
        select percentile_cont(0.5) within group (order by abs(quantities.quantity - medians.median))
        from unnest(medians.quantities) as quantities (quantity)
    ) as deviation
from medians;
