-- Corrections of invoices, and settlements: how people have ended exceptions that do not end by themselves. Append
-- only, like whatever is decided.

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
    constraint correction_proposals_times_readable check (
        fridge.is_readable(period_start) and fridge.is_readable(period_end)
    ),
    constraint correction_proposals_delta check (delta = new_quantity - old_quantity),
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
comment on column fridge.correction_proposals.delta is
'New less old: so much the document makes good. 0 where only the money of an earlier document was edited in Stripe.';
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

-- An invoice item can be edited in Stripe until its invoice is final: what is there is what was billed.
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

-- An invoice item that no invoice takes counts as a correction, and reaches nobody.
-- Rewritten whenever invoices are read.
create table fridge.stranded_corrections (
    proposal_id bigint primary key,
    found_at timestamptz not null,
    answer text not null
);

comment on table fridge.stranded_corrections is
'One row per invoice item of ours that waits in Stripe for an invoice that does not come by itself.';
comment on column fridge.stranded_corrections.found_at is 'When that was seen first.';
comment on column fridge.stranded_corrections.answer is 'Which item, and why no invoice takes it.';

insert into fridge.pipeline_rights (relation, updates, deletes) values
('stranded_corrections', array['answer'], true);

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

comment on view fridge.corrections is 'One row per proposal of a correction, and what has become of it.';
comment on column fridge.corrections.state is
'proposed; approved, not known to be in Stripe; written; lost: not in Stripe any more; dropped: never to be in Stripe.';
comment on column fridge.corrections.amount_in_stripe is
'What its document was when it was read last; the amount as approved, unless somebody has edited it in Stripe.';
comment on column fridge.corrections.edited is
'What somebody has made of its document in Stripe; empty where nobody has.';

-- So much usage of a month and meter one person may settle alone, over all that the same login has settled alone; from
-- there on each settlement takes a second. Little enough that nobody's invoice is decided by one, however it is split;
-- enough that a broken fridge's odd hours need no meeting.
create function fridge.settled_alone_max() returns bigint
language sql immutable as $$
    select 1000::bigint;
$$;

-- What a settlement is of: tenants by their shares, billing periods of invoices, or neither. What cannot be read as
-- that is refused, for it would be read for ever.
create function fridge.settled_parts(shares jsonb, places jsonb) returns table (quantity numeric)
language sql immutable as $$
    select quantity::bigint from jsonb_each_text(shares) as of_tenants (tenant_id, quantity)
    union all
    select
        case
            when
                period_start < period_end and fridge.is_readable(period_start) and fridge.is_readable(period_end)
                and customer_id <> ''
                then quantity
            else 'NaN'
        end
    from jsonb_to_recordset(places) as periods (
        customer_id text, invoice_id text, period_start timestamptz, period_end timestamptz, quantity numeric,
        amount bigint, currency text
    );
$$;

-- So much is settled by it, also where its parts take one another off.
create function fridge.settled_size(quantity bigint, shares jsonb, places jsonb) returns numeric
language sql immutable as $$
    select coalesce((select sum(abs(parts.quantity)) from fridge.settled_parts(shares, places) as parts), abs(quantity));
$$;

-- And so much money, in minor units of whatever currency: a price may make one unit dear.
create function fridge.settled_money_alone_max() returns bigint
language sql immutable as $$
    select 100000::bigint;
$$;

create function fridge.settled_money(places jsonb) returns numeric
language sql immutable as $$
    select coalesce(sum(abs(periods.amount)), 0) from jsonb_to_recordset(places) as periods (amount bigint);
$$;

create table fridge.settlement_decisions (
    settlement_id bigint generated always as identity primary key,
    exception_id bigint not null references fridge.exceptions (exception_id),
    kind text not null,
    tenant_id text,
    hour timestamptz,
    event_name text,
    how text not null,
    quantity bigint,
    shares jsonb,
    document text,
    reason text not null,
    takes_two boolean not null,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text,
    proposal_id bigint,
    places jsonb,
    constraint settlement_decisions_how check (
        how in (
            'written_off', 'invoiced_by_hand', 'credited', 'state_again', 'counted', 'not_counted', 'no_loss'
        )
    ),
    -- 0 where only the money of an invoice is not right.
    constraint settlement_decisions_quantity check (
        (quantity = 0 and num_nonnulls(places, proposal_id) > 0) is true
        or case how
            when 'written_off' then quantity > 0 or quantity is null
            when 'invoiced_by_hand' then coalesce(quantity > 0, false)
            when 'credited' then coalesce(quantity < 0, false)
            else quantity is null
        end
    ),
    constraint settlement_decisions_quantity_of_usage check (
        quantity is null or (event_name is not null and hour is not null)
    ),
    constraint settlement_decisions_shares check (
        shares is null or (tenant_id is null and quantity is not null and jsonb_typeof(shares) = 'object')
    ),
    constraint settlement_decisions_document check (
        case when how in ('invoiced_by_hand', 'credited') then coalesce(document ~ '\S', false) else true end
    ),
    constraint settlement_decisions_reason_not_empty check (reason ~ '\S')
);

create index settlement_decisions_exception on fridge.settlement_decisions (exception_id);
create index settlement_decisions_hour on fridge.settlement_decisions (hour);

-- Whether periods that are to be settled were compared for this exception, each once; and whether they say to the unit
-- and the cent what is left of the comparison after its corrections. As invoices/rules/corrected.py reckons that.
create function fridge.judge_places(
    excepted fridge.exceptions, of_meter text, of_places jsonb, out are_compared boolean, out are_as_owed boolean
)
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
    with places as (
        select
            *,
            row_number() over (partition by customer_id, invoice_id, period_start, period_end) as nth
        from jsonb_to_recordset(of_places) as periods (
            customer_id text, invoice_id text, period_start timestamptz, period_end timestamptz, quantity numeric,
            amount bigint, currency text
        )
    ),

    billed as (
        select
            places.*,
            compared.event_name is not null and places.nth = 1 as is_compared,
            compared.currency as owed_currency,
            -(compared.difference + compared.settled_quantity + done.quantity) as owed_quantity,
            case when compared.difference = 0 then 0 else compared.amount end - done.amount as owed_amount,
            done.quantity_off,
            done.amount_off
        from places
        left join fridge.invoice_comparisons as compared
            on compared.stripe_customer_id = places.customer_id
            and compared.event_name = of_meter
            and compared.period_start = places.period_start
            and compared.period_end = places.period_end
            and compared.invoice_id is not distinct from places.invoice_id
            and compared.tenant_id is not distinct from excepted.tenant_id
            and date_trunc('hour', compared.period_start, 'UTC') = excepted.hour
            and excepted.subject in (of_meter, of_meter || ' ' || places.customer_id)
        cross join lateral (
            select
                coalesce(sum(quantity) filter (where not is_written_off), 0) as quantity,
                coalesce(sum(quantity) filter (where is_written_off), 0) as quantity_off,
                coalesce(sum(amount) filter (where not is_written_off), 0) as amount,
                coalesce(sum(amount) filter (where is_written_off), 0) as amount_off
            from fridge.made_good
            where made_good.stripe_customer_id = compared.stripe_customer_id
                and made_good.event_name = of_meter
                and made_good.period_start < compared.period_end
                and compared.period_start < made_good.period_end
                -- Of the comparison that it was made for, else of any of the same time.
                and (
                    (made_good.invoice_id, made_good.period_start)
                    is not distinct from (compared.invoice_id, compared.period_start)
                    or not exists (
                        select 1 from fridge.invoice_comparisons as same
                        where same.stripe_customer_id = made_good.stripe_customer_id
                            and same.event_name = of_meter
                            and (same.invoice_id, same.period_start)
                            is not distinct from (made_good.invoice_id, made_good.period_start)
                    )
                )
        ) as done
    ),

    -- What is written off makes good for as much as is missing, and never for more.
    owed as (
        select
            *,
            owed_quantity
            - least(greatest(owed_quantity, least(quantity_off, 0)), greatest(quantity_off, 0)) as quantity_left,
            owed_amount - least(greatest(owed_amount, least(amount_off, 0)), greatest(amount_off, 0)) as amount_left
        from billed
    )

    select
        coalesce(bool_and(is_compared), false),
        coalesce(
            bool_and(
                quantity is not distinct from quantity_left
                and case
                    when num_nonnulls(amount_left, owed_currency) = 2
                        then amount is not distinct from amount_left and currency is not distinct from owed_currency
                    else num_nonnulls(amount, currency) = 0
                end
            ),
            false
        )
    into are_compared, are_as_owed
    from owed;
end;
$$;
revoke execute on function fridge.judge_places(fridge.exceptions, text, jsonb) from public;

-- What an exception is about, and whether it may be ended so, and by one person.
create function fridge.guard_settlement() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    settled fridge.exceptions;
    kinds fridge.exception_kinds;
    is_of_invoice boolean;
    is_as_owed boolean;
    judged record;
    alone record;
    size numeric;
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
                and settled.subject in (new.event_name, new.event_name || ' ' || corrections.stripe_customer_id)
        ) then
            raise exception 'settlement of exception % refused: correction % has not written % for it',
                new.exception_id, new.proposal_id, new.document
                using errcode = 'restrict_violation';
        end if;
    elsif new.how <> all(kinds.ends) then
        raise exception 'an exception of the kind % is not settled as %', settled.kind, new.how
            using errcode = 'restrict_violation', hint = kinds.what_to_do;
    end if;
    is_of_invoice := settled.kind in ('not_invoiced', 'invoiced_too_much');
    if num_nonnulls(new.shares, new.places, new.proposal_id) > 1
        or (new.shares is not null and is_of_invoice)
        or (new.places is not null and not is_of_invoice)
        or (
            (new.shares is not null or (is_of_invoice and new.proposal_id is null))
            and new.quantity is distinct from (
                select sum(parts.quantity) from fridge.settled_parts(new.shares, new.places) as parts
            )
        )
    then
        raise exception 'settlement of exception % refused: its tenants or periods do not come to %',
            new.exception_id, new.quantity
            using errcode = 'restrict_violation';
    end if;
    if new.quantity is null and new.how in ('written_off', 'invoiced_by_hand', 'credited')
        and kinds.subject not in ('file', 'folder')
    then
        raise exception 'settlement of exception % refused: it is about usage, and no quantity is settled',
            new.exception_id
            using errcode = 'restrict_violation';
    end if;
    -- Also where it is about one statement of the meter.
    if not is_of_invoice and new.event_name <> settled.subject and not exists (
        select 1 from fridge.meter_events
        where identifier = replace(settled.subject, 'cancel:', '') and event_name = new.event_name
    ) then
        raise exception 'settlement of exception % refused: it is about %, not about %', new.exception_id,
            settled.subject, new.event_name
            using errcode = 'restrict_violation';
    end if;
    is_as_owed := settled.owed is null or new.quantity = settled.owed;
    if is_of_invoice and new.proposal_id is null then
        judged := fridge.judge_places(settled, new.event_name, new.places);
        if not judged.are_compared then
            raise exception
                'settlement of exception % refused: it is about % of %, and not each period was compared for it', new.exception_id, settled.subject, coalesce(settled.tenant_id, 'no tenant')
                using errcode = 'restrict_violation', hint = 'fridge settle settles what was compared.';
        end if;
        is_as_owed := judged.are_as_owed;
    end if;
    new.kind := settled.kind;
    new.tenant_id := settled.tenant_id;
    new.hour := settled.hour;
    new.takes_two := false;
    if new.quantity is not null and new.proposal_id is null then
        select
            coalesce(sum(fridge.settled_size(decisions.quantity, decisions.shares, decisions.places)), 0) as quantity,
            coalesce(sum(fridge.settled_money(decisions.places)), 0) as amount
        into alone
        from fridge.settlement_decisions as decisions
        where decisions.hour >= date_trunc('month', new.hour, 'UTC')
            and decisions.hour < date_trunc('month', new.hour, 'UTC') + interval '1 month'
            and decisions.event_name = new.event_name
            and decisions.acted_by = session_user
            and decisions.proposal_id is null
            and not decisions.takes_two;
        -- Of money alone, where the quantity is right, nobody decides alone; nor of anything else than is owed.
        size := fridge.settled_size(new.quantity, new.shares, new.places);
        new.takes_two := new.quantity = 0
            or not is_as_owed
            or alone.quantity + size > fridge.settled_alone_max()
            or alone.amount + fridge.settled_money(new.places) > fridge.settled_money_alone_max();
    end if;
    if new.takes_two then
        perform fridge.require_person(array['operator', 'approver'], 'settlement of ' || size);
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_settlement() from public;

-- One at a time, and not while usage is being stated: what is settled is what is owed at that moment.
create trigger settlement_decisions_wait before insert on fridge.settlement_decisions
for each statement execute function fridge.wait_for_staging();
create trigger settlement_decisions_guard before insert on fridge.settlement_decisions
for each row execute function fridge.guard_settlement();
create trigger settlement_decisions_stamp before insert on fridge.settlement_decisions
for each row execute function fridge.stamp_act();
create trigger settlement_decisions_append_only before update or delete on fridge.settlement_decisions
for each row execute function fridge.refuse_change();
create trigger settlement_decisions_no_truncate before truncate on fridge.settlement_decisions
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.settlement_decisions from current_user;

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
    inner join fridge.settlement_decisions as decisions on proposals.event_name = decisions.event_name
    left join fridge.settlement_approvals as approvals on decisions.settlement_id = approvals.settlement_id
    cross join lateral jsonb_to_recordset(decisions.places) as places (
        customer_id text, period_start timestamptz, period_end timestamptz
    )
    where proposals.proposal_id = new.proposal_id
        and proposals.acted_at < greatest(decisions.acted_at, approvals.acted_at)
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

comment on table fridge.settlement_decisions is
'One row per decision how an exception ends; in force at once, or once a second person approves it. Append only.';
comment on column fridge.settlement_decisions.kind is 'Of the exception.';
comment on column fridge.settlement_decisions.tenant_id is 'Empty when it is about many tenants, see shares, or none.';
comment on column fridge.settlement_decisions.event_name is 'The meter whose usage is settled; empty for files.';
comment on column fridge.settlement_decisions.how is
'written_off, invoiced_by_hand, credited; state_again, counted, not_counted; no_loss.';
comment on column fridge.settlement_decisions.quantity is
'What was owed then, usage less what Stripe has: so much is stated no more. Empty where nobody knows a quantity.';
comment on column fridge.settlement_decisions.shares is
'Of an exception that speaks for many tenants at once, the quantity of each.';
comment on column fridge.settlement_decisions.document is
'The invoice item, credit note or ticket by which it was done; of not_counted, the statement.';
comment on column fridge.settlement_decisions.takes_two is
'Whether it takes a second person: more than one may settle alone, in units or money (settled_alone_max(),
settled_money_alone_max()), or something else than was owed.';
comment on column fridge.settlement_decisions.acted_by is 'The login that decided it.';
comment on column fridge.settlement_decisions.acted_at is 'When, by the database''s clock.';
comment on column fridge.settlement_decisions.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.settlement_decisions.os_host is 'Machine, as the session was told.';
comment on column fridge.settlement_decisions.proposal_id is
'The correction whose document ended it, proposed by one person and approved by another; empty for a decision by hand.';
comment on column fridge.settlement_decisions.places is
'Of an invoice settled by hand: customer, invoice, period, quantity and money of each of its periods.';

insert into fridge.pipeline_rights (relation) values ('settlement_decisions');
insert into fridge.person_rights (relation, role)
values ('settlement_decisions', 'operator'), ('settlement_decisions', 'approver');

-- Without a foreign key: its check would need the update privilege on the decisions, which nobody has.
create table fridge.settlement_approvals (
    settlement_id bigint primary key,
    acted_by text not null,
    acted_at timestamptz not null,
    os_user text,
    os_host text
);

create function fridge.guard_settlement_approval() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    decided fridge.settlement_decisions;
begin
    select * into decided from fridge.settlement_decisions where settlement_id = new.settlement_id;
    if decided.settlement_id is null then
        raise exception 'approval of settlement % refused: there is none', new.settlement_id
            using errcode = 'restrict_violation';
    end if;
    if not decided.takes_two then
        raise exception 'settlement % needs no approval: it is in force', new.settlement_id
            using errcode = 'restrict_violation';
    end if;
    if decided.acted_by = session_user then
        raise exception 'approval of settlement % refused: % decided it', new.settlement_id, decided.acted_by
            using errcode = 'restrict_violation', hint = 'So much takes two people: another one approves it.';
    end if;
    perform fridge.require_person(array['operator', 'approver'], 'approval of a settlement');
    if exists (
        select 1 from fridge.exceptions
        where exception_id = decided.exception_id and closed_at is not null
    ) then
        raise exception 'approval of settlement % refused: exception % is over', new.settlement_id, decided.exception_id
            using errcode = 'restrict_violation', hint = 'What is owed still is a new exception: settle that one.';
    end if;
    return new;
end;
$$;
revoke execute on function fridge.guard_settlement_approval() from public;

create trigger settlement_approvals_wait before insert on fridge.settlement_approvals
for each statement execute function fridge.wait_for_staging();
create trigger settlement_approvals_guard before insert on fridge.settlement_approvals
for each row execute function fridge.guard_settlement_approval();
create trigger settlement_approvals_stamp before insert on fridge.settlement_approvals
for each row execute function fridge.stamp_act();
create trigger settlement_approvals_append_only before update or delete on fridge.settlement_approvals
for each row execute function fridge.refuse_change();
create trigger settlement_approvals_no_truncate before truncate on fridge.settlement_approvals
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.settlement_approvals from current_user;

comment on table fridge.settlement_approvals is
'One row per decision that a second person has approved, by which it is in force. Append only.';
comment on column fridge.settlement_approvals.acted_by is 'The login that approved it: another than decided it.';
comment on column fridge.settlement_approvals.acted_at is 'When, by the database''s clock.';
comment on column fridge.settlement_approvals.os_user is 'User of the operating system, as the session was told.';
comment on column fridge.settlement_approvals.os_host is 'Machine, as the session was told.';

insert into fridge.person_rights (relation, role)
values ('settlement_approvals', 'operator'), ('settlement_approvals', 'approver');

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

-- What has become of the document that people have settled by: Stripe has it no more, or has it for good.
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

create view fridge.settlements as
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
comment on column fridge.settlements.settled_by is 'The login that decided it.';
comment on column fridge.settlements.approved_by is 'The second person; empty where one may settle it alone.';
comment on column fridge.settlements.settled_at is 'Since when it is in force.';

create view fridge.settled_usage as
with quantities as (
    select
        coalesce(of_tenants.tenant_id, settlements.tenant_id) as tenant_id,
        settlements.event_name,
        settlements.hour,
        -- What Stripe shows beyond what it was told is given back, and is no part of what it is to be told.
        case
            when settlements.shares is null and settlements.kind in ('unexplained', 'not_stated_by_us')
                then 'credited_in_stripe'
            else settlements.how
        end as how,
        coalesce(of_tenants.quantity::bigint, settlements.quantity) as quantity
    from fridge.settlements
    left join lateral jsonb_each_text(settlements.shares) as of_tenants (tenant_id, quantity) on true
    where
        of_tenants.tenant_id is not null
        -- What is wrong on an invoice was stated to Stripe all the same.
        or (
            settlements.quantity is not null
            and settlements.shares is null
            and settlements.kind not in ('not_invoiced', 'invoiced_too_much')
        )
),

of_meters as (
    select
        tenant_id,
        event_name,
        hour,
        how = 'credited_in_stripe' as is_in_stripe,
        coalesce(sum(quantity) filter (where how = 'invoiced_by_hand'), 0) as invoiced,
        coalesce(sum(quantity) filter (where how = 'credited'), 0) as credited,
        coalesce(sum(quantity) filter (where how = 'written_off'), 0) as written_off,
        coalesce(sum(quantity) filter (where how = 'credited_in_stripe'), 0) as credited_in_stripe
    from quantities
    group by hour, tenant_id, event_name, how = 'credited_in_stripe'
)

-- Usage that another meter bills by now is settled all the same: that one is not to state it. What is given back is of
-- what its own meter has too much.
select
    of_meters.tenant_id,
    coalesce(billed_hours.event_name, of_meters.event_name) as event_name,
    of_meters.hour,
    sum(of_meters.invoiced)::bigint as invoiced,
    sum(of_meters.credited)::bigint as credited,
    sum(of_meters.written_off)::bigint as written_off,
    sum(of_meters.credited_in_stripe)::bigint as credited_in_stripe
from of_meters
left join fridge.known_meters on of_meters.event_name = known_meters.event_name
left join fridge.billed_hours
    on
        known_meters.measure = billed_hours.measure
        and of_meters.hour >= billed_hours.begins_at
        and of_meters.hour < billed_hours.bill_until
        and not of_meters.is_in_stripe
        and of_meters.invoiced + of_meters.credited + of_meters.written_off > 0
group by of_meters.hour, of_meters.tenant_id, coalesce(billed_hours.event_name, of_meters.event_name);

comment on view fridge.settled_usage is
'One row per tenant, meter and hour of which something is settled: what that comes to.';
comment on column fridge.settled_usage.invoiced is 'Invoiced by hand.';
comment on column fridge.settled_usage.credited is 'Credited; below 0.';
comment on column fridge.settled_usage.written_off is
'The most that is written off: less, where less is owed by now, see written_off_now().';
comment on column fridge.settled_usage.credited_in_stripe is
'Credited because Stripe shows more than it was told by us; below 0.';

-- What is written off is never billed, whatever comes after it; usage that shrinks below it only makes it less.
create function fridge.written_off_now(usage bigint, stated bigint, by_hand bigint, written_off bigint) returns bigint
language sql immutable as $$
    select least(greatest(coalesce(usage, 0) - coalesce(stated, 0) - coalesce(by_hand, 0), 0), coalesce(written_off, 0));
$$;

-- How much of the usage is settled otherwise than by statements: below 0 where more was credited.
create function fridge.settled_quantity(usage bigint, stated bigint, by_hand bigint, written_off bigint) returns bigint
language sql immutable as $$
    select coalesce(by_hand, 0) + least(
        greatest(coalesce(usage, 0) - coalesce(stated, 0) - coalesce(by_hand, 0), 0), coalesce(written_off, 0)
    );
$$;

-- Totals that were not sent, because a meter that was archived since has the hour, and that a person has had stated all
-- the same: that meter is on no price.
create view fridge.stated_whole as
select
    meter_events.event_name,
    meter_events.tenant_id,
    meter_events.hour,
    meter_events.revision
from fridge.settlements
inner join fridge.exceptions on settlements.exception_id = exceptions.exception_id
inner join fridge.meter_events on exceptions.subject = meter_events.identifier
where settlements.how = 'state_again' and meter_events.answer like 'was not sent: %';

comment on view fridge.stated_whole is
'One row per total of an hour that a person had sent whole to a meter that was made anew; a later revision states it.';

-- Usage without what is stated and settled of it, both ways: usage that is not stated, and meter events, or invoices by
-- hand, whose usage is gone. Added up instead of joined, so that whoever asks for some hours reads no others.
create view fridge.owed_usage as
with figures as (
    select
        billed_hours.event_name,
        usage.tenant_id,
        usage.hour,
        usage.quantity as used,
        null::bigint as stated,
        null::text as stripe_customer_id,
        null::text as billed_before,
        null::bigint as by_hand,
        null::bigint as written_off
    from fridge.usage
    inner join fridge.billed_hours
        on
            usage.measure = billed_hours.measure
            and usage.hour >= billed_hours.begins_at
            and usage.hour < billed_hours.bill_until

    union all

    select
        event_name,
        tenant_id,
        hour,
        null as used,
        value as stated,
        stripe_customer_id,
        null as billed_before,
        null as by_hand,
        null as written_off
    from fridge.stated_usage

    union all

    select
        event_name,
        tenant_id,
        hour,
        null as used,
        null as stated,
        null as stripe_customer_id,
        stripe_customer_id as billed_before,
        null as by_hand,
        null as written_off
    from fridge.hours_billed_before

    union all

    select
        event_name,
        tenant_id,
        hour,
        null as used,
        null as stated,
        null as stripe_customer_id,
        null as billed_before,
        invoiced + credited as by_hand,
        written_off
    from fridge.settled_usage
),

summed as (
    select
        event_name,
        tenant_id,
        hour,
        coalesce(sum(used), 0)::bigint as used,
        coalesce(sum(stated), 0)::bigint as stated,
        coalesce(max(stripe_customer_id), max(billed_before)) as stripe_customer_id,
        sum(by_hand)::bigint as by_hand,
        sum(written_off)::bigint as written_off
    from figures
    group by hour, tenant_id, event_name
)

select
    summed.event_name,
    summed.tenant_id,
    summed.hour,
    summed.stripe_customer_id,
    summed.used - summed.stated
    - fridge.settled_quantity(summed.used, summed.stated, summed.by_hand, summed.written_off) as owed,
    summed.hour >= billed_hours.bill_from as is_billed
from summed
inner join fridge.billed_hours
    on
        summed.event_name = billed_hours.event_name
        and summed.hour >= billed_hours.begins_at
        and summed.hour < billed_hours.bill_until;

comment on view fridge.owed_usage is
'One row per tenant, hour and the meter that bills it, of which there is anything: what is neither stated nor settled.';
comment on column fridge.owed_usage.stripe_customer_id is 'Whose the hour is; empty while nothing is stated of it.';
comment on column fridge.owed_usage.owed is 'Below 0 where Stripe, or an invoice by hand, has too much.';
comment on column fridge.owed_usage.is_billed is 'It is not before the billing start.';

create view fridge.made_good as
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

comment on view fridge.made_good is
'One row per correction that Stripe has, and per billing period that people have settled by hand. A credit of an invoice
that is void now has given nothing back.';
comment on column fridge.made_good.quantity is 'Below 0 what it gives back.';
comment on column fridge.made_good.amount is 'In minor units; empty where no price said what was settled.';
comment on column fridge.made_good.stranded is 'Why an invoice item is on no invoice, if so.';
comment on column fridge.made_good.edited is 'What somebody has made of an invoice item in Stripe, if so.';
comment on column fridge.made_good.is_written_off is
'Whether nobody has paid for it: it makes good for what is missing still, and is never given back.';
