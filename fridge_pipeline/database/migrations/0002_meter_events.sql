-- The ledger: every statement of usage that was made, or is about to be made, to Stripe.
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
    constraint meter_events_revision unique (event_name, tenant_id, hour, revision),
    -- https://docs.stripe.com/api/billing/meter-event/create: at most 100 characters.
    constraint meter_events_identifier_length check (char_length(identifier) between 1 and 100),
    constraint meter_events_revision_positive check (revision >= 1),
    -- At most 15 significant digits: https://docs.stripe.com/changelog (2026-04-22).
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

-- The allowed transitions of a meter event; the same table as domain/meter_event.py, compared by a test.
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
('refused', 'superseded');

create trigger meter_event_transitions_append_only
before insert or update or delete on fridge.meter_event_transitions
for each row execute function fridge.refuse_change();
create trigger meter_event_transitions_no_truncate before truncate on fridge.meter_event_transitions
for each statement execute function fridge.refuse_change();
revoke insert, update, delete, truncate on fridge.meter_event_transitions from current_user;

-- An update may move the status along an allowed transition and write the receipt, nothing else (law L7).
create function fridge.guard_meter_event() returns trigger
language plpgsql as $$
begin
    if (
        old.identifier, old.event_name, old.tenant_id, old.stripe_customer_id, old.hour,
        old.revision, old.value, old."timestamp", old.staged_at, old.run_id
    ) is distinct from (
        new.identifier, new.event_name, new.tenant_id, new.stripe_customer_id, new.hour,
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
create trigger meter_events_guard before update on fridge.meter_events
for each row execute function fridge.guard_meter_event();
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
comment on column fridge.meter_events.value is 'The total of the hour, as stated.';
comment on column fridge.meter_events.timestamp is 'The time Stripe books it at: half past, inside the hour.';
comment on column fridge.meter_events.status is 'staged, sent, unknown, accepted, missing, refused or superseded.';
comment on column fridge.meter_events.first_sent_at is
'First attempt; the identifier is resent for 20 hours after it.';
comment on column fridge.meter_events.attempts is 'How often it was sent.';
comment on column fridge.meter_events.request_id is 'Stripe''s name for the request that was answered.';
comment on column fridge.meter_events.answer is 'Stripe''s answer in words.';
comment on column fridge.meter_events.run_id is 'The Dagster run that staged it.';
comment on table fridge.meter_event_transitions is 'One row per allowed change of a meter event''s status.';
