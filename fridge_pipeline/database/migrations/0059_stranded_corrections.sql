-- An invoice item that no invoice takes counted as a correction, and reached nobody.
-- Now that is told. Rewritten whenever invoices are read.
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
