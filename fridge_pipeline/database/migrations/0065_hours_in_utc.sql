-- A correction was not taken for that of its exception in a session whose time zone is half an hour off UTC.
create or replace function fridge.guard_settlement() returns trigger
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
    new.kind := settled.kind;
    new.tenant_id := settled.tenant_id;
    new.hour := settled.hour;
    new.takes_two := false;
    if new.quantity is not null and new.proposal_id is null then
        select coalesce(sum(abs(decisions.quantity)), 0) into alone
        from fridge.settlement_decisions as decisions
        where decisions.hour >= date_trunc('month', new.hour, 'UTC')
            and decisions.hour < date_trunc('month', new.hour, 'UTC') + interval '1 month'
            and decisions.event_name = new.event_name
            and decisions.acted_by = session_user
            and decisions.proposal_id is null
            and not decisions.takes_two;
        new.takes_two := alone + abs(new.quantity) > fridge.settled_alone_max();
    end if;
    if new.takes_two then
        perform fridge.require_person(array['operator', 'approver'], 'settlement of ' || abs(new.quantity));
    end if;
    return new;
end;
$$;
