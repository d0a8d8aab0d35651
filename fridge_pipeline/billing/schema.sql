-- The ledger: every statement of usage that was made, or is about to be made, to Stripe, and what came of it.

-- The allowed transitions of a meter event; the same as in stripe/rules/meter_event.py, compared by a test.
create table fridge.meter_event_transitions (
    from_status text not null,
    to_status text not null,
    primary key (from_status, to_status)
);

insert into fridge.meter_event_transitions (from_status, to_status) values
('staged', 'sent'),
('staged', 'superseded'),
('sent', 'accepted'),
('sent', 'unknown'),
('sent', 'refused'),
('unknown', 'accepted'),
('unknown', 'missing'),
('unknown', 'refused'),
('accepted', 'superseded'),
('missing', 'superseded'),
('refused', 'superseded'),
('accepted', 'refused'), -- Stripe refuses later what it received, and says so in its event log
('superseded', 'accepted'); -- what it refused later never replaced the total before, which counts again

create trigger meter_event_transitions_append_only
before insert or update or delete on fridge.meter_event_transitions
for each row execute function fridge.refuse_change();
create trigger meter_event_transitions_no_truncate before truncate on fridge.meter_event_transitions
for each statement execute function fridge.refuse_change();
revoke insert, update, delete, truncate on fridge.meter_event_transitions from current_user;

comment on table fridge.meter_event_transitions is 'One row per allowed change of a meter event''s status.';

create table fridge.meter_events (
    identifier text primary key,
    event_name text not null,
    tenant_id text not null,
    stripe_customer_id text not null,
    hour timestamptz not null,
    revision integer not null,
    value bigint not null,
    "timestamp" timestamptz not null,
    status text not null default 'staged',
    staged_at timestamptz not null,
    first_sent_at timestamptz,
    last_sent_at timestamptz,
    settled_at timestamptz,
    attempts integer not null default 0,
    http_status integer,
    request_id text,
    answer text,
    run_id text not null,
    -- On a meter that adds up, a statement is only what was missing.
    is_difference boolean not null default false,
    constraint meter_events_revision unique (event_name, tenant_id, hour, revision),
    -- https://docs.stripe.com/api/billing/meter-event/create: at most 100 characters.
    constraint meter_events_identifier_length check (char_length(identifier) between 1 and 100),
    constraint meter_events_revision_positive check (revision >= 1),
    -- At most 15 significant digits: docs.stripe.com/changelog/dahlia/2026-04-22/billing-meter-event-values-validation
    constraint meter_events_value_range check (value between 0 and 999999999999999),
    constraint meter_events_timestamp_inside_hour check (
        "timestamp" > hour and "timestamp" < hour + interval '1 hour'
    ),
    constraint meter_events_status check (
        status in ('staged', 'sent', 'unknown', 'accepted', 'missing', 'refused', 'superseded')
    ),
    constraint meter_events_sent_has_time check (
        status in ('staged', 'superseded') or first_sent_at is not null
    ),
    constraint meter_events_settled_has_time check (
        status not in ('accepted', 'refused', 'missing') or settled_at is not null
    )
);

-- One undecided statement per tenant, meter and hour: a newer revision is not even staged while an older
-- one may still be in flight, so a slow retry can never overtake it.
create unique index meter_events_one_open on fridge.meter_events (event_name, tenant_id, hour)
where status in ('staged', 'sent', 'unknown');

create index meter_events_hour on fridge.meter_events (hour);
-- Few hours are restated: whoever asks which finds them without the others.
create index meter_events_restated on fridge.meter_events (hour) where revision > 1;

-- Which statements were under way in a report's validation window. Statements are sent about in the order in which
-- they are written, so a block range index finds them at almost no cost.
create index meter_events_first_sent on fridge.meter_events using brin (first_sent_at);

create trigger meter_events_no_delete before delete on fridge.meter_events
for each row execute function fridge.refuse_change();
create trigger meter_events_no_truncate before truncate on fridge.meter_events
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.meter_events from current_user;
grant update (
    status, first_sent_at, last_sent_at, settled_at, attempts, http_status, request_id, answer
) on fridge.meter_events to current_user;

comment on table fridge.meter_events is
'One row per statement of usage to Stripe; what was stated is never edited or deleted.';
comment on column fridge.meter_events.identifier is 'What Stripe deduplicates by; the same for every resend.';
comment on column fridge.meter_events.revision is
'1 for the first statement of a tenant, meter and hour; higher for restatements.';
comment on column fridge.meter_events.value is
'What was stated: the total of the hour, or with is_difference what is added to it.';
comment on column fridge.meter_events.timestamp is
'The time Stripe books it at: half past or seconds later, inside the hour.';
comment on column fridge.meter_events.status is 'staged, sent, unknown, accepted, missing, refused or superseded.';
comment on column fridge.meter_events.first_sent_at is
'First attempt; the identifier is resent for 20 hours after it.';
comment on column fridge.meter_events.attempts is 'How often it was marked as sent; see meter_event_attempts.';
comment on column fridge.meter_events.request_id is 'Stripe''s name for the request that was answered.';
comment on column fridge.meter_events.answer is 'Stripe''s answer in words.';
comment on column fridge.meter_events.run_id is 'The Dagster run that staged it.';
comment on column fridge.meter_events.is_difference is
'True on a meter that adds up: the value is only what was missing.';

insert into fridge.pipeline_rights (relation, updates) values (
    'meter_events', '{status, first_sent_at, last_sent_at, settled_at, attempts, http_status, request_id, answer}'
);

create function fridge.guard_new_meter_event() returns trigger
language plpgsql as $$
begin
    if new.status <> 'staged' then
        raise exception 'meter event % enters the ledger as %, but every statement begins staged',
            new.identifier, new.status
            using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;

create trigger meter_events_begin_staged before insert on fridge.meter_events
for each row execute function fridge.guard_new_meter_event();

-- An update may move the status along an allowed transition and write the receipt, nothing else (law L7).
create function fridge.guard_meter_event() returns trigger
language plpgsql as $$
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

create trigger meter_events_guard before update on fridge.meter_events
for each row execute function fridge.guard_meter_event();

-- The catalogue changes, and what was sent under a name does not: also where a meter was gone for a while.
create table fridge.sent_meters (
    event_name text primary key,
    measure text not null,
    formula text not null default 'sum'
);

comment on table fridge.sent_meters is 'One row per meter that usage was sent to: of which measure.';
comment on column fridge.sent_meters.formula is 'How Stripe makes one number of several statements.';

insert into fridge.pipeline_rights (relation, updates) values ('sent_meters', '{ measure, formula }');

-- Every attempt to send a meter event, written when it ended; an attempt whose process died is written as lost
-- when the event is sent again.
create table fridge.meter_event_attempts (
    attempt_id bigint generated always as identity primary key,
    identifier text not null references fridge.meter_events (identifier),
    attempt integer not null,
    outcome text not null,
    sent_at timestamptz not null,
    tries integer not null,
    latency_seconds double precision,
    http_status integer,
    request_id text,
    answer text not null,
    run_id text not null,
    constraint meter_event_attempts_number unique (identifier, attempt),
    constraint meter_event_attempts_outcome check (
        outcome in ('accepted', 'duplicate', 'refused', 'undecided', 'not_received', 'key_refused', 'not_sent', 'lost')
    )
);

-- How Stripe has been answering lately; attempts are written about in the order in which they were made.
create index meter_event_attempts_sent on fridge.meter_event_attempts using brin (sent_at);

create trigger meter_event_attempts_append_only before update or delete on fridge.meter_event_attempts
for each row execute function fridge.refuse_change();
create trigger meter_event_attempts_no_truncate before truncate on fridge.meter_event_attempts
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.meter_event_attempts from current_user;

comment on table fridge.meter_event_attempts is
'One row per attempt to send a meter event, with the answer; append only.';
comment on column fridge.meter_event_attempts.attempt is 'The how-manieth sending of this identifier.';
comment on column fridge.meter_event_attempts.outcome is
'accepted, duplicate, refused, undecided, not_received, key_refused, not_sent, or lost: it died unanswered.';
comment on column fridge.meter_event_attempts.tries is 'Requests within the attempt; retries keep the identifier.';
comment on column fridge.meter_event_attempts.latency_seconds is
'From the first try to the answer; empty when lost.';

insert into fridge.pipeline_rights (relation) values ('meter_event_attempts');

create function fridge.guard_adjustment() returns trigger
language plpgsql as $$
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

-- Cancellations of statements on meters that add up. Intent first here too; what was asked is never edited.
create table fridge.meter_event_adjustments (
    identifier text primary key references fridge.meter_events (identifier),
    status text not null default 'staged',
    staged_at timestamptz not null,
    first_sent_at timestamptz,
    settled_at timestamptz,
    attempts integer not null default 0,
    http_status integer,
    request_id text,
    answer text,
    run_id text not null,
    constraint meter_event_adjustments_status check (
        status in ('staged', 'sent', 'unknown', 'accepted', 'refused')
    ),
    constraint meter_event_adjustments_sent_has_time check (status = 'staged' or first_sent_at is not null),
    constraint meter_event_adjustments_settled_has_time check (
        status not in ('accepted', 'refused') or settled_at is not null
    )
);

create index meter_event_adjustments_open on fridge.meter_event_adjustments (identifier)
where status in ('staged', 'sent', 'unknown');

create trigger meter_event_adjustments_guard before update on fridge.meter_event_adjustments
for each row execute function fridge.guard_adjustment();

create trigger meter_event_adjustments_no_delete before delete on fridge.meter_event_adjustments
for each row execute function fridge.refuse_change();
create trigger meter_event_adjustments_no_truncate before truncate on fridge.meter_event_adjustments
for each statement execute function fridge.refuse_change();
revoke delete, truncate on fridge.meter_event_adjustments from current_user;

comment on table fridge.meter_event_adjustments is
'One row per cancellation of a meter event that was asked of Stripe.';
comment on column fridge.meter_event_adjustments.identifier is 'The meter event to be cancelled.';
comment on column fridge.meter_event_adjustments.status is 'staged, sent, unknown, accepted or refused.';

insert into fridge.pipeline_rights (relation, updates) values (
    'meter_event_adjustments', '{status, first_sent_at, settled_at, attempts, http_status, request_id, answer}'
);

-- What is made, and Stripe has yet to decide. Written out in the indexes of what is open, which serve it.
create function fridge.is_under_way(status text) returns boolean
language sql immutable as $$
    select status in ('staged', 'sent', 'unknown');
$$;

create view fridge.statements_under_way as
select
    identifier,
    hour,
    status,
    event_name,
    tenant_id,
    identifier as meter_event,
    false as is_cancellation
from fridge.meter_events
where fridge.is_under_way(status)

union all

select
    'cancel:' || meter_events.identifier as identifier,
    meter_events.hour,
    meter_event_adjustments.status,
    meter_events.event_name,
    meter_events.tenant_id,
    meter_events.identifier as meter_event,
    true as is_cancellation
from fridge.meter_event_adjustments
inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
where fridge.is_under_way(meter_event_adjustments.status);

comment on view fridge.statements_under_way is
'One row per statement or cancellation that is not decided yet; a month with any cannot be closed.';
comment on column fridge.statements_under_way.identifier is
'That of the meter event, with cancel: before it for its cancellation.';
comment on column fridge.statements_under_way.meter_event is 'That of the meter event, in both cases.';

-- What Stripe's books showed when something unconfirmed was read back.
create table fridge.stripe_readbacks (
    readback_id bigint generated always as identity primary key,
    identifier text not null,
    is_cancellation boolean not null,
    read_at timestamptz not null,
    value_before numeric not null,
    value_after numeric not null,
    value_seen numeric,
    verdict text not null,
    run_id text not null,
    constraint stripe_readbacks_verdict check (verdict in ('counted', 'absent', 'missing', 'unexplained'))
);

create index stripe_readbacks_identifier on fridge.stripe_readbacks (identifier);

create trigger stripe_readbacks_append_only before update or delete on fridge.stripe_readbacks
for each row execute function fridge.refuse_change();
create trigger stripe_readbacks_no_truncate before truncate on fridge.stripe_readbacks
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_readbacks from current_user;

comment on table fridge.stripe_readbacks is
'One row per look at Stripe''s total for something unconfirmed; append only.';
comment on column fridge.stripe_readbacks.value_before is 'What Stripe shows when it does not count it.';
comment on column fridge.stripe_readbacks.value_after is 'What Stripe shows when it counts it.';
comment on column fridge.stripe_readbacks.value_seen is 'What Stripe showed; empty when it had nothing for the hour.';
comment on column fridge.stripe_readbacks.verdict is
'counted; absent: read again later; missing: absent twice; unexplained: neither value.';

insert into fridge.pipeline_rights (relation) values ('stripe_readbacks');

-- Stripe keeps one figure per customer, meter and hour, so the statements of one tenant at most may count there. Who
-- has the hour of a customer and meter: whoever has something undecided for it, or something that counts. A total of 0
-- frees it, since the next total that Stripe receives replaces it; but not on a meter that goes by timestamps, where
-- the later revision of a total would win over another tenant's first.
create view fridge.customer_hours as
select
    stripe_customer_id,
    event_name,
    hour,
    tenant_id,
    coalesce(sum(value) filter (where status = 'accepted'), 0)::bigint as stated_value
from fridge.meter_events
where status in ('staged', 'sent', 'unknown', 'accepted')
group by stripe_customer_id, event_name, hour, tenant_id
having
    bool_or(status <> 'accepted')
    or sum(value) <> 0
    or max("timestamp") > hour + interval '30 minutes';

comment on view fridge.customer_hours is
'One row per customer, meter, hour and tenant with something undecided or counting there; one tenant at most has it.';
comment on column fridge.customer_hours.stated_value is 'What the tenant''s accepted statements come to.';

-- An hour stays with the customer that it was stated for, also when its total has come down to 0. Only where another
-- tenant has that customer's hour by then it is free to go elsewhere.
create view fridge.stated_usage as
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

-- Finds at once, for all rows that are written together, whether another tenant has the customer's hour. Statements
-- are made one at a time (meter_events_wait), and only a new one can be the second.
create function fridge.refuse_second_tenants() returns trigger
language plpgsql as $$
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

create trigger meter_events_insert_one_tenant after insert on fridge.meter_events
referencing new table as new_rows for each statement execute function fridge.refuse_second_tenants();

-- A total counts again where it did count, and where no other tenant has the hour meanwhile.
create function fridge.guard_return() returns trigger
language plpgsql as $$
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

create trigger meter_events_return before update on fridge.meter_events
for each row when (old.status = 'superseded' and new.status = 'accepted')
execute function fridge.guard_return();

-- Statements are made, and months signed, one at a time: this is the lock that staging takes (lock_staging).
-- What is read after it must be what is there now, which a transaction that reads from one old moment does not see.
-- In the owner's name, because who signs may take no lock otherwise.
create function fridge.wait_for_staging() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
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
revoke execute on function fridge.wait_for_staging() from public;

create trigger meter_events_wait before insert on fridge.meter_events
for each statement execute function fridge.wait_for_staging();
create trigger meter_event_adjustments_wait before insert on fridge.meter_event_adjustments
for each statement execute function fridge.wait_for_staging();

-- From which hour on usage is stated to Stripe. Whatever lies before it is counted and never stated, because somebody
-- else bills it. The books keep it, and the database refuses, whatever the environment of a process says.
create table fridge.billing_starts (
    billing_start_id bigint generated always as identity primary key,
    bill_from timestamptz not null,
    set_at timestamptz not null,
    acted_by text,
    acted_at timestamptz,
    os_user text,
    os_host text,
    constraint billing_starts_full_hour check (
        not isfinite(bill_from) or date_trunc('hour', bill_from, 'UTC') = bill_from
    )
);

create trigger billing_starts_append_only before update or delete on fridge.billing_starts
for each row execute function fridge.refuse_change();
create trigger billing_starts_no_truncate before truncate on fridge.billing_starts
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.billing_starts from current_user;

-- Statements are made under the lock of staging: so none is being made while the start moves.
create trigger billing_starts_wait before insert on fridge.billing_starts
for each statement execute function fridge.wait_for_staging();

create trigger billing_starts_stamp before insert on fridge.billing_starts
for each row execute function fridge.stamp_act();

comment on table fridge.billing_starts is
'One row per decision of FRIDGE_BILL_FROM from which hour on usage is stated; the newest counts. Append only.';
comment on column fridge.billing_starts.bill_from is
'The first hour that is stated; infinity while none is (shadow mode). Earlier hours are counted and never stated.';
comment on column fridge.billing_starts.set_at is 'When a process first found the setting.';
comment on column fridge.billing_starts.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.billing_starts.acted_at is 'When, by the database''s clock.';
comment on column fridge.billing_starts.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.billing_starts.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('billing_starts');

-- Always one row.
create view fridge.billing_start as
select coalesce((
    select billing_starts.bill_from
    from fridge.billing_starts
    order by billing_starts.billing_start_id desc
    limit 1
), '-infinity') as bill_from;

comment on view fridge.billing_start is 'One row: from which hour on usage is stated to Stripe now.';
comment on column fridge.billing_start.bill_from is '-infinity where nothing was ever set: every hour is stated.';

-- Written by older code; meter_turns has the same, and more.
create table fridge.meter_starts (
    event_name text primary key,
    bill_from timestamptz not null,
    entered_at timestamptz not null
);

create trigger meter_starts_append_only before update or delete on fridge.meter_starts
for each row execute function fridge.refuse_change();
create trigger meter_starts_no_truncate before truncate on fridge.meter_starts
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.meter_starts from current_user;

comment on table fridge.meter_starts is
'One row per meter that the catalogue ever had: from which hour on it bills. Append only.';
comment on column fridge.meter_starts.bill_from is
'-infinity of the first meters. Of a later one the first hour that Stripe took and no closed month had.';
comment on column fridge.meter_starts.entered_at is 'When it was first found in the catalogue.';

insert into fridge.pipeline_rights (relation) values ('meter_starts');

-- A meter that comes later, be it a new name for an old one, owes nothing of the hours that can be stated no more: they
-- stay with the meter that was there before, or nobody was to be billed for them.
create table fridge.meter_turns (
    turn_id bigint generated always as identity primary key,
    measure text not null,
    event_name text,
    bill_from timestamptz not null,
    entered_at timestamptz not null
);

create trigger meter_turns_append_only before update or delete on fridge.meter_turns
for each row execute function fridge.refuse_change();
create trigger meter_turns_no_truncate before truncate on fridge.meter_turns
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.meter_turns from current_user;

comment on table fridge.meter_turns is
'One row per change of the meter that bills a measure: from which hour on another one does. Append only.';
comment on column fridge.meter_turns.event_name is 'The meter; empty where the catalogue has none any more.';
comment on column fridge.meter_turns.bill_from is
'-infinity of the first meters. Of a later one the first hour that Stripe took and no closed month had.';
comment on column fridge.meter_turns.entered_at is 'When it was first found in the catalogue.';

-- The hours of a measure are parted among the meters that have ever billed it: the newest start has what comes after.
-- A meter that was sent nothing may have billed another measure before.
create view fridge.billed_hours as
with starts as (
    select
        event_name,
        measure,
        bill_from,
        coalesce(
            min(bill_from) over (
                partition by measure
                order by turn_id
                rows between 1 following and unbounded following
            ), 'infinity'
        ) as bill_until,
        last_value(measure) over (
            partition by event_name
            order by turn_id
            rows between unbounded preceding and unbounded following
        ) as newest_measure
    from fridge.meter_turns
),

lined_up as (
    select
        *,
        lag(event_name) over (partition by measure order by bill_from) as name_before
    from starts
    where bill_from < bill_until
),

numbered as (
    select
        *,
        count(*) filter (where event_name is distinct from name_before) over (
            partition by measure
            order by bill_from
        ) as turn
    from lined_up
)

select
    numbered.event_name,
    numbered.measure,
    min(numbered.bill_from) as begins_at,
    greatest(min(numbered.bill_from), min(billing_start.bill_from)) as bill_from,
    max(numbered.bill_until) as bill_until
from numbered
cross join fridge.billing_start
where numbered.event_name is not null and numbered.measure = numbered.newest_measure
group by numbered.event_name, numbered.measure, numbered.turn;

comment on view fridge.billed_hours is
'One row per stretch of hours that a meter bills, or has billed until another one took them over.';
comment on column fridge.billed_hours.begins_at is 'Its first hour, -infinity of the first meters.';
comment on column fridge.billed_hours.bill_from is 'Not before the billing start either.';
comment on column fridge.billed_hours.bill_until is
'The first hour that is another meter''s, or nobody''s; infinity while none is.';

-- Which measure a meter bills never changes once usage was sent to it.
create view fridge.known_meters as
select distinct on (event_name)
    event_name,
    measure
from fridge.meter_turns
where event_name is not null
order by event_name asc, turn_id desc;

comment on view fridge.known_meters is 'One row per meter that the catalogue ever had, with the measure that it bills.';

-- An hour that another meter takes over stays with the customer that it was billed to before: that one may have paid.
-- The order keeps the planner from looking up anything where no meter ever took over.
create view fridge.hours_billed_before as
select
    holders.event_name,
    before.tenant_id,
    before.hour,
    max(before.stripe_customer_id) as stripe_customer_id
from fridge.known_meters
inner join fridge.billed_hours as holders
    on known_meters.measure = holders.measure and known_meters.event_name <> holders.event_name
cross join
    lateral (
        select
            stated_usage.tenant_id,
            stated_usage.hour,
            stated_usage.stripe_customer_id
        from fridge.stated_usage
        where
            stated_usage.event_name = known_meters.event_name
            and stated_usage.hour >= holders.begins_at
            and stated_usage.hour < holders.bill_until
            and stated_usage.value <> 0
        order by stated_usage.hour
    ) as before
group by before.hour, before.tenant_id, holders.event_name;

comment on view fridge.hours_billed_before is
'One row per tenant and hour of a meter that another one of its measure was stated usage of before: whose the hour is.';

-- The stretches of some meters; one of which nothing was staged yet has all hours.
create function fridge.hours_of_meters(event_names text[])
returns table (event_name text, begins_at timestamptz, bill_from timestamptz, bill_until timestamptz)
language sql stable as $$
    select
        billed_hours.event_name,
        billed_hours.begins_at,
        billed_hours.bill_from,
        billed_hours.bill_until
    from fridge.billed_hours
    where billed_hours.event_name = any(event_names)

    union all

    select
        given.event_name,
        '-infinity'::timestamptz as begins_at,
        billing_start.bill_from,
        'infinity'::timestamptz as bill_until
    from unnest(event_names) as given (event_name)
    cross join fridge.billing_start
    where given.event_name not in (select known_meters.event_name from fridge.known_meters)
$$;

insert into fridge.pipeline_rights (relation) values ('meter_turns');

-- Refuses statements, and cancellations of statements, of hours that are not billed: to make them, or to begin sending
-- them. Looks once for all rows that are written together.
create function fridge.refuse_unbilled_hours() returns trigger
language plpgsql as $$
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

create trigger meter_events_insert_billed_hours after insert on fridge.meter_events
referencing new table as new_rows for each statement execute function fridge.refuse_unbilled_hours();
create trigger meter_events_send_billed_hours after update on fridge.meter_events
referencing new table as new_rows for each statement execute function fridge.refuse_unbilled_hours();
create trigger meter_event_adjustments_insert_billed_hours after insert on fridge.meter_event_adjustments
referencing new table as new_rows for each statement execute function fridge.refuse_unbilled_hours();
create trigger meter_event_adjustments_send_billed_hours after update on fridge.meter_event_adjustments
referencing new table as new_rows for each statement execute function fridge.refuse_unbilled_hours();

-- Usage that was held for review, because it is far outside the tenant's own history, and that somebody let through.
create table fridge.releases (
    release_id bigint generated always as identity primary key,
    tenant_id text not null,
    hour timestamptz not null,
    event_name text,
    value bigint not null,
    released_by text not null,
    reason text not null,
    released_at timestamptz not null,
    acted_by text,
    acted_at timestamptz,
    os_user text,
    os_host text,
    constraint releases_times_readable check (fridge.is_readable(hour) and fridge.is_readable(released_at)),
    constraint releases_released_by_not_empty check (released_by ~ '\S'),
    constraint releases_reason_not_empty check (reason ~ '\S')
);

create index releases_tenant_hour on fridge.releases (tenant_id, hour);

create trigger releases_append_only before update or delete on fridge.releases
for each row execute function fridge.refuse_change();
create trigger releases_no_truncate before truncate on fridge.releases
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.releases from current_user;

create trigger releases_stamp before insert on fridge.releases
for each row execute function fridge.stamp_act();

comment on table fridge.releases is
'One row per decision that usage held for review is right and is to be billed. Append only.';
comment on column fridge.releases.event_name is 'The meter; empty means every meter.';
comment on column fridge.releases.value is 'The usage that was released: more than this is judged anew.';
comment on column fridge.releases.released_by is 'A label that was typed. Who released it is acted_by.';
comment on column fridge.releases.acted_by is
'The login that the database knew its session by; empty in a row of before this was recorded.';
comment on column fridge.releases.acted_at is 'When, by the database''s clock.';
comment on column fridge.releases.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.releases.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('releases');
insert into fridge.person_rights (relation, role) values ('releases', 'operator');

-- Up to this usage of an hour one person releases alone. It is what a thousand sensors bring that measure every half
-- minute, with some to spare: a slip of one person costs no more than that.
create function fridge.released_alone_max() returns bigint
language sql immutable as $$
    select 150000::bigint;
$$;

-- Releases that let usage through. One above the bound does from the second on, by another person, for as much.
create view fridge.effective_releases as
select
    releases.tenant_id,
    releases.hour,
    releases.event_name,
    releases.value
from fridge.releases
where
    releases.value <= fridge.released_alone_max()
    or releases.acted_by is null
    or (
        releases.acted_by in (select people_changes.login from fridge.people_changes)
        and exists (
            select 1 from fridge.releases as others
            where
                others.tenant_id = releases.tenant_id
                and others.hour = releases.hour
                and others.event_name is not distinct from releases.event_name
                and others.value >= releases.value
                and others.acted_by <> releases.acted_by
                and others.acted_by in (select people_changes.login from fridge.people_changes)
        )
    );

comment on view fridge.effective_releases is
'One row per release that lets usage through: by one person up to a bound, above it by two with logins of their own.';

create view fridge.released_usage as
select
    effective_releases.tenant_id,
    effective_releases.hour,
    effective_releases.event_name,
    usage.measure
from fridge.effective_releases
inner join fridge.usage
    on
        effective_releases.tenant_id = usage.tenant_id
        and effective_releases.hour = usage.hour
        and effective_releases.value >= usage.quantity;

comment on view fridge.released_usage is
'One row per release and measure whose usage is, as it is now, not more than what was released.';
comment on column fridge.released_usage.event_name is 'The meter that was released; empty means every meter.';

-- Switches that change what is billed, and what cannot be undone: each setting of one is a decision of somebody.
create table fridge.decisions (
    decision_id bigint generated always as identity primary key,
    subject text not null,
    setting text not null,
    reason text not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint decisions_subject check (subject in ('variance', 'meters', 'drop_readings')),
    constraint decisions_variance check (subject <> 'variance' or setting in ('hold', 'warn', 'off')),
    constraint decisions_reason_not_empty check (reason ~ '\S')
);

create index decisions_newest on fridge.decisions (subject, decision_id);

create trigger decisions_append_only before update or delete on fridge.decisions
for each row execute function fridge.refuse_change();
create trigger decisions_no_truncate before truncate on fridge.decisions
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.decisions from current_user;
create trigger decisions_stamp before insert on fridge.decisions
for each row execute function fridge.stamp_act();

comment on table fridge.decisions is
'One row per setting of a switch that changes what is billed, and per decision to drop readings. Append only.';
comment on column fridge.decisions.subject is
'variance: what is done about usage far above its history; meters: the catalogue; drop_readings: months that go.';
comment on column fridge.decisions.setting is 'What it was set to.';
comment on column fridge.decisions.reason is 'Why; or by which variable a process was told.';
comment on column fridge.decisions.acted_by is 'The login that the database knew its session by.';
comment on column fridge.decisions.acted_at is 'When, by the database''s clock.';
comment on column fridge.decisions.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.decisions.os_host is 'Machine, as the session was told.';

insert into fridge.pipeline_rights (relation) values ('decisions');
insert into fridge.person_rights (relation, role) values ('decisions', 'operator');

-- Which of Stripe's books these are stated to: what a rehearsal accepted must not count as billed for real.
create table fridge.stripe_books (
    is_the_only_row boolean primary key default true,
    is_live boolean not null,
    claimed_at timestamptz not null default now(),
    constraint stripe_books_one_row check (is_the_only_row)
);

create trigger stripe_books_append_only before update or delete on fridge.stripe_books
for each row execute function fridge.refuse_change();
create trigger stripe_books_no_truncate before truncate on fridge.stripe_books
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_books from current_user;

comment on table fridge.stripe_books is 'One row: whether these books are stated to Stripe for real or in rehearsal.';
comment on column fridge.stripe_books.is_live is
'True when a live key was used first; a sandbox or test key makes a rehearsal.';

insert into fridge.pipeline_rights (relation) values ('stripe_books');

-- Where the usage of these books went from some time on: what a later setting says is no evidence of it.
create table fridge.stripe_uses (
    use_id bigint generated always as identity primary key,
    mode text not null,
    host text,
    account_id text,
    used_since timestamptz not null,
    constraint stripe_uses_mode check (mode in ('live', 'test', 'sandbox', 'rehearsal'))
);

create trigger stripe_uses_append_only before update or delete on fridge.stripe_uses
for each row execute function fridge.refuse_change();
create trigger stripe_uses_no_truncate before truncate on fridge.stripe_uses
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_uses from current_user;

comment on table fridge.stripe_uses is
'One row per change of where usage is sent: kind of key, host and Stripe account. Append only.';
comment on column fridge.stripe_uses.mode is
'live, test or sandbox, by the key; rehearsal for test or sandbox, of books of before this was recorded.';
comment on column fridge.stripe_uses.host is 'The host that was called; empty where it was not recorded.';
comment on column fridge.stripe_uses.account_id is 'As Stripe said; empty on the sandbox, or where Stripe did not say.';
comment on column fridge.stripe_uses.used_since is 'When usage was first sent there.';

insert into fridge.pipeline_rights (relation) values ('stripe_uses');

-- Until when all pushers together have used up Stripe's calls per second.
create table fridge.stripe_pace (
    is_the_only_row boolean primary key default true,
    next_free_at timestamptz not null default '-infinity',
    constraint stripe_pace_one_row check (is_the_only_row)
);

insert into fridge.stripe_pace default values;

comment on table fridge.stripe_pace is 'One row: until when the calls per second that Stripe allows are used up.';

insert into fridge.pipeline_rights (relation, inserts, updates) values ('stripe_pace', false, '{next_free_at}');

-- Reads of Stripe's books, of which a month holds only so many.
create table fridge.stripe_reads (
    read_id bigint generated always as identity primary key,
    read_at timestamptz not null,
    reads integer not null,
    purpose text not null,
    constraint stripe_reads_positive check (reads > 0),
    constraint stripe_reads_purpose check (
        purpose in ('reconciliation', 'refusals', 'explanation', 'invoices')
    )
);

create index stripe_reads_read_at on fridge.stripe_reads (read_at);

create trigger stripe_reads_append_only before update or delete on fridge.stripe_reads
for each row execute function fridge.refuse_change();
create trigger stripe_reads_no_truncate before truncate on fridge.stripe_reads
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_reads from current_user;

comment on table fridge.stripe_reads is
'One row per piece of reading in Stripe''s books, with the number of requests; append only.';
comment on column fridge.stripe_reads.reads is 'Requests made; a page of a list is one.';
comment on column fridge.stripe_reads.purpose is 'reconciliation, refusals, explanation or invoices.';

insert into fridge.pipeline_rights (relation) values ('stripe_reads');

-- Stripe answers 200 and validates later; what it then refuses it reports, with samples only.
create table fridge.stripe_error_reports (
    report_id text primary key,
    type text not null,
    created_at timestamptz not null,
    validation_start timestamptz not null,
    validation_end timestamptz not null,
    meter_id text,
    event_name text,
    error_count bigint not null,
    collected_at timestamptz not null
);

create trigger stripe_error_reports_append_only before update or delete on fridge.stripe_error_reports
for each row execute function fridge.refuse_change();
create trigger stripe_error_reports_no_truncate before truncate on fridge.stripe_error_reports
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_error_reports from current_user;

comment on table fridge.stripe_error_reports is
'One row per report of Stripe that it refused events after their receipt; append only.';
comment on column fridge.stripe_error_reports.report_id is 'Stripe''s id of the thin event, evt_…';
comment on column fridge.stripe_error_reports.validation_start is 'The events were validated from here …';
comment on column fridge.stripe_error_reports.validation_end is '… to here.';
comment on column fridge.stripe_error_reports.meter_id is 'Stripe''s id of the meter; empty when no meter was found.';
comment on column fridge.stripe_error_reports.event_name is
'The meter''s event name; empty when no meter was found, or one that is not known.';
comment on column fridge.stripe_error_reports.error_count is
'Events refused in the window; there may be fewer samples.';

insert into fridge.pipeline_rights (relation) values ('stripe_error_reports');

-- Without a foreign key: its check would need the update privilege on the reports, which nobody has.
create table fridge.stripe_error_samples (
    report_id text not null,
    identifier text not null,
    code text not null,
    message text not null,
    primary key (report_id, identifier, code)
);

create index stripe_error_samples_identifier on fridge.stripe_error_samples (identifier);

create trigger stripe_error_samples_append_only before update or delete on fridge.stripe_error_samples
for each row execute function fridge.refuse_change();
create trigger stripe_error_samples_no_truncate before truncate on fridge.stripe_error_samples
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_error_samples from current_user;

comment on table fridge.stripe_error_samples is 'One row per refused event that a report names; append only.';
comment on column fridge.stripe_error_samples.identifier is
'The identifier of the meter event, which is also its idempotency key.';
comment on column fridge.stripe_error_samples.code is 'Why it was refused, in Stripe''s code.';

insert into fridge.pipeline_rights (relation) values ('stripe_error_samples');

-- Which hours the sweep has to compare. Each change of something it compares leaves a mark in the same transaction, and
-- a sweep removes only marks that it saw, of hours that it found delivered as they were then. So what an unmarked hour
-- holds is what was found delivered, and the sweep costs what has changed, not what there is.
create table fridge.marked_hours (
    mark_id bigint generated always as identity primary key,
    hour timestamptz not null
);

create index marked_hours_hour on fridge.marked_hours (hour);

comment on table fridge.marked_hours is
'One row per change of what the sweep compares, until a sweep has found its hour delivered.';
comment on column fridge.marked_hours.hour is 'The hour that is to be compared.';

insert into fridge.pipeline_rights (relation, updates, deletes) values ('marked_hours', '{}', true);

-- What the hours were compared with; with another catalogue all are compared anew.
create table fridge.swept_catalogue (
    is_the_only_row boolean primary key default true,
    event_names text[] not null default '{}',
    measures text[] not null default '{}',
    constraint swept_catalogue_one_row check (is_the_only_row)
);

insert into fridge.swept_catalogue default values;

comment on table fridge.swept_catalogue is 'One row: the meters that hours without a mark were found delivered with.';
comment on column fridge.swept_catalogue.event_names is 'Empty before the first sweep, which compares all hours.';
comment on column fridge.swept_catalogue.measures is 'In the order of the event names.';

insert into fridge.pipeline_rights (relation, inserts, updates)
values ('swept_catalogue', false, '{event_names, measures}');

-- Marks the hours of the rows that a statement wrote or removed. An update may move a row from one hour to another.
create function fridge.mark_hours() returns trigger
language plpgsql as $$
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

-- The same for tables that call it the landing hour.
create function fridge.mark_landing_hours() returns trigger
language plpgsql as $$
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

-- Of statements only those count that are, or were, accepted; a new one never is.
create function fridge.mark_stated_hours() returns trigger
language plpgsql as $$
begin
    insert into fridge.marked_hours (hour)
    select hour from new_rows where status = 'accepted'
    union
    select hour from old_rows where status = 'accepted';
    return null;
end;
$$;

-- In the owner's name: whoever withdraws a file writes nothing else.
create function fridge.mark_withdrawn_hours() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    insert into fridge.marked_hours (hour)
    select distinct landing_files.landing_hour
    from fridge.landing_files
    inner join new_rows on landing_files.file_id = new_rows.file_id;
    return null;
end;
$$;
revoke execute on function fridge.mark_withdrawn_hours() from public;

-- A table that is emptied has no rows to mark.
create function fridge.mark_all_hours() returns trigger
language plpgsql as $$
begin
    update fridge.swept_catalogue set event_names = '{}', measures = '{}';
    return null;
end;
$$;

create trigger usage_mark_insert after insert on fridge.usage
referencing new table as new_rows for each statement execute function fridge.mark_hours();
create trigger usage_mark_update after update on fridge.usage
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_hours();
create trigger usage_mark_delete after delete on fridge.usage
referencing old table as old_rows for each statement execute function fridge.mark_hours();
create trigger usage_mark_truncate after truncate on fridge.usage
for each statement execute function fridge.mark_all_hours();

create trigger counted_hours_mark_insert after insert on fridge.counted_hours
referencing new table as new_rows for each statement execute function fridge.mark_landing_hours();
create trigger counted_hours_mark_update after update on fridge.counted_hours
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_landing_hours();
create trigger counted_hours_mark_delete after delete on fridge.counted_hours
referencing old table as old_rows for each statement execute function fridge.mark_landing_hours();
create trigger counted_hours_mark_truncate after truncate on fridge.counted_hours
for each statement execute function fridge.mark_all_hours();

-- These are never emptied; of landing files, withdrawals and statements nothing is deleted, of exceptions neither.
create trigger exceptions_mark_insert after insert on fridge.exceptions
referencing new table as new_rows for each statement execute function fridge.mark_hours();
create trigger exceptions_mark_update after update on fridge.exceptions
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_hours();
create trigger landing_files_mark_insert after insert on fridge.landing_files
referencing new table as new_rows for each statement execute function fridge.mark_landing_hours();
create trigger withdrawals_mark_insert after insert on fridge.withdrawals
referencing new table as new_rows for each statement execute function fridge.mark_withdrawn_hours();
create trigger meter_events_mark_update after update on fridge.meter_events
referencing old table as old_rows new table as new_rows for each statement execute function fridge.mark_stated_hours();
