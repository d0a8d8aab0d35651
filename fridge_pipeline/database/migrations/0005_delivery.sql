-- Delivery under faults: every attempt, cancellations, readings of Stripe's books, and what shrinks usage.

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

create trigger meter_event_attempts_append_only before update or delete on fridge.meter_event_attempts
for each row execute function fridge.refuse_change();
create trigger meter_event_attempts_no_truncate before truncate on fridge.meter_event_attempts
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.meter_event_attempts from current_user;

-- Stripe may refuse later what it received: reported through its event log. The receipt stays as it was.
alter table fridge.meter_event_transitions disable trigger meter_event_transitions_append_only;
grant insert on fridge.meter_event_transitions to current_user;
insert into fridge.meter_event_transitions (from_status, to_status) values ('accepted', 'refused');
revoke insert on fridge.meter_event_transitions from current_user;
alter table fridge.meter_event_transitions enable trigger meter_event_transitions_append_only;

-- On a meter that adds up, a statement is only what was missing.
alter table fridge.meter_events add column is_difference boolean not null default false;

create or replace function fridge.guard_meter_event() returns trigger
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

create trigger meter_event_adjustments_guard before update on fridge.meter_event_adjustments
for each row execute function fridge.guard_adjustment();
create trigger meter_event_adjustments_no_delete before delete on fridge.meter_event_adjustments
for each row execute function fridge.refuse_change();
create trigger meter_event_adjustments_no_truncate before truncate on fridge.meter_event_adjustments
for each statement execute function fridge.refuse_change();
revoke delete, truncate on fridge.meter_event_adjustments from current_user;

-- What Stripe's books showed when something in doubt was read back.
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

-- Until when all pushers together have used up Stripe's calls per second.
create table fridge.stripe_pace (
    is_the_only_row boolean primary key default true,
    next_free_at timestamptz not null default '-infinity',
    constraint stripe_pace_one_row check (is_the_only_row)
);
insert into fridge.stripe_pace default values;

-- Files taken out of usage. Their readings stay stored, so that they are never counted again. Without a foreign key:
-- its check would need the update privilege on landing_files, which nobody has.
create table fridge.withdrawals (
    file_id integer primary key,
    reason text not null,
    withdrawn_by text not null,
    withdrawn_at timestamptz not null,
    constraint withdrawals_reason_not_empty check (reason <> '')
);

create trigger withdrawals_append_only before update or delete on fridge.withdrawals
for each row execute function fridge.refuse_change();
create trigger withdrawals_no_truncate before truncate on fridge.withdrawals
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.withdrawals from current_user;

create or replace view fridge.readings as
select
    sensors.tenant_id,
    sensors.sensor_id,
    stored_readings.recorded_at,
    stored_readings.temperature_c,
    landing_files.landing_hour,
    landing_files.path,
    stored_readings.file_id,
    withdrawals.file_id is not null as is_withdrawn
from fridge.stored_readings
inner join fridge.sensors on stored_readings.sensor_key = sensors.sensor_key
inner join fridge.landing_files on stored_readings.file_id = landing_files.file_id
left join fridge.withdrawals on stored_readings.file_id = withdrawals.file_id;

comment on column fridge.readings.is_withdrawn is 'Its file was withdrawn: the reading is known, and not usage.';

comment on column fridge.meter_events.value is
'What was stated: the total of the hour, or with is_difference what is added to it.';
comment on column fridge.meter_events.is_difference is
'True on a meter that adds up: the value is only what was missing.';
comment on column fridge.meter_events.timestamp is
'The time Stripe books it at: half past or seconds later, inside the hour.';
comment on column fridge.meter_events.attempts is 'How often it was marked as sent; see meter_event_attempts.';

comment on table fridge.meter_event_attempts is
'One row per attempt to send a meter event, with the answer; append only.';
comment on column fridge.meter_event_attempts.attempt is 'The how-manieth sending of this identifier.';
comment on column fridge.meter_event_attempts.outcome is
'accepted, duplicate, refused, undecided, not_received, key_refused, not_sent, or lost: it died unanswered.';
comment on column fridge.meter_event_attempts.tries is 'Requests within the attempt; retries keep the identifier.';
comment on column fridge.meter_event_attempts.latency_seconds is
'From the first try to the answer; empty when lost.';

comment on table fridge.meter_event_adjustments is
'One row per cancellation of a meter event that was asked of Stripe.';
comment on column fridge.meter_event_adjustments.identifier is 'The meter event to be cancelled.';
comment on column fridge.meter_event_adjustments.status is 'staged, sent, unknown, accepted or refused.';

comment on table fridge.stripe_readbacks is
'One row per look at Stripe''s total for something in doubt; append only.';
comment on column fridge.stripe_readbacks.value_before is 'What Stripe shows when it does not count it.';
comment on column fridge.stripe_readbacks.value_after is 'What Stripe shows when it counts it.';
comment on column fridge.stripe_readbacks.value_seen is 'What Stripe showed; empty when it had nothing for the hour.';
comment on column fridge.stripe_readbacks.verdict is
'counted; absent: read again later; missing: absent twice; unexplained: neither value.';

comment on table fridge.stripe_pace is 'One row: until when the calls per second that Stripe allows are used up.';

comment on table fridge.withdrawals is
'One row per landing file taken out of usage; its readings stay known. Append only.';
