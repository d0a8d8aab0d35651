-- Who writes for the pipeline could have done anything in the owner's name, by a trigger function of ours on a table of
-- its own. One person could have settled any quantity, as shares or periods that come to little, and stopped all
-- loads for good by a time that no program reads.

create function fridge.is_readable(moment timestamptz) returns boolean
language sql immutable as $$
    select moment between '0001-01-01 00:00+00' and '9999-12-31 00:00+00';
$$;

alter table fridge.tenants
add constraint tenants_times_readable check (fridge.is_readable(created_at) and fridge.is_readable(updated_at));
alter table fridge.sensor_register
add constraint sensor_register_time_readable check (fridge.is_readable(valid_from));
alter table fridge.releases
add constraint releases_times_readable check (fridge.is_readable(hour) and fridge.is_readable(released_at));
alter table fridge.withdrawals
add constraint withdrawals_time_readable check (fridge.is_readable(withdrawn_at));
alter table fridge.correction_proposals
add constraint correction_proposals_times_readable check (
    fridge.is_readable(period_start) and fridge.is_readable(period_end)
);
alter table fridge.decisions
add constraint decisions_variance check (subject <> 'variance' or setting in ('hold', 'warn', 'off'));
alter table fridge.month_signoffs
drop constraint month_signoffs_first_day,
add constraint month_signoffs_time_readable check (fridge.is_readable(signed_at)),
add constraint month_signoffs_first_day check (
    month between '0001-01-01' and '9999-12-01' and extract(day from month) = 1
);

create or replace function fridge.grant_rights(marts text[]) returns void
language plpgsql set client_min_messages = warning as $$
declare
    relation record;
    mart text;
    groups text[] := array[
        'fridge_finance', 'fridge_preparer', 'fridge_approver', 'fridge_operator', 'fridge_metrics'
    ];
    reading text;
begin
    if to_regrole('fridge_pipeline') is not null then
        grant usage on schema fridge to fridge_pipeline;
        grant usage on all sequences in schema fridge to fridge_pipeline;
        -- Not those of triggers: in the owner's name they would run for a table of its own as well, and triggers need no
        -- right of whoever writes.
        revoke execute on all functions in schema fridge from fridge_pipeline;
        for relation in
            select oid::regprocedure as name
            from pg_proc
            where pronamespace = 'fridge'::regnamespace and prosecdef and prorettype <> 'trigger'::regtype
        loop
            execute format('grant execute on function %s to fridge_pipeline', relation.name);
        end loop;
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
    foreach reading in array groups loop
        continue when to_regrole(reading) is null;
        execute format('grant usage on schema fridge to %I', reading);
        for relation in
            select pg_class.oid::regclass as name
            from pg_class
            where pg_class.relnamespace = 'fridge'::regnamespace and pg_class.relkind in ('r', 'p', 'v')
        loop
            execute format('revoke all on %s from %I', relation.name, reading);
        end loop;
        foreach mart in array
            case
                when reading = 'fridge_metrics' then array(select metrics_reads.relation from fridge.metrics_reads)
                else marts
            end
        loop
            execute format('grant select on fridge.%I to %I', mart, reading);
        end loop;
        for relation in select * from fridge.person_rights where 'fridge_' || person_rights.role = reading loop
            execute format(
                'grant select%s%s on fridge.%I to %I', case when relation.inserts then ', insert' end,
                case when relation.updates then ', update' end, relation.relation, reading
            );
        end loop;
    end loop;
    -- An import of tenants is compared in a temporary table.
    if to_regrole('fridge_operator') is not null
        and pg_has_role((select datdba from pg_database where datname = current_database()), 'member')
    then
        execute format('grant temporary on database %I to fridge_operator', current_database());
    end if;
end;
$$;

create function fridge.settled_parts(shares jsonb, places jsonb) returns table (quantity numeric)
language sql immutable as $$
    select quantity::bigint from jsonb_each_text(shares) as of_tenants (tenant_id, quantity)
    union all
    select
        case
            when
                period_start < period_end and fridge.is_readable(period_start) and fridge.is_readable(period_end)
                and customer_id <> ''
                then quantity
            else 'NaN'
        end
    from jsonb_to_recordset(places) as periods (
        customer_id text, invoice_id text, period_start timestamptz, period_end timestamptz, quantity numeric,
        amount bigint, currency text
    );
$$;

create function fridge.settled_size(quantity bigint, shares jsonb, places jsonb) returns numeric
language sql immutable as $$
    select coalesce((select sum(abs(parts.quantity)) from fridge.settled_parts(shares, places) as parts), abs(quantity));
$$;

create or replace function fridge.guard_settlement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    settled fridge.exceptions;
    kinds fridge.exception_kinds;
    is_of_invoice boolean;
    alone numeric;
    size numeric;
begin
    select * into settled from fridge.exceptions where exception_id = new.exception_id;
    if settled.closed_at is not null then
        raise exception 'exception % is over since %: nothing of it is left to settle', new.exception_id,
            to_char(settled.closed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            using errcode = 'restrict_violation';
    end if;
    select * into kinds from fridge.exception_kinds where kind = settled.kind;
    if new.proposal_id is not null then
        if not exists (
            select 1 from fridge.corrections
            where corrections.proposal_id = new.proposal_id
                and corrections.document = new.document
                and corrections.delta = new.quantity
                and corrections.event_name = new.event_name
                and corrections.tenant_id is not distinct from settled.tenant_id
                and date_trunc('hour', corrections.period_start, 'UTC') = settled.hour
                and settled.kind in ('not_invoiced', 'invoiced_too_much')
        ) then
            raise exception 'settlement of exception % refused: correction % has not written % for it',
                new.exception_id, new.proposal_id, new.document
                using errcode = 'restrict_violation';
        end if;
    elsif new.how <> all(kinds.ends) then
        raise exception 'an exception of the kind % is not settled as %', settled.kind, new.how
            using errcode = 'restrict_violation', hint = kinds.what_to_do;
    end if;
    is_of_invoice := settled.kind in ('not_invoiced', 'invoiced_too_much');
    if num_nonnulls(new.shares, new.places, new.proposal_id) > 1
        or (new.shares is not null and is_of_invoice)
        or (new.places is not null and not is_of_invoice)
        or (
            (new.shares is not null or (is_of_invoice and new.proposal_id is null))
            and new.quantity is distinct from (
                select sum(parts.quantity) from fridge.settled_parts(new.shares, new.places) as parts
            )
        )
    then
        raise exception 'settlement of exception % refused: its tenants or periods do not come to %',
            new.exception_id, new.quantity
            using errcode = 'restrict_violation';
    end if;
    new.kind := settled.kind;
    new.tenant_id := settled.tenant_id;
    new.hour := settled.hour;
    new.takes_two := false;
    if new.quantity is not null and new.proposal_id is null then
        select coalesce(sum(fridge.settled_size(decisions.quantity, decisions.shares, decisions.places)), 0) into alone
        from fridge.settlement_decisions as decisions
        where decisions.hour >= date_trunc('month', new.hour, 'UTC')
            and decisions.hour < date_trunc('month', new.hour, 'UTC') + interval '1 month'
            and decisions.event_name = new.event_name
            and decisions.acted_by = session_user
            and decisions.proposal_id is null
            and not decisions.takes_two;
        -- Of money alone, where the quantity is right, nobody decides alone.
        size := fridge.settled_size(new.quantity, new.shares, new.places);
        new.takes_two := new.quantity = 0 or alone + size > fridge.settled_alone_max();
    end if;
    if new.takes_two then
        perform fridge.require_person(array['operator', 'approver'], 'settlement of ' || size);
    end if;
    return new;
end;
$$;

create or replace function fridge.guard_invoice_settlement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if new.proposal_id is null and new.kind in ('not_invoiced', 'invoiced_too_much') then
        perform fridge.require_no_correction_under_way(new.event_name, new.places);
    end if;
    return new;
end;
$$;
