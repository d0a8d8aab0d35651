-- What each day of a range came to, over its tenants, meters and customers.
select
    day,
    count(*) as accounts,
    count(*) filter (where read_at is not null and stripe_customer_id is not null) as compared,
    count(*) filter (where read_at is not null and cause is null) as agreeing,
    count(*) filter (where read_at is null and stripe_customer_id is not null) as not_read,
    count(*) filter (where cause = 'unexplained') as unexplained,
    count(*) filter (where cause = 'credit_due') as credit_due,
    count(*) filter (where cause = 'refused') as refused,
    count(*) filter (where cause = 'too_late') as too_late,
    count(*) filter (where cause = 'unmapped') as unmapped,
    count(*) filter (where cause = 'held_for_review') as held_for_review,
    count(*) filter (where cause = 'month_closed') as month_closed,
    count(*) filter (where cause = 'lagging') as lagging,
    count(*) filter (where cause = 'in_flight') as in_flight,
    count(*) filter (where cause = 'not_billed') as not_billed
from fridge.stripe_reconciliation
where day between %(first_day)s and %(last_day)s and hour is null
group by day
order by day;
