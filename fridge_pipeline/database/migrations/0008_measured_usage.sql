-- Both usage tables as one, by the measure that a meter names: what every comparison of usage with statements reads.
create view fridge.measured_usage as
select
    tenant_id,
    hour,
    'inserted_count' as measure,
    inserted_count as value
from fridge.inserted_counts

union all

select
    tenant_id,
    hour,
    'active_sensors' as measure,
    active_sensors as value
from fridge.active_sensors;

comment on view fridge.measured_usage is 'One row per tenant-hour and measure with usage: both usage tables as one.';
