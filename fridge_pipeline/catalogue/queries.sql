-- name: say_reason
-- For the history of tenants, which is written when the transaction ends.
select set_config('fridge.reason', %(reason)s, true) as reason;

-- name: create_imported_tenants
create temporary table imported_tenants (
    line integer,
    tenant_id text primary key,
    name text,
    stripe_customer_id text unique
);

-- name: copy_imported_tenants
copy pg_temp.imported_tenants (line, tenant_id, name, stripe_customer_id) from stdin;

-- name: lock_tenants
-- An import is judged by the tenants that there are; another one waits.
lock table fridge.tenants in share row exclusive mode;

-- name: changed_customers
-- Imported tenants that had another customer, or get that of another tenant.
select
    imported_tenants.line,
    imported_tenants.tenant_id,
    present.stripe_customer_id as before,
    imported_tenants.stripe_customer_id as after,
    holder.tenant_id as holder_id,
    holders_row.tenant_id is not null as holder_is_named,
    (
        present.stripe_customer_id is not null
        and imported_tenants.stripe_customer_id is null
        and successor.tenant_id is null
    ) as is_removed
from imported_tenants
left join fridge.tenants as present on imported_tenants.tenant_id = present.tenant_id
left join fridge.tenants as holder
    on
        imported_tenants.stripe_customer_id = holder.stripe_customer_id
        and imported_tenants.tenant_id <> holder.tenant_id
left join imported_tenants as holders_row on holder.tenant_id = holders_row.tenant_id
left join imported_tenants as successor on present.stripe_customer_id = successor.stripe_customer_id
where
    holder.tenant_id is not null
    or (
        present.stripe_customer_id is not null
        and present.stripe_customer_id is distinct from imported_tenants.stripe_customer_id
    )
order by imported_tenants.line, imported_tenants.tenant_id;

-- name: handed_on_customers
-- Customers that imported tenants are about to get, and whose they were: by the mapping, or by what was stated.
with given as (
    select
        imported_tenants.tenant_id,
        imported_tenants.stripe_customer_id
    from imported_tenants
    left join fridge.tenants on imported_tenants.tenant_id = tenants.tenant_id
    where
        imported_tenants.stripe_customer_id is not null
        and imported_tenants.stripe_customer_id is distinct from tenants.stripe_customer_id
)

select
    given.stripe_customer_id as customer_id,
    tenants.tenant_id as before,
    given.tenant_id as after
from given
inner join fridge.tenants
    on given.stripe_customer_id = tenants.stripe_customer_id and given.tenant_id <> tenants.tenant_id
union
select
    given.stripe_customer_id as customer_id,
    meter_events.tenant_id as before,
    given.tenant_id as after
from given
inner join fridge.meter_events
    on given.stripe_customer_id = meter_events.stripe_customer_id and given.tenant_id <> meter_events.tenant_id
where meter_events.status in ('sent', 'unknown', 'accepted')
order by customer_id, before, after;

-- name: count_imported_tenants
select
    count(*) filter (where tenants.tenant_id is null) as created,
    count(*) filter (
        where
        tenants.tenant_id is not null
        and (tenants.name, tenants.stripe_customer_id)
        is distinct from (imported_tenants.name, imported_tenants.stripe_customer_id)
    ) as updated,
    count(*) filter (
        where
        tenants.tenant_id is not null
        and (tenants.name, tenants.stripe_customer_id)
        is not distinct from (imported_tenants.name, imported_tenants.stripe_customer_id)
    ) as unchanged
from imported_tenants
left join fridge.tenants on imported_tenants.tenant_id = tenants.tenant_id;

-- name: clear_changed_customers
-- A customer must be free before another tenant gets it: it is unique after every row, not only after the statement.
update fridge.tenants
set stripe_customer_id = null, updated_at = %(now)s
from imported_tenants
where
    tenants.tenant_id = imported_tenants.tenant_id
    and tenants.stripe_customer_id is distinct from imported_tenants.stripe_customer_id
    and tenants.stripe_customer_id is not null;

-- name: upsert_tenants
insert into fridge.tenants as present (tenant_id, name, stripe_customer_id, created_at, updated_at)
select
    tenant_id,
    name,
    stripe_customer_id,
    %(now)s as created_at,
    %(now)s as updated_at
from imported_tenants
on conflict (tenant_id) do update
    set
        name = excluded.name,
        stripe_customer_id = excluded.stripe_customer_id,
        updated_at = excluded.updated_at
    where
    (present.name, present.stripe_customer_id)
    is distinct from (excluded.name, excluded.stripe_customer_id);

-- name: drop_imported_tenants
drop table imported_tenants;

-- name: newest_register_entry
select coalesce(max(entry_id), 0) as entry_id from fridge.sensor_register;

-- name: sensor_register
select
    sensor_id,
    valid_from,
    tenant_id
from fridge.sensor_register
order by valid_from, entry_id;

-- name: create_imported_register
create temporary table imported_register (
    line integer,
    sensor_id text,
    tenant_id text,
    valid_from timestamptz,
    primary key (sensor_id, valid_from)
) on commit drop;

-- name: copy_imported_register
copy pg_temp.imported_register (line, sensor_id, tenant_id, valid_from) from stdin;

-- name: register_problems
-- Another tenant from the same moment on; readings that a source stored for another tenant while the sensor would be
-- this one's. Only what is stored from the earliest new entry on is looked at.
with entries as (
    select
        imported_register.*,
        lead(imported_register.valid_from) over sensor as next_imported,
        (
            select min(present.valid_from) from fridge.sensor_register as present
            where
                present.sensor_id = imported_register.sensor_id
                and present.valid_from > imported_register.valid_from
        ) as next_present
    from imported_register
    window sensor as (partition by imported_register.sensor_id order by imported_register.valid_from)
)

select
    entries.line,
    format(
        'sensor %s belongs to %s from %s on already, not to %s; an entry is never changed: give it another time',
        present.sensor_id, present.tenant_id,
        to_char(present.valid_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), entries.tenant_id
    ) as problem
from entries
inner join fridge.sensor_register as present
    on entries.sensor_id = present.sensor_id and entries.valid_from = present.valid_from
where entries.tenant_id <> present.tenant_id
union all
select
    entries.line,
    format(
        'sensor %s would belong to %s from %s on, and readings of it are stored for %s from %s on: the past is not '
        'changed. Register it from now on, and make good the time before by hand. Withdraw its files first only where '
        'they hold no other sensor, whose readings would never count again (docs/sources.md#the-sensor-register)',
        entries.sensor_id, entries.tenant_id,
        to_char(entries.valid_from at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), sensors.tenant_id,
        to_char(stored.first_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    ) as problem
from entries
inner join fridge.sensors on entries.sensor_id = sensors.sensor_id and entries.tenant_id <> sensors.tenant_id
cross join
    lateral (
        select min(stored_readings.recorded_at) as first_at
        from fridge.stored_readings
        inner join fridge.landing_files on stored_readings.file_id = landing_files.file_id
        where
            stored_readings.sensor_key = sensors.sensor_key
            and stored_readings.recorded_at >= entries.valid_from
            and stored_readings.recorded_at < coalesce(least(entries.next_imported, entries.next_present), 'infinity')
            and landing_files.source is not null
            and not exists (
                select 1 from fridge.withdrawals
                where withdrawals.file_id = landing_files.file_id
            )
    ) as stored
where stored.first_at is not null
order by line, problem;

-- name: new_register_entries
-- What the register does not say yet.
select
    imported_register.sensor_id,
    imported_register.tenant_id,
    imported_register.valid_from
from imported_register
left join fridge.sensor_register
    on
        imported_register.sensor_id = sensor_register.sensor_id
        and imported_register.valid_from = sensor_register.valid_from
where sensor_register.entry_id is null
order by imported_register.valid_from, imported_register.sensor_id;

-- name: add_to_register
-- At once: until when an entry holds, the next one says.
insert into fridge.sensor_register (sensor_id, tenant_id, valid_from, reason)
select
    entries.sensor_id,
    entries.tenant_id,
    entries.valid_from,
    %(reason)s as reason
from unnest(%(sensor_ids)s::text[], %(tenant_ids)s::text[], %(valid_froms)s::timestamptz[]) as entries (
    sensor_id, tenant_id, valid_from
);

-- name: count_files_to_read_again
select count(*) as files from fridge.files_to_read_again
where not is_absent;

-- name: count_settled_rows
-- Files with rows of sensors that entries after this one register, and of which a person has settled that nobody is
-- billed for them: they are not read again. Of each path its newest content.
select
    count(distinct landing_files.file_id) as files,
    coalesce(sum(waiting_sensors.row_count), 0)::bigint as row_count
from fridge.waiting_sensors
inner join fridge.landing_files on waiting_sensors.file_id = landing_files.file_id
where
    exists (
        select 1 from fridge.sensor_register
        where
            sensor_register.sensor_id = waiting_sensors.sensor_id
            and sensor_register.entry_id > %(before)s
            and sensor_register.valid_from <= waiting_sensors.last_recorded_at
    )
    and not exists (
        select 1 from fridge.exceptions
        where
            exceptions.kind = 'sensors_unregistered'
            and exceptions.subject = landing_files.path
            and exceptions.closed_at is null
    )
    and not exists (
        select 1 from fridge.landing_files as newer
        where newer.path = landing_files.path and newer.file_id > landing_files.file_id
    )
    and not exists (
        select 1 from fridge.withdrawals
        where withdrawals.file_id = landing_files.file_id
    );

-- name: listed_tenants
-- Every tenant that was imported or has usage. Those with usage are looked up one after the other in the index: they
-- are few, and usage is much. The bound is of the hour and not of bill_until, so that only recent usage is read.
with recursive counted as (
    (
        select usage.tenant_id
        from fridge.usage
        order by usage.tenant_id
        limit 1
    )

    union all

    select following.tenant_id
    from counted
    cross join lateral (
        select usage.tenant_id
        from fridge.usage
        where usage.tenant_id > counted.tenant_id
        order by usage.tenant_id
        limit 1
    ) as following
),

known as (
    select tenant_id from fridge.tenants
    union
    select tenant_id from counted
),

newest as (
    select
        known.tenant_id,
        max(found.hour) as hour
    from known
    cross join fridge.measures
    cross join
        lateral (
            select usage.hour
            from fridge.usage
            where
                usage.tenant_id = known.tenant_id
                and usage.measure = measures.measure
                and usage.quantity > 0
            order by usage.hour desc
            limit 1
        ) as found
    group by known.tenant_id
),

waiting as (
    select
        tenant_id,
        count(distinct hour) as hours,
        min(bill_until) as bill_until
    from fridge.unmapped_usage
    where hour > %(too_late_until)s
    group by tenant_id
)

select
    known.tenant_id,
    tenants.name,
    tenants.stripe_customer_id,
    tenants.tenant_id is not null as is_imported,
    newest.hour as last_hour,
    coalesce(waiting.hours, 0) as hours_waiting,
    waiting.bill_until
from known
left join fridge.tenants on known.tenant_id = tenants.tenant_id
left join newest on known.tenant_id = newest.tenant_id
left join waiting on known.tenant_id = waiting.tenant_id
order by known.tenant_id;

-- name: lock_measures
-- Two processes that begin to bill put measures on record one after the other.
select pg_advisory_xact_lock(hashtextextended('fridge.measures', 0))::text as locked;

-- name: recorded_measures
select
    measure,
    aggregate,
    measured_column,
    condition,
    scale,
    counted_from
from fridge.declared_measures
order by measure;

-- name: recorded_measures_in_force
select
    declared_measures.measure,
    declared_measures.aggregate,
    declared_measures.measured_column,
    declared_measures.condition,
    declared_measures.scale,
    declared_measures.counted_from
from fridge.declared_measures
inner join fridge.measures on declared_measures.measure = measures.measure
where measures.is_counted
order by declared_measures.measure;

-- name: has_usage
select exists(select 1 from fridge.usage) as has_usage;

-- name: add_measure
insert into fridge.measures (measure, usage_table, counts) values (%(name)s, %(name)s, %(definition)s);

-- name: declare_measure
insert into fridge.declared_measures (
    measure, definition, aggregate, measured_column, condition, scale, counted_from, declared_at
) values (
    %(name)s, %(definition)s, %(aggregate)s, %(column)s, %(condition)s, %(scale)s, %(counted_from)s, %(now)s
);

-- name: count_measures
-- Hours that changed while a measure was not counted are not marked any more: the next sweep compares all.
with changed as (
    update fridge.measures
    set is_counted = measures.measure = any(%(names)s)
    from fridge.declared_measures
    where
        measures.measure = declared_measures.measure
        and measures.is_counted <> (measures.measure = any(%(names)s))
    returning measures.measure
)

update fridge.swept_catalogue
set event_names = '{}', measures = '{}'
where exists (select 1 from changed);

-- name: keep_sent_meters
-- Before the first usage of a meter is sent; as long as none was, another measure may take its place.
insert into fridge.sent_meters (event_name, measure, formula)
select
    given.event_name,
    given.measure,
    given.formula
from
    unnest(%(event_names)s::text[], %(measures)s::text[], %(formulas)s::text[])
        as given (event_name, measure, formula)
where
    not exists (
        select 1 from fridge.sent_meters
        where sent_meters.event_name = given.event_name
    )
    or not exists (
        select 1 from fridge.meter_events
        where meter_events.event_name = given.event_name and meter_events.first_sent_at is not null
    )
on conflict (event_name) do update
    set measure = excluded.measure, formula = excluded.formula;

-- name: meters_of_other_measures
-- Of the meters that usage was sent to, those that bill another measure now.
select
    sent_meters.event_name,
    sent_meters.measure as before,
    given.measure as after
from fridge.sent_meters
inner join unnest(%(event_names)s::text[], %(measures)s::text[]) as given (event_name, measure)
    on sent_meters.event_name = given.event_name
where
    sent_meters.measure <> given.measure
    and exists (
        select 1 from fridge.meter_events
        where meter_events.event_name = sent_meters.event_name and meter_events.first_sent_at is not null
    )
order by sent_meters.event_name;

-- name: recorded_numbers
select
    number_name,
    parts,
    place
from fridge.reading_numbers
order by place;

-- name: add_number
insert into fridge.reading_numbers (number_name, place, parts, declared_at)
select
    %(name)s as number_name,
    coalesce(max(place), 0) + 1 as place,
    %(parts)s as parts,
    %(now)s as declared_at
from fridge.reading_numbers;
