-- Exceptions get an end by a person's decision, and the mapping of tenants to customers its history.

alter table fridge.causes
add column outcome text not null default 'recoverable',
add column expires boolean not null default true;

comment on column fridge.causes.outcome is
'What has become of the usage that Stripe does not have for it: billed, recoverable, lost or elsewhere.';
comment on column fridge.causes.expires is 'Whether usage of an hour that Stripe takes no more is lost by it.';

alter table fridge.exception_kinds add column ends text[] not null default '{}';

comment on column fridge.exception_kinds.ends is
'How a person may end one by a settlement; empty where it ends by itself once what_to_do is done.';

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

-- Of what was before nothing is known but how it stands.
insert into fridge.tenant_changes (tenant_id, name, stripe_customer_id, reason)
select
    tenant_id,
    name,
    stripe_customer_id,
    'as it stood when this history began' as reason
from fridge.tenants
order by tenant_id;

-- An hour stays with the customer that it was stated for, also when its total has come down to 0. Only where another
-- tenant has that customer's hour by then it is free to go elsewhere.
create or replace view fridge.stated_usage as
select
    stated.event_name,
    stated.tenant_id,
    stated.hour,
    stated.value,
    case
        when
            stated.value <> 0
            or not exists (
                select 1 from fridge.customer_hours
                where
                    customer_hours.stripe_customer_id = stated.stripe_customer_id
                    and customer_hours.event_name = stated.event_name
                    and customer_hours.hour = stated.hour
                    and customer_hours.tenant_id <> stated.tenant_id
            )
            then stated.stripe_customer_id
    end as stripe_customer_id
from (
    select
        meter_events.event_name,
        meter_events.tenant_id,
        meter_events.hour,
        coalesce(sum(meter_events.value) filter (where meter_events.status = 'accepted'), 0)::bigint as value,
        (array_agg(meter_events.stripe_customer_id order by meter_events.revision desc))[1] as stripe_customer_id
    from fridge.meter_events
    left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
    where meter_events.status = 'accepted' or meter_event_adjustments.status = 'accepted'
    group by meter_events.hour, meter_events.tenant_id, meter_events.event_name
) as stated;

comment on view fridge.stated_usage is
'One row per meter, tenant and hour of which Stripe has accepted something: what that comes to.';
comment on column fridge.stated_usage.value is
'Of totals only one is accepted at a time, so the sum serves them and what is added up alike; 0 when all is cancelled.';
comment on column fridge.stated_usage.stripe_customer_id is
'Whom the hour was stated to, and whose it stays; empty when nothing counts there and another tenant has the hour.';

-- Settlements: how people have ended exceptions that do not end by themselves. Append only, like whatever is decided.

-- So much usage of a month and meter one person may settle alone, over all that the same login has settled alone; from
-- there on each settlement takes a second. Little enough that nobody's invoice is decided by one, however it is split;
-- enough that a broken fridge's odd hours need no meeting.
create function fridge.settled_alone_max() returns bigint
language sql immutable as $$
    select 1000::bigint;
$$;

create table fridge.settlement_decisions (
    settlement_id bigint generated always as identity primary key,
    exception_id bigint not null references fridge.exceptions (exception_id),
    kind text not null,
    tenant_id text,
    hour timestamptz,
    event_name text,
    how text not null,
    quantity bigint,
    shares jsonb,
    document text,
    reason text not null,
    takes_two boolean not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint settlement_decisions_how check (
        how in (
            'written_off', 'invoiced_by_hand', 'credited', 'state_again', 'counted', 'not_counted', 'no_loss'
        )
    ),
    constraint settlement_decisions_quantity check (
        case how
            when 'written_off' then quantity > 0 or quantity is null
            when 'invoiced_by_hand' then coalesce(quantity > 0, false)
            when 'credited' then coalesce(quantity < 0, false)
            else quantity is null
        end
    ),
    constraint settlement_decisions_quantity_of_usage check (
        quantity is null or (event_name is not null and hour is not null)
    ),
    constraint settlement_decisions_shares check (
        shares is null or (tenant_id is null and quantity is not null and jsonb_typeof(shares) = 'object')
    ),
    constraint settlement_decisions_document check (
        case when how in ('invoiced_by_hand', 'credited') then coalesce(document ~ '\S', false) else true end
    ),
    constraint settlement_decisions_reason_not_empty check (reason ~ '\S')
);

create index settlement_decisions_exception on fridge.settlement_decisions (exception_id);
create index settlement_decisions_hour on fridge.settlement_decisions (hour);

-- What an exception is about, and whether it may be ended so, and by one person.
create function fridge.guard_settlement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    settled fridge.exceptions;
    kinds fridge.exception_kinds;
    alone numeric;
begin
    select * into settled from fridge.exceptions where exception_id = new.exception_id;
    if settled.closed_at is not null then
        raise exception 'exception % is over since %: nothing of it is left to settle', new.exception_id,
            to_char(settled.closed_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI "UTC"')
            using errcode = 'restrict_violation';
    end if;
    select * into kinds from fridge.exception_kinds where kind = settled.kind;
    if new.how <> all(kinds.ends) then
        raise exception 'an exception of the kind % is not settled as %', settled.kind, new.how
            using errcode = 'restrict_violation', hint = kinds.what_to_do;
    end if;
    new.kind := settled.kind;
    new.tenant_id := settled.tenant_id;
    new.hour := settled.hour;
    new.takes_two := false;
    if new.quantity is not null then
        select coalesce(sum(abs(decisions.quantity)), 0) into alone
        from fridge.settlement_decisions as decisions
        where decisions.hour >= date_trunc('month', new.hour, 'UTC')
            and decisions.hour < date_trunc('month', new.hour, 'UTC') + interval '1 month'
            and decisions.event_name = new.event_name
            and decisions.acted_by = session_user
            and not decisions.takes_two;
        new.takes_two := alone + abs(new.quantity) > fridge.settled_alone_max();
    end if;
    if new.takes_two then
        perform fridge.require_person(array['operator', 'approver'], 'settlement of ' || abs(new.quantity));
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_settlement() from public;

-- One at a time, and not while usage is being stated: what is settled is what is owed at that moment.
create trigger settlement_decisions_wait before insert on fridge.settlement_decisions
for each statement execute function fridge.wait_for_staging();
create trigger settlement_decisions_guard before insert on fridge.settlement_decisions
for each row execute function fridge.guard_settlement();
create trigger settlement_decisions_stamp before insert on fridge.settlement_decisions
for each row execute function fridge.stamp_act();
create trigger settlement_decisions_append_only before update or delete on fridge.settlement_decisions
for each row execute function fridge.refuse_change();
create trigger settlement_decisions_no_truncate before truncate on fridge.settlement_decisions
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.settlement_decisions from current_user;

comment on table fridge.settlement_decisions is
'One row per decision how an exception ends; in force at once, or once a second person approves it. Append only.';
comment on column fridge.settlement_decisions.kind is 'Of the exception.';
comment on column fridge.settlement_decisions.tenant_id is 'Empty when it is about many tenants, see shares, or none.';
comment on column fridge.settlement_decisions.event_name is 'The meter whose usage is settled; empty for files.';
comment on column fridge.settlement_decisions.how is
'written_off, invoiced_by_hand, credited; state_again, counted, not_counted; no_loss.';
comment on column fridge.settlement_decisions.quantity is
'What was owed then, usage less what Stripe has: so much is stated no more. Empty where nobody knows a quantity.';
comment on column fridge.settlement_decisions.shares is
'Of an exception that speaks for many tenants at once, the quantity of each.';
comment on column fridge.settlement_decisions.document is
'The invoice item, credit note or ticket by which it was done; of not_counted, the statement.';
comment on column fridge.settlement_decisions.takes_two is
'Whether it takes a second person: more than one may settle alone, see settled_alone_max().';
comment on column fridge.settlement_decisions.acted_by is 'The login that decided it.';
comment on column fridge.settlement_decisions.acted_at is 'When, by the database''s clock.';
comment on column fridge.settlement_decisions.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.settlement_decisions.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('settlement_decisions');
insert into fridge.person_rights (relation, role)
values ('settlement_decisions', 'operator'), ('settlement_decisions', 'approver');

-- Without a foreign key: its check would need the update privilege on the decisions, which nobody has.
create table fridge.settlement_approvals (
    settlement_id bigint primary key,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text
);

create function fridge.guard_settlement_approval() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    decided fridge.settlement_decisions;
begin
    select * into decided from fridge.settlement_decisions where settlement_id = new.settlement_id;
    if decided.settlement_id is null then
        raise exception 'approval of settlement % refused: there is none', new.settlement_id
            using errcode = 'restrict_violation';
    end if;
    if not decided.takes_two then
        raise exception 'settlement % needs no approval: it is in force', new.settlement_id
            using errcode = 'restrict_violation';
    end if;
    if decided.acted_by = session_user then
        raise exception 'approval of settlement % refused: % decided it', new.settlement_id, decided.acted_by
            using errcode = 'restrict_violation', hint = 'So much takes two people: another one approves it.';
    end if;
    perform fridge.require_person(array['operator', 'approver'], 'approval of a settlement');
    if exists (
        select 1 from fridge.exceptions
        where exception_id = decided.exception_id and closed_at is not null
    ) then
        raise exception 'approval of settlement % refused: exception % is over', new.settlement_id, decided.exception_id
            using errcode = 'restrict_violation', hint = 'What is owed still is a new exception: settle that one.';
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_settlement_approval() from public;

create trigger settlement_approvals_wait before insert on fridge.settlement_approvals
for each statement execute function fridge.wait_for_staging();
create trigger settlement_approvals_guard before insert on fridge.settlement_approvals
for each row execute function fridge.guard_settlement_approval();
create trigger settlement_approvals_stamp before insert on fridge.settlement_approvals
for each row execute function fridge.stamp_act();
create trigger settlement_approvals_append_only before update or delete on fridge.settlement_approvals
for each row execute function fridge.refuse_change();
create trigger settlement_approvals_no_truncate before truncate on fridge.settlement_approvals
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.settlement_approvals from current_user;

comment on table fridge.settlement_approvals is
'One row per decision that a second person has approved, by which it is in force. Append only.';
comment on column fridge.settlement_approvals.acted_by is 'The login that approved it: another than decided it.';
comment on column fridge.settlement_approvals.acted_at is 'When, by the database''s clock.';
comment on column fridge.settlement_approvals.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.settlement_approvals.os_host is 'Machine, as the session was told.';

insert into fridge.person_rights (relation, role)
values ('settlement_approvals', 'operator'), ('settlement_approvals', 'approver');

create view fridge.settlements as
select
    decisions.settlement_id,
    decisions.exception_id,
    decisions.kind,
    decisions.tenant_id,
    decisions.hour,
    decisions.event_name,
    decisions.how,
    decisions.quantity,
    decisions.shares,
    decisions.document,
    decisions.reason,
    decisions.acted_by as settled_by,
    approvals.acted_by as approved_by,
    coalesce(approvals.acted_at, decisions.acted_at) as settled_at
from fridge.settlement_decisions as decisions
left join fridge.settlement_approvals as approvals on decisions.settlement_id = approvals.settlement_id
where approvals.settlement_id is not null or not decisions.takes_two;

comment on view fridge.settlements is
'One row per settlement in force: a person''s recorded end of an exception.';
comment on column fridge.settlements.settled_by is 'The login that decided it.';
comment on column fridge.settlements.approved_by is 'The second person; empty where one may settle it alone.';
comment on column fridge.settlements.settled_at is 'Since when it is in force.';

create view fridge.settled_usage as
with quantities as (
    select
        tenant_id,
        event_name,
        hour,
        -- What Stripe shows beyond what it was told is given back, and is no part of what it is to be told.
        case when kind in ('unexplained', 'not_stated_by_us') then 'credited_in_stripe' else how end as how,
        quantity
    from fridge.settlements
    where quantity is not null and shares is null

    union all

    select
        of_tenants.tenant_id,
        settlements.event_name,
        settlements.hour,
        settlements.how,
        of_tenants.quantity::bigint as quantity
    from fridge.settlements
    cross join lateral jsonb_each_text(settlements.shares) as of_tenants (tenant_id, quantity)
)

select
    tenant_id,
    event_name,
    hour,
    coalesce(sum(quantity) filter (where how = 'invoiced_by_hand'), 0)::bigint as invoiced,
    coalesce(sum(quantity) filter (where how = 'credited'), 0)::bigint as credited,
    coalesce(sum(quantity) filter (where how = 'written_off'), 0)::bigint as written_off,
    coalesce(sum(quantity) filter (where how = 'credited_in_stripe'), 0)::bigint as credited_in_stripe
from quantities
group by hour, tenant_id, event_name;

comment on view fridge.settled_usage is
'One row per tenant, meter and hour of which something is settled: what that comes to.';
comment on column fridge.settled_usage.invoiced is 'Invoiced by hand.';
comment on column fridge.settled_usage.credited is 'Credited; below 0.';
comment on column fridge.settled_usage.written_off is
'The most that is written off: less, where less is owed by now, see written_off_now().';
comment on column fridge.settled_usage.credited_in_stripe is
'Credited because Stripe shows more than it was told by us; below 0.';

-- What is written off is never billed, whatever comes after it; usage that shrinks below it only makes it less.
create function fridge.written_off_now(usage bigint, stated bigint, by_hand bigint, written_off bigint) returns bigint
language sql immutable as $$
    select least(greatest(coalesce(usage, 0) - coalesce(stated, 0) - coalesce(by_hand, 0), 0), coalesce(written_off, 0));
$$;

-- How much of the usage is settled otherwise than by statements: below 0 where more was credited.
create function fridge.settled_quantity(usage bigint, stated bigint, by_hand bigint, written_off bigint) returns bigint
language sql immutable as $$
    select coalesce(by_hand, 0) + least(
        greatest(coalesce(usage, 0) - coalesce(stated, 0) - coalesce(by_hand, 0), 0), coalesce(written_off, 0)
    );
$$;
