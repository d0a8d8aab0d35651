-- With another catalogue every hour may have something to state.
with swept as (
    update fridge.swept_catalogue
    set event_names = %(event_names)s, measures = %(measures)s
)

insert into fridge.marked_hours (hour)
select hour from fridge.inserted_counts
union
select hour from fridge.active_sensors
union
select hour from fridge.meter_events
union
select landing_hour from fridge.landing_files
union
select landing_hour from fridge.counted_hours;
