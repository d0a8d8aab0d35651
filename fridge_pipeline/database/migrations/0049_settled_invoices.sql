-- Periods of invoices are settled by hand, and no correction bills them as well.

alter table fridge.settlement_decisions add column places jsonb;

-- What is settled by hand of an invoice is not billed by a correction as well, whichever comes first.
create function fridge.require_no_correction_under_way(of_meter text, of_places jsonb) returns void
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    under_way bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('fridge.corrections', 0));
    select min(corrections.proposal_id) into under_way
    from fridge.corrections
    inner join jsonb_to_recordset(of_places) as places (
        customer_id text, period_start timestamptz, period_end timestamptz
    )
        on corrections.stripe_customer_id = places.customer_id
        and corrections.period_start < places.period_end
        and places.period_start < corrections.period_end
    where corrections.event_name = of_meter and corrections.state = 'approved';
    if under_way is not null then
        raise exception 'settlement refused: correction % of the same usage is approved and not in Stripe yet', under_way
            using errcode = 'restrict_violation', hint = 'Finish it first: fridge correct --approve ' || under_way;
    end if;
end;
$$;
revoke execute on function fridge.require_no_correction_under_way(text, jsonb) from public;

create function fridge.guard_invoice_settlement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    if new.proposal_id is null and new.kind in ('not_invoiced', 'invoiced_too_much') then
        if new.quantity is distinct from (
            select sum(places.quantity) from jsonb_to_recordset(new.places) as places (quantity numeric)
        ) then
            raise exception 'settlement of exception % refused: its periods do not come to %', new.exception_id,
                new.quantity
                using errcode = 'restrict_violation';
        end if;
        perform fridge.require_no_correction_under_way(new.event_name, new.places);
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_invoice_settlement() from public;

create trigger settlement_decisions_of_invoice before insert on fridge.settlement_decisions
for each row execute function fridge.guard_invoice_settlement();

create function fridge.guard_settled_correction() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    settled bigint;
begin
    select min(decisions.settlement_id) into settled
    from fridge.correction_proposals as proposals
    inner join fridge.settlement_decisions as decisions
        on proposals.event_name = decisions.event_name and proposals.acted_at < decisions.acted_at
    cross join lateral jsonb_to_recordset(decisions.places) as places (
        customer_id text, period_start timestamptz, period_end timestamptz
    )
    where proposals.proposal_id = new.proposal_id
        and proposals.stripe_customer_id = places.customer_id
        and proposals.period_start < places.period_end
        and places.period_start < proposals.period_end;
    if settled is not null then
        raise exception 'approval of correction % refused: settlement % is of the same usage', new.proposal_id, settled
            using errcode = 'restrict_violation', hint = 'Propose what is left: fridge correct MONTH.';
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_settled_correction() from public;

create trigger correction_approvals_settled before insert on fridge.correction_approvals
for each row execute function fridge.guard_settled_correction();

comment on column fridge.settlement_decisions.places is
'Of an invoice settled by hand: customer, invoice, period, quantity and money of each of its periods.';

create function fridge.guard_invoice_settlement_approval() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    decided fridge.settlement_decisions;
begin
    select * into decided from fridge.settlement_decisions where settlement_id = new.settlement_id;
    if decided.places is not null then
        perform fridge.require_no_correction_under_way(decided.event_name, decided.places);
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_invoice_settlement_approval() from public;

create trigger settlement_approvals_of_invoice before insert on fridge.settlement_approvals
for each row execute function fridge.guard_invoice_settlement_approval();

create or replace view fridge.settlements as
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
    coalesce(corrections.proposed_by, decisions.acted_by) as settled_by,
    coalesce(corrections.approved_by, approvals.acted_by) as approved_by,
    coalesce(approvals.acted_at, decisions.acted_at) as settled_at,
    decisions.places
from fridge.settlement_decisions as decisions
left join fridge.settlement_approvals as approvals on decisions.settlement_id = approvals.settlement_id
left join fridge.corrections on decisions.proposal_id = corrections.proposal_id
where approvals.settlement_id is not null or not decisions.takes_two;

-- What Stripe counts is not yet what it invoices.
comment on column fridge.stripe_reconciliation.difference is
'Stripe less usage: above 0 Stripe counts too much, below 0 too little; empty when Stripe was not read.';

-- What people have settled of single hours is on no invoice either.
alter table fridge.invoice_comparisons add column settled_quantity numeric not null default 0;
comment on column fridge.invoice_comparisons.settled_quantity is
'What of the usage people have settled hour by hour, so that no invoice is to carry it; below 0 what was credited.';
