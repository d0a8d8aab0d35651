-- Usage is a function of stored rows: a tenant-hour that no longer has any has no usage.
delete from fridge.active_sensors
where
    hour between %(first)s and %(last)s
    and not exists (
        select 1 from new_usage
        where
            new_usage.tenant_id = active_sensors.tenant_id
            and new_usage.hour = active_sensors.hour
    );
