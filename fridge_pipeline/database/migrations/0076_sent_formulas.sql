-- Invoices of a meter that has left the catalogue are compared too: for that it must be known how Stripe adds it up.
-- Of meters that are gone already the decisions say it; the default catalogue, which no decision names, adds up.
alter table fridge.sent_meters add column formula text not null default 'sum';

comment on column fridge.sent_meters.formula is 'How Stripe makes one number of several statements.';

update fridge.sent_meters
set formula = known.formula
from (
    select distinct on (event_name)
        split_part(parts.part, ' = ', 1) as event_name,
        split_part(split_part(parts.part, ' = ', 2), ' ', 1) as formula
    from fridge.decisions
    cross join lateral string_to_table(decisions.setting, '; ') as parts (part)
    where decisions.subject = 'meters'
    order by event_name asc, decisions.decision_id desc
) as known
where sent_meters.event_name = known.event_name and known.formula in ('sum', 'last');

update fridge.pipeline_rights
set updates = '{ measure, formula }'
where relation = 'sent_meters';

comment on column fridge.invoice_comparisons.invoice_quantity is
'What usage of the period the invoice bills, also where its line shows packages of it; 0 for a void one.';
