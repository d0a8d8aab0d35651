-- Usage of an hour for so many tenants, of both measures.
insert into fridge.usage (tenant_id, hour, measure, quantity, computed_at)
select
    'tenant-' || lpad(tenants.number::text, 5, '0') as tenant_id,
    %(hour)s as hour,
    counted.measure,
    counted.quantity,
    now() as computed_at
from generate_series(0, %(tenants)s - 1) as tenants (number)
cross join (values ('inserted_count', 250), ('active_sensors', 40)) as counted (measure, quantity);
