-- What people had settled by a document of Stripe stayed settled when that was made void there, or deleted; and what
-- was settled by hand was accrued again with what came after it.
create table fridge.settlement_outcomes (
    settlement_id bigint primary key,
    fate text not null,
    found_at timestamptz not null,
    answer text not null,
    run_id text not null,
    constraint settlement_outcomes_fate check (fate in ('lost', 'arrived'))
);

create trigger settlement_outcomes_append_only before update or delete on fridge.settlement_outcomes
for each row execute function fridge.refuse_change();
create trigger settlement_outcomes_no_truncate before truncate on fridge.settlement_outcomes
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.settlement_outcomes from current_user;

comment on table fridge.settlement_outcomes is
'One row per settlement by hand of whose document Stripe says the last word. Append only.';
comment on column fridge.settlement_outcomes.fate is
'lost: void or deleted, and what it settled is owed again; arrived: paid, and looked up no more.';
comment on column fridge.settlement_outcomes.found_at is 'When that was seen.';
comment on column fridge.settlement_outcomes.answer is 'What Stripe answered.';

insert into fridge.pipeline_rights (relation) values ('settlement_outcomes');

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
where
    (approvals.settlement_id is not null or not decisions.takes_two)
    and corrections.state is distinct from 'lost'
    and not exists (
        select 1 from fridge.settlement_outcomes
        where settlement_outcomes.settlement_id = decisions.settlement_id and settlement_outcomes.fate = 'lost'
    );

comment on view fridge.settlements is
'One row per settlement in force: a person''s recorded end of an exception, and not by a document that is lost.';

create view fridge.made_good as
select
    corrections.stripe_customer_id,
    corrections.event_name,
    corrections.invoice_id,
    corrections.period_start,
    corrections.period_end,
    corrections.delta as quantity,
    corrections.amount,
    corrections.currency,
    corrections.document,
    stranded_corrections.answer as stranded,
    corrections.written_at as made_at
from fridge.corrections
left join fridge.stranded_corrections on corrections.proposal_id = stranded_corrections.proposal_id
where corrections.state = 'written'
union all
select
    places.customer_id as stripe_customer_id,
    settlements.event_name,
    places.invoice_id,
    places.period_start,
    places.period_end,
    places.quantity,
    places.amount,
    places.currency,
    coalesce(settlements.document, 'settlement ' || settlements.settlement_id) as document,
    null as stranded,
    settlements.settled_at as made_at
from fridge.settlements
cross join
    lateral jsonb_to_recordset(settlements.places)
        as places (
            customer_id text,
            invoice_id text,
            period_start timestamptz,
            period_end timestamptz,
            quantity numeric,
            amount bigint,
            currency text
        )
where
    not (
        settlements.how = 'credited'
        and exists (
            select 1 from fridge.invoices
            where invoices.invoice_id = places.invoice_id and invoices.status = 'void'
        )
    );

comment on view fridge.made_good is
'One row per correction that Stripe has, and per billing period that people have settled by hand. A credit of an invoice
that is void now has given nothing back.';
comment on column fridge.made_good.quantity is 'Below 0 what it gives back.';
comment on column fridge.made_good.amount is 'In minor units; empty where no price said what was settled.';
comment on column fridge.made_good.stranded is 'Why an invoice item is on no invoice, if so.';
