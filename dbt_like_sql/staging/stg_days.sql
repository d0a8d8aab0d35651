-- materialized: view
with bounds as (
    select
        least(
            (select min(usage.hour) from fridge.usage),
            (select min(landing_files.landing_hour) from fridge.landing_files)
        ) as first_hour,
        greatest(
            (select max(usage.hour) from fridge.usage),
            (select max(landing_files.landing_hour) from fridge.landing_files)
        ) as last_hour
)

select
    generate_series(
        date_trunc('day', bounds.first_hour at time zone 'UTC'), bounds.last_hour at time zone 'UTC', interval '1 day'
    )::date as usage_date
from bounds
