-- A whole month as billing leaves it: every hour has one file with readings of every tenant, and all of its usage was
-- stated, accepted and read back from Stripe by the hour. Written past the guards, which would want 744 runs.
alter table fridge.usage disable trigger user;
alter table fridge.counted_hours disable trigger user;
alter table fridge.landing_files disable trigger user;
alter table fridge.landing_file_tenants disable trigger user;
alter table fridge.meter_events disable trigger user;

select fridge.ensure_month(%(start)s);

insert into fridge.stripe_books (is_live) values (false);
insert into fridge.stripe_uses (mode, used_since) values ('sandbox', %(start)s);

insert into fridge.tenants (tenant_id, name, stripe_customer_id)
select
    'tenant-' || lpad(number::text, 5, '0') as tenant_id,
    'Tenant ' || number as name,
    'cus_' || number as stripe_customer_id
from generate_series(0, %(tenants)s - 1) as tenants (number);

insert into fridge.stored_readings (recorded_at, temperature_c, sensor_key, file_id)
select
    hours.hour + moments.number * (interval '1 hour' / %(per_hour)s) as recorded_at,
    4.5 as temperature_c,
    keys.sensor_key,
    hours.file_id::integer
from
    generate_series(%(start)s, %(end)s::timestamptz - interval '1 hour', interval '1 hour')
    with ordinality as hours (hour, file_id)
cross join generate_series(0, %(per_hour)s - 1) as moments (number)
cross join generate_series(1, %(sensors)s) as keys (sensor_key);

insert into fridge.landing_file_tenants (
    file_id, tenant_id, row_count, inserted_count, duplicate_count, rejected_count
)
select
    files.file_id,
    tenants.tenant_id,
    %(per_tenant)s as row_count,
    %(per_tenant)s as inserted_count,
    0 as duplicate_count,
    0 as rejected_count
from generate_series(1, 24 * (%(end)s::date - %(start)s::date)) as files (file_id)
cross join fridge.tenants;

insert into fridge.landing_files (
    file_id, path, landing_hour, content_hash, version_token, size_bytes,
    row_count, inserted_count, duplicate_count, rejected_count,
    status, first_recorded_at, last_recorded_at, run_id, loaded_at
)
select
    hours.file_id::integer,
    to_char(hours.hour, 'YYYY-MM-DD/HH24') || '/gateway.parquet' as path,
    hours.hour as landing_hour,
    md5(hours.file_id::text) as content_hash,
    '' as version_token,
    0 as size_bytes,
    %(per_file)s as row_count,
    %(per_file)s as inserted_count,
    0 as duplicate_count,
    0 as rejected_count,
    'loaded' as status,
    hours.hour as first_recorded_at,
    hours.hour + interval '59 minutes' as last_recorded_at,
    'bench' as run_id,
    hours.hour + interval '65 minutes' as loaded_at
from
    generate_series(%(start)s, %(end)s::timestamptz - interval '1 hour', interval '1 hour')
    with ordinality as hours (hour, file_id);

insert into fridge.counted_hours (landing_hour, usage_table, files_hash, counted_at)
select
    landing_files.landing_hour,
    measures.usage_table,
    md5(landing_files.file_id::text) as files_hash,
    landing_files.landing_hour + interval '66 minutes' as counted_at
from fridge.landing_files
cross join fridge.measures;

insert into fridge.usage (tenant_id, hour, measure, quantity, computed_at)
select
    tenants.tenant_id,
    counted_hours.landing_hour as hour,
    measures.measure,
    case measures.measure when 'inserted_count' then %(per_tenant)s else %(sensors_each)s end as quantity,
    counted_hours.counted_at as computed_at
from fridge.counted_hours
inner join fridge.measures on counted_hours.usage_table = measures.usage_table
cross join fridge.tenants
order by counted_hours.landing_hour, measures.measure, tenants.tenant_id;

insert into fridge.meter_events (
    identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value, "timestamp", status,
    staged_at, first_sent_at, last_sent_at, settled_at, attempts, http_status, request_id, answer, run_id
)
select
    names.event_name || ':' || usage.tenant_id || ':' || to_char(usage.hour, 'YYYYMMDDHH24') || ':r1' as identifier,
    names.event_name,
    usage.tenant_id,
    tenants.stripe_customer_id,
    usage.hour,
    1 as revision,
    usage.quantity as value,
    usage.hour + interval '30 minutes' as "timestamp", -- noqa: RF06
    'accepted' as status,
    usage.hour + interval '67 minutes' as staged_at,
    usage.hour + interval '67 minutes' as first_sent_at,
    usage.hour + interval '67 minutes' as last_sent_at,
    usage.hour + interval '68 minutes' as settled_at,
    1 as attempts,
    200 as http_status,
    'req_' || md5(usage.tenant_id || usage.hour) as request_id,
    'accepted' as answer,
    'bench' as run_id
from fridge.usage
inner join fridge.tenants on usage.tenant_id = tenants.tenant_id
inner join (values ('inserted_count', 'temperature_readings'), ('active_sensors', 'active_sensors'))
    as names (measure, event_name)
    on usage.measure = names.measure
order by usage.hour, names.event_name, usage.tenant_id;

insert into fridge.meter_event_attempts (
    identifier, attempt, outcome, sent_at, tries, latency_seconds, http_status, request_id, answer, run_id
)
select
    identifier,
    1 as attempt,
    'accepted' as outcome,
    settled_at as sent_at,
    1 as tries,
    0.1 as latency_seconds,
    http_status,
    request_id,
    answer,
    run_id
from fridge.meter_events
order by hour, event_name, tenant_id;

insert into fridge.stripe_sums (hour, tenant_id, event_name, stripe_customer_id, quantity, read_at, run_id)
select
    hour,
    tenant_id,
    event_name,
    stripe_customer_id,
    value as quantity,
    date_trunc('day', hour, 'UTC') + interval '30 hours' as read_at,
    'bench' as run_id
from fridge.meter_events
order by hour, event_name, tenant_id;

insert into fridge.stripe_day_reads (
    day, tenant_id, event_name, stripe_customer_id, read_by, quantity, read_at, run_id
)
select
    (hour at time zone 'UTC')::date as day, -- noqa: RF06
    tenant_id,
    event_name,
    stripe_customer_id,
    'hour' as read_by,
    sum(quantity) as quantity,
    read_at,
    run_id
from fridge.stripe_sums
group by (hour at time zone 'UTC')::date, tenant_id, event_name, stripe_customer_id, read_at, run_id;

insert into fridge.stripe_reconciliation (
    day, hour, tenant_id, event_name, stripe_customer_id, usage_value, ledger_value, stripe_value, difference,
    read_at, run_id
)
select
    day,
    null as hour,
    tenant_id,
    event_name,
    stripe_customer_id,
    quantity as usage_value,
    quantity as ledger_value,
    quantity as stripe_value,
    0 as difference,
    read_at,
    run_id
from fridge.stripe_day_reads;

alter table fridge.usage enable trigger user;
alter table fridge.counted_hours enable trigger user;
alter table fridge.landing_files enable trigger user;
alter table fridge.landing_file_tenants enable trigger user;
alter table fridge.meter_events enable trigger user;
