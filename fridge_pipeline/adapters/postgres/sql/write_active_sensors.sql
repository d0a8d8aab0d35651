-- computed_at moves even when the number does not: it says when the hour was counted last.
insert into fridge.active_sensors (tenant_id, hour, active_sensors, computed_at)
select
    tenant_id,
    hour,
    active_sensors,
    %(now)s
from new_usage
on conflict (tenant_id, hour) do update
    set active_sensors = excluded.active_sensors, computed_at = excluded.computed_at;
