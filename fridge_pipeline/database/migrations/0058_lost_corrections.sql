-- A document that was written to Stripe counted for ever, also when somebody had deleted the item, or voided the note
-- or the invoice that carried it. Now that is on record, and what it made good is owed again.

-- What has become of a document: Stripe has it no more, or has it for good. Neither for one that was never written.
create table fridge.correction_losses (
    proposal_id bigint primary key,
    found_at timestamptz not null,
    answer text not null,
    run_id text not null
);

create table fridge.correction_arrivals (
    proposal_id bigint primary key,
    found_at timestamptz not null,
    answer text not null,
    run_id text not null
);

create function fridge.guard_correction_outcome() returns trigger
language plpgsql as $$
begin
    if not exists (
        select 1 from fridge.correction_documents
        where proposal_id = new.proposal_id and document is not null
    ) then
        raise exception 'correction % was not written', new.proposal_id using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;

create trigger correction_losses_guard before insert on fridge.correction_losses
for each row execute function fridge.guard_correction_outcome();
create trigger correction_losses_append_only before update or delete on fridge.correction_losses
for each row execute function fridge.refuse_change();
create trigger correction_losses_no_truncate before truncate on fridge.correction_losses
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.correction_losses from current_user;

create trigger correction_arrivals_guard before insert on fridge.correction_arrivals
for each row execute function fridge.guard_correction_outcome();
create trigger correction_arrivals_append_only before update or delete on fridge.correction_arrivals
for each row execute function fridge.refuse_change();
create trigger correction_arrivals_no_truncate before truncate on fridge.correction_arrivals
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.correction_arrivals from current_user;

comment on table fridge.correction_losses is
'One row per correction that was written, and that Stripe has no more: what it made good is owed again. Append only.';
comment on column fridge.correction_losses.found_at is 'When that was seen.';
comment on column fridge.correction_losses.answer is 'What Stripe answered.';

comment on table fridge.correction_arrivals is
'One row per invoice item that an invoice carries for good: it is looked up no more. Append only.';
comment on column fridge.correction_arrivals.found_at is 'When that was seen.';
comment on column fridge.correction_arrivals.answer is 'On which invoice, and how that stood.';

insert into fridge.pipeline_rights (relation) values ('correction_losses'), ('correction_arrivals');

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
    coalesce(losses.answer, documents.answer) as answer,
    documents.written_at,
    case
        when losses.proposal_id is not null then 'lost'
        when documents.document is not null then 'written'
        when documents.proposal_id is not null then 'dropped'
        when approvals.proposal_id is not null then 'approved'
        else 'proposed'
    end as state
from fridge.correction_proposals as proposals
left join fridge.correction_approvals as approvals on proposals.proposal_id = approvals.proposal_id
left join fridge.correction_documents as documents on proposals.proposal_id = documents.proposal_id
left join fridge.correction_losses as losses on proposals.proposal_id = losses.proposal_id;

comment on column fridge.corrections.state is
'proposed; approved, not known to be in Stripe; written; lost: not in Stripe any more; dropped: never to be in Stripe.';

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
    and corrections.state is distinct from 'lost';

comment on view fridge.settlements is
'One row per settlement in force: a person''s recorded end of an exception, and not by a correction that is lost.';
