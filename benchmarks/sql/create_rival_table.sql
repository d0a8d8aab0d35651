-- What a person would write into: the columns and the primary key of fridge.stored_readings, in one plain table,
-- without the index by file and the triggers that ours carries.
create table public.readings (
    recorded_at timestamptz not null,
    temperature_c double precision not null,
    sensor_key integer not null,
    file_id integer not null,
    primary key (recorded_at, sensor_key)
);
