-- Measures are declared: each with a definition that never changes, counted by polars and a second time by SQL.
alter table fridge.measures add column is_counted boolean not null default true;
comment on column fridge.measures.is_counted is
'Whether it is counted now: always there, or declared in the file that who bills was given last.';

-- What the file of FRIDGE_METERS declares besides. A definition never changes: usage keeps the meaning that it had.
create table fridge.declared_measures (
    measure text primary key references fridge.measures (measure),
    definition text not null,
    aggregate text not null,
    measured_column text not null,
    condition jsonb,
    scale integer not null,
    counted_from timestamptz not null,
    declared_at timestamptz not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint declared_measures_aggregate check (aggregate in ('count', 'distinct', 'sum', 'min', 'max'))
);

create trigger declared_measures_append_only before update or delete on fridge.declared_measures
for each row execute function fridge.refuse_change();
create trigger declared_measures_no_truncate before truncate on fridge.declared_measures
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.declared_measures from current_user;
create trigger declared_measures_stamp before insert on fridge.declared_measures
for each row execute function fridge.stamp_act();

comment on table fridge.declared_measures is
'One row per measure that the file of FRIDGE_METERS has declared: its definition, for good. Append only.';
comment on column fridge.declared_measures.definition is 'What is counted, in words of SQL.';
comment on column fridge.declared_measures.aggregate is 'How one quantity is made of a tenant''s readings of an hour.';
comment on column fridge.declared_measures.measured_column is 'Of which column of a reading.';
comment on column fridge.declared_measures.condition is 'Of which readings, as a tree; empty for all.';
comment on column fridge.declared_measures.scale is 'In how many parts of a unit the numbers are counted.';
comment on column fridge.declared_measures.counted_from is 'First hour that is counted.';
comment on column fridge.declared_measures.declared_at is 'When the first process that bills by it began.';
comment on column fridge.declared_measures.acted_by is 'The login that the database knew its session by.';
comment on column fridge.declared_measures.acted_at is 'When, by the database''s clock.';
comment on column fridge.declared_measures.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.declared_measures.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('declared_measures');
insert into fridge.pipeline_rights (relation, updates) values ('measures', '{is_counted}');

-- A column of a reading in SQL; a word that is none is refused.
create function fridge.column_sql(name text) returns text
language plpgsql immutable strict as $$
begin
    case name
        when 'sensor_id' then return 'sensors.sensor_id';
        when 'temperature_c' then return 'stored_readings.temperature_c';
        when 'hour' then
            return 'extract(hour from stored_readings.recorded_at at time zone ''UTC'')::double precision';
    end case;
end;
$$;

-- The SQL of a condition's tree. Only what stands here can come of it: values are literals, and a word that is neither
-- an operator nor a column is refused.
create function fridge.condition_sql(tree jsonb) returns text
language plpgsql immutable as $$
declare
    operator text := tree ->> 0;
    compared text;
    literals text[];
begin
    if tree is null then
        return 'true';
    elsif operator in ('and', 'or') then
        return (
            select string_agg('(' || fridge.condition_sql(part) || ')', ' ' || operator || ' ' order by place)
            from jsonb_array_elements(tree) with ordinality as parts (part, place)
            where place > 1
        );
    elsif operator = 'not' then
        return 'not (' || fridge.condition_sql(tree -> 1) || ')';
    end if;
    compared := fridge.column_sql(tree ->> 1);
    select array_agg(
        format(case jsonb_typeof(part) when 'number' then '%L::double precision' else '%L::text' end, part #>> '{}')
        order by place
    )
    into literals
    from jsonb_array_elements(tree) with ordinality as parts (part, place)
    where place > 2;
    case
        when operator in ('<', '<=', '>', '>=', '=', '<>', 'like') then
            return format('%s %s %s', compared, operator, literals[1]);
        when operator = 'between' then return format('%s between %s and %s', compared, literals[1], literals[2]);
        when operator = 'in' then return format('%s in (%s)', compared, array_to_string(literals, ', '));
    end case;
end;
$$;

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

create or replace view fridge.hours_to_count as
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
-- no reading is counted. The statement is made of the definitions, of which no text is taken as it is.
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
                    else aggregate || '(round(%2$s * %4$s::double precision)::bigint) filter (where %3$s) as q%1$s'
                end,
                place, fridge.column_sql(measured_column), fridge.condition_sql(condition), scale
            ),
            ', ' order by place
        ),
        string_agg(format('(%L, q%s::bigint)', measure, place), ', ' order by place)
    into quantities, named
    from (select *, row_number() over (order by measure) as place from fridge.declared_measures) as numbered;
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
            case declared_measures.aggregate
                when 'min' then min(per_file.quantity)
                when 'max' then max(per_file.quantity)
                when 'distinct' then 1
                else sum(per_file.quantity)
            end as quantity
        from per_file
        inner join fridge.declared_measures on per_file.measure = declared_measures.measure
        inner join fridge.sensors on per_file.sensor_key = sensors.sensor_key
        where of_hour >= declared_measures.counted_from
        group by sensors.tenant_id, per_file.sensor_key, declared_measures.measure
    )

    select
        tenant_id,
        measure,
        (
            case aggregate
                when 'min' then min(quantity)
                when 'max' then max(quantity)
                else sum(quantity)
            end
        )::bigint as quantity
    from per_sensor
    group by tenant_id, measure, aggregate;
$$;
