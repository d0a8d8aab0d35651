-- Drafts can be held until their hours are delivered: what was intended, and what came of it.

-- What was to be done to drafts, committed before Stripe is asked, and what came of it. No foreign key, as above.
create table fridge.invoice_holds (
    hold_id bigint generated always as identity primary key,
    invoice_id text not null,
    act text not null,
    attempt integer,
    mark text,
    finalizes_at timestamptz,
    answers bigint,
    outcome text,
    detail text not null,
    written_at timestamptz not null,
    run_id text not null,
    constraint invoice_holds_act check (act in ('hold', 'release', 'leave')),
    constraint invoice_holds_outcome check (outcome in ('done', 'found', 'failed')),
    constraint invoice_holds_receipt check ((answers is null) = (outcome is null)),
    constraint invoice_holds_intent check (
        (attempt is not null and mark is not null and finalizes_at is not null) or answers is not null or act = 'leave'
    )
);

-- Of two runs that want the same, one does it.
create unique index invoice_holds_intent on fridge.invoice_holds (invoice_id, act, attempt) where answers is null;
create index invoice_holds_invoice on fridge.invoice_holds (invoice_id, hold_id);

create trigger invoice_holds_append_only before update or delete on fridge.invoice_holds
for each row execute function fridge.refuse_change();
create trigger invoice_holds_no_truncate before truncate on fridge.invoice_holds
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.invoice_holds from current_user;

comment on table fridge.invoice_holds is
'One row per intent to hold a draft or to let it go, per answer to it, and per draft that is left alone; append only.';
comment on column fridge.invoice_holds.act is 'hold, release, or leave: somebody else decides when it becomes final.';
comment on column fridge.invoice_holds.attempt is 'The number of an intent, from 1; empty for an answer.';
comment on column fridge.invoice_holds.mark is 'What stands in the draft''s metadata once the intent has its effect.';
comment on column fridge.invoice_holds.finalizes_at is 'When Stripe is to make the draft final by itself.';
comment on column fridge.invoice_holds.answers is 'The intent whose outcome this row says; empty for an intent.';
comment on column fridge.invoice_holds.outcome is
'done; found done by a later run; failed: refused, or nobody knows, and the draft is read before the next try.';
comment on column fridge.invoice_holds.detail is 'Why, or what Stripe answered.';

insert into fridge.pipeline_rights (relation) values ('invoice_holds');
