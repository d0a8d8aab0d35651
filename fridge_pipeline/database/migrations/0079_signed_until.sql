-- What is signed ends where the database had the signature, whatever time whoever signed it typed.
create or replace view fridge.signed_months as
select
    newest.month,
    newest.month::timestamp at time zone 'UTC' as starts_at,
    prepared.signoff_id,
    newest.action = 'approve' as is_closed,
    prepared.signed_by as prepared_by,
    least(prepared.signed_at, prepared.acted_at + interval '5 minutes') as prepared_at,
    prepared.control_totals,
    case when newest.action = 'approve' then newest.signed_by end as approved_by,
    case when newest.action = 'approve' then newest.signed_at end as approved_at,
    coalesce(prepared.acted_at, prepared.signed_at) as acted_at
from (
    select distinct on (month)
        month,
        action,
        signed_by,
        signed_at
    from fridge.month_signoffs
    where action <> 'ask_to_reopen'
    order by month asc, signoff_id desc
) as newest
inner join lateral (
    select
        older.signoff_id,
        older.signed_by,
        older.signed_at,
        older.acted_at,
        older.control_totals
    from fridge.month_signoffs as older
    where older.month = newest.month and older.action = 'prepare'
    order by older.signoff_id desc
    limit 1
) as prepared on true
where newest.action <> 'reopen';

comment on column fridge.signed_months.prepared_at is
'When its figures were signed, as its signer said it, and no later than the database''s clock with 5 minutes between
the clocks: records of the pipeline that are later are not signed.';
comment on column fridge.signed_months.acted_at is
'When, by the database''s clock: acts of people, which have the same clock, are not signed where they are later.';

comment on table fridge.stripe_readbacks is
'One row per look at Stripe''s total for something unconfirmed; append only.';

-- Nothing has read it since version 0.1.
drop view fridge.measured_usage;
