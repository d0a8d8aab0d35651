-- What missed its invoice is corrected: proposals, a second person's approval, and the documents in Stripe.

-- What missed its invoice: proposed by one person, approved by another, and only then written to Stripe.
create table fridge.correction_proposals (
    proposal_id bigint generated always as identity primary key,
    correction_key text not null default gen_random_uuid()::text,
    stripe_customer_id text not null,
    tenant_id text,
    event_name text not null,
    invoice_id text,
    period_start timestamptz not null,
    period_end timestamptz not null,
    old_quantity numeric not null,
    new_quantity numeric not null,
    delta numeric not null,
    price_id text not null,
    amount bigint not null,
    currency text not null,
    document_kind text not null,
    invoice_lines jsonb not null default '{}',
    cause text,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    constraint correction_proposals_key unique (correction_key),
    constraint correction_proposals_delta check (delta = new_quantity - old_quantity and delta <> 0),
    constraint correction_proposals_kind check (
        case document_kind
            when 'invoice_item' then amount > 0
            when 'credit_note' then amount < 0 and invoice_id is not null and invoice_lines <> '{}'
            else false
        end
    )
);

create index correction_proposals_place
on fridge.correction_proposals (stripe_customer_id, event_name, period_start, proposal_id);

-- Without foreign keys: their checks would need the update privilege on the proposals, which nobody has.
create table fridge.correction_approvals (
    proposal_id bigint primary key,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text
);

create table fridge.correction_attempts (
    attempt_id bigint generated always as identity primary key,
    proposal_id bigint not null,
    begun_at timestamptz not null,
    run_id text not null
);

create index correction_attempts_proposal on fridge.correction_attempts (proposal_id, begun_at);

create table fridge.correction_documents (
    proposal_id bigint primary key,
    document text,
    document_number text,
    answer text not null,
    written_at timestamptz not null,
    run_id text not null
);

-- A proposal whose money may be on its way is not overtaken by another of the same customer, meter and time.
create function fridge.guard_correction_proposal() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    under_way bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('fridge.corrections', 0));
    perform fridge.require_person(array['preparer', 'operator', 'approver'], 'proposal of a correction');
    select proposals.proposal_id into under_way
    from fridge.correction_proposals as proposals
    inner join fridge.correction_approvals as approvals on proposals.proposal_id = approvals.proposal_id
    where proposals.stripe_customer_id = new.stripe_customer_id
        and proposals.event_name = new.event_name
        and proposals.period_start < new.period_end
        and new.period_start < proposals.period_end
        and not exists (
            select 1 from fridge.correction_documents
            where correction_documents.proposal_id = proposals.proposal_id
        )
    limit 1;
    if under_way is not null then
        raise exception 'proposal of a correction refused: proposal % is approved and not in Stripe yet', under_way
            using errcode = 'restrict_violation',
            hint = 'Finish it first: fridge correct --approve ' || under_way;
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_correction_proposal() from public;

create function fridge.guard_correction_approval() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    proposed fridge.correction_proposals;
    newer bigint;
begin
    perform pg_advisory_xact_lock(hashtextextended('fridge.corrections', 0));
    select * into proposed from fridge.correction_proposals where proposal_id = new.proposal_id;
    if proposed.proposal_id is null then
        raise exception 'approval of correction % refused: there is no such proposal', new.proposal_id
            using errcode = 'restrict_violation';
    end if;
    if proposed.acted_by = session_user then
        raise exception 'approval of correction % refused: % proposed it', new.proposal_id, proposed.acted_by
            using errcode = 'restrict_violation', hint = 'A correction takes two people: another one approves it.';
    end if;
    perform fridge.require_person(array['approver', 'operator'], 'approval of a correction');
    select max(proposal_id) into newer
    from fridge.correction_proposals
    where stripe_customer_id = proposed.stripe_customer_id
        and event_name = proposed.event_name
        and period_start < proposed.period_end
        and proposed.period_start < period_end
        and invoice_id is not distinct from proposed.invoice_id
        and proposal_id > proposed.proposal_id;
    if newer is not null then
        raise exception 'approval of correction % refused: % is a newer proposal of the same usage', new.proposal_id,
            newer
            using errcode = 'restrict_violation', hint = 'Approve that one: fridge correct --approve ' || newer;
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_correction_approval() from public;

-- Nothing is written to Stripe that a second person has not approved, and nothing is on record as written twice.
create function fridge.guard_correction_writing() returns trigger
language plpgsql as $$
begin
    if not exists (select 1 from fridge.correction_approvals where proposal_id = new.proposal_id) then
        raise exception 'correction % is not approved', new.proposal_id
            using errcode = 'restrict_violation', hint = 'Another person approves it: fridge correct --approve.';
    end if;
    if tg_table_name = 'correction_attempts'
        and exists (select 1 from fridge.correction_documents where proposal_id = new.proposal_id)
    then
        raise exception 'correction % is over', new.proposal_id using errcode = 'restrict_violation';
    end if;
    return new;
end;
$$;

create trigger correction_proposals_guard before insert on fridge.correction_proposals
for each row execute function fridge.guard_correction_proposal();
create trigger correction_proposals_stamp before insert on fridge.correction_proposals
for each row execute function fridge.stamp_act();
create trigger correction_proposals_append_only before update or delete on fridge.correction_proposals
for each row execute function fridge.refuse_change();
create trigger correction_proposals_no_truncate before truncate on fridge.correction_proposals
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.correction_proposals from current_user;

create trigger correction_approvals_guard before insert on fridge.correction_approvals
for each row execute function fridge.guard_correction_approval();
create trigger correction_approvals_stamp before insert on fridge.correction_approvals
for each row execute function fridge.stamp_act();
create trigger correction_approvals_append_only before update or delete on fridge.correction_approvals
for each row execute function fridge.refuse_change();
create trigger correction_approvals_no_truncate before truncate on fridge.correction_approvals
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.correction_approvals from current_user;

create trigger correction_attempts_guard before insert on fridge.correction_attempts
for each row execute function fridge.guard_correction_writing();
create trigger correction_attempts_append_only before update or delete on fridge.correction_attempts
for each row execute function fridge.refuse_change();
create trigger correction_attempts_no_truncate before truncate on fridge.correction_attempts
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.correction_attempts from current_user;

create trigger correction_documents_guard before insert on fridge.correction_documents
for each row execute function fridge.guard_correction_writing();
create trigger correction_documents_append_only before update or delete on fridge.correction_documents
for each row execute function fridge.refuse_change();
create trigger correction_documents_no_truncate before truncate on fridge.correction_documents
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.correction_documents from current_user;

comment on table fridge.correction_proposals is
'One row per proposal to make good for usage that missed its invoice, or was invoiced too much. Append only.';
comment on column fridge.correction_proposals.correction_key is
'What the document in Stripe carries as metadata fridge_correction: by it a document is found again.';
comment on column fridge.correction_proposals.event_name is 'The meter.';
comment on column fridge.correction_proposals.invoice_id is 'The invoice that it corrects; empty where there is none.';
comment on column fridge.correction_proposals.old_quantity is
'What is invoiced of the period, with the corrections before this one.';
comment on column fridge.correction_proposals.new_quantity is 'Our usage of the period.';
comment on column fridge.correction_proposals.delta is 'New less old: so much the document makes good.';
comment on column fridge.correction_proposals.price_id is 'The price by which the amount was reckoned.';
comment on column fridge.correction_proposals.amount is
'In minor units: what the new quantity costs less what the old one does, rounded once; below 0 to be credited.';
comment on column fridge.correction_proposals.document_kind is 'invoice_item, or credit_note.';
comment on column fridge.correction_proposals.invoice_lines is
'Of a credit note the lines of the invoice, and how much of each is credited.';
comment on column fridge.correction_proposals.cause is
'Why the invoice differs; empty where an earlier correction does.';
comment on column fridge.correction_proposals.acted_by is 'The login that proposed it.';
comment on column fridge.correction_proposals.acted_at is 'When, by the database''s clock.';
comment on column fridge.correction_proposals.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.correction_proposals.os_host is 'Machine, as the session was told.';

comment on table fridge.correction_approvals is
'One row per proposal that a second person has approved: it is written to Stripe. Append only.';
comment on column fridge.correction_approvals.acted_by is 'The login that approved it: another than proposed it.';
comment on column fridge.correction_approvals.acted_at is 'When, by the database''s clock.';
comment on column fridge.correction_approvals.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.correction_approvals.os_host is 'Machine, as the session was told.';

comment on table fridge.correction_attempts is
'One row per try to write an approved proposal to Stripe, committed before the first byte leaves. Append only.';

comment on table fridge.correction_documents is
'One row per approved proposal that is over: its document in Stripe, or that there is none. Append only.';
comment on column fridge.correction_documents.document is
'Stripe''s id of the invoice item or credit note; empty when it has none: it refused it, or it fits no more.';
comment on column fridge.correction_documents.document_number is 'The number of a credit note.';
comment on column fridge.correction_documents.answer is 'What Stripe answered, or why there is none.';
comment on column fridge.correction_documents.written_at is 'When that was known.';

insert into fridge.pipeline_rights (relation) values ('correction_attempts'), ('correction_documents');
insert into fridge.person_rights (relation, role)
values
('correction_proposals', 'preparer'),
('correction_proposals', 'operator'),
('correction_proposals', 'approver'),
('correction_approvals', 'operator'),
('correction_approvals', 'approver');

create view fridge.corrections as
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
    documents.answer,
    documents.written_at,
    case
        when documents.document is not null then 'written'
        when documents.proposal_id is not null then 'dropped'
        when approvals.proposal_id is not null then 'approved'
        else 'proposed'
    end as state
from fridge.correction_proposals as proposals
left join fridge.correction_approvals as approvals on proposals.proposal_id = approvals.proposal_id
left join fridge.correction_documents as documents on proposals.proposal_id = documents.proposal_id;

comment on view fridge.corrections is 'One row per proposal of a correction, and what has become of it.';
comment on column fridge.corrections.state is
'proposed; approved, and not known to be in Stripe; written; dropped: approved, and never to be in Stripe.';

alter table fridge.settlement_decisions add column proposal_id bigint;

comment on column fridge.settlement_decisions.proposal_id is
'The correction whose document ended it, proposed by one person and approved by another; empty for a decision by hand.';

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
                and date_trunc('hour', corrections.period_start) = settled.hour
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
    coalesce(approvals.acted_at, decisions.acted_at) as settled_at
from fridge.settlement_decisions as decisions
left join fridge.settlement_approvals as approvals on decisions.settlement_id = approvals.settlement_id
left join fridge.corrections on decisions.proposal_id = corrections.proposal_id
where approvals.settlement_id is not null or not decisions.takes_two;

create or replace view fridge.settled_usage as
with quantities as (
    select
        tenant_id,
        event_name,
        hour,
        -- What Stripe shows beyond what it was told is given back, and is no part of what it is to be told.
        case when kind in ('unexplained', 'not_stated_by_us') then 'credited_in_stripe' else how end as how,
        quantity
    from fridge.settlements
    -- What is wrong on an invoice was stated to Stripe all the same.
    where quantity is not null and shares is null and kind not in ('not_invoiced', 'invoiced_too_much')

    union all

    select
        of_tenants.tenant_id,
        settlements.event_name,
        settlements.hour,
        settlements.how,
        of_tenants.quantity::bigint as quantity
    from fridge.settlements
    cross join lateral jsonb_each_text(settlements.shares) as of_tenants (tenant_id, quantity)
)

select
    tenant_id,
    event_name,
    hour,
    coalesce(sum(quantity) filter (where how = 'invoiced_by_hand'), 0)::bigint as invoiced,
    coalesce(sum(quantity) filter (where how = 'credited'), 0)::bigint as credited,
    coalesce(sum(quantity) filter (where how = 'written_off'), 0)::bigint as written_off,
    coalesce(sum(quantity) filter (where how = 'credited_in_stripe'), 0)::bigint as credited_in_stripe
from quantities
group by hour, tenant_id, event_name;
