-- The catalogue as the settings have it; nothing is written where it is known already.
with catalogue as (
    select
        event_name,
        measure,
        formula,
        "window"
    from unnest(
        %(event_names)s::text[], %(measures)s::text[], %(formulas)s::text[], %(windows)s::text[]
    ) as meters (event_name, measure, formula, "window")
),

removed as (
    delete from fridge.meters
    where event_name not in (select catalogue.event_name from catalogue)
)

insert into fridge.meters (event_name, measure, formula, "window")
select
    event_name,
    measure,
    formula,
    "window"
from catalogue
on conflict (event_name) do update
    set measure = excluded.measure, formula = excluded.formula, "window" = excluded."window"
    where (meters.measure, meters.formula, meters."window")
    is distinct from (excluded.measure, excluded.formula, excluded."window");
