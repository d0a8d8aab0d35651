-- Stripe keeps one figure per customer, meter and hour, so the statements of one tenant at most may count there.

-- Who has the hour of a customer and meter: whoever has something undecided for it, or something that counts. A total
-- of 0 frees it, since the next total that Stripe receives replaces it; but not on a meter that goes by timestamps,
-- where the later revision of a total would win over another tenant's first.
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

-- What Stripe refuses after its receipt never replaced the total before it, which counts again.
alter table fridge.meter_event_transitions disable trigger meter_event_transitions_append_only;
grant insert on fridge.meter_event_transitions to current_user;
insert into fridge.meter_event_transitions (from_status, to_status) values ('superseded', 'accepted');
revoke insert on fridge.meter_event_transitions from current_user;
alter table fridge.meter_event_transitions enable trigger meter_event_transitions_append_only;

-- ... where it did count, and where no other tenant has the hour meanwhile.
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

comment on view fridge.customer_hours is
'One row per customer, meter, hour and tenant with something undecided or counting there; one tenant at most has it.';
comment on column fridge.customer_hours.stated_value is 'What the tenant''s accepted statements come to.';
