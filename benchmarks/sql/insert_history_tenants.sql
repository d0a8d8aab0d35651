-- Whose readings the file of an hour holds: the sensors take turns.
insert into fridge.landing_file_tenants (
    file_id, tenant_id, row_count, inserted_count, duplicate_count, rejected_count
)
select
    %(file_id)s::integer as file_id,
    sensors.tenant_id,
    count(*) as row_count,
    count(*) as inserted_count,
    0 as duplicate_count,
    0 as rejected_count
from generate_series(0, %(readings)s - 1) as numbers (number)
inner join fridge.sensors on mod(numbers.number, %(sensors)s) + 1 = sensors.sensor_key
group by sensors.tenant_id;
