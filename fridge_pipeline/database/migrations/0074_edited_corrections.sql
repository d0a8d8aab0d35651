-- An invoice item of ours that somebody edits in Stripe bills another amount than was approved: what is there counts,
-- and the rest is told, corrected or settled, also where the quantity is right. And what was written off is never
-- given back.
create table fridge.correction_edits (
    edit_id bigint generated always as identity primary key,
    proposal_id bigint not null,
    amount bigint not null,
    found_at timestamptz not null,
    answer text not null,
    run_id text not null
);

create index correction_edits_proposal on fridge.correction_edits (proposal_id, edit_id);

create trigger correction_edits_guard before insert on fridge.correction_edits
for each row execute function fridge.guard_correction_outcome();
create trigger correction_edits_append_only before update or delete on fridge.correction_edits
for each row execute function fridge.refuse_change();
create trigger correction_edits_no_truncate before truncate on fridge.correction_edits
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.correction_edits from current_user;

comment on table fridge.correction_edits is
'One row per time that an invoice item of ours was of another amount in Stripe than before. Append only.';
comment on column fridge.correction_edits.amount is 'What it was then, less discounts, in minor units.';
comment on column fridge.correction_edits.found_at is 'When that was seen.';
comment on column fridge.correction_edits.answer is 'That amount and the one before it, in words.';

insert into fridge.pipeline_rights (relation) values ('correction_edits');

alter table fridge.correction_proposals drop constraint correction_proposals_delta;
alter table fridge.correction_proposals
add constraint correction_proposals_delta check (delta = new_quantity - old_quantity);

comment on column fridge.correction_proposals.delta is
'New less old: so much the document makes good. 0 where only the money of an earlier document was edited in Stripe.';

alter table fridge.settlement_decisions drop constraint settlement_decisions_quantity;
alter table fridge.settlement_decisions add constraint settlement_decisions_quantity check (
    (quantity = 0 and num_nonnulls(places, proposal_id) > 0) is true
    or case how
        when 'written_off' then quantity > 0 or quantity is null
        when 'invoiced_by_hand' then coalesce(quantity > 0, false)
        when 'credited' then coalesce(quantity < 0, false)
        else quantity is null
    end
);

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
        -- Of money alone, where the quantity is right, nobody decides alone.
        new.takes_two := new.quantity = 0 or alone + abs(new.quantity) > fridge.settled_alone_max();
    end if;
    if new.takes_two then
        perform fridge.require_person(array['operator', 'approver'], 'settlement of ' || abs(new.quantity));
    end if;
    return new;
end;
$$;

create or replace view fridge.corrections as
select
    proposals.proposal_id,
    proposals.correction_key,
    proposals.stripe_customer_id,
    proposals.tenant_id,
    proposals.event_name,
    proposals.invoice_id,
    proposals.period_start,
    proposals.period_end,
    proposals.old_quantity,
    proposals.new_quantity,
    proposals.delta,
    proposals.price_id,
    proposals.amount,
    proposals.currency,
    proposals.document_kind,
    proposals.invoice_lines,
    proposals.cause,
    proposals.acted_by as proposed_by,
    proposals.acted_at as proposed_at,
    approvals.acted_by as approved_by,
    approvals.acted_at as approved_at,
    documents.document,
    documents.document_number,
    coalesce(losses.answer, edits.answer, documents.answer) as answer,
    documents.written_at,
    case
        when losses.proposal_id is not null then 'lost'
        when documents.document is not null then 'written'
        when documents.proposal_id is not null then 'dropped'
        when approvals.proposal_id is not null then 'approved'
        else 'proposed'
    end as state,
    coalesce(edits.amount, proposals.amount) as amount_in_stripe,
    edits.answer as edited
from fridge.correction_proposals as proposals
left join fridge.correction_approvals as approvals on proposals.proposal_id = approvals.proposal_id
left join fridge.correction_documents as documents on proposals.proposal_id = documents.proposal_id
left join fridge.correction_losses as losses on proposals.proposal_id = losses.proposal_id
left join
    lateral (
        select
            correction_edits.amount,
            correction_edits.answer
        from fridge.correction_edits
        where correction_edits.proposal_id = proposals.proposal_id
        order by correction_edits.edit_id desc
        limit 1
    ) as edits
    on true;

comment on column fridge.corrections.amount_in_stripe is
'What its document was when it was read last; the amount as approved, unless somebody has edited it in Stripe.';
comment on column fridge.corrections.edited is
'What somebody has made of its document in Stripe; empty where nobody has.';

create or replace view fridge.made_good as
select
    corrections.stripe_customer_id,
    corrections.event_name,
    corrections.invoice_id,
    corrections.period_start,
    corrections.period_end,
    corrections.delta as quantity,
    corrections.amount_in_stripe as amount,
    corrections.currency,
    corrections.document,
    stranded_corrections.answer as stranded,
    corrections.written_at as made_at,
    corrections.edited,
    false as is_written_off
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
    settlements.settled_at as made_at,
    null as edited,
    settlements.how = 'written_off' as is_written_off
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

comment on column fridge.made_good.edited is 'What somebody has made of an invoice item in Stripe, if so.';
comment on column fridge.made_good.is_written_off is
'Whether nobody has paid for it: it makes good for what is missing still, and is never given back.';
