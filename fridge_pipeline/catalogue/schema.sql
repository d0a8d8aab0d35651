-- Who is billed, and under which meters.

create table fridge.tenants (
    tenant_id text primary key,
    name text,
    -- Unique: on an hour-window meter, two tenants of one customer would overwrite each other's usage.
    stripe_customer_id text unique,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint tenants_times_readable check (fridge.is_readable(created_at) and fridge.is_readable(updated_at)),
    constraint tenants_tenant_id_not_empty check (tenant_id <> ''),
    constraint tenants_stripe_customer_id_not_empty check (stripe_customer_id <> '')
);

create trigger tenants_no_delete before delete on fridge.tenants
for each row execute function fridge.refuse_change();
create trigger tenants_no_truncate before truncate on fridge.tenants
for each statement execute function fridge.refuse_change();
create trigger tenants_keep_their_id before update of tenant_id, created_at on fridge.tenants
for each row execute function fridge.refuse_change();

comment on table fridge.tenants is 'One row per tenant: who is billed, and as which Stripe customer.';
comment on column fridge.tenants.stripe_customer_id is
'Empty until finance has made the customer; usage then waits as unmapped.';

-- All columns, because an import locks the table; triggers keep what it must not change.
insert into fridge.pipeline_rights (relation, updates) values ('tenants', '{*}');
insert into fridge.person_rights (relation, role, inserts, updates) values
('tenants', 'operator', true, true),
('meter_events', 'operator', false, false); -- to whom a customer's usage was stated

-- Which sensor belongs to which tenant, from when on: for sources whose files do not say whose they are.
create table fridge.sensor_register (
    entry_id bigint generated always as identity primary key,
    sensor_id text not null,
    tenant_id text not null,
    valid_from timestamptz not null,
    reason text not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint sensor_register_one_tenant unique (sensor_id, valid_from),
    constraint sensor_register_time_readable check (fridge.is_readable(valid_from)),
    constraint sensor_register_ids_not_empty check (sensor_id <> '' and tenant_id <> '')
);

create trigger sensor_register_append_only before update or delete on fridge.sensor_register
for each row execute function fridge.refuse_change();
create trigger sensor_register_no_truncate before truncate on fridge.sensor_register
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.sensor_register from current_user;
create trigger sensor_register_stamp before insert on fridge.sensor_register
for each row execute function fridge.stamp_act();

-- An entry, also one by hand, waits for what is being loaded by the register as it stands: what judges it sees that. In
-- the owner's name, because whoever registers takes no locks.
create function fridge.wait_for_register() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('fridge.sensor_register', 0));
    return null;
end;
$$;
revoke execute on function fridge.wait_for_register() from public;

create trigger sensor_register_wait before insert on fridge.sensor_register
for each statement execute function fridge.wait_for_register();

comment on table fridge.sensor_register is
'One row per sensor and moment from which on it belongs to a tenant, until its next row. Append only.';
comment on column fridge.sensor_register.valid_from is 'Readings recorded from here on are the tenant''s.';
comment on column fridge.sensor_register.reason is 'Why it was registered.';
comment on column fridge.sensor_register.acted_by is 'The login that registered it.';
comment on column fridge.sensor_register.acted_at is 'When, by the database''s clock.';
comment on column fridge.sensor_register.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.sensor_register.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('sensor_register');
insert into fridge.person_rights (relation, role) values ('sensor_register', 'operator');

-- Who was billed as which customer, from when on, and who said so. Written by the database from what a transaction
-- leaves in tenants, so that no way around it exists and a swap of customers is one step; the pipeline's role cannot.
create table fridge.tenant_changes (
    change_id bigint generated always as identity primary key,
    tenant_id text not null,
    name text,
    stripe_customer_id text,
    reason text,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text
);

create index tenant_changes_tenant on fridge.tenant_changes (tenant_id, change_id);

create trigger tenant_changes_stamp before insert on fridge.tenant_changes
for each row execute function fridge.stamp_act();
create trigger tenant_changes_append_only before update or delete on fridge.tenant_changes
for each row execute function fridge.refuse_change();
create trigger tenant_changes_no_truncate before truncate on fridge.tenant_changes
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.tenant_changes from current_user;

comment on table fridge.tenant_changes is
'One row per change of a tenant''s Stripe customer or name; in force until the next of the tenant. Append only.';
comment on column fridge.tenant_changes.name is 'The tenant''s name from then on.';
comment on column fridge.tenant_changes.stripe_customer_id is 'Its customer from then on; empty for none.';
comment on column fridge.tenant_changes.reason is
'Why, as given with the import; empty when the table was changed by SQL without a word.';
comment on column fridge.tenant_changes.acted_by is 'The login that changed it.';
comment on column fridge.tenant_changes.acted_at is 'From when on, by the database''s clock.';
comment on column fridge.tenant_changes.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.tenant_changes.os_host is 'Machine, as the session was told.';

create function fridge.record_tenant_change() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    present fridge.tenants;
    newest fridge.tenant_changes;
begin
    select * into present from fridge.tenants where tenant_id = new.tenant_id;
    select * into newest from fridge.tenant_changes where tenant_id = new.tenant_id order by change_id desc limit 1;
    if newest.change_id is null
        or (newest.name, newest.stripe_customer_id) is distinct from (present.name, present.stripe_customer_id)
    then
        insert into fridge.tenant_changes (tenant_id, name, stripe_customer_id, reason)
        values (
            present.tenant_id, present.name, present.stripe_customer_id,
            nullif(current_setting('fridge.reason', true), '')
        );
    end if;
    return null;
end;
$$;
revoke execute on function fridge.record_tenant_change() from public;

-- At the end of the transaction: an import frees a customer before it gives it to another tenant.
create constraint trigger tenants_keep_history after insert or update on fridge.tenants
deferrable initially deferred for each row execute function fridge.record_tenant_change();

-- The measures: those of fridge_pipeline/catalogue/measure.py, and whatever was declared.
create table fridge.measures (
    measure text primary key,
    usage_table text not null,
    counts text not null,
    is_counted boolean not null default true,
    constraint measures_usage_table unique (usage_table)
);

insert into fridge.measures (measure, usage_table, counts) values
('inserted_count', 'inserted_counts', 'readings stored for the first time'),
('active_sensors', 'active_sensors', 'distinct sensors with a reading stored for the first time');

comment on table fridge.measures is 'One row per measure: what is counted of the readings inserted in an hour.';
comment on column fridge.measures.measure is 'Its name in usage.measure and in the catalogue of meters.';
comment on column fridge.measures.usage_table is 'The asset that counts it; counted_hours calls it that too.';
comment on column fridge.measures.counts is 'In words.';
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

-- A column of a reading in SQL; a word that is none is refused.
create function fridge.column_sql(name text) returns text
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

-- The SQL of a condition's tree. Only what stands here can come of it: values are literals, and a word that is neither
-- an operator nor a column is refused.
create function fridge.condition_sql(tree jsonb) returns text
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

-- A copy of the settings' catalogue, so that SQL can say under which meter usage is billed.
create table fridge.meters (
    event_name text primary key,
    measure text not null,
    formula text not null,
    "window" text not null,
    constraint meters_measure foreign key (measure) references fridge.measures (measure)
);

comment on table fridge.meters is
'One row per meter of the catalogue in the settings, copied whenever the SQL models are brought up to date.';
comment on column fridge.meters.event_name is 'The Stripe event name.';
comment on column fridge.meters.measure is 'What is billed; see measures.';
comment on column fridge.meters.formula is 'How Stripe makes one number of several statements.';
comment on column fridge.meters."window" is 'hour when only the newest statement of an hour counts, else none.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('meters', '{measure, formula, "window"}', true);
