-- What each channel has been told of, so that a state is told once, again only after a day, and its end once.
create table fridge.alerts (
    alert_id bigint generated always as identity primary key,
    alert_key text not null,
    channel text not null,
    title text not null,
    first_sent_at timestamptz not null,
    last_sent_at timestamptz not null,
    newest_at timestamptz,
    resolved_at timestamptz,
    constraint alerts_alert_key_not_empty check (alert_key <> ''),
    constraint alerts_channel check (channel in ('webhook', 'mail')),
    constraint alerts_sent_in_order check (last_sent_at >= first_sent_at),
    constraint alerts_resolved_after_sent check (resolved_at >= first_sent_at)
);

-- A channel is told of one state once at a time.
create unique index alerts_open on fridge.alerts (alert_key, channel) where resolved_at is null;

create trigger alerts_no_delete before delete on fridge.alerts
for each row execute function fridge.refuse_change();
create trigger alerts_no_truncate before truncate on fridge.alerts
for each statement execute function fridge.refuse_change();
create trigger alerts_end_once before update on fridge.alerts
for each row when (old.resolved_at is not null) execute function fridge.refuse_change();
revoke delete, truncate on fridge.alerts from current_user;

comment on table fridge.alerts is
'One row per alert and channel that took it, from the first message to the one that said it was over; never deleted.';
comment on column fridge.alerts.alert_key is
'What the alert is about: its family and, behind the colon, which of them. More of the same is the same alert.';
comment on column fridge.alerts.channel is 'Which of the two took the message: webhook or mail.';
comment on column fridge.alerts.title is 'The first line of the last message.';
comment on column fridge.alerts.first_sent_at is 'When the channel first took it; one that was down has no row.';
comment on column fridge.alerts.last_sent_at is 'When it was last told; it is told again after a day.';
comment on column fridge.alerts.newest_at is
'When the newest part of what was told came up; something newer is told within the day.';
comment on column fridge.alerts.resolved_at is 'When the channel was told that it is over; empty while it goes on.';

insert into fridge.pipeline_rights (relation, updates)
values ('alerts', '{title, last_sent_at, newest_at, resolved_at}');

-- Where the books are: which server, which of its histories (a copy that takes over begins another), which database,
-- and which schema. A restore changes at least one of them.
create function fridge.present_place() returns text
language sql stable as $$
    select concat_ws(
        '/',
        (select system_identifier from pg_control_system()),
        (select timeline_id from pg_control_checkpoint()),
        (select oid from pg_database where datname = current_database()),
        'fridge'::regnamespace::oid
    );
$$;

-- The places that the books were found in. A dump brings the row of the place it was taken in, not that of the present.
create table fridge.restores (
    restore_id bigint generated always as identity primary key,
    place text not null,
    noticed_at timestamptz not null default clock_timestamp(),
    constraint restores_place unique (place)
);

create trigger restores_append_only before update or delete on fridge.restores
for each row execute function fridge.refuse_change();
create trigger restores_no_truncate before truncate on fridge.restores
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.restores from current_user;

comment on table fridge.restores is
'One row per place that the books were found in: the first is where they were made, each later one a restore or move.';
comment on column fridge.restores.place is 'Server, timeline, database and schema, by PostgreSQL''s own numbers.';
comment on column fridge.restores.noticed_at is 'When the program first found them there.';

insert into fridge.pipeline_rights (relation) values ('restores');
