-- Usage of an hour for so many tenants, in both usage tables.
with counted as (
    insert into fridge.inserted_counts (tenant_id, hour, inserted_count, computed_at)
    select
        'tenant-' || lpad(number::text, 5, '0') as tenant_id,
        %(hour)s as hour,
        250 as inserted_count,
        now() as computed_at
    from generate_series(0, %(tenants)s - 1) as tenants (number)
    returning tenant_id, hour, computed_at
)

insert into fridge.active_sensors (tenant_id, hour, active_sensors, computed_at)
select
    tenant_id,
    hour,
    40 as active_sensors,
    computed_at
from counted;
