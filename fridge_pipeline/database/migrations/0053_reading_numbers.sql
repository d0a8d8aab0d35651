-- Sources may keep further numbers with a reading, and measures are made of them.
-- Numbers that a source keeps with its readings besides the temperature, for all sources by one name. A reading has its
-- numbers in an array: its first element is the number whose place is 1.
create table fridge.reading_numbers (
    number_name text primary key,
    place integer not null,
    parts integer not null,
    declared_at timestamptz not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint reading_numbers_place unique (place),
    constraint reading_numbers_place_positive check (place > 0),
    constraint reading_numbers_parts check (parts in (1, 1000))
);

create trigger reading_numbers_append_only before update or delete on fridge.reading_numbers
for each row execute function fridge.refuse_change();
create trigger reading_numbers_no_truncate before truncate on fridge.reading_numbers
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.reading_numbers from current_user;
create trigger reading_numbers_stamp before insert on fridge.reading_numbers
for each row execute function fridge.stamp_act();

comment on table fridge.reading_numbers is
'One row per number that sources keep with readings: where it stands among them, and what it is, for good.';
comment on column fridge.reading_numbers.place is 'Its place in stored_readings.numbers, from 1 on.';
comment on column fridge.reading_numbers.parts is
'In how many parts of one it is stored: 1, an integer; 1000, a decimal in thousandths.';
comment on column fridge.reading_numbers.declared_at is 'When the first process that knew its source began.';
comment on column fridge.reading_numbers.acted_by is 'The login that the database knew its session by.';
comment on column fridge.reading_numbers.acted_at is 'When, by the database''s clock.';
comment on column fridge.reading_numbers.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.reading_numbers.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('reading_numbers');

create or replace function fridge.column_sql(name text) returns text
language plpgsql stable strict as $$
declare
    found text;
begin
    case name
        when 'sensor_id' then return 'sensors.sensor_id';
        when 'temperature_c' then return 'stored_readings.temperature_c';
        when 'hour' then
            return 'extract(hour from stored_readings.recorded_at at time zone ''UTC'')::double precision';
        else
            select format('(stored_readings.numbers[%s]::double precision / %s)', place, parts) into strict found
            from fridge.reading_numbers
            where number_name = name;
            return found;
    end case;
end;
$$;

create or replace function fridge.condition_sql(tree jsonb) returns text
language plpgsql stable as $$
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

alter table fridge.stored_readings add column numbers bigint[];

comment on column fridge.stored_readings.numbers is
'What its source keeps besides, each in the parts of reading_numbers and at its place; empty where there is none.';

create or replace view fridge.readings as
select
    sensors.tenant_id,
    sensors.sensor_id,
    stored_readings.recorded_at,
    stored_readings.temperature_c,
    landing_files.landing_hour,
    landing_files.path,
    stored_readings.file_id,
    withdrawals.file_id is not null as is_withdrawn,
    (
        select
            jsonb_object_agg(
                reading_numbers.number_name,
                trim_scale(stored_readings.numbers[reading_numbers.place]::numeric / reading_numbers.parts)
            )
        from fridge.reading_numbers
        where stored_readings.numbers[reading_numbers.place] is not null
    ) as numbers
from fridge.stored_readings
inner join fridge.sensors on stored_readings.sensor_key = sensors.sensor_key
inner join fridge.landing_files on stored_readings.file_id = landing_files.file_id
left join fridge.withdrawals on stored_readings.file_id = withdrawals.file_id;

comment on column fridge.readings.numbers is 'What its source keeps besides the temperature, by name; else empty.';

create or replace function fridge.measured_of_files(file_ids integer[], first_at timestamptz, until timestamptz)
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

create or replace function fridge.derived_declared(of_hour timestamptz)
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
