insert into fridge.model_hours (model, hour, built_at)
select
    %(name)s,
    hours.hour,
    %(now)s
from generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 hour') as hours (hour)
on conflict (hour, model) do update
    set built_at = excluded.built_at;
