-- Usage per tenant and hour: a function of stored readings, and counted anew whenever that is asked for.

create table fridge.usage (
    tenant_id text not null,
    hour timestamptz not null,
    measure text not null,
    quantity bigint not null,
    computed_at timestamptz not null,
    -- In this order, because what a tenant is used to is read measure by measure.
    primary key (tenant_id, measure, hour),
    constraint usage_measure foreign key (measure) references fridge.measures (measure),
    constraint usage_not_negative check (quantity >= 0)
);

create index usage_hour on fridge.usage (hour);

comment on table fridge.usage is 'One row per tenant, hour and measure with usage.';
comment on column fridge.usage.hour is 'Start of the UTC hour in which the readings were received.';
comment on column fridge.usage.measure is 'What was counted; see measures.';
comment on column fridge.usage.computed_at is 'When it was last counted.';

insert into fridge.pipeline_rights (relation, updates, deletes) values ('usage', '{quantity, computed_at}', true);

-- The same under the names that finance and scripts know.
create view fridge.inserted_counts as
select
    tenant_id,
    hour,
    quantity as inserted_count,
    computed_at
from fridge.usage
where measure = 'inserted_count';

create view fridge.active_sensors as
select
    tenant_id,
    hour,
    quantity as active_sensors,
    computed_at
from fridge.usage
where measure = 'active_sensors';

comment on view fridge.inserted_counts is 'One row per tenant-hour with usage: readings stored for the first time.';
comment on view fridge.active_sensors is
'One row per tenant-hour with usage: distinct sensors with an inserted reading.';

create view fridge.declared_usage as
select
    usage.tenant_id,
    usage.hour,
    usage.measure,
    usage.quantity,
    usage.computed_at
from fridge.usage
inner join fridge.declared_measures on usage.measure = declared_measures.measure;

comment on view fridge.declared_usage is 'One row per tenant-hour and declared measure with usage.';

-- From which files an hour's usage was counted. Comparing files, not times: a file that was loaded while the hour was
-- being counted is noticed whatever the clocks of the two processes said.
create table fridge.counted_hours (
    landing_hour timestamptz not null,
    usage_table text not null,
    files_hash text not null,
    counted_at timestamptz not null,
    primary key (landing_hour, usage_table),
    constraint counted_hours_usage_table foreign key (usage_table) references fridge.measures (usage_table)
);

comment on table fridge.counted_hours is 'One row per landing hour and usage table: from which files it was counted.';
comment on column fridge.counted_hours.files_hash is
'MD5 of the ids of the files with readings that were not withdrawn, in order, with commas between.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('counted_hours', '{files_hash, counted_at}', true);

-- Asked for some hours it reads these only: both halves have the hour to themselves.
create view fridge.hours_to_count as
select
    usable.hour,
    measures.usage_table
from (
    select
        hour,
        md5(string_agg(file_id::text, ',' order by file_id)) as files_hash
    from fridge.usable_files
    group by hour
) as usable
cross join fridge.measures
left join fridge.declared_measures on measures.measure = declared_measures.measure
where
    measures.is_counted
    and usable.hour >= coalesce(declared_measures.counted_from, '-infinity')
    -- Earlier hours are sealed (database/retention.py): a measure that is declared later has no usage there.
    and usable.hour >= coalesce(
        (
            select date_trunc('month', max(dropped_months.month) + interval '40 days', 'UTC') - interval '1 hour'
            from fridge.dropped_months
        ), '-infinity'
    )
    and not exists (
        select 1 from fridge.counted_hours
        where
            counted_hours.landing_hour = usable.hour
            and counted_hours.usage_table = measures.usage_table
            and counted_hours.files_hash = usable.files_hash
    )

union all

select
    counted_hours.landing_hour as hour,
    counted_hours.usage_table
from fridge.counted_hours
inner join fridge.measures on counted_hours.usage_table = measures.usage_table
where
    measures.is_counted
    and not exists (
        select 1 from fridge.usable_files
        where usable_files.hour = counted_hours.landing_hour
    );

comment on view fridge.hours_to_count is
'One row per hour and usage table that was counted from other files than there are now, or not at all.';

-- What the measures come to of readings that were dropped and whose hours can still change: their conditions cannot be
-- asked of them any more.
create table fridge.dropped_measures (
    file_id integer not null,
    sensor_key integer not null,
    month timestamptz not null,
    measure text not null references fridge.measures (measure),
    quantity bigint not null,
    primary key (file_id, sensor_key, month, measure)
);

create trigger dropped_measures_append_only before update or delete on fridge.dropped_measures
for each row execute function fridge.refuse_change();
create trigger dropped_measures_no_truncate before truncate on fridge.dropped_measures
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.dropped_measures from current_user;

comment on table fridge.dropped_measures is
'One row per landing file, sensor, dropped month and declared measure: what its readings came to. Append only.';

insert into fridge.pipeline_rights (relation) values ('dropped_measures');

-- Every declared measure of each file and sensor, by SQL alone and from one read of the stored readings; no row where
-- no reading is counted. What is measured of a number stays in the parts that it is stored in, which add up exactly.
-- The statement is made of the definitions, of which no text is taken as it is.
create function fridge.measured_of_files(file_ids integer[], first_at timestamptz, until timestamptz)
returns table (file_id integer, sensor_key integer, measure text, quantity bigint)
language plpgsql stable as $$
#variable_conflict use_column
declare
    quantities text;
    named text;
begin
    select
        string_agg(
            format(
                case aggregate
                    when 'count' then 'nullif(count(%2$s) filter (where %3$s), 0) as q%1$s'
                    when 'distinct' then 'nullif(least(count(*) filter (where %3$s), 1), 0) as q%1$s'
                    else aggregate || coalesce(
                        '(stored_readings.numbers[' || number_place || ']) filter (where %3$s) as q%1$s',
                        '(round(%2$s * %4$s::double precision)::bigint) filter (where %3$s) as q%1$s'
                    )
                end,
                place, fridge.column_sql(measured_column), fridge.condition_sql(condition), scale
            ),
            ', ' order by place
        ),
        string_agg(format('(%L, q%s::bigint)', measure, place), ', ' order by place)
    into quantities, named
    from (
        select
            declared_measures.*,
            reading_numbers.place as number_place,
            row_number() over (order by declared_measures.measure) as place
        from fridge.declared_measures
        left join fridge.reading_numbers on declared_measures.measured_column = reading_numbers.number_name
    ) as numbered;
    if quantities is not null then
        return query execute format(
            'select folded.file_id, folded.sensor_key, measured.measure, measured.quantity from (
                select stored_readings.file_id, stored_readings.sensor_key, %s
                from fridge.stored_readings
                inner join fridge.sensors on stored_readings.sensor_key = sensors.sensor_key
                where stored_readings.file_id = any($1)
                and stored_readings.recorded_at >= $2 and stored_readings.recorded_at < $3
                group by stored_readings.file_id, stored_readings.sensor_key
            ) as folded cross join lateral (values %s) as measured (measure, quantity)
            where measured.quantity is not null',
            quantities, named
        ) using file_ids, first_at, until;
    end if;
end;
$$;

-- Usage of an hour once more, of the declared measures.
create function fridge.derived_declared(of_hour timestamptz)
returns table (tenant_id text, measure text, quantity bigint)
language sql stable as $$
    with files as (
        select array_agg(usable_files.file_id) as file_ids
        from fridge.usable_files
        where usable_files.hour = of_hour
    ),

    per_file as (
        select found.sensor_key, found.measure, found.quantity
        from files
        cross join lateral fridge.measured_of_files(files.file_ids, '-infinity', 'infinity') as found

        union all

        select dropped_measures.sensor_key, dropped_measures.measure, dropped_measures.quantity
        from files
        inner join fridge.dropped_measures on dropped_measures.file_id = any(files.file_ids)
    ),

    per_sensor as (
        select
            sensors.tenant_id,
            declared_measures.measure,
            declared_measures.aggregate,
            case
                when declared_measures.aggregate in ('sum', 'min', 'max')
                    then declared_measures.scale::numeric / reading_numbers.parts
            end as of_a_part,
            case declared_measures.aggregate
                when 'min' then min(per_file.quantity)
                when 'max' then max(per_file.quantity)
                when 'distinct' then 1
                else sum(per_file.quantity)
            end as quantity
        from per_file
        inner join fridge.declared_measures on per_file.measure = declared_measures.measure
        left join fridge.reading_numbers on declared_measures.measured_column = reading_numbers.number_name
        inner join fridge.sensors on per_file.sensor_key = sensors.sensor_key
        where of_hour >= declared_measures.counted_from
        group by sensors.tenant_id, per_file.sensor_key, declared_measures.measure, reading_numbers.parts
    )

    select
        tenant_id,
        measure,
        round(
            case aggregate
                when 'min' then min(quantity)
                when 'max' then max(quantity)
                else sum(quantity)
            end * coalesce(of_a_part, 1)
        )::bigint as quantity
    from per_sensor
    group by tenant_id, measure, aggregate, of_a_part;
$$;
