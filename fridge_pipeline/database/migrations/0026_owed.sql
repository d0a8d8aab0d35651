-- What an exception says is owed, as a number: the sweep sees when that is no longer true, and has it said anew.
alter table fridge.exceptions add column owed bigint;

comment on column fridge.exceptions.owed is
'For a meter''s usage that waits: usage minus what Stripe has, when it was last judged; empty for everything else.';

update fridge.pipeline_rights
set updates = '{detail, owed, closed_at}'
where relation = 'exceptions';
