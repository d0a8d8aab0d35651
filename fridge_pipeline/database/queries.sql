-- name: unsuitable_defaults
-- Parameters that not every role may set, or not every server knows, where a session did not get what we need.
select
    wanted.parameter,
    current_setting(wanted.parameter, true) as setting
from
    (
        values
        ('session_replication_role', 'origin'), -- otherwise no trigger keeps the books
        ('transaction_timeout', '0'),
        ('restrict_nonsystem_relation_kind', '')
    ) as wanted (parameter, value)
where current_setting(wanted.parameter, true) <> wanted.value
order by wanted.parameter;

-- name: make_session_new
-- What the end of a session undoes. The role comes back that it was opened with, which reset all leaves alone.
select pg_advisory_unlock_all();
close all; -- noqa: PRS
unlisten *;
discard temp;
discard sequences;
deallocate all;
reset session authorization;
reset all;

-- name: server_clock
select clock_timestamp() as now;

-- name: create_model_table
create table fridge.{name} as {select} with no data;

-- name: create_model_view
create view fridge.{name} as {select};

-- name: database_exists
select 1 from pg_database
where datname = %(name)s;

-- name: create_database
create database {name};

-- name: open_exception
-- The unique index exceptions_open keeps one open row per difference.
insert into fridge.exceptions as was (kind, tenant_id, hour, subject, detail, owed, deadline_at, opened_at)
values (%(kind)s, %(tenant_id)s, %(hour)s, %(subject)s, %(detail)s, %(owed)s, %(deadline_at)s, %(now)s)
on conflict (kind, tenant_id, hour, subject) where closed_at is null
do update
    set
        detail = excluded.detail,
        owed = excluded.owed,
        deadline_at = excluded.deadline_at
    where
    was.detail <> excluded.detail
    or (was.owed, was.deadline_at) is distinct from (excluded.owed, excluded.deadline_at);

-- name: close_exception
update fridge.exceptions
set closed_at = %(now)s
where
    kind = %(kind)s
    and tenant_id is not distinct from %(tenant_id)s
    and hour is not distinct from %(hour)s
    and subject = %(subject)s
    and closed_at is null;

-- name: close_settled_exceptions
-- A difference is over once Stripe has the hour's usage, whatever had stood in the way.
update fridge.exceptions
set closed_at = %(now)s
from fridge.meter_events
where
    exceptions.closed_at is null
    and exceptions.tenant_id = meter_events.tenant_id
    and exceptions.hour = meter_events.hour
    and meter_events.identifier = any(%(identifiers)s)
    and meter_events.status = 'accepted'
    and (
        (
            exceptions.kind in (
                select exception_kinds.kind
                from fridge.exception_kinds
                where exception_kinds.waits and exception_kinds.subject = 'meter'
            )
            and exceptions.subject = meter_events.event_name
        )
        or (
            exceptions.kind in (
                select exception_kinds.kind
                from fridge.exception_kinds
                where exception_kinds.waits and exception_kinds.subject = 'statement'
            )
            and exceptions.subject in (
                select older.identifier
                from fridge.meter_events as older
                where
                    older.event_name = meter_events.event_name
                    and older.tenant_id = meter_events.tenant_id
                    and older.hour = meter_events.hour
            )
        )
    );

-- name: close_moot_exceptions
-- What stood in the way of billing is over when there is nothing left to bill, because usage is what Stripe has, or
-- when the tenant has a customer, the month is open again, or what was held is released: if something else stands in
-- the way now, that is an exception of its own. What is told of many tenants at once names none (close_told_together).
with catalogue as (
    select
        event_name,
        measure
    from unnest(%(event_names)s::text[], %(measures)s::text[]) as meters (event_name, measure)
),

-- About a meter, or about a statement of it that was refused.
waiting as (
    select
        open_exceptions.exception_id,
        open_exceptions.kind,
        open_exceptions.tenant_id,
        open_exceptions.hour,
        catalogue.event_name
    from fridge.open_exceptions
    left join fridge.meter_events on open_exceptions.subject = meter_events.identifier
    inner join catalogue on coalesce(meter_events.event_name, open_exceptions.subject) = catalogue.event_name
    where
        open_exceptions.tenant_id is not null
        and open_exceptions.hour between %(first)s and %(last)s
        and open_exceptions.kind <> 'unexplained'
        and open_exceptions.kind in (
            select exception_kinds.kind
            from fridge.exception_kinds
            where exception_kinds.waits
        )
)

update fridge.exceptions
set closed_at = %(now)s
where
    exceptions.closed_at is null
    and exceptions.exception_id in (
        select waiting.exception_id
        from waiting
        where
            (
                waiting.kind = 'unmapped'
                and exists (
                    select 1 from fridge.tenants
                    where tenants.tenant_id = waiting.tenant_id and tenants.stripe_customer_id is not null
                )
            )
            or (waiting.kind = 'month_closed' and not fridge.month_is_closed(waiting.hour))
            or (
                waiting.kind = 'held_for_review'
                and exists (
                    select 1
                    from fridge.released_usage
                    inner join catalogue on released_usage.measure = catalogue.measure
                    where
                        catalogue.event_name = waiting.event_name
                        and coalesce(released_usage.event_name, waiting.event_name) = waiting.event_name
                        and released_usage.tenant_id = waiting.tenant_id
                        and released_usage.hour = waiting.hour
                )
            )
            or 0 = (
                select
                    coalesce(usage.quantity, 0) - coalesce(stated_usage.value, 0)
                    - fridge.settled_quantity(
                        usage.quantity, stated_usage.value, settled.invoiced + settled.credited, settled.written_off
                    )
                from catalogue
                left join fridge.usage
                    on
                        catalogue.measure = usage.measure
                        and usage.tenant_id = waiting.tenant_id
                        and usage.hour = waiting.hour
                left join fridge.stated_usage
                    on
                        catalogue.event_name = stated_usage.event_name
                        and stated_usage.tenant_id = waiting.tenant_id
                        and stated_usage.hour = waiting.hour
                left join fridge.settled_usage as settled
                    on
                        catalogue.event_name = settled.event_name
                        and settled.tenant_id = waiting.tenant_id
                        and settled.hour = waiting.hour
                where catalogue.event_name = waiting.event_name
            )
    );

-- name: close_overtaken
-- Of what can keep a tenant, meter and hour from being stated, one thing does at a time: what was said before is over.
-- A refusal is about a statement, everything else about a meter.
update fridge.exceptions
set closed_at = %(now)s
from
    unnest(
        %(event_names)s::text[], %(tenant_ids)s::text[], %(hours)s::timestamptz[],
        %(kinds)s::text[], %(subjects)s::text[]
    ) as judged (event_name, tenant_id, hour, kind, subject)
where
    exceptions.closed_at is null
    and exceptions.tenant_id = judged.tenant_id
    and exceptions.hour = judged.hour
    and (exceptions.kind <> judged.kind or exceptions.subject <> judged.subject)
    and exceptions.kind <> 'unexplained'
    and exceptions.kind in (
        select exception_kinds.kind
        from fridge.exception_kinds
        where exception_kinds.waits
    )
    and judged.event_name = coalesce(
        (
            select meter_events.event_name
            from fridge.meter_events
            where meter_events.identifier = exceptions.subject
        ), exceptions.subject
    );

-- name: close_told_together
-- An exception about many tenants of an hour and meter names none in tenant_id. It is over when none of them is left.
update fridge.exceptions
set closed_at = %(now)s
where
    closed_at is null
    and tenant_id is null
    and kind in (
        select exception_kinds.kind
        from fridge.exception_kinds
        where exception_kinds.withholds
    )
    and hour between %(first)s and %(last)s
    and subject = any(%(event_names)s)
    and (kind, hour, subject) not in (
        select
            told.kind,
            told.hour,
            told.subject
        from unnest(%(kinds)s::text[], %(hours)s::timestamptz[], %(subjects)s::text[]) as told (kind, hour, subject)
    );

-- name: close_contradictions
-- Usage and files agree again, or the hour waits to be counted anew.
update fridge.exceptions
set closed_at = %(now)s
where
    kind = 'contradiction'
    and closed_at is null
    and hour between %(first)s and %(last)s
    and (hour, tenant_id) not in (
        select
            contradictions.hour,
            contradictions.tenant_id
        from unnest(%(hours)s::timestamptz[], %(tenant_ids)s::text[]) as contradictions (hour, tenant_id)
    );

-- name: tenant_ids
select tenant_id from fridge.tenants;

-- name: open_exceptions_per_hour
select
    hour,
    kind,
    count(*) as exceptions
from fridge.open_exceptions
where hour between %(first)s and %(last)s
group by hour, kind
order by hour, kind;

-- name: open_exception_kinds
select
    kind,
    count(*) as exceptions
from fridge.open_exceptions
group by kind
order by exceptions desc, kind asc;

-- name: open_of_kind
select
    tenant_id,
    hour,
    subject,
    opened_at
from fridge.open_exceptions
where kind = %(kind)s;

-- name: close_begun_hours
update fridge.exceptions
set closed_at = %(now)s
where
    kind = 'future_hour'
    and closed_at is null
    and (
        hour <> all(%(present)s::timestamptz[])
        or (
            hour <= %(now)s
            and exists (
                select 1 from fridge.landing_hours
                where landing_hours.landing_hour = exceptions.hour
            )
        )
    );

-- name: close_expected_hours
update fridge.exceptions
set closed_at = %(now)s
where kind = 'unexpected_hour' and closed_at is null and hour <> all(%(unexpected)s::timestamptz[]);

-- name: keep_causes
-- Nothing goes: a cause that this version no longer knows stands in rows of the past.
insert into fridge.causes (
    cause, "position", step, is_explained, words, meaning, outcome, expires, is_delivered_next
)
values (
    %(cause)s, %(position)s, %(step)s, %(is_explained)s, %(words)s, %(meaning)s, %(outcome)s, %(expires)s,
    %(is_delivered_next)s
)
on conflict (cause) do update
    set
        "position" = excluded."position",
        step = excluded.step,
        is_explained = excluded.is_explained,
        words = excluded.words,
        meaning = excluded.meaning,
        outcome = excluded.outcome,
        expires = excluded.expires,
        is_delivered_next = excluded.is_delivered_next;

-- name: keep_exception_kinds
-- Nothing goes: a kind that this version no longer knows stands in exceptions of the past.
insert into fridge.exception_kinds (kind, "position", means, what_to_do, subject, cause, waits, withholds, ends)
values (
    %(kind)s, %(position)s, %(means)s, %(what_to_do)s, %(subject)s, %(cause)s, %(waits)s, %(withholds)s, %(ends)s
)
on conflict (kind) do update
    set
        "position" = excluded."position",
        means = excluded.means,
        what_to_do = excluded.what_to_do,
        subject = excluded.subject,
        cause = excluded.cause,
        waits = excluded.waits,
        withholds = excluded.withholds,
        ends = excluded.ends;

-- name: keep_invoice_causes
insert into fridge.invoice_causes (
    cause, "position", words, meaning, what_to_do, is_explained, needs_correction
) values (
    %(cause)s, %(position)s, %(words)s, %(meaning)s, %(do)s, %(is_explained)s, %(needs_correction)s
)
on conflict (cause) do update
    set
        "position" = excluded."position",
        words = excluded.words,
        meaning = excluded.meaning,
        what_to_do = excluded.what_to_do,
        is_explained = excluded.is_explained,
        needs_correction = excluded.needs_correction;

-- name: create_schema_migrations
-- Two processes may get here at once: the lock lets the second one find everything made.
select pg_advisory_xact_lock(hashtextextended('fridge.migrations', 0));

create schema if not exists fridge;

create table if not exists fridge.schema_migrations (
    number integer primary key,
    title text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
);

-- name: lock_migrations
select pg_advisory_xact_lock(hashtextextended('fridge.migrations', 0));

-- name: record_migration
-- The row of the schema, number 0, is brought up to date with each migration that follows.
insert into fridge.schema_migrations (number, title, sha256)
values (%(number)s, %(title)s, %(sha256)s)
on conflict (number) do update
    set sha256 = excluded.sha256, applied_at = excluded.applied_at
    where schema_migrations.sha256 <> excluded.sha256;

-- name: models_built_from
select files_sha256 from fridge.sql_models_built;

-- name: models_are_superseded
select %(files_sha256)s = any(superseded) as are_superseded from fridge.sql_models_built;

-- name: wait_shortly
select set_config('lock_timeout', %(lock_wait)s, true);

-- name: schema_lock_holders
-- Who holds relations of the schema, those of the longest transactions first, and since when, as far as we may see it.
select
    format(
        'process %s of the login %s%s, on %s',
        pg_locks.pid,
        coalesce(pg_stat_activity.usename, 'unknown'),
        coalesce(to_char(pg_stat_activity.xact_start at time zone 'UTC', '", since "HH24:MI:SS" UTC"'), ''),
        min(pg_class.relname) || case when count(*) > 1 then ' and others' else '' end
    ) as told
from pg_locks
inner join pg_class on pg_locks.relation = pg_class.oid
left join pg_stat_activity on pg_locks.pid = pg_stat_activity.pid
where
    pg_class.relnamespace = 'fridge'::regnamespace
    and pg_stat_activity.datname = current_database()
    and pg_locks.granted
    and pg_locks.pid <> pg_backend_pid()
group by pg_locks.pid, pg_stat_activity.usename, pg_stat_activity.xact_start
order by pg_stat_activity.xact_start asc nulls last, pg_locks.pid asc
limit 5;

-- name: lock_models
select pg_advisory_xact_lock(hashtextextended('fridge.sql_models', 0));

-- name: built_models
select
    name,
    sha256,
    materialized
from fridge.sql_models;

-- name: record_models_built
insert into fridge.sql_models_built (files_sha256, built_at)
values (%(files_sha256)s, %(now)s)
on conflict (is_the_only_row) do update
    set
        files_sha256 = excluded.files_sha256,
        built_at = excluded.built_at,
        -- What is made again on purpose, by going back to earlier code, is no longer superseded.
        superseded = array_append(
            array_remove(sql_models_built.superseded, excluded.files_sha256), sql_models_built.files_sha256
        );

-- name: keep_meters
-- The catalogue as the settings have it; nothing is written where it is known already.
with catalogue as (
    select
        event_name,
        measure,
        formula,
        "window"
    from
        unnest(
            %(event_names)s::text[], %(measures)s::text[], %(formulas)s::text[], %(windows)s::text[]
        ) as meters (event_name, measure, formula, "window")
    -- One that nobody bills by yet is not known here.
    where measure in (select measures.measure from fridge.measures)
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

-- name: empty_model
delete from fridge.{name};

-- name: fill_model
insert into fridge.{name}
{select};

-- name: prefer_block_ranges
-- For this connection: a fresh partition has no statistics yet, and the planner would read all of it. Parallel workers
-- cost a small hour more to start than they read, and a large one is as quick without them.
select
    set_config('enable_seqscan', 'off', false) as seqscan,
    set_config('max_parallel_workers_per_gather', '0', false) as workers;

-- name: summarize_block_ranges
-- What was loaded since the last vacuum is in no block range yet, and would be read whenever any file is looked for.
select fridge.summarize_block_ranges() as block_ranges;

-- name: hours_that_differ
-- Of which a model's rows are others now, or were made before the last file or measure came. Where that is so of all
-- hours, no row is compared.
with changed as (
    select
        landing_files.landing_hour as hour,
        max(greatest(landing_files.loaded_at, withdrawals.withdrawn_at)) as changed_at
    from fridge.landing_files
    left join fridge.withdrawals on landing_files.file_id = withdrawals.file_id
    where landing_files.landing_hour between %(first)s and %(last)s
    group by landing_files.landing_hour
),

hours as materialized (
    select
        hours.hour,
        coalesce(
            model_hours.built_at
            <= greatest(
                changed.changed_at, (select max(declared_measures.declared_at) from fridge.declared_measures)
            ),
            model_hours.built_at is null
        ) as is_older
    from generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 hour') as hours (hour)
    left join changed on hours.hour = changed.hour
    left join fridge.model_hours on hours.hour = model_hours.hour and model_hours.model = %(model)s -- noqa: RF02
),

whether_any as (
    select not bool_and(is_older) as any_as_new
    from hours
),

made as materialized (
    select model.*
    from ({select}) as model
    where model.hour between %(first)s and %(last)s and (select whether_any.any_as_new from whether_any)
),

stored as materialized (
    select * from fridge.{name}
    where hour between %(first)s and %(last)s and (select whether_any.any_as_new from whether_any)
),

others as (
    select * from made
    except
    select * from stored
),

-- Neither has a row twice, so an hour that also has as many as stored has no others.
numbers as (
    select
        hour,
        count(*) as row_count
    from stored
    group by hour
    except
    select
        hour,
        count(*) as row_count
    from made
    group by hour
)

select hour from hours
where is_older
union
select hour from others
union
select hour from numbers;

-- name: empty_model_hours
delete from fridge.{name}
where hour between %(first)s and %(last)s;

-- name: fill_model_hours
-- The hours are a condition from outside: the model itself can be opened as it is.
insert into fridge.{name}
select model.*
from ({select}) as model
where model.hour between %(first)s and %(last)s;

-- name: record_model_hours
insert into fridge.model_hours (model, hour, built_at)
select
    models.name,
    hours.hour,
    %(now)s
from generate_series(%(first)s::timestamptz, %(last)s::timestamptz, interval '1 hour') as hours (hour)
cross join unnest(%(names)s::text[]) as models (name)
on conflict (hour, model) do update
    set built_at = excluded.built_at;

-- name: lock_kept_figures
-- Of this session, until it ends.
select pg_try_advisory_lock(hashtextextended('fridge.kept_figures', 0)) as is_ours;

-- name: count_tenants
select count(*) as tenants
from fridge.tenants;

-- name: hours_not_kept
-- And whether anybody has signed their months, whatever came of it.
select
    hour,
    date_trunc('month', hour at time zone 'UTC')::date in (
        select month_signoffs.month from fridge.month_signoffs
    ) as is_signed
from fridge.hours_not_kept
where %(before)s::timestamptz is null or hour < %(before)s
order by hour desc
limit %(limit)s;

-- name: empty_kept_figures
delete from fridge.{name}
where {column} = any(%(values)s);

-- name: fill_kept_figures
insert into fridge.{name}
select model.*
from ({select}) as model
where model.{column} = any(%(values)s);

-- name: fill_kept_of_held
-- Each fill is an insert that reads what is held.
with held as materialized (
    select * from fridge.{name}
    where hour = any(%(values)s)
),

{fills} -- noqa: ST03

select count(*) as hours_held from held;

-- name: forget_changed_hours
-- Those that this snapshot has seen.
delete from fridge.changed_hours
where hour = any(%(hours)s);

-- name: note_all_hours
-- What was never kept is as if it had changed.
insert into fridge.changed_hours (hour)
select known.hour from fridge.known_hours() as known (hour);

-- name: count_model_hours
select
    hour,
    count(*) as rows_of_hour
from fridge.{name}
where hour between %(first)s and %(last)s
group by hour;

-- name: count_model_rows
select count(*) from fridge.{name};

-- name: create_model_key
create unique index {index} on fridge.{name} ({key_columns}) nulls not distinct;

-- name: describe_model
comment on {kind} fridge.{name} is {description};

-- name: describe_model_column
comment on column fridge.{name}.{column} is {description};

-- name: drop_model
drop {kind} if exists fridge.{name} cascade;

-- name: forget_model
with its_hours as (
    delete from fridge.model_hours
    where model = %(name)s
)

delete from fridge.sql_models
where name = %(name)s;

-- name: record_model
insert into fridge.sql_models (name, sha256, materialized, built_at)
values (%(name)s, %(sha256)s, %(materialized)s, %(now)s)
on conflict (name) do update
    set
        sha256 = excluded.sha256,
        materialized = excluded.materialized,
        built_at = excluded.built_at;

-- name: find_missing_key
-- PostgreSQL lets no row into a table twice, so that the table need not be read.
select {key} as missing_key
where to_regclass('fridge.' || {key}) is null;

-- name: find_duplicates
select
    {key_columns},
    count(*) as copies
from fridge.{name}
group by {key_columns}
having count(*) > 1;

-- name: find_empty_values
select * from fridge.{name}
where {is_empty};

-- name: find_foreign_values
select
    {column},
    count(*) as copies
from fridge.{name}
where {column} not in ({accepted_values})
group by {column};

-- name: whether_rows_hold
select coalesce(bool_and({row_holds}), true) as all_hold
from fridge.{name};

-- name: whether_keys_hold
select coalesce(bool_and(keys.copies = 1 and keys.rows_hold), true) as all_hold
from (
    select
        count(*) as copies,
        bool_and({row_holds}) as rows_hold
    from fridge.{name}
    group by {key_columns}
) as keys;

-- name: find_orphans
select
    {column},
    count(*) as copies
from fridge.{name} as model
where
    {column} is not null
    and not exists (
        select 1 from fridge.{parent} as parent
        where parent.{parent_column} = model.{column}
    )
group by {column};

-- name: views_over
-- The views that are made of some views, each after those that it is made of, as the database has them.
-- A view depends on another by each of its columns: union takes it once.
with recursive readers as (
    select
        ('fridge.' || quote_ident(name))::regclass::oid as view_id,
        0 as level
    from unnest(%(names)s::text[]) as names (name)

    union

    select
        pg_rewrite.ev_class as view_id,
        readers.level + 1 as level
    from readers
    inner join pg_depend on readers.view_id = pg_depend.refobjid and pg_depend.refclassid = 'pg_class'::regclass
    inner join pg_rewrite on pg_depend.objid = pg_rewrite.oid and pg_depend.classid = 'pg_rewrite'::regclass
    where pg_rewrite.ev_class <> readers.view_id
)

select
    pg_class.relname as name,
    pg_get_viewdef(pg_class.oid) as definition
from readers
inner join pg_class on readers.view_id = pg_class.oid
group by pg_class.oid, pg_class.relname
having max(readers.level) > 0
order by max(readers.level), pg_class.relname;

-- name: hold_rows
create temporary table {name} as
select * from fridge.{name}
with no data;

-- name: index_held_rows
-- Some readers ask for one hour after the other.
create index on pg_temp.{name} ({key_columns});

-- name: work_in_memory
-- For this session: a month of a thousand tenants is sorted and added up several times over.
select set_config('work_mem', '64MB', false) as work_mem;

-- name: fill_held_rows
insert into pg_temp.{name}
select * from {made_of}
where {column} >= %(start)s and {column} < %(end)s;

-- name: analyze_held_rows
analyze pg_temp.{name};

-- name: hold_reader
create temporary view {name} as {select};

-- name: hold_span
create temporary view {span} as
select * from fridge.{name}
where {column} >= {start} and {column} < {end};

-- name: count_findings
-- Any few of them serve as examples.
select
    count(*) over () as findings_in_all,
    findings.*
from ({select}) as findings
order by findings_in_all
limit 5;

-- name: readings_kept_from
select fridge.kept_from();

-- name: keep_readings
select pg_advisory_lock_shared(hashtextextended('retention', 0));

-- name: release_readings
select pg_advisory_unlock_shared(hashtextextended('retention', 0));

-- name: limit_waiting
set lock_timeout = '10min';

-- name: lock_retention
-- Waits for loads and counts that are under way, and keeps others out until the transaction ends.
select pg_advisory_xact_lock(hashtextextended('retention', 0));

-- name: months_of_readings
-- Months that have a partition and ended by a given time, the oldest first, with the bytes they take.
with partitions as (
    select
        inhrelid,
        (to_timestamp(right(inhrelid::regclass::text, 7), 'YYYY_MM')::timestamp at time zone 'UTC') as month
    from pg_inherits
    where inhparent = 'fridge.stored_readings'::regclass
)

select
    month,
    pg_total_relation_size(inhrelid)::bigint as size_bytes
from partitions
where date_trunc('month', month + interval '40 days', 'UTC') <= %(before)s
order by month;

-- name: hours_to_count_first
-- Hours before a given one whose usage was counted from other files than there are now.
select distinct hour
from fridge.hours_to_count
where hour < %(hour)s
order by hour;

-- name: keep_counts_of_month
-- Readings of a month that arrived in hours which can still change.
with late_files as (
    select file_id
    from fridge.landing_files
    where
        landing_hour >= %(hour)s
        and first_recorded_at < %(month_end)s
        and last_recorded_at >= %(month)s
)

insert into fridge.dropped_reading_counts (file_id, sensor_key, month, readings)
select
    stored_readings.file_id,
    stored_readings.sensor_key,
    %(month)s as month,
    count(*) as readings
from fridge.stored_readings
where
    stored_readings.recorded_at >= %(month)s
    and stored_readings.recorded_at < %(month_end)s
    and stored_readings.file_id = any(array(select late_files.file_id from late_files))
group by stored_readings.file_id, stored_readings.sensor_key;

-- name: keep_measures_of_month
-- The same of what is declared to be measured.
with late_files as (
    select array_agg(file_id) as file_ids
    from fridge.landing_files
    where
        landing_hour >= %(hour)s
        and first_recorded_at < %(month_end)s
        and last_recorded_at >= %(month)s
)

insert into fridge.dropped_measures (file_id, sensor_key, month, measure, quantity)
select
    measured.file_id,
    measured.sensor_key,
    %(month)s as month,
    measured.measure,
    measured.quantity
from late_files
cross join lateral fridge.measured_of_files(late_files.file_ids, %(month)s, %(month_end)s) as measured;

-- name: drop_month
select fridge.drop_month(%(month)s, %(dropped_by)s, %(now)s);

-- name: record_run
insert into fridge.runs (run_id, program_version, source_sha256, launched_by, started_at)
values (%(run_id)s, %(program_version)s, %(source_sha256)s, %(launched_by)s, %(now)s)
on conflict (run_id) do nothing;

-- name: describe_columns
-- Tables and views of the schema without partitions and SQL models, each column with its type and meaning.
select
    pg_class.relname as table_name,
    case pg_class.relkind when 'v' then 'view' else 'table' end as kind,
    obj_description(pg_class.oid, 'pg_class') as table_meaning,
    pg_attribute.attname as column_name,
    format_type(pg_attribute.atttypid, pg_attribute.atttypmod) as column_type,
    pg_attribute.attnotnull as is_required,
    col_description(pg_class.oid, pg_attribute.attnum) as column_meaning
from pg_class
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
where
    pg_namespace.nspname = 'fridge'
    and pg_class.relkind in ('r', 'p', 'v')
    and not pg_class.relispartition
    and pg_class.relname not in (select sql_models.name from fridge.sql_models)
    and pg_attribute.attnum > 0
    and not pg_attribute.attisdropped
order by pg_class.relname, pg_attribute.attnum;

-- name: describe_constraints
-- What the database itself enforces, table by table.
select
    pg_class.relname as table_name,
    pg_constraint.conname as name,
    pg_get_constraintdef(pg_constraint.oid) as definition
from pg_constraint
inner join pg_class on pg_constraint.conrelid = pg_class.oid
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
where
    pg_namespace.nspname = 'fridge'
    and pg_constraint.contype in ('p', 'u', 'c')
    and not pg_class.relispartition

union all

select
    tablename as table_name,
    indexname as name,
    regexp_replace(indexdef, '^.* USING ', 'index using ') as definition
from pg_indexes
where schemaname = 'fridge' and indexname like '%%open'

union all

select
    pg_class.relname as table_name,
    pg_trigger.tgname as name,
    'trigger ' || pg_proc.proname as definition
from pg_trigger
inner join pg_class on pg_trigger.tgrelid = pg_class.oid
inner join pg_namespace on pg_class.relnamespace = pg_namespace.oid
inner join pg_proc on pg_trigger.tgfoid = pg_proc.oid
where pg_namespace.nspname = 'fridge' and not pg_trigger.tgisinternal
order by table_name, name;

-- name: create_roles
-- Roles belong to the whole server, so another database of it may have made them already, even just now.
do $$
declare
    may_act_as text := case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end;
begin
    if to_regrole('fridge_pipeline') is null then
        create role fridge_pipeline nologin;
    end if;
    if to_regrole('fridge_finance') is null then
        create role fridge_finance nologin;
    end if;
    if to_regrole('fridge_metrics') is null then
        create role fridge_metrics nologin;
    end if;
    if to_regrole('fridge_preparer') is null then
        create role fridge_preparer nologin;
        create role fridge_approver nologin;
        create role fridge_operator nologin;
    end if;
    if not pg_has_role(current_user, 'fridge_pipeline', may_act_as) then
        execute format('grant fridge_pipeline to %I', current_user);
    end if;
exception
    when duplicate_object or unique_violation then null;
end;
$$;

-- name: grant_rights
select fridge.grant_rights(%(marts)s);

-- name: owns_schema
-- Whether whoever signed in owns the schema, and so may change what the pipeline's role may not.
select coalesce(bool_or(pg_has_role(session_user, pg_namespace.nspowner, 'member')), false) as owns_schema
from pg_namespace
where pg_namespace.nspname = 'fridge';

-- name: acts_as
-- Whether whoever signed in may take a role's place. Before version 16 every member may, and 'set' is not known.
select
    coalesce(
        pg_has_role(
            session_user,
            to_regrole(%(role)s),
            case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end
        ),
        false
    ) as acts_as;

-- name: people
-- Who has which role now; and whether the server still lets the login in, with the role's rights.
select
    people.login,
    people.role,
    people.since,
    people.added_by,
    people.os_user,
    people.os_host,
    coalesce(
        pg_roles.rolcanlogin
        and pg_has_role(
            pg_roles.oid,
            to_regrole(case people.role when 'reader' then 'fridge_finance' else 'fridge_' || people.role end),
            'member'
        ),
        false
    ) as may_sign_in
from fridge.people
left join pg_roles on people.login = pg_roles.rolname
order by people.login, people.role;

-- name: person_login
-- What the server knows of a login. One that can do more than a person's is somebody else's.
select
    pg_roles.rolcanlogin as can_sign_in,
    pg_roles.rolsuper
    or pg_roles.rolcreaterole
    or pg_roles.rolbypassrls
    or pg_roles.rolreplication
    or pg_has_role(pg_roles.oid, pg_database.datdba, 'member')
    or coalesce(pg_has_role(pg_roles.oid, to_regrole('fridge_pipeline'), 'member'), false) as does_more
from pg_roles
cross join pg_database
where pg_roles.rolname = %(login)s and pg_database.datname = current_database();

-- name: create_person_login
create role {person} login connection limit 10 password {password};

-- name: restore_person_login
alter role {person} login connection limit 10 password {password};

-- name: end_person_login
alter role {person} nologin;

-- name: join_group
grant {granted} to {person};

-- name: leave_group
revoke {granted} from {person};

-- name: change_person
insert into fridge.people_changes (login, role, action)
values (%(login)s, %(role)s, %(action)s);

-- name: reader_drift
-- What a login of finance, or of the metrics, could do beyond reading, or what does not bound it: in words, and the
-- statements that end it. Catalogues alone are read. A login that has the rights of the pipeline or of the owner too is
-- no reader's.
with
books as (
    select
        oid,
        datname,
        datdba,
        datacl,
        to_regrole('fridge_finance')::oid as finance,
        to_regrole('fridge_metrics')::oid as metrics,
        to_regrole('fridge_pipeline')::oid as pipeline
    from pg_database
    where datname = current_database() and to_regrole('fridge_finance') is not null
),

readers as (
    select
        pg_roles.*,
        case when pg_roles.oid = books.metrics then 5 else 20 end as connections_max
    from pg_roles
    cross join books
    where
        pg_roles.rolcanlogin
        and (
            pg_has_role(pg_roles.oid, books.finance, 'member')
            or coalesce(pg_has_role(pg_roles.oid, books.metrics, 'member'), false)
        )
        and (
            pg_roles.oid in (books.finance, books.metrics)
            or not (
                pg_roles.rolsuper
                or coalesce(pg_has_role(pg_roles.oid, books.pipeline, 'member'), false)
                or pg_has_role(pg_roles.oid, books.datdba, 'member')
            )
        )
),

-- Who writes acts reads as much as they do, and forgets a transaction as easily. The program's own sessions set what they
-- need.
people as (
    select
        pg_roles.oid,
        pg_roles.rolname
    from pg_roles
    cross join books
    where
        pg_roles.rolcanlogin
        and not pg_roles.rolsuper
        and pg_roles.oid not in (select readers.oid from readers)
        and not coalesce(pg_has_role(pg_roles.oid, books.pipeline, 'member'), false)
        and not pg_has_role(pg_roles.oid, books.datdba, 'member')
        and exists (
            select 1 from unnest(array['fridge_preparer', 'fridge_approver', 'fridge_operator']) as groups (name)
            where coalesce(pg_has_role(pg_roles.oid, to_regrole(groups.name), 'member'), false)
        )
),

-- Everybody, the roles of finance and of the metrics, and their logins.
grantees as (
    select
        0::oid as oid,
        'public' as name
    union
    select
        finance as oid,
        finance::regrole::text as name
    from books
    union
    select
        metrics as oid,
        metrics::regrole::text as name
    from books
    where metrics is not null
    union
    select
        oid,
        oid::regrole::text as name
    from readers
),

-- What PostgreSQL lets everybody call, and nobody can undo: a lock for as long as the session lives, objects that
-- pg_dump stumbles over, and the server's log of changes.
functions as (
    select
        pg_proc.oid,
        pg_proc.oid::regprocedure::text as name,
        pg_proc.proname like '%advisory%' as locks
    from pg_proc
    where
        pg_proc.pronamespace = 'pg_catalog'::regnamespace
        and (
            pg_proc.proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
            or pg_proc.proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'lo_import', 'pg_logical_emit_message')
        )
),

-- Which of them a reader can call, or the pipeline cannot though it must.
wrong_functions as (
    select
        string_agg(functions.name, ', ' order by functions.name) as names,
        string_agg(functions.name, ', ' order by functions.name) filter (where functions.locks) as locks,
        (array_agg(functions.name order by functions.name))[1] as example
    from functions
    cross join books
    where
        exists (
            select 1 from readers
            where has_function_privilege(readers.oid, functions.oid, 'execute')
        )
        or (functions.locks and not has_function_privilege(books.pipeline, functions.oid, 'execute'))
    having count(*) > 0
),

-- A scrape takes eight seconds at most; whoever reads the books has more time.
settings as (
    select
        readers.oid,
        readers.rolname,
        bounds.parameter,
        case when readers.oid = books.metrics then bounds.of_metrics else bounds.value end as value
    from (
        select
            oid,
            rolname,
            true as only_reads
        from readers
        union all
        select
            oid,
            rolname,
            false as only_reads
        from people
    ) as readers
    cross join books
    cross join
        (
            values
            ('default_transaction_read_only', 'on', 'on'),
            ('statement_timeout', '5min', '10s'),
            ('idle_in_transaction_session_timeout', '5min', '10s'),
            ('temp_file_limit', '4GB', '4GB'),
            ('timezone', 'UTC', 'UTC')
        ) as bounds (parameter, value, of_metrics)
    where
        readers.only_reads
        or bounds.parameter in ('statement_timeout', 'idle_in_transaction_session_timeout', 'temp_file_limit')
),

kept_settings as (
    select
        pg_db_role_setting.setrole,
        pg_db_role_setting.setdatabase,
        lower(split_part(each.setting, '=', 1)) as parameter,
        split_part(each.setting, '=', 2) as value
    from pg_db_role_setting
    cross join unnest(pg_db_role_setting.setconfig) as each (setting)
),

granted_on_relations as (
    select
        pg_class.relname,
        acl.grantee,
        acl.privilege_type
    from pg_class
    cross join aclexplode(pg_class.relacl) as acl
    where pg_class.relnamespace = to_regnamespace('fridge') and pg_class.relkind in ('r', 'p', 'v', 'm', 'f')
    union
    select
        pg_class.relname,
        acl.grantee,
        acl.privilege_type
    from pg_class
    inner join pg_attribute on pg_class.oid = pg_attribute.attrelid
    cross join aclexplode(pg_attribute.attacl) as acl
    where pg_class.relnamespace = to_regnamespace('fridge')
),

writable_relations as (
    select
        grantee,
        relname,
        lower(string_agg(privilege_type, ', ' order by privilege_type)) as privileges
    from granted_on_relations
    where privilege_type <> 'SELECT'
    group by grantee, relname
)

select
    'finance may call ' || wrong_functions.example || ' and the like' as says,
    concat_ws(
        '; ',
        format('grant execute on function %s to %s', wrong_functions.names, books.datdba::regrole),
        case
            when books.pipeline is not null and wrong_functions.locks is not null
                then format('grant execute on function %s to fridge_pipeline', wrong_functions.locks)
        end,
        format(
            'revoke execute on function %s from %s',
            wrong_functions.names,
            (select string_agg(grantees.name, ', ') from grantees)
        )
    ) as repair
from wrong_functions
cross join books

union all

select
    format('%s has made %s large objects, over which pg_dump as the owner stumbles', readers.rolname, count(*)) as says,
    string_agg(
        format('alter large object %s owner to %s', pg_largeobject_metadata.oid, books.datdba::regrole),
        '; ' order by pg_largeobject_metadata.oid
    ) as repair
from books
cross join readers
inner join pg_largeobject_metadata on readers.oid = pg_largeobject_metadata.lomowner
group by readers.rolname

union all

select
    grantees.name || ' may make temporary tables or schemas in ' || books.datname as says,
    concat_ws(
        '; ',
        case
            when books.pipeline is not null
                then format('grant temporary on database %I to fridge_pipeline', books.datname)
        end,
        format('revoke create, temporary on database %I from %s', books.datname, grantees.name)
    ) as repair
from books
cross join aclexplode(coalesce(books.datacl, acldefault('d', books.datdba))) as acl
inner join grantees on acl.grantee = grantees.oid
where acl.privilege_type in ('CREATE', 'TEMPORARY')
group by grantees.name, books.datname, books.pipeline

union all

select
    grantees.name || ' may make objects in the schema ' || pg_namespace.nspname as says,
    format('revoke create on schema %I from %s', pg_namespace.nspname, grantees.name) as repair
from books
cross join pg_namespace
cross join aclexplode(coalesce(pg_namespace.nspacl, acldefault('n', pg_namespace.nspowner))) as acl
inner join grantees on acl.grantee = grantees.oid
where pg_namespace.nspname in ('fridge', 'public') and acl.privilege_type = 'CREATE'

union all

select
    format(
        '%s may do more than read in %s relations, such as %s', grantees.name, count(*), min(writable_relations.relname)
    ) as says,
    string_agg(
        format(
            'revoke %s on fridge.%I from %s', writable_relations.privileges, writable_relations.relname, grantees.name
        ),
        '; ' order by writable_relations.relname
    ) as repair
from books
cross join writable_relations
inner join grantees on writable_relations.grantee = grantees.oid
group by grantees.name

union all

select
    pg_auth_members.member::regrole || ' has the rights of ' || pg_auth_members.roleid::regrole as says,
    format('revoke %s from %s', pg_auth_members.roleid::regrole, pg_auth_members.member::regrole) as repair
from books
inner join pg_auth_members on pg_auth_members.member in (books.finance, books.metrics)

union all

select
    rolname || ' may more than sign in' as says,
    format('alter role %I nosuperuser nocreatedb nocreaterole noreplication nobypassrls', rolname) as repair
from readers
where rolsuper or rolcreatedb or rolcreaterole or rolreplication or rolbypassrls

union all

select
    rolname || ' may open any number of connections' as says,
    format('alter role %I connection limit %s', rolname, connections_max) as repair
from readers
where rolconnlimit not between 0 and connections_max

union all

select
    settings.rolname || ' begins without ' || settings.parameter || ' = ' || settings.value as says,
    format('alter role %I set %I = %L', settings.rolname, settings.parameter, settings.value) as repair
from settings
where
    not exists (
        select 1 from kept_settings
        where
            kept_settings.setrole = settings.oid
            and kept_settings.setdatabase = 0
            and kept_settings.parameter = settings.parameter
            and kept_settings.value = settings.value
    )

union all

select
    settings.rolname || ' begins with another ' || settings.parameter || ' in ' || books.datname as says,
    format('alter role %I in database %I reset %I', settings.rolname, books.datname, settings.parameter) as repair
from books
cross join settings
inner join kept_settings
    on
        settings.oid = kept_settings.setrole
        and books.oid = kept_settings.setdatabase
        and settings.parameter = kept_settings.parameter
order by says;

-- name: listed_exceptions
-- The open ones, the nearest deadline first; each condition holds only where it is given.
select
    exception_id,
    kind,
    tenant_id,
    hour,
    subject,
    detail,
    owed,
    not_invoiced,
    amount,
    currency,
    opened_at,
    deadline_at
from fridge.open_exceptions
where
    (%(kind)s::text is null or kind = %(kind)s)
    and (%(tenant_id)s::text is null or tenant_id = %(tenant_id)s)
    and (%(first)s::timestamptz is null or hour between %(first)s and %(last)s)
order by deadline_at, hour, tenant_id, kind, subject, exception_id;
