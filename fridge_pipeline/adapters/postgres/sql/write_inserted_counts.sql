-- computed_at moves even when the number does not: it says when the hour was counted last.
insert into fridge.inserted_counts (tenant_id, hour, inserted_count, computed_at)
select
    tenant_id,
    hour,
    inserted_count,
    %(now)s
from new_usage
on conflict (tenant_id, hour) do update
    set inserted_count = excluded.inserted_count, computed_at = excluded.computed_at;
