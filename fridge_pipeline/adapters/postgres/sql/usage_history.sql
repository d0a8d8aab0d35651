-- Which of the given usages may be above what their tenant and meter are used to, and what that is. Compared are the
-- newest hours with usage before each, as many as the meter says. They are read only where at least half of the very
-- newest, times the factor, lie below the usage: elsewhere the median of these alone lets it pass. Released usage is
-- left out.
with judged as (
    select *
    from unnest(
        %(event_names)s::text[], %(measures)s::text[], %(tenant_ids)s::text[], %(hours)s::timestamptz[],
        %(values)s::bigint[], %(factors)s::double precision[], %(hours_max)s::integer[], %(hours_min)s::integer[]
    ) with ordinality as judged (
        event_name, measure, tenant_id, hour, value, factor, hours_max, hours_min, number_from_1
    )
),

doubtful as materialized (
    select judged.*
    from judged
    cross join
        lateral (
            select
                count(*) as hours,
                count(*) filter (where newest.value * judged.factor < judged.value) as hours_below
            from (
                select measured_usage.value
                from fridge.measured_usage
                where
                    measured_usage.measure = judged.measure
                    and measured_usage.tenant_id = judged.tenant_id
                    and measured_usage.hour < judged.hour
                    and measured_usage.value > 0
                order by measured_usage.hour desc
                limit judged.hours_min
            ) as newest
        ) as recent
    where
        recent.hours = judged.hours_min
        and recent.hours_below * 2 >= recent.hours
        and not exists (
            select 1 from fridge.releases
            where
                releases.tenant_id = judged.tenant_id
                and releases.hour = judged.hour
                and coalesce(releases.event_name, judged.event_name) = judged.event_name
                and releases.value >= judged.value
        )
),

-- The newest hour of each is number 1.
compared as (
    select
        doubtful.number_from_1,
        doubtful.hours_min,
        history.value,
        row_number() over (partition by doubtful.number_from_1 order by history.hour desc) as hours_back
    from doubtful
    cross join
        lateral (
            select
                measured_usage.hour,
                measured_usage.value
            from fridge.measured_usage
            where
                measured_usage.measure = doubtful.measure
                and measured_usage.tenant_id = doubtful.tenant_id
                and measured_usage.hour < doubtful.hour
                and measured_usage.value > 0
            order by measured_usage.hour desc
            limit doubtful.hours_max
        ) as history
),

medians as (
    select
        number_from_1,
        count(*) as hours,
        percentile_cont(0.5) within group (order by value) as median,
        percentile_cont(0.5) within group (order by value) filter (where hours_back <= hours_min) as recent_median
    from compared
    group by number_from_1
),

deviations as (
    select
        compared.number_from_1,
        percentile_cont(0.5) within group (order by abs(compared.value - medians.median)) as deviation
    from compared
    inner join medians on compared.number_from_1 = medians.number_from_1
    group by compared.number_from_1
)

select
    medians.number_from_1 - 1 as number,
    medians.hours,
    medians.median,
    deviations.deviation,
    medians.recent_median
from medians
inner join deviations on medians.number_from_1 = deviations.number_from_1;
