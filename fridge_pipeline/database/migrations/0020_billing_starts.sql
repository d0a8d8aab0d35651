-- From which hour on usage is stated to Stripe. Whatever lies before it is counted and never stated, because somebody
-- else bills it. The books keep it, and the database refuses, whatever the environment of a process says.
create table fridge.billing_starts (
    billing_start_id bigint generated always as identity primary key,
    bill_from timestamptz not null,
    set_at timestamptz not null,
    constraint billing_starts_full_hour check (
        not isfinite(bill_from) or date_trunc('hour', bill_from, 'UTC') = bill_from
    )
);

create trigger billing_starts_append_only before update or delete on fridge.billing_starts
for each row execute function fridge.refuse_change();
create trigger billing_starts_no_truncate before truncate on fridge.billing_starts
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.billing_starts from current_user;

-- Always one row.
create view fridge.billing_start as
select coalesce((
    select billing_starts.bill_from
    from fridge.billing_starts
    order by billing_starts.billing_start_id desc
    limit 1
), '-infinity') as bill_from;

-- Statements are made under the lock of staging: so none is being made while the start moves.
create trigger billing_starts_wait before insert on fridge.billing_starts
for each statement execute function fridge.wait_for_staging();

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

alter table fridge.stripe_reconciliation drop constraint stripe_reconciliation_cause;
alter table fridge.stripe_reconciliation add constraint stripe_reconciliation_cause check (cause in (
    'in_flight', 'lagging', 'refused', 'too_late', 'unmapped', 'credit_due', 'unexplained',
    'held_for_review', 'month_closed', 'not_billed'
));

comment on table fridge.billing_starts is
'One row per decision of FRIDGE_BILL_FROM from which hour on usage is stated; the newest counts. Append only.';
comment on column fridge.billing_starts.bill_from is
'The first hour that is stated; infinity while none is (shadow mode). Earlier hours are counted and never stated.';
comment on column fridge.billing_starts.set_at is 'When a process first found the setting.';
comment on view fridge.billing_start is 'One row: from which hour on usage is stated to Stripe now.';
comment on column fridge.billing_start.bill_from is '-infinity where nothing was ever set: every hour is stated.';
