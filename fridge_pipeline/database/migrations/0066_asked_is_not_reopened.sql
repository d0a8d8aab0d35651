-- A closed month of which somebody had only asked for the reopening was shown, and packed, as if nobody had signed it.
create or replace view fridge.signed_months as
select
    newest.month,
    newest.month::timestamp at time zone 'UTC' as starts_at,
    prepared.signoff_id,
    newest.action = 'approve' as is_closed,
    prepared.signed_by as prepared_by,
    prepared.signed_at as prepared_at,
    prepared.control_totals,
    case when newest.action = 'approve' then newest.signed_by end as approved_by,
    case when newest.action = 'approve' then newest.signed_at end as approved_at
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
        older.control_totals
    from fridge.month_signoffs as older
    where older.month = newest.month and older.action = 'prepare'
    order by older.signoff_id desc
    limit 1
) as prepared on true
where newest.action <> 'reopen';

-- What is kept of such months says that they are open.
insert into fridge.changed_hours (hour)
select hours.hour
from (
    select distinct on (month)
        month,
        action
    from fridge.month_signoffs
    order by month asc, signoff_id desc
) as newest
cross join
    lateral generate_series(
        newest.month::timestamp at time zone 'UTC',
        (newest.month + interval '1 month') at time zone 'UTC' - interval '1 hour',
        interval '1 hour'
    ) as hours (hour)
where newest.action = 'ask_to_reopen';
