-- name: loaded_versions
-- The newest loaded content of each file of a landing hour: unchanged files need not even be opened, unless sensors in
-- them were registered since. A time alone may stay: clocks of file systems are coarse, and programs set times by hand.
select distinct on (path)
    path,
    version_token,
    size_bytes
from fridge.landing_files
where
    landing_hour = %(hour)s
    and path not in (
        select files_to_read_again.path from fridge.files_to_read_again
        where files_to_read_again.landing_hour = %(hour)s
    )
order by path asc, file_id desc;

-- name: loaded_listings
select
    landing_hour,
    listing_fingerprint,
    folder_version
from fridge.landing_hours
where
    landing_hour between %(first)s and %(last)s
    and landing_hour not in (
        select files_to_read_again.landing_hour from fridge.files_to_read_again
        where not files_to_read_again.is_absent
    );

-- name: known_hours
-- A fingerprint begins with the number of files.
select landing_hour
from fridge.landing_hours
where
    landing_hour between %(since)s and %(until)s
    and loaded_at <= %(until)s
    and listing_fingerprint ~ '^[1-9]';

-- name: known_listings
-- Of the days before the newest that was loaded, whenever that was: nothing is loaded while other files lie there.
with known as (
    select
        landing_hour,
        listing_fingerprint,
        split_part(listing_fingerprint, ':', 1)::integer as file_count
    from fridge.landing_hours
    where
        listing_fingerprint ~ '^[1-9]'
        and loaded_at <= %(until)s
        and loaded_at > coalesce(
            (
                select max(exceptions.closed_at)
                from fridge.exceptions
                inner join fridge.settlements on exceptions.exception_id = settlements.exception_id
                where exceptions.kind = 'landing_replaced'
            ),
            '-infinity'
        )
)

select *
from known
where landing_hour > (select max(newest.landing_hour) from known as newest) - %(days)s::interval
order by landing_hour desc;

-- name: loaded_paths
select distinct path
from fridge.landing_files
where landing_hour = %(hour)s;

-- name: knows_of_file
-- By its content, or by a sensor; one that only the register gives a tenant may be anybody's.
select
    exists (
        select 1 from fridge.landing_files
        where path = %(path)s and content_hash = %(content)s
    )
    or exists (
        select 1
        from unnest(%(tenants)s::text[], %(sensors)s::text[]) as found (tenant_id, sensor_id)
        inner join fridge.sensors
            on
                found.sensor_id = sensors.sensor_id
                and coalesce(found.tenant_id, sensors.tenant_id) = sensors.tenant_id
    ) as is_known;

-- name: has_landing_files
select exists(select 1 from fridge.landing_files) as has_files;

-- name: record_landing_hour
-- Which folder this listing was of, the next look at the landing zone finds out.
insert into fridge.landing_hours (landing_hour, listing_fingerprint, loaded_at, absent_file_ids)
select
    %(hour)s as landing_hour,
    %(fingerprint)s as listing_fingerprint,
    %(now)s as loaded_at,
    array(
        select files_to_read_again.file_id from fridge.files_to_read_again
        where files_to_read_again.landing_hour = %(hour)s and files_to_read_again.path <> all(%(paths)s::text[])
    ) as absent_file_ids
on conflict (landing_hour) do update
    set
        listing_fingerprint = excluded.listing_fingerprint,
        loaded_at = excluded.loaded_at,
        folder_version = null,
        absent_file_ids = excluded.absent_file_ids;

-- name: record_folder_versions
-- An hour that was loaded anew since it was looked at keeps what that load recorded.
update fridge.landing_hours
set folder_version = seen.folder_version
from
    unnest(%(hours)s::timestamptz[], %(fingerprints)s::text[], %(folder_versions)s::text[])
        as seen (landing_hour, listing_fingerprint, folder_version)
where
    landing_hours.landing_hour = seen.landing_hour
    and landing_hours.listing_fingerprint = seen.listing_fingerprint;

-- name: hours_with_files
-- The hours of a range of which a landing file was loaded.
select distinct landing_hour
from fridge.landing_files
where landing_hour between %(first)s and %(last)s
order by landing_hour;

-- name: first_known_hour
-- The first hour of which a file was loaded, or whose folder waits before the grid, but not one before a given hour.
select
    least(
        (select min(landing_hour) from fridge.landing_files),
        (
            select min(hour) from fridge.open_exceptions
            where kind = 'unexpected_hour' and hour >= %(first)s
        )
    ) as hour;

-- name: landed_of_hours
-- What the landing files of each hour came to, whichever run loaded them; hours without any are not in it. Rows are
-- those of every content that was loaded; a file that was replaced is one file, as good as its newest content.
with contents as (
    select
        *,
        row_number() over (partition by path order by file_id desc) = 1 as is_newest
    from fridge.landing_files
    where landing_hour between %(first)s and %(last)s
)

select
    landing_hour,
    count(*) filter (where is_newest) as files,
    sum(row_count)::bigint as row_count,
    sum(inserted_count)::bigint as inserted,
    sum(duplicate_count)::bigint as duplicates,
    sum(rejected_count)::bigint as rejected,
    count(*) filter (where is_newest and status <> 'loaded') as unreadable
from contents
group by landing_hour;

-- name: unusable_of_hours
-- What could not be used of the landing files of some hours, and why: damaged files, whose exception says it, and
-- rejected rows by reason.
with rejected as (
    select
        landing_files.landing_hour as hour,
        landing_files.path,
        sum(rejected_rows.row_count)::bigint as rejected_rows,
        rejected_rows.reason
    from fridge.landing_files
    inner join fridge.rejected_rows
        on landing_files.path = rejected_rows.path and landing_files.file_id = rejected_rows.file_id
    where landing_files.landing_hour between %(first)s and %(last)s and landing_files.rejected_count > 0
    group by landing_files.landing_hour, landing_files.path, rejected_rows.reason
),

damaged as (
    select
        hour,
        subject as path,
        null::bigint as rejected_rows,
        detail as reason
    from fridge.open_exceptions
    where kind = 'unreadable_file' and hour between %(first)s and %(last)s
)

select * from damaged
union all
select * from rejected
order by rejected_rows desc nulls first, hour asc, path asc
limit %(most)s;

-- name: lost_load_attempts
select
    load_attempts.path,
    load_attempts.attempts
from fridge.load_attempts
inner join unnest(%(paths)s::text[], %(versions)s::text[]) as files (path, version_token)
    on load_attempts.path = files.path and load_attempts.version_token = files.version_token;

-- name: begin_load_attempts
insert into fridge.load_attempts (path, version_token, attempts, started_at)
select
    files.path,
    files.version_token,
    1 as attempts,
    %(now)s as started_at
from unnest(%(paths)s::text[], %(versions)s::text[]) as files (path, version_token)
on conflict (path) do update
    set
        attempts
        = case when load_attempts.version_token = excluded.version_token then load_attempts.attempts else 0 end + 1,
        version_token = excluded.version_token,
        started_at = excluded.started_at;

-- name: end_load_attempts
delete from fridge.load_attempts
where path = any(%(paths)s);

-- name: prefer_index_lookups
-- For this transaction only: the planner knows nothing of what was loaded just now, nor of a fresh temporary table, and
-- might read whole partitions.
select
    set_config('enable_seqscan', 'off', true) as seqscan,
    set_config('enable_bitmapscan', 'off', true) as bitmapscan,
    set_config('enable_hashjoin', 'off', true) as hashjoin,
    set_config('enable_mergejoin', 'off', true) as mergejoin;

-- name: kept_from
-- The shared lock keeps readings from being dropped until the transaction ends.
select
    pg_advisory_xact_lock_shared(hashtextextended('retention', 0))::text as locked,
    fridge.kept_from() as kept_from;

-- name: lock_landing_files
-- Serializes the loads of a landing file: the second run then finds the first one's row and counts nothing.
-- In the order of their paths, so that two runs with the same files wait for each other instead of deadlocking.
select pg_advisory_xact_lock(hashtextextended(ordered_paths.path, 0))::text
from (
    select paths.path
    from json_array_elements_text($1::json) as paths (path)
    order by paths.path
    offset 0
) as ordered_paths;

-- name: share_sensor_register
-- An import waits until what is read by the register as it stands is committed, so that it can judge by it.
select pg_advisory_xact_lock_shared(hashtextextended('fridge.sensor_register', 0))::text as locked;

-- name: known_contents
-- How often each was read, and whether it is to be read again: also one that is back after another content, and was not
-- used whole, unless a person has settled the rest: an exception of the given kinds. The unique constraint
-- landing_files_content is the judge; this only spares the work. By which definition its readings were stored, if any
-- were: read by another one they could be stored once more.
with reads as (
    select
        max(landing_files.file_id) as file_id,
        count(*) as times_read
    from json_to_recordset($1::json) as contents (path text, content_hash text)
    inner join fridge.landing_files
        on contents.path = landing_files.path and contents.content_hash = landing_files.content_hash
    group by landing_files.path, landing_files.content_hash
)

select
    newest.path,
    newest.content_hash,
    reads.times_read,
    files_to_read_again.file_id is not null
    or (
        (newest.status <> 'loaded' or newest.rejected_count > 0)
        and exists (
            select 1 from fridge.landing_files as later
            where later.path = newest.path and later.file_id > newest.file_id
        )
        and not exists (
            select 1 from fridge.withdrawals
            where withdrawals.file_id = newest.file_id
        )
        and not exists (
            select 1 from fridge.settlements
            inner join fridge.exceptions on settlements.exception_id = exceptions.exception_id
            where
                exceptions.subject = newest.path
                and exceptions.kind in (select json_array_elements_text($2::json))
                and exceptions.opened_at <= newest.loaded_at
                and settlements.settled_at >= newest.loaded_at
        )
    ) as is_wanted_again,
    newest.row_count > newest.rejected_count as has_readings,
    newest.source,
    newest.source_sha256,
    (
        select source_definitions.definition::text
        from fridge.source_definitions
        where
            source_definitions.source = newest.source
            and source_definitions.source_sha256 = newest.source_sha256
        order by source_definitions.seen_at
        limit 1
    ) as definition
from reads
inner join fridge.landing_files as newest on reads.file_id = newest.file_id
left join fridge.files_to_read_again on reads.file_id = files_to_read_again.file_id;

-- name: waiting_before
-- Of these files, how many rows of other contents waited since that is told, and wait still.
with others as (
    select distinct on (exceptions.kind, landing_files.path, landing_files.content_hash)
        exceptions.kind,
        landing_files.path,
        landing_files.file_id,
        landing_files.row_count,
        coalesce(landing_files.source_sha256 = contents.source_sha256, false) as is_same_source
    from json_to_recordset($1::json) as contents (path text, content_hash text, source_sha256 text)
    inner join fridge.exceptions
        on
            contents.path = exceptions.subject
            and exceptions.closed_at is null
    inner join fridge.landing_files
        on
            contents.path = landing_files.path
            and contents.content_hash <> landing_files.content_hash
            and exceptions.opened_at <= landing_files.loaded_at
    order by
        exceptions.kind asc, landing_files.path asc, landing_files.content_hash asc, landing_files.file_id desc
)

select
    others.kind,
    others.path,
    sum(waiting_sensors.row_count)::bigint as row_count
from others
inner join fridge.waiting_sensors on others.file_id = waiting_sensors.file_id
where
    others.kind = 'sensors_unregistered'
    and not exists (
        select 1 from fridge.sensor_register
        where
            sensor_register.sensor_id = waiting_sensors.sensor_id
            and sensor_register.entry_id > waiting_sensors.register_entry
            and sensor_register.valid_from <= waiting_sensors.last_recorded_at
    )
group by others.kind, others.path
union all
select
    others.kind,
    others.path,
    sum(others.row_count)::bigint as row_count
from others
inner join fridge.refused_files on others.file_id = refused_files.file_id
where
    others.kind = 'columns_refused'
    and others.is_same_source
    and refused_files.shape_sha256 not in (select accepted_shapes.shape_sha256 from fridge.accepted_shapes)
group by others.kind, others.path;

-- name: new_file_ids
select nextval('fridge.landing_file_ids')::integer as file_id
from generate_series(1, $1::integer);

-- name: insert_readings_beside_others
-- The careful way: another load is storing the same readings right now, so the primary key decides row by row.
with stored as (
    insert into fridge.stored_readings (recorded_at, temperature_c, sensor_key, file_id, numbers)
    select
        recorded_at,
        temperature_c,
        sensor_key,
        file_id,
        numbers
    from contested_readings
    order by recorded_at, sensor_key
    on conflict do nothing
    returning recorded_at, sensor_key, file_id
)

select
    recorded_at,
    sensor_key,
    file_id
from stored;

-- name: open_file_exceptions
-- The unique index exceptions_open keeps one open row per file and kind.
insert into fridge.exceptions (kind, hour, subject, detail, deadline_at, opened_at)
select
    $1::text,
    told.landing_hour,
    told.path,
    told.detail,
    told.deadline_at,
    $3::timestamptz
from
    json_to_recordset($2::json)
        as told (landing_hour timestamptz, path text, detail text, deadline_at timestamptz)
on conflict (kind, tenant_id, hour, subject) where closed_at is null
do update
    set detail = excluded.detail
    where exceptions.detail <> excluded.detail;

-- name: close_file_exceptions
update fridge.exceptions
set closed_at = $3
where
    kind = $1
    and closed_at is null
    and subject in (select paths.path from json_array_elements_text($2::json) as paths (path));

-- name: close_renamed_exceptions
-- What waited under another name of its hour, where nothing of the same content waits under this one any more.
update fridge.exceptions
set closed_at = $3
where
    closed_at is null
    and exception_id in (
        select told.exception_id
        from
            json_to_recordset($2::json)
                as contents (landing_hour timestamptz, path text, content_hash text, source_sha256 text)
        inner join fridge.exceptions as told
            on contents.landing_hour = told.hour and contents.path <> told.subject
        inner join fridge.landing_files
            on
                told.subject = landing_files.path
                and contents.content_hash = landing_files.content_hash
                and contents.source_sha256 = landing_files.source_sha256
        left join fridge.landing_files as others
            on
                landing_files.path = others.path
                and landing_files.content_hash <> others.content_hash
        where told.kind = $1 and told.closed_at is null and others.path is null
    );

-- name: ensure_month
select fridge.ensure_month(%(moment)s);

-- name: want_sensors
create temporary table wanted_sensors (tenant_id text, sensor_id text) on commit drop;

-- name: copy_wanted_sensors
copy wanted_sensors (tenant_id, sensor_id) from stdin;

-- name: add_sensors
-- Only ids that are not known yet; the unique constraint settles a race with another load, and the order keeps two
-- loads that bring the same ids from waiting for each other.
insert into fridge.sensors (tenant_id, sensor_id)
select
    wanted_sensors.tenant_id,
    wanted_sensors.sensor_id
from wanted_sensors
where
    not exists (
        select 1 from fridge.sensors
        where
            sensors.tenant_id = wanted_sensors.tenant_id
            and sensors.sensor_id = wanted_sensors.sensor_id
    )
order by wanted_sensors.tenant_id, wanted_sensors.sensor_id
on conflict do nothing;

-- name: sensor_keys
select
    sensors.tenant_id,
    sensors.sensor_id,
    sensors.sensor_key
from wanted_sensors
inner join fridge.sensors
    on
        wanted_sensors.tenant_id = sensors.tenant_id
        and wanted_sensors.sensor_id = sensors.sensor_id;

-- name: quiet_sources
-- Sources whose files of the last day have rows and not one reading, while those of the week before had some.
select
    source,
    (sum(row_count) filter (where landing_hour > %(day)s))::bigint as row_count
from fridge.landing_files
where source is not null and landing_hour > %(week)s
group by source
having
    sum(row_count) filter (where landing_hour > %(day)s) > 0
    and sum(inserted_count + duplicate_count) filter (where landing_hour > %(day)s) = 0
    and sum(inserted_count + duplicate_count) filter (where landing_hour <= %(day)s) > 0
order by source;

-- name: similar_ids
-- Ids that are probably one, written in several ways: sensors of one tenant (or, without a tenant, tenants) that differ
-- only by case, leading zeros, a trailing .0 or exponent notation, or by blanks from before these were taken
-- away. And ids in a spreadsheet's exponent notation, however alone: their last digits are lost. Two of each, how many
-- they are, and how many such groups there are. It reads all sensors: about three seconds for a million.
with known_tenants as (
    select tenant_id
    from fridge.sensors
    group by tenant_id
    union
    select tenant_id from fridge.tenants
),

ids as (
    select
        tenant_id,
        sensor_id as id,
        btrim(sensor_id, %(blank)s) as stripped_id
    from fridge.sensors
    union all
    select
        null as tenant_id,
        tenant_id as id,
        btrim(tenant_id, %(blank)s) as stripped_id
    from known_tenants
),

plain_ids as (
    select
        tenant_id,
        id,
        case
            when stripped_id ~ '^[0-9]+([.][0-9]+)?([eE][+-]?[0-9]{1,3})?$' then trim_scale(stripped_id::numeric)::text
            else lower(ltrim(stripped_id, '0'))
        end as plain_id
    from ids
)

select
    tenant_id,
    min(id collate "C") as one,
    max(id collate "C") as another,
    count(*) as spellings,
    count(*) over () as total
from plain_ids
group by tenant_id, plain_id
having count(*) > 1 or bool_or(id like '%%E+%%' and id ~ '^[0-9]([.][0-9]+)?E[+][0-9]+$')
order by tenant_id nulls first, one
limit %(shown)s;

-- name: keys_between
-- The identities stored from one key to another, in the order of the primary key, which serves them. The time alone
-- skips partitions.
select
    recorded_at,
    sensor_key
from fridge.stored_readings
where
    recorded_at between {first_at} and {last_at}
    and (recorded_at, sensor_key) >= ({first_at}, {first_sensor})
    and (recorded_at, sensor_key) <= ({last_at}, {last_sensor})
order by recorded_at, sensor_key
limit {keys_max};

-- name: keys_among_candidates
-- One primary key lookup per candidate; the time range lets PostgreSQL skip partitions.
select
    stored_readings.recorded_at,
    stored_readings.sensor_key
from candidate_keys
inner join fridge.stored_readings
    on
        candidate_keys.recorded_at = stored_readings.recorded_at
        and candidate_keys.sensor_key = stored_readings.sensor_key
where stored_readings.recorded_at between $1 and $2;

-- name: recorded_files
-- The contents of an hour that are on record, the newest of each path marked: an older one was replaced by it. Rows
-- that were rejected only because their month was dropped by then, or their columns refused, are valid when they are
-- read again.
with summed as (
    select
        landing_files.file_id,
        reading_numbers.number_name,
        trim_scale(sum(stored_readings.numbers[reading_numbers.place]) / reading_numbers.parts)::text as total
    from fridge.landing_files
    cross join fridge.reading_numbers
    inner join fridge.stored_readings
        on
            landing_files.file_id = stored_readings.file_id
            and stored_readings.numbers[reading_numbers.place] is not null
            and stored_readings.recorded_at between landing_files.first_recorded_at and landing_files.last_recorded_at
    where landing_files.landing_hour = %(hour)s and landing_files.source is not null
    group by landing_files.file_id, reading_numbers.number_name, reading_numbers.parts
)

select
    landing_files.file_id,
    landing_files.path,
    landing_files.content_hash,
    landing_files.row_count,
    landing_files.rejected_count - coalesce(not_kept.row_count, 0)::bigint as rejected_count,
    landing_files.source,
    landing_files.source_sha256,
    case when landing_files.source is not null and landing_files.duplicate_count = 0 then stored.degrees end as degrees,
    kept.numbers,
    row_number() over (partition by landing_files.path order by landing_files.file_id desc) = 1 as is_newest
from fridge.landing_files
left join lateral (
    select sum(rejected_rows.row_count) as row_count
    from fridge.rejected_rows
    where
        landing_files.rejected_count > 0
        and rejected_rows.path = landing_files.path
        and rejected_rows.file_id = landing_files.file_id
        and rejected_rows.reason = any(%(not_kept)s)
) as not_kept on true
left join lateral (
    select coalesce(sum(stored_readings.temperature_c), 0) as degrees
    from fridge.stored_readings
    where
        landing_files.source is not null
        and stored_readings.file_id = landing_files.file_id
        and stored_readings.recorded_at between landing_files.first_recorded_at and landing_files.last_recorded_at
) as stored on true
left join lateral (
    select jsonb_object_agg(summed.number_name, summed.total) as numbers
    from summed
    where summed.file_id = landing_files.file_id
) as kept on true
where landing_files.landing_hour = %(hour)s
order by landing_files.path, landing_files.file_id;

-- name: recorded_tenant_rows
-- Of the newest contents of an hour, each tenant's rows; of files from before they were recorded there are none.
select
    landing_file_tenants.file_id,
    landing_file_tenants.tenant_id,
    landing_file_tenants.row_count,
    landing_file_tenants.rejected_count
from fridge.landing_file_tenants
where landing_file_tenants.file_id = any(%(file_ids)s);

-- name: note_definitions
insert into fridge.source_definitions (source, source_sha256, pattern, definition, seen_at)
select
    given.source,
    given.source_sha256,
    given.pattern,
    given.definition::jsonb,
    %(now)s as seen_at
from
    unnest(%(sources)s::text[], %(hashes)s::text[], %(patterns)s::text[], %(definitions)s::text[])
        as given (source, source_sha256, pattern, definition)
on conflict do nothing;

-- name: note_source_list
-- Without sources from the beginning there is nothing to note.
insert into fridge.source_lists (list_sha256, seen_at)
select
    %(list_sha256)s as newest,
    %(now)s as seen_at
where
    %(list_sha256)s is distinct from (
        select source_lists.list_sha256 from fridge.source_lists
        order by source_lists.list_id desc
        limit 1
    )
    and (%(has_sources)s or exists (select 1 from fridge.source_lists));

-- name: leave_to_newer_sources
-- Others than these were noted meanwhile: what is being loaded by these, they are to read again.
insert into fridge.source_lists (list_sha256, seen_at)
select
    newest.list_sha256,
    $2::timestamptz + interval '1 microsecond' as seen_at
from (
    select source_lists.list_sha256 from fridge.source_lists
    order by source_lists.list_id desc
    limit 1
) as newest
where newest.list_sha256 <> $1::text;

-- name: sources_put_back
-- How often in a day the sources became such as they had been before on that day.
select count(*) - count(distinct lists.list_sha256) as times
from (
    select
        list_sha256,
        lag(list_sha256) over (order by list_id) as list_before
    from fridge.source_lists
    where seen_at > %(day)s
) as lists
where lists.list_before is distinct from lists.list_sha256;

-- name: definitions_before
-- By which other definition of each of these sources files were read last.
select distinct on (source_definitions.source)
    source_definitions.source,
    source_definitions.definition
from fridge.source_definitions
where
    source_definitions.source = any(%(sources)s)
    and source_definitions.source_sha256 <> all(%(hashes)s)
    and exists (
        select 1 from fridge.source_shapes
        where
            source_shapes.source = source_definitions.source
            and source_shapes.source_sha256 = source_definitions.source_sha256
    )
order by source_definitions.source asc, source_definitions.seen_at desc;

-- name: known_shapes
-- Of these definitions, and of files without a source; a refused one waits until somebody accepts it.
select
    source_shapes.shape_sha256,
    source_shapes.source,
    source_shapes.source_sha256,
    source_shapes.format,
    source_shapes.columns,
    source_shapes.changes,
    source_shapes.is_refused and accepted_shapes.shape_sha256 is null as is_waiting
from fridge.source_shapes
left join fridge.accepted_shapes on source_shapes.shape_sha256 = accepted_shapes.shape_sha256
where source_shapes.source_sha256 is null or source_shapes.source_sha256 = any(%(hashes)s)
order by source_shapes.seen_at;

-- name: store_shapes
insert into fridge.source_shapes (
    shape_sha256, source, source_sha256, format, columns, changes, is_refused, path, seen_at
)
select seen.*
from
    json_to_recordset($1::json) as seen (
        shape_sha256 text, source text, source_sha256 text, format text, columns jsonb, changes jsonb,
        is_refused boolean, path text, seen_at timestamptz
    )
on conflict do nothing;

-- name: store_refused_files
insert into fridge.refused_files (file_id, shape_sha256)
select
    refused.file_id,
    refused.shape_sha256
from json_to_recordset($1::json) as refused (file_id integer, shape_sha256 text);

-- name: shapes_to_accept
-- The columns for which files of a source wait whose exception is open.
select distinct
    source_shapes.shape_sha256,
    source_shapes.changes
from fridge.source_shapes
inner join fridge.refused_files on source_shapes.shape_sha256 = refused_files.shape_sha256
inner join fridge.landing_files on refused_files.file_id = landing_files.file_id
inner join fridge.exceptions on landing_files.path = exceptions.subject
where
    source_shapes.source = %(source)s
    and exceptions.kind = 'columns_refused'
    and exceptions.closed_at is null
    and source_shapes.shape_sha256 not in (select accepted_shapes.shape_sha256 from fridge.accepted_shapes)
order by source_shapes.shape_sha256;

-- name: accept_shape
insert into fridge.accepted_shapes (shape_sha256, reason)
values (%(shape_sha256)s, %(reason)s)
on conflict do nothing;

-- name: changed_columns_of_hours
-- What is told of columns of the files of some hours, until a person settles it.
select
    subject as path,
    detail,
    kind = %(refused)s as is_refused
from fridge.open_exceptions
where kind = any(%(kinds)s) and hour between %(first)s and %(last)s
order by path
limit %(most)s;
