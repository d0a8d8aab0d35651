-- name: copy_tie_out
copy (
    select * from fridge.tie_out
    where hour >= %(start)s and hour < %(end)s
) to stdout with (format csv, header true);

-- name: create_books
-- Books of years in minutes: what an installation would have written hour by hour, put in at once and without triggers.
-- Only the hours of one in ``step`` are there until ``dense_from``, and every hour from then on.
create function fridge.fill_books(
    tenants_wanted integer,
    first_hour timestamptz,
    dense_from timestamptz,
    ends timestamptz,
    step integer
) returns void
language plpgsql set search_path = fridge, pg_temp set timezone = 'UTC' as $$
begin
    create temporary table hours on commit drop as
    select
        hour,
        row_number() over (order by hour)::integer as file_id
    from generate_series(first_hour, ends - interval '1 hour', interval '1 hour') as hours (hour)
    where hour >= dense_from or extract(hour from hour)::integer % step = 0;
    create temporary table shops on commit drop as
    select
        number,
        'shop-' || to_char(number, 'FM00000') as tenant_id,
        -- One in 200 has no Stripe customer.
        case when number % 200 <> 0 then 'cus_' || to_char(number, 'FM00000') end as customer
    from generate_series(1, tenants_wanted) as shops (number);
    create temporary table billed on commit drop as
    select 'temperature_readings' as meter, 'inserted_count' as measure, 60 as unit
    union all
    select 'active_sensors', 'active_sensors', 1;

    insert into tenants (tenant_id, name, stripe_customer_id)
    select tenant_id, 'Shop number ' || number, customer from shops;
    insert into meters (event_name, measure, formula, "window")
    select meter, measure, 'sum', 'hour' from billed;

    insert into landing_files (
        file_id, path, landing_hour, content_hash, version_token, size_bytes, row_count, inserted_count,
        duplicate_count, rejected_count, status, first_recorded_at, last_recorded_at, run_id, loaded_at
    )
    select
        file_id,
        to_char(hour, 'YYYY-MM-DD/HH24') || '/gateway.parquet',
        hour, md5(file_id::text), '', 1, total, total, 0, 0, 'loaded', hour, hour + interval '59 minutes', 'books',
        hour + interval '62 minutes'
    from hours
    cross join (select sum(60 * (number % 3 + 1)) as total from shops) as totals;
    insert into landing_file_tenants
    select file_id, tenant_id, 60 * (number % 3 + 1), 60 * (number % 3 + 1), 0, 0 from hours cross join shops;
    insert into counted_hours (landing_hour, usage_table, files_hash, counted_at)
    select hour, usage_table, md5(file_id::text), hour + interval '63 minutes' from hours cross join measures;
    insert into usage (tenant_id, hour, measure, quantity, computed_at)
    select tenant_id, hour, measure, unit * (number % 3 + 1), hour + interval '63 minutes'
    from hours cross join billed cross join shops
    order by hour;

    insert into sensor_hours
    select tenant_id, 'fridge-1', hour, 60 * (number % 3 + 1), 0, hour, hour + interval '59 minutes'
    from hours cross join shops
    order by hour;
    insert into recorded_months
    select tenant_id, hour, date_trunc('month', hour)::date, 60 * (number % 3 + 1), number % 3 + 1
    from hours cross join shops
    order by hour;
    insert into model_hours (model, hour, built_at)
    select name, hour, hour + interval '70 minutes' from hours cross join sql_models where materialized = 'increment'
    and name in ('sensor_hours', 'declared_hours', 'recorded_months');

    -- One statement in 2,000 was restated.
    insert into meter_events (
        identifier, event_name, tenant_id, stripe_customer_id, hour, revision, value, "timestamp", status, staged_at,
        first_sent_at, last_sent_at, settled_at, attempts, http_status, request_id, answer, run_id
    )
    select
        concat_ws(':', meter, tenant_id, to_char(hour, 'YYYYMMDDHH24'), 'r' || revision),
        meter, tenant_id, customer, hour, revision,
        unit * (number % 3 + 1) - case when revision < newest then 1 else 0 end, hour + interval '30 minutes',
        case when revision < newest then 'superseded' else 'accepted' end, hour + interval '70 minutes',
        hour + interval '70 minutes', hour + interval '70 minutes', hour + interval '71 minutes', 1, 200,
        'req_' || file_id, 'received', 'books'
    from hours cross join billed cross join shops
    cross join lateral (select case when (file_id + number) % 2000 = 0 then 2 else 1 end as newest) as revisions
    cross join lateral generate_series(1, newest) as each (revision)
    where customer is not null
    order by hour;

    -- Stripe was read of every day but the last.
    insert into stripe_sums (hour, tenant_id, event_name, stripe_customer_id, quantity, read_at, run_id)
    select hour, tenant_id, meter, customer, unit * (number % 3 + 1), date_trunc('day', hour) + interval '30 hours', 'b'
    from hours cross join billed cross join shops
    where customer is not null and hour < date_trunc('day', ends)
    order by hour;
    create temporary table days on commit drop as
    select date_trunc('day', hour)::date as day, count(*) as hours from hours group by day;
    insert into stripe_day_reads (day, tenant_id, event_name, stripe_customer_id, read_by, quantity, read_at, run_id)
    select day, tenant_id, meter, customer, 'hour', hours * unit * (number % 3 + 1), day + interval '30 hours', 'b'
    from days cross join billed cross join shops
    where customer is not null and day < ends::date;
    insert into stripe_reconciliation (
        day, tenant_id, event_name, stripe_customer_id, usage_value, ledger_value, stripe_value, difference, read_at,
        run_id
    )
    select
        day, tenant_id, meter, customer, quantity, quantity, quantity, 0, day + interval '30 hours', 'b'
    from days cross join billed cross join shops
    cross join lateral (select hours * unit * (number % 3 + 1) as quantity) as sums
    where customer is not null and day < ends::date;

    -- What waits for a customer, and some 20,000 exceptions that are over.
    insert into exceptions (kind, tenant_id, hour, subject, detail, deadline_at, opened_at, owed)
    select
        'unmapped', tenant_id, hour, meter, 'no Stripe customer', hour + interval '35 days',
        hour + interval '1 hour', unit * (number % 3 + 1)
    from hours cross join billed cross join shops
    where customer is null and hour > ends - interval '34 days';
    insert into exceptions (kind, tenant_id, hour, subject, detail, opened_at, closed_at)
    select 'refused', tenant_id, hour, meter, 'over', hour + interval '1 hour', hour + interval '2 hours'
    from hours cross join billed cross join shops
    where (file_id + number) % 400 = 0 and number % 2 = 0;

    -- Invoices of whole months, and who is subscribed.
    create temporary table months on commit drop as
    select
        begins,
        begins + interval '1 month' as ended,
        row_number() over (order by begins) as number
    from generate_series(date_trunc('month', first_hour), ends, interval '1 month') as months (begins);
    insert into price_snapshots (
        price_id, event_name, currency, unit_amount, tiers, rounds_up, content_hash, read_at, run_id
    )
    select 'price_' || meter, meter, 'usd', 0.5, '[]', false, 'hash', first_hour, 'books' from billed;
    insert into subscription_item_snapshots (
        item_id, stripe_subscription_id, stripe_customer_id, price_id, status, created_at, period_start, period_end,
        content_hash, read_at, run_id
    )
    select
        'si_' || meter || number, 'sub_' || number, customer, 'price_' || meter, 'active', first_hour,
        date_trunc('month', ends), date_trunc('month', ends) + interval '1 month', 'hash', ends, 'books'
    from billed cross join shops
    where customer is not null;
    insert into invoice_snapshots (
        invoice_id, stripe_customer_id, status, billing_reason, currency, created_at, finalized_at, "number", total,
        credited, content_hash, read_at, run_id
    )
    select
        concat('in_', months.number, '_', shops.number), customer, 'paid', 'subscription_cycle', 'usd', ended,
        ended + interval '1 hour', concat(months.number, '-', shops.number), 100, 0, 'hash', ended, 'books'
    from months cross join shops
    where customer is not null and ended <= ends
    order by months.number, shops.number;
    insert into invoice_line_snapshots (
        snapshot_id, line_number, line_id, price_id, period_start, period_end, quantity, amount, is_invoice_item,
        is_proration
    )
    select
        snapshot_id, row_number() over (partition by snapshot_id order by meter), concat('il_', snapshot_id, meter),
        'price_' || meter, created_at - interval '1 month', created_at, 1, 50, false, false
    from invoice_snapshots cross join billed;
    insert into invoice_comparisons (
        invoice_id, tenant_id, stripe_customer_id, event_name, period_start, period_end, usage_quantity,
        accepted_quantity, stripe_quantity, invoice_quantity, difference, compared_at
    )
    select
        invoice_id, tenant_id, stripe_customer_id, meter, created_at - interval '1 month', created_at, 1, 1, 1, 1, 0,
        created_at
    from invoice_snapshots
    inner join shops on invoice_snapshots.stripe_customer_id = shops.customer
    cross join billed;

    -- All months but the last two are closed.
    insert into month_signoffs (signoff_id, month, action, signed_by, control_totals, signed_at, acted_by, acted_at)
    select
        2 * months.number - turns.place, begins, turns.action, turns.person,
        case when turns.action = 'prepare' then totals.figures end,
        ended + interval '3 days', turns.person, ended + interval '3 days'
    from months
    cross join (values (1, 'prepare', 'ada'), (0, 'approve', 'grace')) as turns (place, action, person)
    cross join lateral (
        select jsonb_build_object('meters', jsonb_object_agg(meter, jsonb_build_object(
            'usage', quantity, 'stated', quantity, 'stripe', quantity
        ))) as figures
        from (
            select meter, sum(unit * (shops.number % 3 + 1)) as quantity
            from hours cross join billed cross join shops
            where hour >= begins and hour < ended
            group by meter
        ) as sums
    ) as totals
    where ended < date_trunc('month', ends)
    order by months.number, turns.place desc;
    insert into signed_hours (
        signoff_id, tenant_id, meter, hour, usage_quantity, stated_quantity, stripe_quantity, stripe_read_at, status
    )
    select
        2 * months.number - 1, tenant_id, meter, hour, quantity,
        case when customer is not null then quantity end, case when customer is not null then quantity end,
        ended, 'tied'
    from months
    inner join hours on hour >= begins and hour < ended
    cross join billed
    cross join shops
    cross join lateral (select unit * (shops.number % 3 + 1) as quantity) as sums
    where ended < date_trunc('month', ends);
    -- A late file in the newest closed month.
    update usage set quantity = quantity + 5
    where
        tenant_id = 'shop-00001' and measure = 'inserted_count'
        and hour = date_trunc('month', ends) - interval '2 months' + interval '12 hours';

    perform setval('landing_file_ids', (select max(file_id) from landing_files));
end;
$$;

-- name: create_rival_table
-- What a person would write into: the columns and the primary key of fridge.stored_readings, in one plain table,
-- without the index by file and the triggers that ours carries.
create table public.readings (
    recorded_at timestamptz not null,
    temperature_c double precision not null,
    sensor_key integer not null,
    file_id integer not null,
    primary key (recorded_at, sensor_key)
);

-- name: create_staging
create temporary table staged_readings (like public.readings);

-- name: events_answered
select count(*) from fridge.meter_events
where status = 'accepted' and first_sent_at >= %(landed_at)s;

-- name: fill_books
select fridge.fill_books(%(tenants)s, %(first)s, %(dense_from)s, %(ends)s, %(step)s) as filled;

-- name: insert_fleet
-- The fleet's sensors, with the keys 1, 2, 3, …
insert into fridge.sensors (tenant_id, sensor_id)
select
    'tenant-' || lpad((mod(number, %(tenants)s))::text, 5, '0') as tenant_id,
    'fridge-' || lpad(number::text, 7, '0') || '-probe' as sensor_id
from generate_series(0, %(sensors)s - 1) as sensors (number)
order by number;

-- name: insert_history
-- One hour's readings in the order of time, the sensors one after another.
insert into fridge.stored_readings (recorded_at, temperature_c, sensor_key, file_id)
select
    %(hour)s::timestamptz + number * (interval '1 hour' / %(readings)s) as recorded_at,
    mod(number, 100) / 10.0 as temperature_c,
    mod(number, %(sensors)s) + 1 as sensor_key,
    %(file_id)s::integer
from generate_series(0, %(readings)s - 1) as numbers (number);

-- name: insert_history_counts
-- Usage says that it was counted from the files that there are.
insert into fridge.counted_hours (landing_hour, usage_table, files_hash, counted_at)
select
    landing_files.landing_hour,
    measures.usage_table,
    md5(string_agg(landing_files.file_id::text, ',' order by landing_files.file_id)) as files_hash,
    now() as counted_at
from fridge.landing_files
cross join fridge.measures
group by landing_files.landing_hour, measures.usage_table
on conflict do nothing;

-- name: insert_history_file
-- The file that an hour's readings are said to be from.
insert into fridge.landing_files (
    file_id, path, landing_hour, content_hash, version_token, size_bytes,
    row_count, inserted_count, duplicate_count, rejected_count,
    status, first_recorded_at, last_recorded_at, run_id, loaded_at
)
values (
    %(file_id)s, 'history/' || %(file_id)s, %(hour)s, md5(%(file_id)s::text), '', 0,
    %(readings)s, %(readings)s, 0, 0,
    'loaded', %(hour)s, %(hour)s::timestamptz + interval '1 hour', 'history', now()
);

-- name: insert_history_tenants
-- Whose readings the file of an hour holds: the sensors take turns.
insert into fridge.landing_file_tenants (
    file_id, tenant_id, row_count, inserted_count, duplicate_count, rejected_count
)
select
    %(file_id)s::integer as file_id,
    sensors.tenant_id,
    count(*) as row_count,
    count(*) as inserted_count,
    0 as duplicate_count,
    0 as rejected_count
from generate_series(0, %(readings)s - 1) as numbers (number)
inner join fridge.sensors on mod(numbers.number, %(sensors)s) + 1 = sensors.sensor_key
group by sensors.tenant_id;

-- name: insert_month_of_books
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

-- name: insert_row
insert into public.readings (recorded_at, temperature_c, sensor_key, file_id)
values ($1, $2, $3, $4)
on conflict do nothing;

-- name: insert_staged
insert into public.readings (recorded_at, temperature_c, sensor_key, file_id)
select
    recorded_at,
    temperature_c,
    sensor_key,
    file_id
from staged_readings
order by recorded_at, sensor_key
on conflict do nothing;

-- name: insert_usage
-- Usage of an hour for so many tenants, of both measures.
insert into fridge.usage (tenant_id, hour, measure, quantity, computed_at)
select
    'tenant-' || lpad(tenants.number::text, 5, '0') as tenant_id,
    %(hour)s as hour,
    counted.measure,
    counted.quantity,
    now() as computed_at
from generate_series(0, %(tenants)s - 1) as tenants (number)
cross join (values ('inserted_count', 250), ('active_sensors', 40)) as counted (measure, quantity);

-- name: make_months
select fridge.ensure_month(month)
from generate_series(date_trunc('month', %(first)s), %(last)s, interval '1 month') as months (month);

-- name: read_places
-- What the pages are asked about.
select
    (
        select to_char(max(month_signoffs.month), 'YYYY-MM') from fridge.month_signoffs
    ) as month,
    (
        select max(usage.hour) - interval '3 days' from fridge.usage
    ) as hour,
    lines.invoice_id,
    lines.line_id
from fridge.invoice_lines as lines
order by lines.invoice_id desc, lines.line_id asc
limit 1;

-- name: read_usage_columns
select
    file_id,
    sensor_key
from fridge.stored_readings;

-- name: skip_file_ids
select setval('fridge.landing_file_ids', %(last)s);
