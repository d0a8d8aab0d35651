-- A test of the view that is made of it, and so one of the night: an hour's run would read every hour for it.
-- Hours that recorded_months was not made for, as those from before there was this model, are not compared.
with derived as (
    select
        sensor_hours.tenant_id,
        sensor_hours.hour,
        sum(sensor_hours.readings) as readings,
        count(*) as sensors
    from fridge.sensor_hours
    inner join fridge.model_hours on sensor_hours.hour = model_hours.hour
    where model_hours.model = 'recorded_months'
    group by sensor_hours.tenant_id, sensor_hours.hour
),

split as (
    select
        tenant_id,
        hour,
        sum(readings) as readings,
        sum(sensors) as sensors
    from fridge.recorded_months
    group by tenant_id, hour
)

select
    coalesce(derived.tenant_id, split.tenant_id) as tenant_id,
    coalesce(derived.hour, split.hour) as hour,
    derived.readings as readings_derived,
    split.readings as readings_of_months,
    derived.sensors as sensors_derived,
    split.sensors as sensors_of_months
from derived
full join split on derived.tenant_id = split.tenant_id and derived.hour = split.hour
where (derived.readings, derived.sensors) is distinct from (split.readings, split.sensors)
