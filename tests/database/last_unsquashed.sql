-- A database that has run all 29 migrations of version 0.1.0, the last that were not squashed into one schema: as pg_dump
-- writes it, without owner and comments.
SET check_function_bodies = false;
CREATE SCHEMA fridge;
COMMENT ON SCHEMA fridge IS 'Usage billing: landing files, readings, usage, meter events and their receipts.';
CREATE FUNCTION fridge.check_file_tenants() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    off record;
begin
    select new_rows.path, new_rows.row_count, tenants.row_count as tenants_row_count into off
    from new_rows
    cross join lateral (
        select
            coalesce(sum(landing_file_tenants.row_count), 0) as row_count,
            coalesce(sum(landing_file_tenants.inserted_count), 0) as inserted_count,
            coalesce(sum(landing_file_tenants.duplicate_count), 0) as duplicate_count,
            coalesce(sum(landing_file_tenants.rejected_count), 0) as rejected_count
        from fridge.landing_file_tenants
        where landing_file_tenants.file_id = new_rows.file_id
    ) as tenants
    where
        tenants.row_count <> new_rows.row_count
        or tenants.inserted_count <> new_rows.inserted_count
        or tenants.duplicate_count <> new_rows.duplicate_count
        or tenants.rejected_count <> new_rows.rejected_count
    limit 1;
    if found then
        raise exception 'landing file % has % rows, but % by tenant, or they differ in what became of them',
            off.path, off.row_count, off.tenants_row_count
            using errcode = 'check_violation',
            hint = 'The rows of a file by tenant, in landing_file_tenants, add up to the file; write them before it.';
    end if;
    return null;
end;
$$;
CREATE FUNCTION fridge.csv_text(answer boolean) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select answer::text;
$$;
CREATE FUNCTION fridge.csv_text(moment timestamp with time zone) RETURNS text
    LANGUAGE sql STABLE
    AS $$
    select replace(to_json(moment at time zone 'UTC') #>> array[]::text[] || 'Z', 'infinityZ', 'infinity');
$$;
CREATE FUNCTION fridge.drop_month(month_start timestamp with time zone, by_whom text, at_time timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    partition_name text := 'stored_readings_' || to_char(month_start at time zone 'UTC', 'YYYY_MM');
    size_bytes bigint := pg_total_relation_size(to_regclass('fridge.' || partition_name));
begin
    execute format('alter table fridge.stored_readings detach partition fridge.%I', partition_name);
    execute format('drop table fridge.%I', partition_name);
    insert into fridge.dropped_months values (month_start, size_bytes, by_whom, at_time);
    return size_bytes;
end;
$$;
CREATE FUNCTION fridge.ensure_month(moment timestamp with time zone) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
declare
    month_start timestamptz := date_trunc('month', moment, 'UTC');
    month_end timestamptz := date_trunc('month', month_start + interval '40 days', 'UTC');
    partition_name text := 'stored_readings_' || to_char(month_start at time zone 'UTC', 'YYYY_MM');
begin
    perform pg_advisory_xact_lock(hashtextextended(partition_name, 0));
    if month_start < fridge.kept_from() then
        raise exception 'readings before % are dropped and never stored again', fridge.kept_from()
            using errcode = 'restrict_violation';
    end if;
    if to_regclass('fridge.' || partition_name) is null then
        execute format('create table fridge.%I (like fridge.stored_readings)', partition_name);
        execute format(
            'alter table fridge.stored_readings attach partition fridge.%I for values from (%L) to (%L)',
            partition_name, month_start, month_end
        );
        -- Old readings go by detaching and dropping a whole month, never by deleting rows.
        execute format('revoke update, delete, truncate on fridge.%I from current_user', partition_name);
    end if;
end;
$$;
CREATE FUNCTION fridge.grant_rights(marts text[]) RETURNS void
    LANGUAGE plpgsql
    SET client_min_messages TO 'warning'
    AS $$
declare
    relation record;
    mart text;
begin
    if to_regrole('fridge_pipeline') is not null then
        grant usage on schema fridge to fridge_pipeline;
        grant usage on all sequences in schema fridge to fridge_pipeline;
        grant execute on all functions in schema fridge to fridge_pipeline;
        revoke execute on function fridge.grant_rights(text[]) from fridge_pipeline;
        for relation in
            select
                pg_class.oid::regclass as name,
                pg_class.relispartition as is_partition,
                coalesce(rights.inserts, sql_models.name is not null) as inserts,
                coalesce(rights.deletes, sql_models.name is not null) as deletes,
                (
                    select string_agg(quote_ident(columns.name), ', ') from unnest(rights.updates) as columns (name)
                ) as updates
            from pg_class
            left join fridge.pipeline_rights as rights on pg_class.relname = rights.relation
            left join fridge.sql_models on pg_class.relname = sql_models.name and pg_class.relkind = 'r'
            where pg_class.relnamespace = 'fridge'::regnamespace and pg_class.relkind in ('r', 'p', 'v')
        loop
            execute format('revoke all on %s from fridge_pipeline', relation.name);
            continue when relation.is_partition;
            execute format('grant select on %s to fridge_pipeline', relation.name);
            if relation.inserts then
                execute format('grant insert on %s to fridge_pipeline', relation.name);
            end if;
            if relation.updates = '"*"' then
                execute format('grant update on %s to fridge_pipeline', relation.name);
            elsif relation.updates is not null then
                execute format('grant update (%s) on %s to fridge_pipeline', relation.updates, relation.name);
            end if;
            if relation.deletes then
                execute format('grant delete on %s to fridge_pipeline', relation.name);
            end if;
        end loop;
    end if;
    if to_regrole('fridge_finance') is not null then
        grant usage on schema fridge to fridge_finance;
        foreach mart in array marts loop
            execute format('grant select on fridge.%I to fridge_finance', mart);
        end loop;
    end if;
end;
$$;
CREATE FUNCTION fridge.guard_adjustment() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if old.status in ('accepted', 'refused') then
        raise exception 'the cancellation of % is settled: its receipt is never edited', old.identifier
            using errcode = 'restrict_violation';
    end if;
    if (old.identifier, old.staged_at, old.run_id) is distinct from (new.identifier, new.staged_at, new.run_id)
        or (old.first_sent_at is not null and new.first_sent_at is distinct from old.first_sent_at)
        or new.status = 'staged' and old.status <> 'staged'
    then
        raise exception 'the cancellation of % is immutable: what was asked of Stripe is never edited', old.identifier
            using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;
CREATE FUNCTION fridge.guard_exception() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if old.closed_at is not null then
        raise exception 'exception % was closed at %: it stays as it was then', old.exception_id, old.closed_at
            using errcode = 'restrict_violation', hint = 'What goes on is a new exception.';
    end if;
    if (old.exception_id, old.kind, old.tenant_id, old.hour, old.subject, old.opened_at)
        is distinct from
        (new.exception_id, new.kind, new.tenant_id, new.hour, new.subject, new.opened_at)
    then
        raise exception 'exception % is about what it was opened for: only its detail, figure, deadline and end change',
            old.exception_id
            using errcode = 'restrict_violation', hint = 'Close it, and open another one.';
    end if;
    return new;
end;
$$;
CREATE FUNCTION fridge.guard_meter_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if (
        old.identifier, old.event_name, old.tenant_id, old.stripe_customer_id, old.hour, old.is_difference,
        old.revision, old.value, old."timestamp", old.staged_at, old.run_id
    ) is distinct from (
        new.identifier, new.event_name, new.tenant_id, new.stripe_customer_id, new.hour, new.is_difference,
        new.revision, new.value, new."timestamp", new.staged_at, new.run_id
    ) then
        raise exception 'meter event % is immutable: what was stated to Stripe is never edited', old.identifier
            using errcode = 'restrict_violation', hint = 'Stage a new revision of the hour instead.';
    end if;
    if old.first_sent_at is not null and new.first_sent_at is distinct from old.first_sent_at then
        raise exception 'meter event % was first sent at %, which cannot change', old.identifier, old.first_sent_at
            using errcode = 'restrict_violation';
    end if;
    if old.status in ('accepted', 'refused', 'missing', 'superseded') and (
        old.http_status, old.request_id, old.answer, old.settled_at, old.last_sent_at, old.attempts
    ) is distinct from (
        new.http_status, new.request_id, new.answer, new.settled_at, new.last_sent_at, new.attempts
    ) then
        raise exception 'meter event % is settled: its receipt is never edited', old.identifier
            using errcode = 'restrict_violation';
    end if;
    if new.status <> old.status and not exists (
        select 1 from fridge.meter_event_transitions
        where from_status = old.status and to_status = new.status
    ) then
        raise exception 'meter event % cannot go from % to %', old.identifier, old.status, new.status
            using errcode = 'restrict_violation',
            hint = 'The allowed transitions are in fridge.meter_event_transitions.';
    end if;
    return new;
end;
$$;
CREATE FUNCTION fridge.guard_month_signoff() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    newest fridge.month_signoffs;
    under_way bigint;
begin
    -- Numbered under the lock: the number says the order.
    new.signoff_id := nextval(pg_get_serial_sequence('fridge.month_signoffs', 'signoff_id'));
    select * into newest from fridge.month_signoffs where month = new.month order by signoff_id desc limit 1;
    if (coalesce(newest.action, 'nothing'), new.action) not in (
        ('nothing', 'prepare'), ('prepare', 'prepare'), ('prepare', 'approve'), ('approve', 'reopen'),
        ('reopen', 'prepare')
    ) then
        raise exception '% of % refused: the last that was signed for it is %', new.action,
            to_char(new.month, 'YYYY-MM'), coalesce(newest.action, 'nothing')
            using errcode = 'restrict_violation',
            hint = 'A month is prepared, approved (then it is closed), and may be reopened to be prepared again.';
    end if;
    if new.action = 'approve' and fridge.plain_name(new.signed_by) = fridge.plain_name(newest.signed_by) then
        raise exception 'approve of % refused: % prepared it', to_char(new.month, 'YYYY-MM'), newest.signed_by
            using errcode = 'restrict_violation', hint = 'Closing a month takes two different people.';
    end if;
    if new.action <> 'reopen' then
        select count(*) into under_way from fridge.statements_under_way
        where hour >= new.month::timestamp at time zone 'UTC'
            and hour < (new.month + interval '1 month') at time zone 'UTC';
        if under_way > 0 then
            raise exception '% of % refused: % statements of its hours are under way', new.action,
                to_char(new.month, 'YYYY-MM'), under_way
                using errcode = 'restrict_violation', hint = 'Wait until Stripe has decided all of them.';
        end if;
    end if;
    return new;
end;
$$;
CREATE FUNCTION fridge.guard_new_meter_event() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if new.status <> 'staged' then
        raise exception 'meter event % enters the ledger as %, but every statement begins staged',
            new.identifier, new.status
            using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;
CREATE FUNCTION fridge.guard_return() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if old.settled_at is null or old.is_difference then
        raise exception 'meter event % cannot count again: it never did, or was cancelled', old.identifier
            using errcode = 'restrict_violation';
    end if;
    if exists (
        select 1 from fridge.customer_hours
        where
            customer_hours.stripe_customer_id = new.stripe_customer_id
            and customer_hours.event_name = new.event_name
            and customer_hours.hour = new.hour
            and customer_hours.tenant_id <> new.tenant_id
    ) then
        raise exception 'meter event % cannot count again: another tenant has the hour of its customer', old.identifier
            using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;
CREATE FUNCTION fridge.kept_from() RETURNS timestamp with time zone
    LANGUAGE sql STABLE
    AS $$
    select date_trunc('month', max(month) + interval '40 days', 'UTC') from fridge.dropped_months;
$$;
CREATE FUNCTION fridge.mark_all_hours() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    update fridge.swept_catalogue set event_names = '{}', measures = '{}';
    return null;
end;
$$;
CREATE FUNCTION fridge.mark_hours() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if tg_op <> 'INSERT' then
        insert into fridge.marked_hours (hour) select distinct hour from old_rows where hour is not null;
    end if;
    if tg_op <> 'DELETE' then
        insert into fridge.marked_hours (hour) select distinct hour from new_rows where hour is not null;
    end if;
    return null;
end;
$$;
CREATE FUNCTION fridge.mark_landing_hours() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if tg_op <> 'INSERT' then
        insert into fridge.marked_hours (hour) select distinct landing_hour from old_rows;
    end if;
    if tg_op <> 'DELETE' then
        insert into fridge.marked_hours (hour) select distinct landing_hour from new_rows;
    end if;
    return null;
end;
$$;
CREATE FUNCTION fridge.mark_stated_hours() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into fridge.marked_hours (hour)
    select hour from new_rows where status = 'accepted'
    union
    select hour from old_rows where status = 'accepted';
    return null;
end;
$$;
CREATE FUNCTION fridge.mark_withdrawn_hours() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    insert into fridge.marked_hours (hour)
    select distinct landing_files.landing_hour
    from fridge.landing_files
    inner join new_rows on landing_files.file_id = new_rows.file_id;
    return null;
end;
$$;
CREATE FUNCTION fridge.month_is_closed(moment timestamp with time zone) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
    select exists (
        select 1 from fridge.closed_months
        where closed_months.starts_at = date_trunc('month', moment, 'UTC')
    );
$$;
CREATE FUNCTION fridge.plain_name(name text) RETURNS text
    LANGUAGE sql IMMUTABLE
    AS $$
    select lower(regexp_replace(normalize(name, NFKC), '\s', '', 'g'));
$$;
CREATE FUNCTION fridge.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    raise exception '% on fridge.% refused: its rows are append only', tg_op, tg_table_name
        using errcode = 'restrict_violation',
        hint = 'Record a correction as a new row; nothing that was written is edited or deleted.';
end;
$$;
CREATE FUNCTION fridge.refuse_closed_months() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    refused record;
begin
    if not exists (select 1 from fridge.closed_months) then
        return null;
    end if;
    if tg_table_name = 'meter_events' then
        select hours.hour, closed_months.* into refused
        from (select distinct hour from new_rows where tg_op = 'INSERT' or status = 'sent') as hours
        inner join fridge.closed_months on closed_months.starts_at = date_trunc('month', hours.hour, 'UTC')
        limit 1;
    else
        select meter_events.hour, closed_months.* into refused
        from new_rows
        inner join fridge.meter_events on meter_events.identifier = new_rows.identifier
        inner join fridge.closed_months on closed_months.starts_at = date_trunc('month', meter_events.hour, 'UTC')
        where tg_op = 'INSERT' or new_rows.status = 'sent'
        limit 1;
    end if;
    if found then
        raise exception '% on fridge.% for the hour % refused: % is closed, by % at %', lower(tg_op), tg_table_name,
            to_char(refused.hour at time zone 'UTC', 'YYYY-MM-DD-HH24:MI'), to_char(refused.month, 'YYYY-MM'),
            refused.closed_by, to_char(refused.closed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            using errcode = 'restrict_violation',
            hint = format(
                'Reopen it first: fridge reopen %s --by NAME --reason TEXT', to_char(refused.month, 'YYYY-MM')
            );
    end if;
    return null;
end;
$$;
CREATE FUNCTION fridge.refuse_later_tenants() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    known integer;
begin
    select landing_files.file_id into known
    from (select distinct file_id from new_rows) as files
    inner join fridge.landing_files on files.file_id = landing_files.file_id
    limit 1;
    if found then
        raise exception 'landing file % is on record: its rows by tenant are written before it, and never later', known
            using errcode = 'restrict_violation';
    end if;
    return null;
end;
$$;
CREATE FUNCTION fridge.refuse_second_tenants() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    refused record;
begin
    select
        new_rows.identifier,
        new_rows.stripe_customer_id,
        new_rows.hour,
        others.tenant_id into refused
    from new_rows
    inner join fridge.customer_hours as others
        on
            others.stripe_customer_id = new_rows.stripe_customer_id
            and others.event_name = new_rows.event_name
            and others.hour = new_rows.hour
            and others.tenant_id <> new_rows.tenant_id
    where others.hour = any(array(select distinct hour from new_rows))
    limit 1;
    if found then
        raise exception 'meter event % refused: % has the hour % for tenant % already', refused.identifier,
            refused.stripe_customer_id, to_char(refused.hour at time zone 'UTC', 'YYYY-MM-DD-HH24:MI'), refused.tenant_id
            using errcode = 'restrict_violation',
            hint = 'Stripe keeps one figure per customer, meter and hour: one tenant would overwrite the other.';
    end if;
    return null;
end;
$$;
CREATE FUNCTION fridge.refuse_unbilled_hours() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
declare
    start timestamptz := (select bill_from from fridge.billing_start);
    refused timestamptz;
begin
    if start = '-infinity' then
        return null;
    end if;
    if tg_table_name = 'meter_events' then
        select min(hour) into refused from new_rows
        where hour < start and (tg_op = 'INSERT' or status = 'sent');
    else
        select min(meter_events.hour) into refused
        from new_rows
        inner join fridge.meter_events on meter_events.identifier = new_rows.identifier
        where meter_events.hour < start and (tg_op = 'INSERT' or new_rows.status = 'sent');
    end if;
    if refused is not null then
        raise exception '% on fridge.% for the hour % refused: usage is stated from % on', lower(tg_op), tg_table_name,
            to_char(refused at time zone 'UTC', 'YYYY-MM-DD-HH24:MI'),
            case when isfinite(start) then to_char(start at time zone 'UTC', 'YYYY-MM-DD-HH24:MI') else 'no hour' end
            using errcode = 'restrict_violation', hint = 'FRIDGE_BILL_FROM says from which hour on (docs/shadow-mode.md).';
    end if;
    return null;
end;
$$;
CREATE FUNCTION fridge.summarize_block_ranges() RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    select coalesce(sum(brin_summarize_new_values(relid)), 0)
    from pg_partition_tree('fridge.stored_readings_file_id')
    where isleaf;
$$;
CREATE FUNCTION fridge.wait_for_staging() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception '% on fridge.% refused in a transaction that is %', tg_op, tg_table_name,
            current_setting('transaction_isolation')
            using errcode = 'restrict_violation',
            hint = 'Whether a month is closed must be read as it is now: use a read committed transaction.';
    end if;
    perform pg_advisory_xact_lock(hashtextextended('fridge.staging', 0));
    return null;
end;
$$;
CREATE TABLE fridge.active_sensors (
    tenant_id text NOT NULL,
    hour timestamp with time zone NOT NULL,
    active_sensors bigint NOT NULL,
    computed_at timestamp with time zone NOT NULL,
    CONSTRAINT active_sensors_not_negative CHECK ((active_sensors >= 0))
);
COMMENT ON TABLE fridge.active_sensors IS 'One row per tenant-hour with usage: distinct sensors with an inserted reading.';
CREATE TABLE fridge.alerts (
    alert_id bigint NOT NULL,
    alert_key text NOT NULL,
    channel text NOT NULL,
    title text NOT NULL,
    first_sent_at timestamp with time zone NOT NULL,
    last_sent_at timestamp with time zone NOT NULL,
    newest_at timestamp with time zone,
    resolved_at timestamp with time zone,
    CONSTRAINT alerts_alert_key_not_empty CHECK ((alert_key <> ''::text)),
    CONSTRAINT alerts_channel CHECK ((channel = ANY (ARRAY['webhook'::text, 'mail'::text]))),
    CONSTRAINT alerts_resolved_after_sent CHECK ((resolved_at >= first_sent_at)),
    CONSTRAINT alerts_sent_in_order CHECK ((last_sent_at >= first_sent_at))
);
COMMENT ON TABLE fridge.alerts IS 'One row per alert and channel that took it, from the first message to the one that said it was over; never deleted.';
COMMENT ON COLUMN fridge.alerts.alert_key IS 'What the alert is about: its family and, behind the colon, which of them. More of the same is the same alert.';
COMMENT ON COLUMN fridge.alerts.channel IS 'Which of the two took the message: webhook or mail.';
COMMENT ON COLUMN fridge.alerts.title IS 'The first line of the last message.';
COMMENT ON COLUMN fridge.alerts.first_sent_at IS 'When the channel first took it; one that was down has no row.';
COMMENT ON COLUMN fridge.alerts.last_sent_at IS 'When it was last told; it is told again after a day.';
COMMENT ON COLUMN fridge.alerts.newest_at IS 'When the newest part of what was told came up; something newer is told within the day.';
COMMENT ON COLUMN fridge.alerts.resolved_at IS 'When the channel was told that it is over; empty while it goes on.';
ALTER TABLE fridge.alerts ALTER COLUMN alert_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.alerts_alert_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.billing_starts (
    billing_start_id bigint NOT NULL,
    bill_from timestamp with time zone NOT NULL,
    set_at timestamp with time zone NOT NULL,
    CONSTRAINT billing_starts_full_hour CHECK (((NOT isfinite(bill_from)) OR (date_trunc('hour'::text, bill_from, 'UTC'::text) = bill_from)))
);
COMMENT ON TABLE fridge.billing_starts IS 'One row per decision of FRIDGE_BILL_FROM from which hour on usage is stated; the newest counts. Append only.';
COMMENT ON COLUMN fridge.billing_starts.bill_from IS 'The first hour that is stated; infinity while none is (shadow mode). Earlier hours are counted and never stated.';
COMMENT ON COLUMN fridge.billing_starts.set_at IS 'When a process first found the setting.';
CREATE VIEW fridge.billing_start AS
 SELECT COALESCE(( SELECT billing_starts.bill_from
           FROM fridge.billing_starts
          ORDER BY billing_starts.billing_start_id DESC
         LIMIT 1), '-infinity'::timestamp with time zone) AS bill_from;
COMMENT ON VIEW fridge.billing_start IS 'One row: from which hour on usage is stated to Stripe now.';
COMMENT ON COLUMN fridge.billing_start.bill_from IS '-infinity where nothing was ever set: every hour is stated.';
ALTER TABLE fridge.billing_starts ALTER COLUMN billing_start_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.billing_starts_billing_start_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.causes (
    cause text NOT NULL,
    "position" integer NOT NULL,
    step text,
    is_explained boolean NOT NULL,
    words text NOT NULL,
    meaning text NOT NULL
);
COMMENT ON TABLE fridge.causes IS 'One row per cause that a difference can have.';
COMMENT ON COLUMN fridge.causes."position" IS 'The order in which causes are looked for.';
COMMENT ON COLUMN fridge.causes.step IS 'Where the tie-out looks for it: files, usage, ledger or stripe; empty for what only the reconciliation finds.';
COMMENT ON COLUMN fridge.causes.is_explained IS 'Whether it is known and waits for somebody or passes by itself, and is no error in the books.';
COMMENT ON COLUMN fridge.causes.words IS 'In a few words.';
COMMENT ON COLUMN fridge.causes.meaning IS 'In a sentence.';
CREATE TABLE fridge.month_signoffs (
    signoff_id bigint NOT NULL,
    month date NOT NULL,
    action text NOT NULL,
    signed_by text NOT NULL,
    reason text,
    control_totals jsonb,
    signed_at timestamp with time zone NOT NULL,
    CONSTRAINT month_signoffs_action CHECK ((action = ANY (ARRAY['prepare'::text, 'approve'::text, 'reopen'::text]))),
    CONSTRAINT month_signoffs_after_the_month CHECK ((signed_at >= ((month + '1 mon'::interval) AT TIME ZONE 'UTC'::text))),
    CONSTRAINT month_signoffs_first_day CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
    CONSTRAINT month_signoffs_prepared_with_totals CHECK (((action = 'prepare'::text) = (control_totals IS NOT NULL))),
    CONSTRAINT month_signoffs_reason_not_empty CHECK ((reason ~ '\S'::text)),
    CONSTRAINT month_signoffs_reopened_for_a_reason CHECK (((action = 'reopen'::text) = (reason IS NOT NULL))),
    CONSTRAINT month_signoffs_signed_by_not_empty CHECK ((signed_by ~ '\S'::text))
);
COMMENT ON TABLE fridge.month_signoffs IS 'One row per signature about a month: prepared, approved (it is closed) or reopened. Append only.';
COMMENT ON COLUMN fridge.month_signoffs.month IS 'First day of the UTC month.';
COMMENT ON COLUMN fridge.month_signoffs.action IS 'prepare, approve or reopen; a month is closed when its newest row is an approve.';
COMMENT ON COLUMN fridge.month_signoffs.signed_by IS 'Who signed; approve takes another person than prepare.';
COMMENT ON COLUMN fridge.month_signoffs.reason IS 'Why it was reopened; empty otherwise.';
COMMENT ON COLUMN fridge.month_signoffs.control_totals IS 'What the month comes to, as prepared: per meter, and of its landing files; empty in the other rows.';
CREATE VIEW fridge.closed_months AS
 SELECT month,
    ((month)::timestamp without time zone AT TIME ZONE 'UTC'::text) AS starts_at,
    signed_by AS closed_by,
    signed_at AS closed_at
   FROM ( SELECT DISTINCT ON (month_signoffs.month) month_signoffs.signoff_id,
            month_signoffs.month,
            month_signoffs.action,
            month_signoffs.signed_by,
            month_signoffs.reason,
            month_signoffs.control_totals,
            month_signoffs.signed_at
           FROM fridge.month_signoffs
          ORDER BY month_signoffs.month, month_signoffs.signoff_id DESC) newest
  WHERE (action = 'approve'::text);
COMMENT ON VIEW fridge.closed_months IS 'One row per month that is closed now: nothing is stated to Stripe for its hours until it is reopened.';
COMMENT ON COLUMN fridge.closed_months.starts_at IS 'Its first moment.';
COMMENT ON COLUMN fridge.closed_months.closed_by IS 'Who approved it.';
CREATE TABLE fridge.counted_hours (
    landing_hour timestamp with time zone NOT NULL,
    usage_table text NOT NULL,
    files_hash text NOT NULL,
    counted_at timestamp with time zone NOT NULL,
    CONSTRAINT counted_hours_usage_table CHECK ((usage_table = ANY (ARRAY['inserted_counts'::text, 'active_sensors'::text])))
);
COMMENT ON TABLE fridge.counted_hours IS 'One row per landing hour and usage table: from which files it was counted.';
COMMENT ON COLUMN fridge.counted_hours.files_hash IS 'MD5 of the ids of the files with readings that were not withdrawn, in order, with commas between.';
CREATE TABLE fridge.meter_events (
    identifier text NOT NULL,
    event_name text NOT NULL,
    tenant_id text NOT NULL,
    stripe_customer_id text NOT NULL,
    hour timestamp with time zone NOT NULL,
    revision integer NOT NULL,
    value bigint NOT NULL,
    "timestamp" timestamp with time zone NOT NULL,
    status text DEFAULT 'staged'::text NOT NULL,
    staged_at timestamp with time zone NOT NULL,
    first_sent_at timestamp with time zone,
    last_sent_at timestamp with time zone,
    settled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    http_status integer,
    request_id text,
    answer text,
    run_id text NOT NULL,
    is_difference boolean DEFAULT false NOT NULL,
    CONSTRAINT meter_events_identifier_length CHECK (((char_length(identifier) >= 1) AND (char_length(identifier) <= 100))),
    CONSTRAINT meter_events_revision_positive CHECK ((revision >= 1)),
    CONSTRAINT meter_events_sent_has_time CHECK (((status = ANY (ARRAY['staged'::text, 'superseded'::text])) OR (first_sent_at IS NOT NULL))),
    CONSTRAINT meter_events_settled_has_time CHECK (((status <> ALL (ARRAY['accepted'::text, 'refused'::text, 'missing'::text])) OR (settled_at IS NOT NULL))),
    CONSTRAINT meter_events_status CHECK ((status = ANY (ARRAY['staged'::text, 'sent'::text, 'unknown'::text, 'accepted'::text, 'missing'::text, 'refused'::text, 'superseded'::text]))),
    CONSTRAINT meter_events_timestamp_inside_hour CHECK ((("timestamp" > hour) AND ("timestamp" < (hour + '01:00:00'::interval)))),
    CONSTRAINT meter_events_value_range CHECK (((value >= 0) AND (value <= '999999999999999'::bigint)))
);
COMMENT ON TABLE fridge.meter_events IS 'One row per statement of usage to Stripe; what was stated is never edited or deleted.';
COMMENT ON COLUMN fridge.meter_events.identifier IS 'What Stripe deduplicates by; the same for every resend.';
COMMENT ON COLUMN fridge.meter_events.revision IS '1 for the first statement of a tenant, meter and hour; higher for restatements.';
COMMENT ON COLUMN fridge.meter_events.value IS 'What was stated: the total of the hour, or with is_difference what is added to it.';
COMMENT ON COLUMN fridge.meter_events."timestamp" IS 'The time Stripe books it at: half past or seconds later, inside the hour.';
COMMENT ON COLUMN fridge.meter_events.status IS 'staged, sent, unknown, accepted, missing, refused or superseded.';
COMMENT ON COLUMN fridge.meter_events.first_sent_at IS 'First attempt; the identifier is resent for 20 hours after it.';
COMMENT ON COLUMN fridge.meter_events.attempts IS 'How often it was marked as sent; see meter_event_attempts.';
COMMENT ON COLUMN fridge.meter_events.request_id IS 'Stripe''s name for the request that was answered.';
COMMENT ON COLUMN fridge.meter_events.answer IS 'Stripe''s answer in words.';
COMMENT ON COLUMN fridge.meter_events.run_id IS 'The Dagster run that staged it.';
COMMENT ON COLUMN fridge.meter_events.is_difference IS 'True on a meter that adds up: the value is only what was missing.';
CREATE VIEW fridge.customer_hours AS
 SELECT stripe_customer_id,
    event_name,
    hour,
    tenant_id,
    (COALESCE(sum(value) FILTER (WHERE (status = 'accepted'::text)), (0)::numeric))::bigint AS stated_value
   FROM fridge.meter_events
  WHERE (status = ANY (ARRAY['staged'::text, 'sent'::text, 'unknown'::text, 'accepted'::text]))
  GROUP BY stripe_customer_id, event_name, hour, tenant_id
 HAVING (bool_or((status <> 'accepted'::text)) OR (sum(value) <> (0)::numeric) OR (max("timestamp") > (hour + '00:30:00'::interval)));
COMMENT ON VIEW fridge.customer_hours IS 'One row per customer, meter, hour and tenant with something undecided or counting there; one tenant at most has it.';
COMMENT ON COLUMN fridge.customer_hours.stated_value IS 'What the tenant''s accepted statements come to.';
CREATE TABLE fridge.dropped_months (
    month timestamp with time zone NOT NULL,
    size_bytes bigint NOT NULL,
    dropped_by text NOT NULL,
    dropped_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE fridge.dropped_months IS 'One row per month whose readings were dropped; append only.';
COMMENT ON COLUMN fridge.dropped_months.size_bytes IS 'What its readings and their index took.';
CREATE TABLE fridge.dropped_reading_counts (
    file_id integer NOT NULL,
    sensor_key integer NOT NULL,
    month timestamp with time zone NOT NULL,
    readings bigint NOT NULL
);
COMMENT ON TABLE fridge.dropped_reading_counts IS 'One row per landing file, sensor and dropped month: readings that arrived so late that their hour can still change.';
CREATE TABLE fridge.evidence_packs (
    pack_id bigint NOT NULL,
    month date NOT NULL,
    manifest_sha256 text NOT NULL,
    previous_sha256 text,
    made_at timestamp with time zone NOT NULL,
    made_by text NOT NULL,
    run_id text,
    CONSTRAINT evidence_packs_month CHECK ((EXTRACT(day FROM month) = (1)::numeric)),
    CONSTRAINT evidence_packs_sha256 CHECK (((manifest_sha256 ~ '^[0-9a-f]{64}$'::text) AND (previous_sha256 ~ '^[0-9a-f]{64}$'::text)))
);
COMMENT ON TABLE fridge.evidence_packs IS 'One row per evidence pack of a closed month that was made; append only. Drafts are not in it.';
COMMENT ON COLUMN fridge.evidence_packs.month IS 'First day of the UTC month.';
COMMENT ON COLUMN fridge.evidence_packs.manifest_sha256 IS 'SHA-256 of its MANIFEST.sha256, and by that of everything in it.';
COMMENT ON COLUMN fridge.evidence_packs.previous_sha256 IS 'The manifest of the pack it is chained to; empty in the first one.';
COMMENT ON COLUMN fridge.evidence_packs.made_by IS 'Who made it, a login name or a program.';
COMMENT ON COLUMN fridge.evidence_packs.run_id IS 'The Dagster run that made it; empty when it was made by command.';
ALTER TABLE fridge.evidence_packs ALTER COLUMN pack_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.evidence_packs_pack_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.exception_kinds (
    kind text NOT NULL,
    "position" integer NOT NULL,
    means text NOT NULL,
    what_to_do text NOT NULL,
    subject text NOT NULL,
    cause text,
    waits boolean NOT NULL
);
COMMENT ON TABLE fridge.exception_kinds IS 'One row per kind that an exception can be of.';
COMMENT ON COLUMN fridge.exception_kinds."position" IS 'The order in which the tie-out asks for open ones.';
COMMENT ON COLUMN fridge.exception_kinds.means IS 'What has happened.';
COMMENT ON COLUMN fridge.exception_kinds.what_to_do IS 'What to do about it; docs/runbook.md has the long form.';
COMMENT ON COLUMN fridge.exception_kinds.subject IS 'What exceptions.subject names: a folder, a file, a meter, a statement, or the usage of the tenant-hour.';
COMMENT ON COLUMN fridge.exception_kinds.cause IS 'What a difference between usage and ledger is called while one is open; empty where it explains none.';
COMMENT ON COLUMN fridge.exception_kinds.waits IS 'Whether the sweep leaves the usage alone until a person, or time, ends what stands in its way.';
CREATE TABLE fridge.exceptions (
    exception_id bigint NOT NULL,
    kind text NOT NULL,
    tenant_id text,
    hour timestamp with time zone,
    subject text DEFAULT ''::text NOT NULL,
    detail text NOT NULL,
    deadline_at timestamp with time zone,
    opened_at timestamp with time zone NOT NULL,
    closed_at timestamp with time zone,
    owed bigint,
    CONSTRAINT exceptions_closed_after_opened CHECK ((closed_at >= opened_at))
);
COMMENT ON TABLE fridge.exceptions IS 'One row per difference that a person must see; closed, never deleted.';
COMMENT ON COLUMN fridge.exceptions.subject IS 'What it is about within the tenant-hour: a path, a meter, an identifier.';
COMMENT ON COLUMN fridge.exceptions.deadline_at IS 'Until when the usage can still be billed.';
COMMENT ON COLUMN fridge.exceptions.owed IS 'For a meter''s usage that waits: usage minus what Stripe has, when it was last judged; empty for everything else.';
ALTER TABLE fridge.exceptions ALTER COLUMN exception_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.exceptions_exception_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.inserted_counts (
    tenant_id text NOT NULL,
    hour timestamp with time zone NOT NULL,
    inserted_count bigint NOT NULL,
    computed_at timestamp with time zone NOT NULL,
    CONSTRAINT inserted_counts_not_negative CHECK ((inserted_count >= 0))
);
COMMENT ON TABLE fridge.inserted_counts IS 'One row per tenant-hour with usage: readings stored for the first time.';
CREATE SEQUENCE fridge.landing_file_ids
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE fridge.landing_file_tenants (
    file_id integer NOT NULL,
    tenant_id text,
    row_count bigint NOT NULL,
    inserted_count bigint NOT NULL,
    duplicate_count bigint NOT NULL,
    rejected_count bigint NOT NULL,
    CONSTRAINT landing_file_tenants_counts CHECK (((row_count > 0) AND (inserted_count >= 0) AND (duplicate_count >= 0) AND (rejected_count >= 0))),
    CONSTRAINT landing_file_tenants_tenant_id_not_empty CHECK ((tenant_id <> ''::text)),
    CONSTRAINT landing_file_tenants_tie_out CHECK ((row_count = ((inserted_count + duplicate_count) + rejected_count))),
    CONSTRAINT landing_file_tenants_unknown CHECK (((tenant_id IS NOT NULL) OR (rejected_count = row_count)))
);
COMMENT ON TABLE fridge.landing_file_tenants IS 'One row per landing file and tenant with rows in it; they add up to landing_files. Append only. Files with rows and without a row here were loaded before this table was there.';
COMMENT ON COLUMN fridge.landing_file_tenants.tenant_id IS 'As the file says it, also when it is in no other table; empty: rows that do not say readably whose they are, and rejected ones beyond the first 10,000 tenants of which the file has rejected rows.';
COMMENT ON COLUMN fridge.landing_file_tenants.row_count IS 'Rows of the tenant read; always inserted + duplicate + rejected.';
COMMENT ON COLUMN fridge.landing_file_tenants.inserted_count IS 'Its readings stored for the first time; a withdrawal of the file changes nothing here.';
COMMENT ON COLUMN fridge.landing_file_tenants.duplicate_count IS 'Its valid readings that were stored already.';
COMMENT ON COLUMN fridge.landing_file_tenants.rejected_count IS 'Its rows that are no valid readings; see rejected_readings.';
CREATE TABLE fridge.landing_files (
    file_id integer NOT NULL,
    path text NOT NULL,
    landing_hour timestamp with time zone NOT NULL,
    content_hash text NOT NULL,
    version_token text NOT NULL,
    size_bytes bigint NOT NULL,
    row_count bigint NOT NULL,
    inserted_count bigint NOT NULL,
    duplicate_count bigint NOT NULL,
    rejected_count bigint NOT NULL,
    status text NOT NULL,
    first_recorded_at timestamp with time zone,
    last_recorded_at timestamp with time zone,
    run_id text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    CONSTRAINT landing_files_counts CHECK (((inserted_count >= 0) AND (duplicate_count >= 0) AND (rejected_count >= 0))),
    CONSTRAINT landing_files_status CHECK ((status = ANY (ARRAY['loaded'::text, 'damaged'::text, 'unreadable'::text]))),
    CONSTRAINT landing_files_tie_out CHECK ((row_count = ((inserted_count + duplicate_count) + rejected_count)))
);
COMMENT ON TABLE fridge.landing_files IS 'One row per content of a landing file that was loaded; append only.';
COMMENT ON COLUMN fridge.landing_files.path IS 'Relative to the landing root.';
COMMENT ON COLUMN fridge.landing_files.landing_hour IS 'Start of the hour it was received in, which its readings are billed to.';
COMMENT ON COLUMN fridge.landing_files.content_hash IS 'SHA-256 of the bytes as delivered; a changed file gets a row of its own.';
COMMENT ON COLUMN fridge.landing_files.version_token IS 'What the listing showed: modification time or entity tag.';
COMMENT ON COLUMN fridge.landing_files.row_count IS 'Rows read; always inserted + duplicate + rejected.';
COMMENT ON COLUMN fridge.landing_files.inserted_count IS 'Readings stored for the first time.';
COMMENT ON COLUMN fridge.landing_files.duplicate_count IS 'Valid readings that were stored already.';
COMMENT ON COLUMN fridge.landing_files.rejected_count IS 'Rows that are no valid readings; see rejected_readings.';
COMMENT ON COLUMN fridge.landing_files.status IS 'loaded; damaged: read up to the damage; unreadable: not a single row could be read.';
COMMENT ON COLUMN fridge.landing_files.first_recorded_at IS 'Earliest reading it stored; empty when it stored none.';
COMMENT ON COLUMN fridge.landing_files.last_recorded_at IS 'Latest reading it stored; empty when it stored none.';
COMMENT ON COLUMN fridge.landing_files.run_id IS 'The Dagster run that loaded it.';
CREATE TABLE fridge.landing_hours (
    landing_hour timestamp with time zone NOT NULL,
    listing_fingerprint text NOT NULL,
    loaded_at timestamp with time zone NOT NULL,
    folder_version text
);
COMMENT ON TABLE fridge.landing_hours IS 'One row per landing hour whose files have all been loaded.';
COMMENT ON COLUMN fridge.landing_hours.listing_fingerprint IS 'Changes when a file is added, removed, renamed or rewritten.';
COMMENT ON COLUMN fridge.landing_hours.folder_version IS 'The folder whose listing this is known to be; empty until the folder has been seen unchanged after its load.';
CREATE TABLE fridge.load_attempts (
    path text NOT NULL,
    version_token text NOT NULL,
    attempts integer NOT NULL,
    started_at timestamp with time zone NOT NULL,
    CONSTRAINT load_attempts_count CHECK ((attempts > 0))
);
COMMENT ON TABLE fridge.load_attempts IS 'One row per landing file that is being loaded, or whose load died: with its process, its machine, or its database.';
COMMENT ON COLUMN fridge.load_attempts.version_token IS 'Which content it is about, as in landing_files.';
COMMENT ON COLUMN fridge.load_attempts.attempts IS 'Loads of this content since the last one that ended.';
COMMENT ON COLUMN fridge.load_attempts.started_at IS 'When the last of them began.';
CREATE TABLE fridge.marked_hours (
    mark_id bigint NOT NULL,
    hour timestamp with time zone NOT NULL
);
COMMENT ON TABLE fridge.marked_hours IS 'One row per change of what the sweep compares, until a sweep has found its hour delivered.';
COMMENT ON COLUMN fridge.marked_hours.hour IS 'The hour that is to be compared.';
ALTER TABLE fridge.marked_hours ALTER COLUMN mark_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.marked_hours_mark_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE VIEW fridge.measured_usage AS
 SELECT inserted_counts.tenant_id,
    inserted_counts.hour,
    'inserted_count'::text AS measure,
    inserted_counts.inserted_count AS value
   FROM fridge.inserted_counts
UNION ALL
 SELECT active_sensors.tenant_id,
    active_sensors.hour,
    'active_sensors'::text AS measure,
    active_sensors.active_sensors AS value
   FROM fridge.active_sensors;
COMMENT ON VIEW fridge.measured_usage IS 'One row per tenant-hour and measure with usage: both usage tables as one.';
CREATE TABLE fridge.meter_event_adjustments (
    identifier text NOT NULL,
    status text DEFAULT 'staged'::text NOT NULL,
    staged_at timestamp with time zone NOT NULL,
    first_sent_at timestamp with time zone,
    settled_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    http_status integer,
    request_id text,
    answer text,
    run_id text NOT NULL,
    CONSTRAINT meter_event_adjustments_sent_has_time CHECK (((status = 'staged'::text) OR (first_sent_at IS NOT NULL))),
    CONSTRAINT meter_event_adjustments_settled_has_time CHECK (((status <> ALL (ARRAY['accepted'::text, 'refused'::text])) OR (settled_at IS NOT NULL))),
    CONSTRAINT meter_event_adjustments_status CHECK ((status = ANY (ARRAY['staged'::text, 'sent'::text, 'unknown'::text, 'accepted'::text, 'refused'::text])))
);
COMMENT ON TABLE fridge.meter_event_adjustments IS 'One row per cancellation of a meter event that was asked of Stripe.';
COMMENT ON COLUMN fridge.meter_event_adjustments.identifier IS 'The meter event to be cancelled.';
COMMENT ON COLUMN fridge.meter_event_adjustments.status IS 'staged, sent, unknown, accepted or refused.';
CREATE TABLE fridge.meter_event_attempts (
    attempt_id bigint NOT NULL,
    identifier text NOT NULL,
    attempt integer NOT NULL,
    outcome text NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    tries integer NOT NULL,
    latency_seconds double precision,
    http_status integer,
    request_id text,
    answer text NOT NULL,
    run_id text NOT NULL,
    CONSTRAINT meter_event_attempts_outcome CHECK ((outcome = ANY (ARRAY['accepted'::text, 'duplicate'::text, 'refused'::text, 'undecided'::text, 'not_received'::text, 'key_refused'::text, 'not_sent'::text, 'lost'::text])))
);
COMMENT ON TABLE fridge.meter_event_attempts IS 'One row per attempt to send a meter event, with the answer; append only.';
COMMENT ON COLUMN fridge.meter_event_attempts.attempt IS 'The how-manieth sending of this identifier.';
COMMENT ON COLUMN fridge.meter_event_attempts.outcome IS 'accepted, duplicate, refused, undecided, not_received, key_refused, not_sent, or lost: it died unanswered.';
COMMENT ON COLUMN fridge.meter_event_attempts.tries IS 'Requests within the attempt; retries keep the identifier.';
COMMENT ON COLUMN fridge.meter_event_attempts.latency_seconds IS 'From the first try to the answer; empty when lost.';
ALTER TABLE fridge.meter_event_attempts ALTER COLUMN attempt_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.meter_event_attempts_attempt_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.meter_event_transitions (
    from_status text NOT NULL,
    to_status text NOT NULL
);
COMMENT ON TABLE fridge.meter_event_transitions IS 'One row per allowed change of a meter event''s status.';
CREATE TABLE fridge.meters (
    event_name text NOT NULL,
    measure text NOT NULL,
    formula text NOT NULL,
    "window" text NOT NULL,
    CONSTRAINT meters_measure CHECK ((measure = ANY (ARRAY['inserted_count'::text, 'active_sensors'::text])))
);
COMMENT ON TABLE fridge.meters IS 'One row per meter of the catalogue in the settings, copied whenever the SQL models are brought up to date.';
COMMENT ON COLUMN fridge.meters.event_name IS 'The Stripe event name.';
COMMENT ON COLUMN fridge.meters.measure IS 'What is billed, inserted_count or active_sensors.';
COMMENT ON COLUMN fridge.meters.formula IS 'How Stripe makes one number of several statements.';
COMMENT ON COLUMN fridge.meters."window" IS 'hour when only the newest statement of an hour counts, else none.';
CREATE TABLE fridge.model_hours (
    model text NOT NULL,
    hour timestamp with time zone NOT NULL,
    built_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE fridge.model_hours IS 'One row per hour for which an increment of a SQL model was made, also when it brought no row.';
ALTER TABLE fridge.month_signoffs ALTER COLUMN signoff_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.month_signoffs_signoff_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.pipeline_rights (
    relation text NOT NULL,
    inserts boolean DEFAULT true NOT NULL,
    updates text[] DEFAULT '{}'::text[] NOT NULL,
    deletes boolean DEFAULT false NOT NULL
);
COMMENT ON TABLE fridge.pipeline_rights IS 'One row per table that the pipeline writes to: what it may do there. Everything else it only reads.';
COMMENT ON COLUMN fridge.pipeline_rights.relation IS 'The table.';
COMMENT ON COLUMN fridge.pipeline_rights.inserts IS 'Whether it adds rows.';
COMMENT ON COLUMN fridge.pipeline_rights.updates IS 'The columns that it changes; * for all.';
COMMENT ON COLUMN fridge.pipeline_rights.deletes IS 'Whether it removes rows; nothing that happened is removed.';
CREATE TABLE fridge.sensors (
    sensor_key integer NOT NULL,
    tenant_id text NOT NULL,
    sensor_id text NOT NULL
);
COMMENT ON TABLE fridge.sensors IS 'One row per sensor of a tenant: the integer key under which its readings are stored.';
CREATE TABLE fridge.stored_readings (
    recorded_at timestamp with time zone NOT NULL,
    temperature_c double precision NOT NULL,
    sensor_key integer NOT NULL,
    file_id integer NOT NULL
)
PARTITION BY RANGE (recorded_at);
COMMENT ON TABLE fridge.stored_readings IS 'One row per reading, by integer keys; partitioned by month. Read it through readings.';
CREATE TABLE fridge.withdrawals (
    file_id integer NOT NULL,
    reason text NOT NULL,
    withdrawn_by text NOT NULL,
    withdrawn_at timestamp with time zone NOT NULL,
    CONSTRAINT withdrawals_reason_not_empty CHECK ((reason <> ''::text))
);
COMMENT ON TABLE fridge.withdrawals IS 'One row per landing file taken out of usage; its readings stay known. Append only.';
CREATE VIEW fridge.readings AS
 SELECT sensors.tenant_id,
    sensors.sensor_id,
    stored_readings.recorded_at,
    stored_readings.temperature_c,
    landing_files.landing_hour,
    landing_files.path,
    stored_readings.file_id,
    (withdrawals.file_id IS NOT NULL) AS is_withdrawn
   FROM (((fridge.stored_readings
     JOIN fridge.sensors ON ((stored_readings.sensor_key = sensors.sensor_key)))
     JOIN fridge.landing_files ON ((stored_readings.file_id = landing_files.file_id)))
     LEFT JOIN fridge.withdrawals ON ((stored_readings.file_id = withdrawals.file_id)));
COMMENT ON VIEW fridge.readings IS 'One row per reading, with its tenant, sensor, landing hour and landing file.';
COMMENT ON COLUMN fridge.readings.is_withdrawn IS 'Its file was withdrawn: the reading is known, and not usage.';
CREATE TABLE fridge.rejected_not_kept (
    file_id integer NOT NULL,
    path text NOT NULL,
    reason text NOT NULL,
    row_count bigint NOT NULL,
    CONSTRAINT rejected_not_kept_count CHECK ((row_count > 0))
);
COMMENT ON TABLE fridge.rejected_not_kept IS 'One row per landing file and reason: how many rows were rejected beyond those in rejected_readings. Append only.';
COMMENT ON COLUMN fridge.rejected_not_kept.row_count IS 'So many more rows were rejected for this reason.';
CREATE TABLE fridge.rejected_readings (
    file_id integer NOT NULL,
    path text NOT NULL,
    line bigint NOT NULL,
    reason text NOT NULL,
    raw text,
    tenant_id text
);
COMMENT ON TABLE fridge.rejected_readings IS 'One row per row of a landing file that is no valid reading, the first 10,000 of each file; rejected_not_kept counts the others. Append only.';
COMMENT ON COLUMN fridge.rejected_readings.line IS 'Line in the file, or row of a parquet file, counted from 1.';
COMMENT ON COLUMN fridge.rejected_readings.raw IS 'What the row said, at most 1,000 characters.';
COMMENT ON COLUMN fridge.rejected_readings.tenant_id IS 'Whose row it is; empty when it does not say so readably, and in files without rows in landing_file_tenants.';
CREATE VIEW fridge.rejected_rows AS
 SELECT rejected_readings.file_id,
    rejected_readings.path,
    rejected_readings.reason,
    (1)::bigint AS row_count
   FROM fridge.rejected_readings
UNION ALL
 SELECT rejected_not_kept.file_id,
    rejected_not_kept.path,
    rejected_not_kept.reason,
    rejected_not_kept.row_count
   FROM fridge.rejected_not_kept;
COMMENT ON VIEW fridge.rejected_rows IS 'Every rejected row once: those that are kept with a count of 1, the others by file and reason. Add up row_count.';
CREATE TABLE fridge.releases (
    release_id bigint NOT NULL,
    tenant_id text NOT NULL,
    hour timestamp with time zone NOT NULL,
    event_name text,
    value bigint NOT NULL,
    released_by text NOT NULL,
    reason text NOT NULL,
    released_at timestamp with time zone NOT NULL,
    CONSTRAINT releases_reason_not_empty CHECK ((reason ~ '\S'::text)),
    CONSTRAINT releases_released_by_not_empty CHECK ((released_by ~ '\S'::text))
);
COMMENT ON TABLE fridge.releases IS 'One row per decision that usage held for review is right and is to be billed. Append only.';
COMMENT ON COLUMN fridge.releases.event_name IS 'The meter; empty means every meter.';
COMMENT ON COLUMN fridge.releases.value IS 'The usage that was released: more than this is judged anew.';
CREATE VIEW fridge.released_usage AS
 SELECT releases.tenant_id,
    releases.hour,
    releases.event_name,
    measured_usage.measure
   FROM (fridge.releases
     JOIN fridge.measured_usage ON (((releases.tenant_id = measured_usage.tenant_id) AND (releases.hour = measured_usage.hour) AND (releases.value >= measured_usage.value))));
COMMENT ON VIEW fridge.released_usage IS 'One row per release and measure whose usage is, as it is now, not more than what was released.';
COMMENT ON COLUMN fridge.released_usage.event_name IS 'The meter that was released; empty means every meter.';
ALTER TABLE fridge.releases ALTER COLUMN release_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.releases_release_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.runs (
    run_id text NOT NULL,
    program_version text NOT NULL,
    source_sha256 text NOT NULL,
    started_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE fridge.runs IS 'One row per Dagster run that opened the books, with the code it ran; append only. Earlier ones are not recorded.';
COMMENT ON COLUMN fridge.runs.program_version IS 'Version of the package.';
COMMENT ON COLUMN fridge.runs.source_sha256 IS 'Hash over all its source files and SQL models.';
CREATE TABLE fridge.schema_migrations (
    number integer NOT NULL,
    title text NOT NULL,
    sha256 text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE fridge.sensors ALTER COLUMN sensor_key ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.sensors_sensor_key_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.sql_models (
    name text NOT NULL,
    sha256 text NOT NULL,
    built_at timestamp with time zone NOT NULL,
    materialized text DEFAULT 'view'::text NOT NULL,
    column_sources jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT sql_models_materialized CHECK ((materialized = ANY (ARRAY['view'::text, 'table'::text, 'increment'::text])))
);
COMMENT ON TABLE fridge.sql_models IS 'One row per SQL model that exists in the database, with the hash of the text it was made from.';
COMMENT ON COLUMN fridge.sql_models.materialized IS 'view, table or increment.';
COMMENT ON COLUMN fridge.sql_models.column_sources IS 'For each column the columns of tables and models that it is made of, as [table, column].';
CREATE TABLE fridge.sql_models_built (
    is_the_only_row boolean DEFAULT true NOT NULL,
    files_sha256 text NOT NULL,
    built_at timestamp with time zone NOT NULL,
    superseded text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT sql_models_built_one_row CHECK (is_the_only_row)
);
COMMENT ON TABLE fridge.sql_models_built IS 'One row: the files that the SQL models were made from.';
COMMENT ON COLUMN fridge.sql_models_built.superseded IS 'The files of earlier states: code that has them is older than the database, and leaves the models alone.';
CREATE VIEW fridge.statements_under_way AS
 SELECT meter_events.identifier,
    meter_events.hour,
    meter_events.status
   FROM fridge.meter_events
  WHERE (meter_events.status = ANY (ARRAY['staged'::text, 'sent'::text, 'unknown'::text]))
UNION ALL
 SELECT ('cancel:'::text || meter_events.identifier) AS identifier,
    meter_events.hour,
    meter_event_adjustments.status
   FROM (fridge.meter_event_adjustments
     JOIN fridge.meter_events ON ((meter_event_adjustments.identifier = meter_events.identifier)))
  WHERE (meter_event_adjustments.status = ANY (ARRAY['staged'::text, 'sent'::text, 'unknown'::text]));
COMMENT ON VIEW fridge.statements_under_way IS 'One row per statement or cancellation that is not decided yet; a month with any cannot be closed.';
COMMENT ON COLUMN fridge.statements_under_way.identifier IS 'That of the meter event, with cancel: before it for its cancellation.';
CREATE TABLE fridge.stripe_books (
    is_the_only_row boolean DEFAULT true NOT NULL,
    is_live boolean NOT NULL,
    claimed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT stripe_books_one_row CHECK (is_the_only_row)
);
COMMENT ON TABLE fridge.stripe_books IS 'One row: whether these books are stated to Stripe for real or in rehearsal.';
COMMENT ON COLUMN fridge.stripe_books.is_live IS 'True when a live key was used first; a sandbox or test key makes a rehearsal.';
CREATE TABLE fridge.stripe_error_reports (
    report_id text NOT NULL,
    type text NOT NULL,
    created_at timestamp with time zone NOT NULL,
    validation_start timestamp with time zone NOT NULL,
    validation_end timestamp with time zone NOT NULL,
    meter_id text,
    event_name text,
    error_count bigint NOT NULL,
    collected_at timestamp with time zone NOT NULL
);
COMMENT ON TABLE fridge.stripe_error_reports IS 'One row per report of Stripe that it refused events after their receipt; append only.';
COMMENT ON COLUMN fridge.stripe_error_reports.report_id IS 'Stripe''s id of the thin event, evt_…';
COMMENT ON COLUMN fridge.stripe_error_reports.validation_start IS 'The events were validated from here …';
COMMENT ON COLUMN fridge.stripe_error_reports.validation_end IS '… to here.';
COMMENT ON COLUMN fridge.stripe_error_reports.meter_id IS 'Stripe''s id of the meter; empty when no meter was found.';
COMMENT ON COLUMN fridge.stripe_error_reports.event_name IS 'The meter''s event name; empty when no meter was found, or one that is not known.';
COMMENT ON COLUMN fridge.stripe_error_reports.error_count IS 'Events refused in the window; there may be fewer samples.';
CREATE TABLE fridge.stripe_error_samples (
    report_id text NOT NULL,
    identifier text NOT NULL,
    code text NOT NULL,
    message text NOT NULL
);
COMMENT ON TABLE fridge.stripe_error_samples IS 'One row per refused event that a report names; append only.';
COMMENT ON COLUMN fridge.stripe_error_samples.identifier IS 'The identifier of the meter event, which is also its idempotency key.';
COMMENT ON COLUMN fridge.stripe_error_samples.code IS 'Why it was refused, in Stripe''s code.';
CREATE TABLE fridge.stripe_pace (
    is_the_only_row boolean DEFAULT true NOT NULL,
    next_free_at timestamp with time zone DEFAULT '-infinity'::timestamp with time zone NOT NULL,
    CONSTRAINT stripe_pace_one_row CHECK (is_the_only_row)
);
COMMENT ON TABLE fridge.stripe_pace IS 'One row: until when the calls per second that Stripe allows are used up.';
CREATE TABLE fridge.stripe_readbacks (
    readback_id bigint NOT NULL,
    identifier text NOT NULL,
    is_cancellation boolean NOT NULL,
    read_at timestamp with time zone NOT NULL,
    value_before numeric NOT NULL,
    value_after numeric NOT NULL,
    value_seen numeric,
    verdict text NOT NULL,
    run_id text NOT NULL,
    CONSTRAINT stripe_readbacks_verdict CHECK ((verdict = ANY (ARRAY['counted'::text, 'absent'::text, 'missing'::text, 'unexplained'::text])))
);
COMMENT ON TABLE fridge.stripe_readbacks IS 'One row per look at Stripe''s total for something in doubt; append only.';
COMMENT ON COLUMN fridge.stripe_readbacks.value_before IS 'What Stripe shows when it does not count it.';
COMMENT ON COLUMN fridge.stripe_readbacks.value_after IS 'What Stripe shows when it counts it.';
COMMENT ON COLUMN fridge.stripe_readbacks.value_seen IS 'What Stripe showed; empty when it had nothing for the hour.';
COMMENT ON COLUMN fridge.stripe_readbacks.verdict IS 'counted; absent: read again later; missing: absent twice; unexplained: neither value.';
ALTER TABLE fridge.stripe_readbacks ALTER COLUMN readback_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.stripe_readbacks_readback_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.stripe_reads (
    read_id bigint NOT NULL,
    read_at timestamp with time zone NOT NULL,
    reads integer NOT NULL,
    purpose text NOT NULL,
    CONSTRAINT stripe_reads_positive CHECK ((reads > 0)),
    CONSTRAINT stripe_reads_purpose CHECK ((purpose = ANY (ARRAY['reconciliation'::text, 'refusals'::text, 'explanation'::text])))
);
COMMENT ON TABLE fridge.stripe_reads IS 'One row per piece of reading in Stripe''s books, with the number of requests; append only.';
COMMENT ON COLUMN fridge.stripe_reads.reads IS 'Requests made; a page of a list is one.';
COMMENT ON COLUMN fridge.stripe_reads.purpose IS 'reconciliation, refusals or explanation.';
ALTER TABLE fridge.stripe_reads ALTER COLUMN read_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME fridge.stripe_reads_read_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE fridge.stripe_reconciliation (
    day date NOT NULL,
    hour timestamp with time zone,
    tenant_id text NOT NULL,
    event_name text NOT NULL,
    stripe_customer_id text,
    usage_value bigint,
    ledger_value bigint,
    stripe_value numeric,
    difference numeric,
    cause text,
    detail text,
    read_at timestamp with time zone,
    run_id text NOT NULL,
    CONSTRAINT stripe_reconciliation_hour_of_day CHECK ((((hour AT TIME ZONE 'UTC'::text))::date = day)),
    CONSTRAINT stripe_reconciliation_read_has_time CHECK (((stripe_value IS NULL) OR (read_at IS NOT NULL)))
);
COMMENT ON TABLE fridge.stripe_reconciliation IS 'One row per day, tenant, meter and customer: usage, ledger and Stripe side by side; and one per hour that differs.';
COMMENT ON COLUMN fridge.stripe_reconciliation.day IS 'UTC day.';
COMMENT ON COLUMN fridge.stripe_reconciliation.hour IS 'Empty in the row of the day; set in rows of its differing hours.';
COMMENT ON COLUMN fridge.stripe_reconciliation.event_name IS 'The meter.';
COMMENT ON COLUMN fridge.stripe_reconciliation.stripe_customer_id IS 'Empty while the tenant has no customer.';
COMMENT ON COLUMN fridge.stripe_reconciliation.usage_value IS 'Usage that this customer is to pay; empty when there is none. A day is the sum of its hours.';
COMMENT ON COLUMN fridge.stripe_reconciliation.ledger_value IS 'What the accepted statements come to; empty when there is none.';
COMMENT ON COLUMN fridge.stripe_reconciliation.stripe_value IS 'What Stripe''s summaries show, 0 when they show nothing; empty when they were not read.';
COMMENT ON COLUMN fridge.stripe_reconciliation.difference IS 'Stripe less usage: above 0 too much is billed, below 0 too little; empty when Stripe was not read.';
COMMENT ON COLUMN fridge.stripe_reconciliation.cause IS 'Why they differ, of a day that of its worst hour; empty when all three agree or Stripe was not read.';
COMMENT ON COLUMN fridge.stripe_reconciliation.detail IS 'The cause, or why Stripe was not read, in words.';
COMMENT ON COLUMN fridge.stripe_reconciliation.read_at IS 'When Stripe was read.';
COMMENT ON COLUMN fridge.stripe_reconciliation.run_id IS 'The Dagster run that wrote it.';
CREATE TABLE fridge.swept_catalogue (
    is_the_only_row boolean DEFAULT true NOT NULL,
    event_names text[] DEFAULT '{}'::text[] NOT NULL,
    measures text[] DEFAULT '{}'::text[] NOT NULL,
    CONSTRAINT swept_catalogue_one_row CHECK (is_the_only_row)
);
COMMENT ON TABLE fridge.swept_catalogue IS 'One row: the meters that hours without a mark were found delivered with.';
COMMENT ON COLUMN fridge.swept_catalogue.event_names IS 'Empty before the first sweep, which compares all hours.';
COMMENT ON COLUMN fridge.swept_catalogue.measures IS 'In the order of the event names.';
CREATE TABLE fridge.tenants (
    tenant_id text NOT NULL,
    name text,
    stripe_customer_id text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tenants_stripe_customer_id_not_empty CHECK ((stripe_customer_id <> ''::text)),
    CONSTRAINT tenants_tenant_id_not_empty CHECK ((tenant_id <> ''::text))
);
COMMENT ON TABLE fridge.tenants IS 'One row per tenant: who is billed, and as which Stripe customer.';
COMMENT ON COLUMN fridge.tenants.stripe_customer_id IS 'Empty until finance has made the customer; usage then waits as unmapped.';
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('staged', 'sent');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('staged', 'superseded');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('sent', 'accepted');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('sent', 'unknown');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('sent', 'refused');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('unknown', 'accepted');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('unknown', 'missing');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('unknown', 'refused');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('accepted', 'superseded');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('missing', 'superseded');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('refused', 'superseded');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('accepted', 'refused');
INSERT INTO fridge.meter_event_transitions (from_status, to_status) VALUES ('superseded', 'accepted');
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('sensors', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('landing_files', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('landing_file_tenants', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('stored_readings', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('rejected_readings', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('dropped_reading_counts', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('withdrawals', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('meter_event_attempts', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('stripe_books', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('stripe_readbacks', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('stripe_error_reports', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('stripe_error_samples', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('stripe_reads', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('month_signoffs', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('releases', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('evidence_packs', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('runs', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('billing_starts', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('tenants', true, '{*}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('landing_hours', true, '{listing_fingerprint,loaded_at,folder_version}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('alerts', true, '{title,last_sent_at,newest_at,resolved_at}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('meter_events', true, '{status,first_sent_at,last_sent_at,settled_at,attempts,http_status,request_id,answer}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('meter_event_adjustments', true, '{status,first_sent_at,settled_at,attempts,http_status,request_id,answer}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('model_hours', true, '{built_at}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('stripe_pace', false, '{next_free_at}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('swept_catalogue', false, '{event_names,measures}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('inserted_counts', true, '{inserted_count,computed_at}', true);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('active_sensors', true, '{active_sensors,computed_at}', true);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('counted_hours', true, '{files_hash,counted_at}', true);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('stripe_reconciliation', true, '{usage_value,ledger_value,detail,run_id}', true);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('meters', true, '{measure,formula,window}', true);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('marked_hours', true, '{}', true);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('rejected_not_kept', true, '{}', false);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('load_attempts', true, '{version_token,attempts,started_at}', true);
INSERT INTO fridge.pipeline_rights (relation, inserts, updates, deletes) VALUES ('exceptions', true, '{detail,owed,deadline_at,closed_at}', false);
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (1, 'schema', '91edabfbbaed5a3d5284cded59aa6ab7577d98c1d882eedfdd4725aeb9059fdd', '2026-11-29 14:31:51.800639+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (2, 'meter_events', 'ad9232c02578e59795c8ecfccb551e1452f8ef2e30cbccadb79d755a11b4fd47', '2026-11-29 14:31:51.866524+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (3, 'sql_models', '40318e63db54a1ffe3caa2ebb8454753bc3b29990f80f8f673df15bb6a788506', '2026-11-29 14:31:51.890421+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (4, 'stripe_books', '001efc48f61854a5eb07835996ae9f65bec4f60a1d8b23f3f9f1ae813901b68e', '2026-11-29 14:31:51.913359+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (5, 'delivery', '03d0700128121362659828e8dbbde18151af5adaa81067e2b75c372dfc9f0eee', '2026-11-29 14:31:51.935566+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (6, 'reconciliation', '8df731f1dba79c1e0413cb4a03524404b101f22107c7f4374ca837434152d7cd', '2026-11-29 14:31:52.022126+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (7, 'counted_hours', '24d4767f8019bce0179d039114be76fe1ec6eb985f50e0a6936039c5a2202738', '2026-11-29 14:31:52.074107+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (8, 'measured_usage', '1baa87a196fcbe0fb9db64aa057868c284bab7fa787ff9b474f6e157383a0b36', '2026-11-29 14:31:52.082506+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (9, 'landing_folders', '866a452401ce7fc832776dd1da60e6209688a5481a1b9bc283939753faba2129', '2026-11-29 14:31:52.093828+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (10, 'retention', '78fcfa56f94608c7057143ddee816de7a869171b87097c47c0a7085127e4d9ad', '2026-11-29 14:31:52.102034+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (11, 'marked_hours', '919870b7bf1459be7a8ecee6b96afd99e989902d2c5e095543a7e19a2b5f6c0e', '2026-11-29 14:31:52.125871+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (12, 'model_kinds', 'b1cbed0aca00b47903b0556929f5cb7f962aa39e71550442dba27a3d676193e7', '2026-11-29 14:31:52.141056+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (13, 'landing_file_tenants', '1ceb7f80d4417afe431933c6b0683efe59f0905684b73abbeebd1856461d4a81', '2026-11-29 14:31:52.158309+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (14, 'roles', 'b85c72ffa74cfc06182948a9ca85dff7e9ab3f9ef8653d65f6e9cc89dbd16b86', '2026-11-29 14:31:52.177885+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (15, 'closing_a_month', '5063f1f47688b5962d9dbab3ee4a541450b82103acf614cef561096025bb5e57', '2026-11-29 14:31:52.190751+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (16, 'releases', '5baea83ca229a52e06d289482849afe6017ced101389438854653c13f47b453c', '2026-11-29 14:31:52.21677+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (17, 'evidence', 'bf180584c8e05f07a6ac4c707f1719f6d1296015e2f5ac12026a1d5f6ad910fe', '2026-11-29 14:31:52.240923+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (18, 'runs', 'f1686b7d19768452cdcebe0defa470bc165a8c0021d6c8f043dbe2e4a752094e', '2026-11-29 14:31:52.254677+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (19, 'alerts', '7c44c72ef46aad20073a349866163c5459c513bec5482df97bafc17dfacced7c', '2026-11-29 14:31:52.318618+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (20, 'billing_starts', '0a8f6a5d2c9db8111cf82cf764e9c08e495bea79f35afbc161284b38c3a32110', '2026-11-29 14:31:52.340063+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (21, 'superseded_models', '1dd70c822579b1a90a0aa4d699e0b5616b5c9520db0068a51a21cbae0d4bdf26', '2026-11-29 14:31:52.354241+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (22, 'contradictions', '770acc211b4f208e5438e81667ddffcb91f68666c16dc52bf77d2f8909179e4e', '2026-11-29 14:31:52.362222+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (23, 'reason_codes', '691c318266ac7377fd3f8cfd05a57ee9f6c6fba92a22a946e0dd1371cb8fa9dd', '2026-11-29 14:31:52.370034+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (24, 'one_tenant_per_customer', '4af3dcf2768e1d2c21f4ba58e1abaacbe9a4bf42a82eaeeebd19882175d7cf1f', '2026-11-29 14:31:52.389157+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (25, 'rights', 'eb27d85246e11f3626b79ab5e93d3ef82f479d6edbe5d53e36b3a1531751f476', '2026-11-29 14:31:52.408005+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (26, 'owed', '9827309b9cf965b8f77303504c45399279ff60c57b03afd23140cc65f44199ac', '2026-11-29 14:31:52.422241+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (27, 'rejected_rows_bounded', '1bd9a21db92f0391c0431256faca29ddfa051661f6f8dce45c7a639f3382c22e', '2026-11-29 14:31:52.428739+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (28, 'load_attempts', 'b4c517bdede33dcffb448d70ff14fa38278a734c4839b8b8acbf34f1fcf2a588', '2026-11-29 14:31:52.45011+00');
INSERT INTO fridge.schema_migrations (number, title, sha256, applied_at) VALUES (29, 'deadlines', '664689ac5e5930c20de92b6730a6526a1bb4c6904d95e435ce7e7581ae993d50', '2026-11-29 14:31:52.461902+00');
INSERT INTO fridge.stripe_pace (is_the_only_row, next_free_at) VALUES (true, '-infinity');
INSERT INTO fridge.swept_catalogue (is_the_only_row, event_names, measures) VALUES (true, '{}', '{}');
ALTER TABLE ONLY fridge.active_sensors
    ADD CONSTRAINT active_sensors_pkey PRIMARY KEY (tenant_id, hour);
ALTER TABLE ONLY fridge.alerts
    ADD CONSTRAINT alerts_pkey PRIMARY KEY (alert_id);
ALTER TABLE ONLY fridge.billing_starts
    ADD CONSTRAINT billing_starts_pkey PRIMARY KEY (billing_start_id);
ALTER TABLE ONLY fridge.causes
    ADD CONSTRAINT causes_pkey PRIMARY KEY (cause);
ALTER TABLE ONLY fridge.counted_hours
    ADD CONSTRAINT counted_hours_pkey PRIMARY KEY (landing_hour, usage_table);
ALTER TABLE ONLY fridge.dropped_months
    ADD CONSTRAINT dropped_months_pkey PRIMARY KEY (month);
ALTER TABLE ONLY fridge.dropped_reading_counts
    ADD CONSTRAINT dropped_reading_counts_pkey PRIMARY KEY (file_id, sensor_key, month);
ALTER TABLE ONLY fridge.evidence_packs
    ADD CONSTRAINT evidence_packs_manifest UNIQUE (manifest_sha256);
ALTER TABLE ONLY fridge.evidence_packs
    ADD CONSTRAINT evidence_packs_pkey PRIMARY KEY (pack_id);
ALTER TABLE ONLY fridge.exception_kinds
    ADD CONSTRAINT exception_kinds_pkey PRIMARY KEY (kind);
ALTER TABLE ONLY fridge.exceptions
    ADD CONSTRAINT exceptions_pkey PRIMARY KEY (exception_id);
ALTER TABLE ONLY fridge.inserted_counts
    ADD CONSTRAINT inserted_counts_pkey PRIMARY KEY (tenant_id, hour);
ALTER TABLE ONLY fridge.landing_file_tenants
    ADD CONSTRAINT landing_file_tenants_key UNIQUE NULLS NOT DISTINCT (file_id, tenant_id);
ALTER TABLE ONLY fridge.landing_files
    ADD CONSTRAINT landing_files_content UNIQUE (path, content_hash);
ALTER TABLE ONLY fridge.landing_files
    ADD CONSTRAINT landing_files_pkey PRIMARY KEY (file_id);
ALTER TABLE ONLY fridge.landing_hours
    ADD CONSTRAINT landing_hours_pkey PRIMARY KEY (landing_hour);
ALTER TABLE ONLY fridge.load_attempts
    ADD CONSTRAINT load_attempts_pkey PRIMARY KEY (path);
ALTER TABLE ONLY fridge.marked_hours
    ADD CONSTRAINT marked_hours_pkey PRIMARY KEY (mark_id);
ALTER TABLE ONLY fridge.meter_event_adjustments
    ADD CONSTRAINT meter_event_adjustments_pkey PRIMARY KEY (identifier);
ALTER TABLE ONLY fridge.meter_event_attempts
    ADD CONSTRAINT meter_event_attempts_number UNIQUE (identifier, attempt);
ALTER TABLE ONLY fridge.meter_event_attempts
    ADD CONSTRAINT meter_event_attempts_pkey PRIMARY KEY (attempt_id);
ALTER TABLE ONLY fridge.meter_event_transitions
    ADD CONSTRAINT meter_event_transitions_pkey PRIMARY KEY (from_status, to_status);
ALTER TABLE ONLY fridge.meter_events
    ADD CONSTRAINT meter_events_pkey PRIMARY KEY (identifier);
ALTER TABLE ONLY fridge.meter_events
    ADD CONSTRAINT meter_events_revision UNIQUE (event_name, tenant_id, hour, revision);
ALTER TABLE ONLY fridge.meters
    ADD CONSTRAINT meters_pkey PRIMARY KEY (event_name);
ALTER TABLE ONLY fridge.model_hours
    ADD CONSTRAINT model_hours_pkey PRIMARY KEY (hour, model);
ALTER TABLE ONLY fridge.month_signoffs
    ADD CONSTRAINT month_signoffs_pkey PRIMARY KEY (signoff_id);
ALTER TABLE ONLY fridge.pipeline_rights
    ADD CONSTRAINT pipeline_rights_pkey PRIMARY KEY (relation);
ALTER TABLE ONLY fridge.rejected_not_kept
    ADD CONSTRAINT rejected_not_kept_key UNIQUE (file_id, reason);
ALTER TABLE ONLY fridge.releases
    ADD CONSTRAINT releases_pkey PRIMARY KEY (release_id);
ALTER TABLE ONLY fridge.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);
ALTER TABLE ONLY fridge.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (number);
ALTER TABLE ONLY fridge.sensors
    ADD CONSTRAINT sensors_identity UNIQUE (tenant_id, sensor_id);
ALTER TABLE ONLY fridge.sensors
    ADD CONSTRAINT sensors_pkey PRIMARY KEY (sensor_key);
ALTER TABLE ONLY fridge.sql_models_built
    ADD CONSTRAINT sql_models_built_pkey PRIMARY KEY (is_the_only_row);
ALTER TABLE ONLY fridge.sql_models
    ADD CONSTRAINT sql_models_pkey PRIMARY KEY (name);
ALTER TABLE ONLY fridge.stored_readings
    ADD CONSTRAINT stored_readings_pkey PRIMARY KEY (recorded_at, sensor_key);
ALTER TABLE ONLY fridge.stripe_books
    ADD CONSTRAINT stripe_books_pkey PRIMARY KEY (is_the_only_row);
ALTER TABLE ONLY fridge.stripe_error_reports
    ADD CONSTRAINT stripe_error_reports_pkey PRIMARY KEY (report_id);
ALTER TABLE ONLY fridge.stripe_error_samples
    ADD CONSTRAINT stripe_error_samples_pkey PRIMARY KEY (report_id, identifier, code);
ALTER TABLE ONLY fridge.stripe_pace
    ADD CONSTRAINT stripe_pace_pkey PRIMARY KEY (is_the_only_row);
ALTER TABLE ONLY fridge.stripe_readbacks
    ADD CONSTRAINT stripe_readbacks_pkey PRIMARY KEY (readback_id);
ALTER TABLE ONLY fridge.stripe_reads
    ADD CONSTRAINT stripe_reads_pkey PRIMARY KEY (read_id);
ALTER TABLE ONLY fridge.swept_catalogue
    ADD CONSTRAINT swept_catalogue_pkey PRIMARY KEY (is_the_only_row);
ALTER TABLE ONLY fridge.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (tenant_id);
ALTER TABLE ONLY fridge.tenants
    ADD CONSTRAINT tenants_stripe_customer_id_key UNIQUE (stripe_customer_id);
ALTER TABLE ONLY fridge.withdrawals
    ADD CONSTRAINT withdrawals_pkey PRIMARY KEY (file_id);
CREATE INDEX active_sensors_hour ON fridge.active_sensors USING btree (hour);
CREATE UNIQUE INDEX alerts_open ON fridge.alerts USING btree (alert_key, channel) WHERE (resolved_at IS NULL);
CREATE UNIQUE INDEX exceptions_one_open ON fridge.exceptions USING btree (kind, tenant_id, hour, subject) NULLS NOT DISTINCT WHERE (closed_at IS NULL);
CREATE INDEX inserted_counts_hour ON fridge.inserted_counts USING btree (hour);
CREATE INDEX landing_files_landing_hour ON fridge.landing_files USING btree (landing_hour);
CREATE INDEX marked_hours_hour ON fridge.marked_hours USING btree (hour);
CREATE INDEX meter_event_adjustments_open ON fridge.meter_event_adjustments USING btree (identifier) WHERE (status = ANY (ARRAY['staged'::text, 'sent'::text, 'unknown'::text]));
CREATE INDEX meter_events_first_sent ON fridge.meter_events USING brin (first_sent_at);
CREATE INDEX meter_events_hour ON fridge.meter_events USING btree (hour);
CREATE UNIQUE INDEX meter_events_one_open ON fridge.meter_events USING btree (event_name, tenant_id, hour) WHERE (status = ANY (ARRAY['staged'::text, 'sent'::text, 'unknown'::text]));
CREATE INDEX month_signoffs_month ON fridge.month_signoffs USING btree (month, signoff_id);
CREATE INDEX rejected_not_kept_path ON fridge.rejected_not_kept USING btree (path);
CREATE INDEX rejected_readings_path ON fridge.rejected_readings USING btree (path);
CREATE INDEX releases_tenant_hour ON fridge.releases USING btree (tenant_id, hour);
CREATE INDEX stored_readings_file_id ON ONLY fridge.stored_readings USING brin (file_id) WITH (pages_per_range='32', autosummarize='on');
CREATE INDEX stripe_error_samples_identifier ON fridge.stripe_error_samples USING btree (identifier);
CREATE INDEX stripe_readbacks_identifier ON fridge.stripe_readbacks USING btree (identifier);
CREATE INDEX stripe_reads_read_at ON fridge.stripe_reads USING btree (read_at);
CREATE INDEX stripe_reconciliation_account ON fridge.stripe_reconciliation USING btree (tenant_id, event_name, stripe_customer_id, read_at);
CREATE UNIQUE INDEX stripe_reconciliation_row ON fridge.stripe_reconciliation USING btree (day, tenant_id, event_name, stripe_customer_id, hour) NULLS NOT DISTINCT;
CREATE TRIGGER active_sensors_mark_delete AFTER DELETE ON fridge.active_sensors REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_hours();
CREATE TRIGGER active_sensors_mark_insert AFTER INSERT ON fridge.active_sensors REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_hours();
CREATE TRIGGER active_sensors_mark_truncate AFTER TRUNCATE ON fridge.active_sensors FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_all_hours();
CREATE TRIGGER active_sensors_mark_update AFTER UPDATE ON fridge.active_sensors REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_hours();
CREATE TRIGGER alerts_end_once BEFORE UPDATE ON fridge.alerts FOR EACH ROW WHEN ((old.resolved_at IS NOT NULL)) EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER alerts_no_delete BEFORE DELETE ON fridge.alerts FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER alerts_no_truncate BEFORE TRUNCATE ON fridge.alerts FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER billing_starts_append_only BEFORE DELETE OR UPDATE ON fridge.billing_starts FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER billing_starts_no_truncate BEFORE TRUNCATE ON fridge.billing_starts FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER billing_starts_wait BEFORE INSERT ON fridge.billing_starts FOR EACH STATEMENT EXECUTE FUNCTION fridge.wait_for_staging();
CREATE TRIGGER counted_hours_mark_delete AFTER DELETE ON fridge.counted_hours REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_landing_hours();
CREATE TRIGGER counted_hours_mark_insert AFTER INSERT ON fridge.counted_hours REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_landing_hours();
CREATE TRIGGER counted_hours_mark_truncate AFTER TRUNCATE ON fridge.counted_hours FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_all_hours();
CREATE TRIGGER counted_hours_mark_update AFTER UPDATE ON fridge.counted_hours REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_landing_hours();
CREATE TRIGGER dropped_months_append_only BEFORE DELETE OR UPDATE ON fridge.dropped_months FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER dropped_months_no_truncate BEFORE TRUNCATE ON fridge.dropped_months FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER dropped_reading_counts_append_only BEFORE DELETE OR UPDATE ON fridge.dropped_reading_counts FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER dropped_reading_counts_no_truncate BEFORE TRUNCATE ON fridge.dropped_reading_counts FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER evidence_packs_append_only BEFORE DELETE OR UPDATE ON fridge.evidence_packs FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER evidence_packs_no_truncate BEFORE TRUNCATE ON fridge.evidence_packs FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER exceptions_guard BEFORE UPDATE ON fridge.exceptions FOR EACH ROW EXECUTE FUNCTION fridge.guard_exception();
CREATE TRIGGER exceptions_mark_insert AFTER INSERT ON fridge.exceptions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_hours();
CREATE TRIGGER exceptions_mark_update AFTER UPDATE ON fridge.exceptions REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_hours();
CREATE TRIGGER exceptions_no_delete BEFORE DELETE ON fridge.exceptions FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER exceptions_no_truncate BEFORE TRUNCATE ON fridge.exceptions FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER inserted_counts_mark_delete AFTER DELETE ON fridge.inserted_counts REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_hours();
CREATE TRIGGER inserted_counts_mark_insert AFTER INSERT ON fridge.inserted_counts REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_hours();
CREATE TRIGGER inserted_counts_mark_truncate AFTER TRUNCATE ON fridge.inserted_counts FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_all_hours();
CREATE TRIGGER inserted_counts_mark_update AFTER UPDATE ON fridge.inserted_counts REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_hours();
CREATE TRIGGER landing_file_tenants_append_only BEFORE DELETE OR UPDATE ON fridge.landing_file_tenants FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER landing_file_tenants_before_file AFTER INSERT ON fridge.landing_file_tenants REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_later_tenants();
CREATE TRIGGER landing_file_tenants_no_truncate BEFORE TRUNCATE ON fridge.landing_file_tenants FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER landing_files_append_only BEFORE DELETE OR UPDATE ON fridge.landing_files FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER landing_files_check_tenants AFTER INSERT ON fridge.landing_files REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.check_file_tenants();
CREATE TRIGGER landing_files_mark_insert AFTER INSERT ON fridge.landing_files REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_landing_hours();
CREATE TRIGGER landing_files_no_truncate BEFORE TRUNCATE ON fridge.landing_files FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_event_adjustments_guard BEFORE UPDATE ON fridge.meter_event_adjustments FOR EACH ROW EXECUTE FUNCTION fridge.guard_adjustment();
CREATE TRIGGER meter_event_adjustments_insert_billed_hours AFTER INSERT ON fridge.meter_event_adjustments REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_unbilled_hours();
CREATE TRIGGER meter_event_adjustments_insert_in_open_months AFTER INSERT ON fridge.meter_event_adjustments REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_closed_months();
CREATE TRIGGER meter_event_adjustments_no_delete BEFORE DELETE ON fridge.meter_event_adjustments FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_event_adjustments_no_truncate BEFORE TRUNCATE ON fridge.meter_event_adjustments FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_event_adjustments_send_billed_hours AFTER UPDATE ON fridge.meter_event_adjustments REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_unbilled_hours();
CREATE TRIGGER meter_event_adjustments_send_in_open_months AFTER UPDATE ON fridge.meter_event_adjustments REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_closed_months();
CREATE TRIGGER meter_event_adjustments_wait BEFORE INSERT ON fridge.meter_event_adjustments FOR EACH STATEMENT EXECUTE FUNCTION fridge.wait_for_staging();
CREATE TRIGGER meter_event_attempts_append_only BEFORE DELETE OR UPDATE ON fridge.meter_event_attempts FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_event_attempts_no_truncate BEFORE TRUNCATE ON fridge.meter_event_attempts FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_event_transitions_append_only BEFORE INSERT OR DELETE OR UPDATE ON fridge.meter_event_transitions FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_event_transitions_no_truncate BEFORE TRUNCATE ON fridge.meter_event_transitions FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_events_begin_staged BEFORE INSERT ON fridge.meter_events FOR EACH ROW EXECUTE FUNCTION fridge.guard_new_meter_event();
CREATE TRIGGER meter_events_guard BEFORE UPDATE ON fridge.meter_events FOR EACH ROW EXECUTE FUNCTION fridge.guard_meter_event();
CREATE TRIGGER meter_events_insert_billed_hours AFTER INSERT ON fridge.meter_events REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_unbilled_hours();
CREATE TRIGGER meter_events_insert_in_open_months AFTER INSERT ON fridge.meter_events REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_closed_months();
CREATE TRIGGER meter_events_insert_one_tenant AFTER INSERT ON fridge.meter_events REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_second_tenants();
CREATE TRIGGER meter_events_mark_update AFTER UPDATE ON fridge.meter_events REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_stated_hours();
CREATE TRIGGER meter_events_no_delete BEFORE DELETE ON fridge.meter_events FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_events_no_truncate BEFORE TRUNCATE ON fridge.meter_events FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER meter_events_return BEFORE UPDATE ON fridge.meter_events FOR EACH ROW WHEN (((old.status = 'superseded'::text) AND (new.status = 'accepted'::text))) EXECUTE FUNCTION fridge.guard_return();
CREATE TRIGGER meter_events_send_billed_hours AFTER UPDATE ON fridge.meter_events REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_unbilled_hours();
CREATE TRIGGER meter_events_send_in_open_months AFTER UPDATE ON fridge.meter_events REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_closed_months();
CREATE TRIGGER meter_events_wait BEFORE INSERT ON fridge.meter_events FOR EACH STATEMENT EXECUTE FUNCTION fridge.wait_for_staging();
CREATE TRIGGER month_signoffs_append_only BEFORE DELETE OR UPDATE ON fridge.month_signoffs FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER month_signoffs_guard BEFORE INSERT ON fridge.month_signoffs FOR EACH ROW EXECUTE FUNCTION fridge.guard_month_signoff();
CREATE TRIGGER month_signoffs_no_truncate BEFORE TRUNCATE ON fridge.month_signoffs FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER month_signoffs_wait BEFORE INSERT ON fridge.month_signoffs FOR EACH STATEMENT EXECUTE FUNCTION fridge.wait_for_staging();
CREATE TRIGGER rejected_not_kept_append_only BEFORE DELETE OR UPDATE ON fridge.rejected_not_kept FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER rejected_not_kept_no_truncate BEFORE TRUNCATE ON fridge.rejected_not_kept FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER rejected_readings_append_only BEFORE DELETE OR UPDATE ON fridge.rejected_readings FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER rejected_readings_no_truncate BEFORE TRUNCATE ON fridge.rejected_readings FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER releases_append_only BEFORE DELETE OR UPDATE ON fridge.releases FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER releases_no_truncate BEFORE TRUNCATE ON fridge.releases FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER runs_append_only BEFORE DELETE OR UPDATE ON fridge.runs FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER runs_no_truncate BEFORE TRUNCATE ON fridge.runs FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER sensors_append_only BEFORE DELETE OR UPDATE ON fridge.sensors FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER sensors_no_truncate BEFORE TRUNCATE ON fridge.sensors FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stored_readings_append_only BEFORE DELETE OR UPDATE ON fridge.stored_readings FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stored_readings_no_truncate BEFORE TRUNCATE ON fridge.stored_readings FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_books_append_only BEFORE DELETE OR UPDATE ON fridge.stripe_books FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_books_no_truncate BEFORE TRUNCATE ON fridge.stripe_books FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_error_reports_append_only BEFORE DELETE OR UPDATE ON fridge.stripe_error_reports FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_error_reports_no_truncate BEFORE TRUNCATE ON fridge.stripe_error_reports FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_error_samples_append_only BEFORE DELETE OR UPDATE ON fridge.stripe_error_samples FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_error_samples_no_truncate BEFORE TRUNCATE ON fridge.stripe_error_samples FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_readbacks_append_only BEFORE DELETE OR UPDATE ON fridge.stripe_readbacks FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_readbacks_no_truncate BEFORE TRUNCATE ON fridge.stripe_readbacks FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_reads_append_only BEFORE DELETE OR UPDATE ON fridge.stripe_reads FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER stripe_reads_no_truncate BEFORE TRUNCATE ON fridge.stripe_reads FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER tenants_keep_their_id BEFORE UPDATE OF tenant_id, created_at ON fridge.tenants FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER tenants_no_delete BEFORE DELETE ON fridge.tenants FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER tenants_no_truncate BEFORE TRUNCATE ON fridge.tenants FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER withdrawals_append_only BEFORE DELETE OR UPDATE ON fridge.withdrawals FOR EACH ROW EXECUTE FUNCTION fridge.refuse_change();
CREATE TRIGGER withdrawals_mark_insert AFTER INSERT ON fridge.withdrawals REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION fridge.mark_withdrawn_hours();
CREATE TRIGGER withdrawals_no_truncate BEFORE TRUNCATE ON fridge.withdrawals FOR EACH STATEMENT EXECUTE FUNCTION fridge.refuse_change();
ALTER TABLE ONLY fridge.exception_kinds
    ADD CONSTRAINT exception_kinds_cause_fkey FOREIGN KEY (cause) REFERENCES fridge.causes(cause);
ALTER TABLE ONLY fridge.exceptions
    ADD CONSTRAINT exceptions_kind FOREIGN KEY (kind) REFERENCES fridge.exception_kinds(kind);
ALTER TABLE ONLY fridge.meter_event_adjustments
    ADD CONSTRAINT meter_event_adjustments_identifier_fkey FOREIGN KEY (identifier) REFERENCES fridge.meter_events(identifier);
ALTER TABLE ONLY fridge.meter_event_attempts
    ADD CONSTRAINT meter_event_attempts_identifier_fkey FOREIGN KEY (identifier) REFERENCES fridge.meter_events(identifier);
ALTER TABLE ONLY fridge.stripe_reconciliation
    ADD CONSTRAINT stripe_reconciliation_cause FOREIGN KEY (cause) REFERENCES fridge.causes(cause);
REVOKE ALL ON FUNCTION fridge.drop_month(month_start timestamp with time zone, by_whom text, at_time timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION fridge.ensure_month(moment timestamp with time zone) FROM PUBLIC;
REVOKE ALL ON FUNCTION fridge.grant_rights(marts text[]) FROM PUBLIC;
REVOKE ALL ON FUNCTION fridge.summarize_block_ranges() FROM PUBLIC;
REVOKE ALL ON TABLE fridge.alerts FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN,UPDATE ON TABLE fridge.alerts TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.billing_starts FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.billing_starts TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.month_signoffs FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.month_signoffs TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.meter_events FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.meter_events TO CURRENT_USER;
GRANT UPDATE(status) ON TABLE fridge.meter_events TO CURRENT_USER;
GRANT UPDATE(first_sent_at) ON TABLE fridge.meter_events TO CURRENT_USER;
GRANT UPDATE(last_sent_at) ON TABLE fridge.meter_events TO CURRENT_USER;
GRANT UPDATE(settled_at) ON TABLE fridge.meter_events TO CURRENT_USER;
GRANT UPDATE(attempts) ON TABLE fridge.meter_events TO CURRENT_USER;
GRANT UPDATE(http_status) ON TABLE fridge.meter_events TO CURRENT_USER;
GRANT UPDATE(request_id) ON TABLE fridge.meter_events TO CURRENT_USER;
GRANT UPDATE(answer) ON TABLE fridge.meter_events TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.dropped_months FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.dropped_months TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.dropped_reading_counts FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.dropped_reading_counts TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.evidence_packs FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.evidence_packs TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.exceptions FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN,UPDATE ON TABLE fridge.exceptions TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.landing_file_tenants FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.landing_file_tenants TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.landing_files FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.landing_files TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.meter_event_adjustments FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN,UPDATE ON TABLE fridge.meter_event_adjustments TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.meter_event_attempts FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.meter_event_attempts TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.meter_event_transitions FROM CURRENT_USER;
GRANT SELECT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.meter_event_transitions TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.stored_readings FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.stored_readings TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.withdrawals FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.withdrawals TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.rejected_not_kept FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.rejected_not_kept TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.rejected_readings FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.rejected_readings TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.releases FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.releases TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.runs FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.runs TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.stripe_books FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.stripe_books TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.stripe_error_reports FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.stripe_error_reports TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.stripe_error_samples FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.stripe_error_samples TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.stripe_readbacks FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.stripe_readbacks TO CURRENT_USER;
REVOKE ALL ON TABLE fridge.stripe_reads FROM CURRENT_USER;
GRANT SELECT,INSERT,REFERENCES,TRIGGER,MAINTAIN ON TABLE fridge.stripe_reads TO CURRENT_USER;
